//! Trials that take their steps together have the bits that each has alone: of any number of them, with other steps, other
//! settings and other tables for each, and with some that end before others.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;

use tunefork_cuda::{Card, Cuda};
use tunefork_emulator::{Host, SANITIZED, Schedule};
use tunefork_gpu_check::checks::steps::{dense_network, every_kind};
use tunefork_graph::{
    Batch, Device, Engine, Graph, Image, ImageSet, StepResult, StepSettings, TrainingStep, UpdateRule,
};
use tunefork_kernels::{Call, DeviceError, Precision, Stream, watched};

const IMAGES: usize = 24;
const BATCH: usize = 3;
const IMAGE: Image = Image { height: 8, width: 7, channels: 3 };

/// A card of the emulator, and the most lanes that a launch on it had.
struct Emulated {
    stream: Arc<dyn Stream>,
}

impl Card for Emulated {
    fn name(&self) -> String {
        "Emulator".into()
    }

    fn compiler(&self) -> String {
        "g++".into()
    }

    fn stream(&self) -> Arc<dyn Stream> {
        Arc::clone(&self.stream)
    }

    fn memory(&self) -> Result<(u64, u64), DeviceError> {
        Ok((4 << 30, 4 << 30))
    }
}

fn card(precision: Precision, schedule: Schedule) -> (Cuda, Arc<AtomicUsize>) {
    let lanes = Arc::new(AtomicUsize::new(0));
    let most = Arc::clone(&lanes);
    let stream = watched(&Host::stream(80, schedule), move |call| {
        if let Call::Launch(launch) = call {
            most.fetch_max(launch.grid[2] as usize, SeqCst);
        }
        Ok(())
    });
    (Cuda::new(Arc::new(Emulated { stream })).unwrap().with_precision(precision).unwrap(), lanes)
}

/// The same images for all, normalised otherwise for each trial.
#[derive(Debug)]
struct Set {
    pixels: Arc<Vec<u8>>,
    labels: Vec<u16>,
    tables: Vec<[f32; 256]>,
}

impl Set {
    fn new(pixels: &Arc<Vec<u8>>, trial: usize) -> Self {
        let table = std::array::from_fn(|byte| (byte as f32 - 100.0 - trial as f32) / 60.0);
        Self {
            pixels: Arc::clone(pixels),
            labels: (0..IMAGES).map(|i| (i * i % 4) as u16).collect(),
            tables: vec![table; IMAGE.channels],
        }
    }
}

impl ImageSet for Set {
    fn image(&self) -> Image {
        IMAGE
    }

    fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn tables(&self) -> &[[f32; 256]] {
        &self.tables
    }

    fn owner(&self) -> Arc<dyn std::any::Any + Send + Sync> {
        Arc::clone(&self.pixels) as _
    }

    fn fill(&self, _: &Batch<'_>, _: &mut [f32]) {
        unreachable!("the device has the images")
    }
}

impl Set {
    fn labels_of(&self, indices: &[u32]) -> Vec<u16> {
        indices.iter().map(|&index| self.labels[index as usize]).collect()
    }
}

/// A trial: how many steps it takes before it is evaluated, twice; some clip, each has its own optimizer and learning rate.
fn steps(trial: usize) -> usize {
    [21, 5, 13, 1, 30, 9, 17, 2][trial % 8]
}

/// Results, weights and logits of a trial, after the two rounds.
fn run(engine: &mut dyn Engine, set: &Set, trial: usize) -> Vec<u64> {
    let mut slab = vec![0.0; engine.plan().slab.len];
    engine.read_slab(&mut slab).unwrap();
    let trainable = engine.plan().slab.trainable_len;
    slab[..trainable].iter_mut().enumerate().for_each(|(i, v)| *v = ((i * 7 + trial) % 13) as f32 / 40.0 - 0.15);
    // Gaps between parameters stay zero.
    let plan = engine.plan().slab.clone();
    let real = |i: usize| plan.parameters.iter().any(|slot| slot.range().contains(&i));
    (0..trainable).filter(|&i| !real(i)).for_each(|i| slab[i] = 0.0);
    engine.write_slab(&slab).unwrap();
    let rules = UpdateRule::EXAMPLES;
    let mut bits = Vec::new();
    for epoch in 0..2 {
        let order: Vec<Vec<u32>> = (0..steps(trial))
            .map(|step| {
                let rows = if step % 3 == trial % 3 { BATCH - 1 } else { BATCH };
                (0..rows).map(|row| ((step * 5 + row * 3 + trial + epoch) % IMAGES) as u32).collect()
            })
            .collect();
        let settings = |step: usize| StepSettings {
            step: (epoch * steps(trial) + step) as u64,
            learning_rate: 0.01 + trial as f64 / 100.0,
            weight_decay: 1e-3,
            clip_norm: (trial % 2 == 1).then_some(0.5),
            dropout: &[0.25, 0.4],
            dropout_key: [trial as u32, 5],
            ..StepSettings::new(rules[trial % rules.len()])
        };
        let labels: Vec<Vec<u16>> = order.iter().map(|indices| set.labels_of(indices)).collect();
        let batches: Vec<_> = order.iter().zip(&labels).map(|(order, labels)| Batch::new(set, order, labels)).collect();
        let steps: Vec<_> = batches
            .into_iter()
            .enumerate()
            .map(|(step, batch)| TrainingStep { batch, settings: settings(step) })
            .collect();
        let mut results = vec![StepResult::default(); steps.len()];
        engine.train(&steps, &mut results).unwrap();
        bits.extend(results.iter().flat_map(|result| [result.loss_sum.to_bits(), u64::from(result.correct)]));
        let numbers: Vec<u32> = (0..IMAGES as u32).rev().collect();
        let labels = set.labels_of(&numbers);
        let batches: Vec<_> = numbers
            .chunks(4)
            .zip(labels.chunks(4))
            .take(2 + trial % 3)
            .map(|(indices, labels)| Batch::new(set, indices, labels))
            .collect();
        let mut told = Vec::new();
        engine
            .evaluate(&batches, &mut |_, evaluated| {
                told.push(evaluated.loss_sum.to_bits());
                told.extend(evaluated.logits.iter().map(|logit| u64::from(logit.to_bits())));
            })
            .unwrap();
        bits.extend(told);
    }
    engine.read_slab(&mut slab).unwrap();
    let mut optimizer = vec![0.0; engine.optimizer_len()];
    engine.read_optimizer(&mut optimizer).unwrap();
    bits.extend(slab.iter().chain(&optimizer).map(|value| u64::from(value.to_bits())));
    bits
}

fn engine(card: &Cuda, graph: &Graph) -> Box<dyn Engine> {
    let mut plan = card.plan(graph, 4).unwrap();
    plan.optimizer_states = UpdateRule::MOST_STATES;
    card.engine(Arc::new(plan)).unwrap()
}

/// So many trials side by side, and each of them alone.
fn compare(graph: &Graph, precision: Precision, schedule: Schedule, trials: usize) {
    let pixels: Arc<Vec<u8>> = Arc::new((0..IMAGES * IMAGE.elements()).map(|i| (i * i / 7 + i) as u8).collect());
    let alone: Vec<Vec<u64>> = (0..trials)
        .map(|trial| {
            let (card, lanes) = card(precision, schedule);
            let bits = run(&mut *engine(&card, graph), &Set::new(&pixels, trial), trial);
            assert_eq!(lanes.load(SeqCst), 1, "it was alone");
            bits
        })
        .collect();
    let (card, lanes) = card(precision, schedule);
    let start = Barrier::new(trials);
    let together: Vec<Vec<u64>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..trials)
            .map(|trial| {
                let (card, start, pixels) = (&card, &start, &pixels);
                scope.spawn(move || {
                    let mut engine = engine(card, graph);
                    start.wait();
                    run(&mut *engine, &Set::new(pixels, trial), trial)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (trial, (found, expected)) in together.iter().zip(&alone).enumerate() {
        assert!(found == expected, "{precision}, {trials} trials: trial {trial} has other bits than alone");
    }
    let most = lanes.load(SeqCst);
    assert!(trials == 1 || most > 1, "{trials} trials never met");
    println!("{precision}: {trials} trials, up to {most} in a launch");
}

#[test]
fn trials_side_by_side_have_the_bits_that_each_has_alone() {
    // A sanitizer takes several times as long.
    let numbers: &[usize] = if SANITIZED { &[3] } else { &[1, 2, 4, 8, 16] };
    for &trials in numbers {
        compare(&every_kind().unwrap(), Precision::F32, Schedule::RoundRobin, trials);
    }
}

#[test]
fn so_they_do_in_every_precision_and_order() {
    for (precision, schedule) in [
        (Precision::F16, Schedule::Reverse),
        (Precision::Bf16, Schedule::GreedyDown),
        (Precision::Tf32, Schedule::Isolated(3)),
    ] {
        compare(&every_kind().unwrap(), precision, schedule, 3);
    }
}

/// Where one of them clips, a dense layer stores its gradient first, and else not.
#[test]
fn so_they_do_where_some_clip() {
    for precision in [Precision::F32, Precision::Bf16] {
        compare(&dense_network().unwrap(), precision, Schedule::RoundRobin, 4);
    }
}
