//! Trials that take their steps together have the bits that each has alone: of any number of them, with other steps, other
//! settings and other tables for each, and with some that end before others. And the card has always a call to go on with.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, Once};
use std::thread;
use std::time::Duration;

use tunefork_cuda::{Card, Company, Cuda};
use tunefork_emulator::{Host, SANITIZED, Schedule};
use tunefork_gpu_check::checks::steps::{dense_network, every_kind};
use tunefork_graph::{
    Batch, Device, Engine, EngineError, Evaluated, Graph, Image, ImageSet, StepResult, StepSettings, TrainingStep,
    UpdateRule,
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

/// A card, and how many trials a launch had at most. The first launch takes as long as is said, so that others come meanwhile.
fn card(precision: Precision, schedule: Schedule, first: Duration) -> (Cuda, Arc<AtomicUsize>) {
    let lanes = Arc::new(AtomicUsize::new(0));
    let (most, begins) = (Arc::clone(&lanes), Once::new());
    let card = watched_card(schedule, move |call| {
        if let Call::Launch(launch) = call {
            begins.call_once(|| thread::sleep(first));
            most.fetch_max(launch.grid[2] as usize, SeqCst);
        }
        Ok(())
    });
    // On a busy machine a thread may well take longer than the trials of a study are waited for.
    let patient = card.with_grace(Duration::from_secs(5));
    (patient.with_precision(precision).unwrap(), lanes)
}

fn watched_card(
    schedule: Schedule,
    watch: impl Fn(Call<'_>) -> Result<(), DeviceError> + Send + Sync + 'static,
) -> Cuda {
    Cuda::new(Arc::new(Emulated { stream: watched(&Host::stream(80, schedule), watch) })).unwrap()
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

/// A loss scale that carries gradients beyond the largest f16.
const FAR: f32 = 1048576.0;

/// Gives a trial its first weights.
fn begin(engine: &mut dyn Engine, trial: usize) {
    let plan = engine.plan().slab.clone();
    let mut slab = vec![0.0; plan.len];
    engine.read_slab(&mut slab).unwrap();
    // Gaps between parameters stay zero.
    for slot in &plan.parameters {
        slot.range().for_each(|i| slab[i] = ((i * 7 + trial) % 13) as f32 / 40.0 - 0.15);
    }
    engine.write_slab(&slab).unwrap();
    overflow(engine, trial, 0);
}

/// In f16, a loss scale that is too large: the next steps of this trial are left out, those of trials beside it are not. Some have it
/// at first, the others later.
fn overflow(engine: &mut dyn Engine, trial: usize, epoch: usize) {
    if trial % 2 == epoch {
        return;
    }
    let mut optimizer = vec![0.0; engine.optimizer_len()];
    engine.read_optimizer(&mut optimizer).unwrap();
    let states = engine.plan().optimizer_states * engine.plan().slab.trainable_len;
    if let [scale, _] = &mut optimizer[states..] {
        *scale = FAR;
        engine.write_optimizer(&optimizer).unwrap();
    }
}

/// Results, weights and logits of a trial that has begun, after the two rounds. With `ahead`, so many steps are ordered at a time and the results fetched
/// when there is no more to order.
fn run(engine: &mut dyn Engine, set: &Set, trial: usize, ahead: Option<usize>) -> Vec<u64> {
    let rules = UpdateRule::EXAMPLES;
    let mut bits = Vec::new();
    for epoch in 0..2 {
        if epoch > 0 {
            overflow(engine, trial, epoch);
        }
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
        let results = train(engine, &steps, ahead);
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
    let mut slab = vec![0.0; engine.plan().slab.len];
    engine.read_slab(&mut slab).unwrap();
    let mut optimizer = vec![0.0; engine.optimizer_len()];
    engine.read_optimizer(&mut optimizer).unwrap();
    if let [scale, clean] = optimizer[engine.plan().optimizer_states * engine.plan().slab.trainable_len..] {
        assert!(scale < FAR && clean > 0.0, "trial {trial} ends with a loss scale of {scale} for {clean} steps");
    }
    bits.extend(slab.iter().chain(&optimizer).map(|value| u64::from(value.to_bits())));
    bits
}

fn train(engine: &mut dyn Engine, steps: &[TrainingStep<'_>], ahead: Option<usize>) -> Vec<StepResult> {
    let Some(ahead) = ahead else {
        let mut results = vec![StepResult::default(); steps.len()];
        engine.train(steps, &mut results).unwrap();
        return results;
    };
    let mut results = Vec::new();
    for (call, some) in steps.chunks(ahead).enumerate() {
        engine.train_ahead(some, &mut results).unwrap();
        assert_eq!(results.len(), call * ahead, "those of all calls but the last");
    }
    engine.catch_up(&mut results).unwrap();
    results
}

fn engine(card: &Cuda, graph: &Graph) -> Box<dyn Engine> {
    let mut plan = card.plan(graph, 4).unwrap();
    plan.optimizer_states = UpdateRule::MOST_STATES;
    card.engine(Arc::new(plan)).unwrap()
}

fn pixels() -> Arc<Vec<u8>> {
    Arc::new((0..IMAGES * IMAGE.elements()).map(|i| (i * i / 7 + i) as u8).collect())
}

/// So many trials side by side, and each of them alone.
fn compare(graph: &Graph, precision: Precision, schedule: Schedule, trials: usize) {
    let pixels = pixels();
    let alone: Vec<Vec<u64>> = (0..trials)
        .map(|trial| {
            let (card, lanes) = card(precision, schedule, Duration::ZERO);
            let mut engine = engine(&card, graph);
            begin(&mut *engine, trial);
            let bits = run(&mut *engine, &Set::new(&pixels, trial), trial, None);
            assert_eq!(lanes.load(SeqCst), 1, "it was alone");
            let Company { calls, together, rounds } = card.company();
            assert_eq!((together, rounds), (0, calls));
            bits
        })
        .collect();
    let (card, lanes) = card(precision, schedule, Duration::from_millis(200));
    let start = Barrier::new(trials);
    // The one that was made first is the first of a launch: it must notice nothing of what others overflow with.
    let engines: Vec<_> = (0..trials).map(|_| engine(&card, graph)).collect();
    let together: Vec<Vec<u64>> = thread::scope(|scope| {
        let threads: Vec<_> = engines
            .into_iter()
            .enumerate()
            .map(|(trial, mut engine)| {
                let (start, pixels) = (&start, &pixels);
                scope.spawn(move || {
                    // Before the others' first launch, behind which it might wait until they are done.
                    begin(&mut *engine, trial);
                    start.wait();
                    run(&mut *engine, &Set::new(pixels, trial), trial, Some(7))
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
    let Company { calls, together, rounds } = card.company();
    assert!(together <= calls && rounds <= calls && (together > 0) == (trials > 1), "{:?}", card.company());
    assert!(calls <= rounds * most as u64 && (rounds < calls) == (trials > 1), "{:?}", card.company());
    println!("{precision}: {trials} trials, up to {most} in a launch, {calls} calls in {rounds} rounds");
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

/// What the host asked a card for: how often results were ordered, and for which of these orders it waited, and when there were how many.
#[derive(Default)]
struct Log {
    orders: usize,
    /// By the number of the readback.
    ordered: HashMap<usize, usize>,
    waits: Vec<(usize, usize)>,
    /// The call whose rows cannot be copied.
    fails: Option<usize>,
}

impl Log {
    fn hear(&mut self, call: Call<'_>) -> Result<(), DeviceError> {
        match call {
            Call::Order(readback, bytes) => {
                self.orders += usize::from(bytes > 0);
                self.ordered.insert(readback, self.orders);
            }
            Call::Wait(readback) => self.waits.extend(self.ordered.get(&readback).map(|&order| (order, self.orders))),
            Call::Download(_) | Call::Synchronize => self.waits.push((self.orders, self.orders)),
            Call::Upload(_) if self.fails == Some(self.orders + 1) => return Err(DeviceError::Failed("full".into())),
            _ => {}
        }
        Ok(())
    }
}

/// A trial alone, whose images lie on the card or are streamed, and what it asks the card for.
fn logged(is_streamed: bool) -> (Box<dyn Engine>, Set, Arc<Mutex<Log>>) {
    let log = Arc::new(Mutex::new(Log::default()));
    let written = Arc::clone(&log);
    let card = watched_card(Schedule::RoundRobin, move |call| written.lock().unwrap().hear(call));
    let card = if is_streamed { card.with_image_budget(0) } else { card };
    let (mut engine, set) = (engine(&card, &every_kind().unwrap()), Set::new(&pixels(), 0));
    engine.prepare(&set).unwrap();
    begin(&mut *engine, 0);
    *log.lock().unwrap() = Log::default();
    (engine, set, log)
}

/// Calls of two steps.
const CALLS: [[[u32; 2]; 2]; 3] = [[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9], [10, 11]]];

/// Orders a call.
fn order(engine: &mut dyn Engine, set: &Set, call: usize, results: &mut Vec<StepResult>) -> Result<(), EngineError> {
    let labels = CALLS[call].map(|indices| set.labels_of(&indices));
    let settings = StepSettings { dropout: &[0.25, 0.4], ..StepSettings::new(UpdateRule::ADAM) };
    let batches = CALLS[call].iter().zip(&labels).map(|(indices, labels)| Batch::new(set, indices, labels));
    let steps: Vec<_> = batches.map(|batch| TrainingStep { batch, settings }).collect();
    engine.train_ahead(&steps, results)
}

/// For each call when the next one is ordered, and for the last when there is none.
#[test]
fn the_host_is_one_call_ahead() {
    for is_streamed in [false, true] {
        let (mut engine, set, log) = logged(is_streamed);
        let mut results = Vec::new();
        for call in 0..CALLS.len() {
            order(&mut *engine, &set, call, &mut results).unwrap();
            let log = log.lock().unwrap();
            assert_eq!((results.len(), log.orders), (2 * call, call + 1), "streamed: {is_streamed}");
            let ahead = |(waited, ordered): &(usize, usize)| waited < ordered;
            assert!(log.waits.iter().all(ahead), "streamed: {is_streamed}, {:?}", log.waits);
            assert_eq!(log.waits.is_empty(), call == 0, "no more than one call is under way");
        }
        engine.catch_up(&mut results).unwrap();
        assert_eq!(results.len(), 6);
        assert_eq!(log.lock().unwrap().waits.last(), Some(&(3, 3)));
    }
}

/// An error ends what is under way: the next steps have their own results, and no others.
#[test]
fn nothing_comes_after_an_error() {
    for is_streamed in [false, true] {
        let (mut engine, set, log) = logged(is_streamed);
        let mut results = Vec::new();
        order(&mut *engine, &set, 0, &mut results).unwrap();
        log.lock().unwrap().fails = Some(2);
        let error = order(&mut *engine, &set, 1, &mut results).unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
        log.lock().unwrap().fails = None;
        engine.catch_up(&mut results).unwrap();
        assert_eq!(results, [], "streamed: {is_streamed}");
        order(&mut *engine, &set, 1, &mut results).unwrap();
        engine.catch_up(&mut results).unwrap();
        assert_eq!(results.len(), 2);
    }
}

/// More batches than a call takes: each has the logits that it has by itself.
#[test]
fn an_evaluation_of_several_calls_tells_of_each_batch() {
    let (mut engine, set, log) = logged(false);
    let numbers: Vec<[u32; 1]> = (0..260).map(|batch| [batch % IMAGES as u32]).collect();
    let labels: Vec<_> = numbers.iter().map(|numbers| set.labels_of(numbers)).collect();
    let batches: Vec<_> =
        numbers.iter().zip(&labels).map(|(indices, labels)| Batch::new(&set, indices, labels)).collect();
    let evaluate = |engine: &mut dyn Engine, batches: &[Batch<'_>]| {
        let mut told = Vec::new();
        let mut tell = |batch: &Batch<'_>, found: Evaluated<'_>| {
            told.push((batch.indices()[0], found.loss_sum, found.correct, found.logits.to_vec()));
        };
        engine.evaluate(batches, &mut tell).unwrap();
        told
    };
    let together = evaluate(&mut *engine, &batches);
    assert_eq!(log.lock().unwrap().orders, 2, "two calls");
    assert_eq!(log.lock().unwrap().waits[0], (1, 2), "the second is ordered before the first is waited for");
    assert_eq!(together.len(), batches.len());
    for (batch, found) in batches.iter().zip(&together).step_by(37) {
        assert_eq!(evaluate(&mut *engine, std::slice::from_ref(batch)), std::slice::from_ref(found));
    }
}
