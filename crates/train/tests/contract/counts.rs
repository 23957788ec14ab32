//! What a run takes and how fast it is: bytes, work, steps, seconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tunefork_data::Split;
use tunefork_graph::{Cost, NoWorkspace, Plan};
use tunefork_nn::{ConvBlock, Image, Network};
use tunefork_train::{At, LastBatch, Task, Trainer};

use crate::support::{LinearDevice, jumpy, task};

#[test]
fn bytes_are_counted_one_by_one() {
    let compiled = |task: &Task| task.compile(&LinearDevice::default()).unwrap();
    let mut task = task(0.1);
    let plain = compiled(&task);
    assert_eq!(plain.engine_bytes, plain.plan.bytes().total());
    // Number and label of each image of the longest list.
    assert_eq!(plain.bytes, plain.engine_bytes + 100 * (4 + 2));
    let slab = 4 * plain.plan.slab.len as u64;
    // Weights and momentum, and while they are read the larger of the two once more.
    assert_eq!((plain.plan.optimizer_states, plain.checkpoint_bytes), (1, 3 * slab));
    assert_eq!(plain.most_bytes(), plain.bytes + plain.checkpoint_bytes);

    task.spec.at = At::Best;
    let best = compiled(&task);
    assert_eq!((best.bytes, best.checkpoint_bytes), (plain.bytes + slab, plain.checkpoint_bytes + slab));
    task.spec.ema = 0.9;
    let averaged = compiled(&task);
    // The average, and the weights on their way into it.
    assert_eq!((averaged.bytes, averaged.checkpoint_bytes), (best.bytes + 2 * slab, best.checkpoint_bytes + slab));
    for split in [
        Split { train: vec![0], validation: (1..121).collect(), test: vec![2] },
        Split { train: vec![0], validation: vec![1], test: (2..122).collect() },
    ] {
        task.split = Arc::new(split);
        assert_eq!(compiled(&task).bytes, averaged.bytes + 20 * (4 + 2));
    }
}

#[test]
fn work_is_that_of_all_steps_and_evaluations() {
    let mut task = task(0.1);
    let device = LinearDevice::default();
    for batch in [1, 16, 100] {
        task.spec.batch_size = batch;
        let compiled = task.compile(&device).unwrap();
        let steps = 100_u64.div_ceil(batch as u64);
        assert_eq!(compiled.steps_per_epoch, steps);
        let evaluations = 50_u64.div_ceil(compiled.plan.evaluation.batch as u64);
        let (step, evaluation) = (compiled.plan.training.cost, compiled.plan.evaluation.cost);
        let total = |figure: fn(Cost) -> u64| figure(step) * steps + figure(evaluation) * evaluations;
        let expected = Cost { flops: total(|c| c.flops), bytes: total(|c| c.bytes), steps: total(|c| c.steps) };
        assert_eq!(compiled.epoch_cost, expected, "batches of {batch}");
    }
}

/// As many images as fit where training keeps its own for the way back, doubled from a batch on.
#[test]
fn evaluation_takes_the_room_that_training_has() {
    let mut task = task(0.1);
    task.network = Network {
        blocks: vec![ConvBlock { pool: None, ..ConvBlock::new(4) }, ConvBlock { pool: None, ..ConvBlock::new(4) }],
        ..Network::new(Image::new(2, 3, 1), 3)
    };
    for batch in [3, 16, 100, 300] {
        task.spec.batch_size = batch;
        let graph = task.network.graph(batch).unwrap();
        let arena = |evaluation| Plan::new(&graph, evaluation, &NoWorkspace).unwrap().arena_len();
        let fits = |evaluation: &usize| *evaluation <= 256 && arena(*evaluation) == arena(batch);
        let doubled = std::iter::successors(Some(2 * batch), |evaluation| Some(2 * evaluation));
        let expected = doubled.take_while(fits).last().unwrap_or(batch);
        let found = task.compile(&LinearDevice::default()).unwrap().plan.evaluation.batch;
        assert_eq!(found, expected, "batches of {batch}");
    }
}

#[test]
fn a_batch_of_all_images_is_none_too_large() {
    let mut task = task(0.1);
    (task.spec.batch_size, task.spec.last_batch) = (100, LastBatch::Drop);
    assert_eq!(task.compile(&LinearDevice::default()).unwrap().steps_per_epoch, 1);
}

#[test]
fn a_checkpoint_takes_its_own_length() {
    let mut task = jumpy(At::Best);
    task.spec.ema = 0.9;
    let mut trainer = Trainer::new(task, &LinearDevice::default()).unwrap();
    trainer.epoch().unwrap();
    let blob = trainer.checkpoint().unwrap();
    assert!(blob.capacity() - blob.len() < 256, "{} bytes in the room of {}", blob.len(), blob.capacity());
}

/// A step or an evaluation sleeps for 2 ms at least.
#[test]
fn an_epoch_tells_its_seconds() {
    let pause = Duration::from_millis(2);
    let device = LinearDevice { pause, ..LinearDevice::default() };
    let mut trainer = Trainer::new(task(0.1), &device).unwrap();
    let begin = Instant::now();
    let epoch = trainer.epoch().unwrap();
    let whole = begin.elapsed().as_secs_f64();
    let evaluated = device.evaluated.lock().unwrap().len() as u32;
    assert!(epoch.seconds >= (7 * pause).as_secs_f64(), "{}", epoch.seconds);
    assert!(epoch.validation_seconds >= (evaluated * pause).as_secs_f64(), "{}", epoch.validation_seconds);
    let told = epoch.seconds + epoch.validation_seconds;
    assert!(told <= whole, "{told} of {whole}");
}

/// Without any time one step warms up and three are timed, and so with batches of validation.
#[test]
fn a_pace_is_counted_from_few_steps() {
    for chunk in [1, 2] {
        let pause = Duration::from_millis(5);
        let device = LinearDevice { chunk, pause, ..LinearDevice::default() };
        let mut task = task(0.1);
        task.spec.batch_size = 2;
        let trainer = Trainer::new(task, &device).unwrap();
        let batch = trainer.compiled().plan.evaluation.batch;
        assert!(batch * chunk < 50, "the test needs several calls for 50 images");
        let seconds = trainer.pace(Duration::ZERO).unwrap();
        assert_eq!(device.steps.lock().unwrap().len(), 4 * chunk);
        assert_eq!(*device.evaluated.lock().unwrap(), vec![batch; 4 * chunk]);
        // 50 steps, and 50 images in batches; what is counted in another unit is seconds off.
        let least = 50.0 * pause.as_secs_f64() * (1.0 + 1.0 / batch as f64);
        assert!((0.999 * least..least + 20.0).contains(&seconds), "{seconds} instead of {least}");
    }
}
