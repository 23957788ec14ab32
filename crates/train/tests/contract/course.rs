//! What the values so far, the settings of an epoch and random changes do to a run.

use tunefork_data::Augmentation;
use tunefork_train::{Batch, ClassWeights, Objective, Plateau, Task, TrainError, Trainer};

use crate::support::{LinearDevice, Seen, jumpy, task};

/// The steps of a run that is taken up again after each epoch if `broken`, and its values.
fn run(task: &Task, broken: bool) -> (Vec<Seen>, Vec<f64>) {
    let device = LinearDevice::default();
    let mut trainer = Trainer::new(task.clone(), &device).unwrap();
    let mut values = Vec::new();
    while !trainer.is_over() {
        trainer.epoch().unwrap();
        values.push(trainer.last().unwrap().value);
        if broken {
            let blob = trainer.checkpoint().unwrap();
            trainer = Trainer::new(task.clone(), &device).unwrap();
            trainer.restore(&blob).unwrap();
        }
    }
    let epochs = trainer.epochs_done();
    assert!(matches!(trainer.epoch(), Err(TrainError::Done { epochs: done }) if done == epochs));
    let steps = device.steps.lock().unwrap();
    (steps.clone(), values)
}

#[test]
fn a_run_ends_when_waiting_is_in_vain() {
    let mut task = jumpy(tunefork_train::At::Best);
    task.spec.early_stop = Some(2);
    let (steps, values) = run(&task, false);
    assert!(values.len() < 12, "{values:?}");
    let (last_two, before) = values.split_at(values.len() - 2);
    let (last_two, before) = (last_two.to_vec(), before.to_vec());
    let best = last_two.iter().copied().fold(f64::MIN, f64::max);
    assert!(before.iter().all(|value| *value <= best), "{values:?}");
    assert_eq!(run(&task, true), (steps, values), "taken up again");
}

#[test]
fn the_learning_rate_drops_when_the_value_stands_still() {
    let mut task = jumpy(tunefork_train::At::Last);
    let plateau = Plateau { patience: 0, factor: 0.5 };
    task.spec.plateau = Some(plateau);
    let (steps, values) = run(&task, false);
    let per_epoch = steps.len() / values.len();
    let mut drops = 0;
    for (epoch, steps) in steps.chunks(per_epoch).enumerate() {
        let rate = plateau.rate(Objective::Accuracy, &values[..epoch]);
        drops += usize::from(rate < 1.0);
        let expected = task.spec.optimizer.learning_rate * rate;
        assert!(steps.iter().all(|step| step.learning_rate == expected), "epoch {epoch}");
    }
    assert!(drops > 0, "{values:?}");
    assert_eq!(run(&task, true), (steps, values), "taken up again");
}

#[test]
fn an_epoch_may_be_shorter_than_its_images() {
    let mut task = task(0.1);
    task.spec.train_steps = Some(3);
    let (steps, values) = run(&task, false);
    assert_eq!((steps.len(), values.len()), (4 * 3, 4));
    let first = |epoch: usize| steps[3 * epoch].indices.clone();
    assert_ne!(first(0), first(1), "other images in each epoch");
    let compiled = task.compile(&LinearDevice::default()).unwrap();
    assert_eq!(compiled.steps_per_epoch, 3);
    task.spec.train_steps = Some(100);
    assert_eq!(run(&task, false).0.len(), 4 * 7);
    task.spec.train_steps = Some(0);
    let error = task.spec.check().unwrap_err().to_string();
    assert_eq!(error, "train_steps is 0, must be at least 1");
}

#[test]
fn training_images_are_changed_anew_in_each_epoch_and_others_never() {
    let plain = task(0.1);
    let mut changed = task(0.1);
    changed.spec.augmentation = Augmentation { crop: 1, ..Augmentation::default() };
    let ((plain_steps, plain_values), (steps, values)) = (run(&plain, false), run(&changed, false));
    let order = |steps: &[Seen]| steps.iter().map(|s| s.indices.clone()).collect::<Vec<_>>();
    assert_eq!(order(&steps), order(&plain_steps), "the order is that of the same key");
    assert_ne!(values, plain_values);
    assert_eq!(run(&changed, true), (steps, values), "taken up again");

    // What is only measured is as it is: before the first step both runs measure the same.
    let measure = |task: &Task| {
        let mut trainer = Trainer::new(task.clone(), &LinearDevice::default()).unwrap();
        trainer.evaluate(&task.split.validation).unwrap()
    };
    assert_eq!(measure(&changed), measure(&plain));
    let bytes = |task: &Task| task.compile(&LinearDevice::default()).unwrap().bytes;
    let transforms = plain.split.train.len() * size_of::<tunefork_data::Transform>();
    assert_eq!(bytes(&changed), bytes(&plain) + transforms as u64);
}

#[test]
fn images_are_mixed_with_their_neighbours() {
    let task = task(0.1);
    let pixels = task.images.data.shape().elements();
    let (indices, labels) = ([3, 50, 7], [0, 1, 2]);
    let batch = Batch::new(&task.images, &indices, &labels);
    let (mut plain, mut mixed) = (vec![0.0; 3 * pixels], vec![0.0; 3 * pixels]);
    batch.fill(&mut plain);
    batch.mixed(0.25).fill(&mut mixed);
    for (at, found) in mixed.iter().enumerate() {
        let expected = 0.75 * plain[at] + 0.25 * plain[(at + pixels) % plain.len()];
        assert_eq!(*found, expected, "value {at}");
    }
}

#[test]
fn mixing_and_class_weights_arrive_in_every_step() {
    let mut task = task(0.1);
    let (steps, _) = run(&task, false);
    assert!(steps.iter().all(|step| step.mixing == 0.0 && step.class_weights.is_empty()));

    task.spec.mixup = 0.4;
    task.spec.class_weights = ClassWeights::Balanced;
    let (steps, values) = run(&task, false);
    let mut counts = [0.0; 3];
    for image in &task.split.train {
        counts[usize::from(task.images.data.label(*image))] += 1.0;
    }
    let weights = counts.map(|count: f64| (100.0 / (3.0 * count)) as f32);
    assert!(steps.iter().all(|step| step.class_weights == weights));
    let shares: Vec<f32> = steps.iter().map(|step| step.mixing).collect();
    assert!(shares.iter().all(|share| (0.0..=0.5).contains(share)));
    assert!(shares.windows(2).all(|pair| pair[0] != pair[1]), "drawn anew: {shares:?}");
    assert_eq!(run(&task, true), (steps, values), "taken up again");
}

#[test]
fn averaged_weights_are_measured_and_kept() {
    let mut task = jumpy(tunefork_train::At::Last);
    let (_, plain) = run(&task, false);
    task.spec.ema = 0.9;
    let (steps, averaged) = run(&task, false);
    let jumps = |values: &[f64]| -> f64 { values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum() };
    assert!(jumps(&averaged) < jumps(&plain), "{averaged:?} {plain:?}");
    assert_eq!(run(&task, true), (steps, averaged.clone()), "taken up again");

    for chunk in [1, 3, 64] {
        let device = LinearDevice { chunk, ..LinearDevice::default() };
        let mut trainer = Trainer::new(task.clone(), &device).unwrap();
        while !trainer.is_over() {
            trainer.epoch().unwrap();
        }
        assert_eq!(trainer.last().unwrap().value, averaged[averaged.len() - 1], "chunks of {chunk}");
        let measured = trainer.evaluate(&task.split.validation).unwrap();
        assert_eq!(measured.accuracy(), averaged[averaged.len() - 1]);
        // The weights that it gives away are the averaged ones.
        let mut other = Trainer::new(task.clone(), &device).unwrap();
        other.set_weights(&trainer.weights().unwrap()).unwrap();
        assert_eq!(other.evaluate(&task.split.validation).unwrap(), measured);
    }
}

/// Every eighth step of an epoch and its last one move the average, each time as far as single steps would.
#[test]
fn an_average_moves_by_the_steps_since_the_last_time() {
    let mut task = task(0.1);
    (task.spec.ema, task.spec.batch_size, task.spec.epochs) = (0.9, 4, 5);
    for chunk in [1, 3, 64] {
        let device = LinearDevice { chunk, ..LinearDevice::default() };
        let mut trainer = Trainer::new(task.clone(), &device).unwrap();
        let bias = |trainer: &Trainer| trainer.weights().unwrap().remove(1).values;
        let mut average = bias(&trainer);
        for epoch in 0..5 {
            trainer.epoch().unwrap();
            let steps = device.steps.lock().unwrap();
            for (last, since) in [(8, 8), (16, 8), (24, 8), (25, 1)] {
                let step = 25 * epoch + last;
                let decay = ((1 + step) as f64 / (10 + step) as f64).min(0.9);
                let kept = libm::pow(decay, f64::from(since)) as f32;
                for (average, now) in average.iter_mut().zip(&steps[step - 1].bias) {
                    *average = now + kept * (*average - now);
                }
            }
            assert_eq!(bias(&trainer), average, "epoch {epoch}, chunks of {chunk}");
        }
    }
}
