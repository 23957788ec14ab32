//! Where images are, and how many batches go to the device together, changes no bit. On the emulator, which runs
//! the kernels on the CPU and sees when a half of a ring is written that may still be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tunefork_cuda::{
    CudaError, CudaWorkspace, Engine, Images, Resident, StepInput, StepResult, StepSettings, Streamed,
};
use tunefork_emulator::{Host, Schedule};
use tunefork_graph::{Activation, Conv, Graph, Image, Plan, optimizer::UpdateRule};
use tunefork_kernels::{Call, Precision, Stream, watched};

const IMAGE: Image = Image { height: 4, width: 5, channels: 3 };
const IMAGES: usize = 50;

/// A convolution with its norm, and a layer with dropout.
fn plan(precision: Precision, classes: usize) -> Arc<Plan> {
    let mut g = Graph::new(3, [IMAGE.height, IMAGE.width, IMAGE.channels]).unwrap();
    let conv = Conv { channels: 4, kernel: 3, stride: 1, padding: 1, bias: false };
    let x = g.conv2d(g.input(), "conv", conv).unwrap();
    let x = g.batch_norm(x, "norm").unwrap();
    let x = g.activation(x, Activation::Relu).unwrap();
    let x = g.dropout(x).unwrap();
    let x = g.global_average_pool(x).unwrap();
    let x = g.dense(x, "head", classes, true).unwrap();
    g.softmax_cross_entropy(x, classes).unwrap();
    Arc::new(Plan::new(&g, 4, &CudaWorkspace { precision }).unwrap())
}

/// Bytes of images, labels below 7, and tables.
struct Data {
    pixels: Vec<u8>,
    labels: Vec<u16>,
    tables: Vec<f32>,
}

fn data() -> Data {
    Data {
        pixels: (0..IMAGES * IMAGE.elements()).map(|i| (i * i / 7 + i) as u8).collect(),
        labels: (0..IMAGES).map(|i| (i * 5 % 7) as u16).collect(),
        tables: (0..3 * 256).map(|i| i as f32 / 300.0 - 1.0).collect(),
    }
}

impl Data {
    fn resident(&self, stream: &Arc<dyn Stream>) -> Arc<Resident> {
        let set = Resident::new(stream, IMAGE, &self.pixels, &self.labels, &self.tables);
        Arc::new(set.unwrap())
    }

    /// With a ring of so many bytes, or the least that is possible.
    fn set(&self, stream: &Arc<dyn Stream>, budget: u64) -> Arc<Streamed> {
        Arc::new(Streamed::new(stream, IMAGE, &self.tables, budget).unwrap())
    }

    fn streamed<'a>(&'a self, set: &'a Arc<Streamed>) -> Images<'a> {
        Images::Streamed { set, pixels: &self.pixels, labels: &self.labels }
    }
}

fn engine(stream: &Arc<dyn Stream>, plan: &Arc<Plan>, precision: Precision) -> Engine {
    let mut engine = Engine::new(Arc::clone(stream), Arc::clone(plan), precision).unwrap();
    let mut slab = vec![0.0; plan.slab.len];
    engine.read_slab(&mut slab).unwrap();
    for (i, value) in slab[..plan.slab.trainable_len].iter_mut().enumerate() {
        *value = ((i * 37 % 19) as f32 - 9.0) / 20.0;
    }
    engine.write_slab(&slab).unwrap();
    engine
}

/// All that eleven steps and an evaluation in between leave: results, logits, weights, optimizer.
fn trained(engine: &mut Engine, images: Images<'_>) -> (Vec<StepResult>, Vec<u32>) {
    let order: Vec<u32> = (0..).map(|i| i * 23 % IMAGES as u32).take(33).collect();
    let mut inputs: Vec<StepInput<'_>> = (0..)
        .zip(order.chunks(3))
        .map(|(step, indices)| StepInput {
            indices,
            transforms: &[],
            settings: StepSettings {
                step,
                learning_rate: 0.01,
                dropout: &[0.3],
                dropout_key: [1, 2],
                ..StepSettings::new(UpdateRule::ADAM)
            },
        })
        .collect();
    // Partial batches, in the middle and at the end.
    inputs[4].indices = &order[12..14];
    inputs[10].indices = &order[30..31];
    let mut results = vec![StepResult::default(); inputs.len()];
    let (first, second) = results.split_at_mut(8);
    engine.steps(images, &inputs[..8], first).unwrap();
    let mut bits = Vec::new();
    let batches: Vec<&[u32]> = order[..30].chunks(4).collect();
    engine
        .evaluate_batches(images, &batches, &mut |evaluated| {
            let loss = evaluated.loss_sum.to_bits();
            bits.extend([loss as u32, (loss >> 32) as u32, evaluated.correct]);
            bits.extend(evaluated.logits.iter().map(|logit| logit.to_bits()));
        })
        .unwrap();
    engine.steps(images, &inputs[8..], second).unwrap();
    let mut slab = vec![0.0; engine.plan().slab.len];
    engine.read_slab(&mut slab).unwrap();
    let mut optimizer = vec![0.0; engine.optimizer_len()];
    engine.read_optimizer(&mut optimizer).unwrap();
    bits.extend(slab.iter().chain(&optimizer).map(|value| value.to_bits()));
    (results, bits)
}

#[test]
fn streamed_images_leave_the_same_bits() {
    let data = data();
    for precision in [Precision::F32, Precision::F16] {
        let stream = Host::stream(80, Schedule::RoundRobin);
        let plan = plan(precision, 7);
        let resident = data.resident(&stream);
        let mut whole = engine(&stream, &plan, precision);
        let expected = trained(&mut whole, (&resident).into());
        assert!(expected.0.iter().all(|step| step.loss_sum.is_finite()));
        // One batch in each half of the ring, some, and more than there are images.
        for budget in [0, 1000, u64::MAX] {
            let set = data.set(&stream, budget);
            let mut streaming = engine(&stream, &plan, precision);
            let found = trained(&mut streaming, data.streamed(&set));
            assert!(found == expected, "{precision:?}, a ring of {budget} bytes");
            // An engine may be given both.
            let (mut before, mut after) = (vec![0.0; plan.slab.len], vec![0.0; plan.slab.len]);
            streaming.read_slab(&mut before).unwrap();
            let logits =
                |engine: &mut Engine, images: Images<'_>| engine.evaluate(images, &[9, 8]).unwrap().logits.to_vec();
            let there = logits(&mut streaming, (&resident).into());
            assert_eq!(there, logits(&mut streaming, data.streamed(&set)));
            streaming.read_slab(&mut after).unwrap();
            assert_eq!(before, after);
        }
    }
}

#[test]
fn an_engine_begins_with_zeros_and_variances_of_one() {
    let plan = plan(Precision::F32, 7);
    let engine = Engine::new(Host::stream(80, Schedule::RoundRobin), Arc::clone(&plan), Precision::F32).unwrap();
    let (mut found, mut expected) = (vec![f32::NAN; plan.slab.len], vec![0.0; plan.slab.len]);
    engine.read_slab(&mut found).unwrap();
    for norm in &plan.slab.norms {
        let [_, variance] = norm.ranges();
        expected[variance].fill(1.0);
    }
    assert_eq!(found, expected);
}

/// So many classes that the logits of two batches are all that is kept at once.
#[test]
fn batches_are_evaluated_as_if_alone() {
    let (data, classes) = (data(), 1 << 15);
    let stream = Host::stream(80, Schedule::RoundRobin);
    let readbacks = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&readbacks);
    let stream = watched(&stream, move |call| {
        if let Call::Order(..) = call {
            counter.fetch_add(1, SeqCst);
        }
        Ok(())
    });
    let plan = plan(Precision::F32, classes);
    let resident = data.resident(&stream);
    let mut engine = engine(&stream, &plan, Precision::F32);
    let batches: [&[u32]; 5] = [&[1, 2, 3, 4], &[5, 6], &[7, 8, 9, 10], &[11], &[12, 13]];
    let mut together = Vec::new();
    readbacks.store(0, SeqCst);
    engine
        .evaluate_batches(&resident, &batches, &mut |evaluated| {
            together.push((evaluated.loss_sum, evaluated.logits.to_vec()));
        })
        .unwrap();
    assert_eq!(readbacks.load(SeqCst), 3, "records and logits of 2, 2, 1");
    for (indices, (loss_sum, logits)) in batches.iter().zip(&together) {
        let alone = engine.evaluate(&resident, indices).unwrap();
        assert_eq!(alone.loss_sum, *loss_sum);
        assert!(alone.logits == logits && logits.len() == indices.len() * classes);
    }
}

#[test]
fn an_engine_allocates_its_ring_once_and_as_planned() {
    let (data, plan) = (data(), plan(Precision::F32, 7));
    let (held, calls) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counters = (Arc::clone(&held), Arc::clone(&calls));
    let stream = watched(&Host::stream(80, Schedule::RoundRobin), move |call| {
        match call {
            Call::Allocate(bytes) => {
                counters.0.fetch_add(bytes as u64, SeqCst);
                counters.1.fetch_add(1, SeqCst);
            }
            Call::Free(bytes) => {
                counters.0.fetch_sub(bytes as u64, SeqCst);
            }
            _ => {}
        }
        Ok(())
    });
    for budget in [0, 1000, u64::MAX] {
        let set = data.set(&stream, budget);
        let mut engine = engine(&stream, &plan, Precision::F32);
        engine.prepare(data.streamed(&set)).unwrap();
        let planned = Streamed::planned_bytes(IMAGE)
            + Engine::planned_bytes(&plan, Precision::F32)
            + Streamed::ring_bytes(&plan, budget);
        assert_eq!(held.load(SeqCst), planned);
        let before = calls.load(SeqCst);
        trained(&mut engine, data.streamed(&set));
        assert_eq!(calls.load(SeqCst), before, "nothing more is allocated");
        drop((engine, set));
        assert_eq!(held.load(SeqCst), 0, "all is given back");
    }
    // Two halves of a batch each, with a label for each image; never more than a few megabytes.
    let least = Streamed::ring_bytes(&plan, 0);
    assert!((2 * 4 * 62..2 * 4 * 62 + 256).contains(&least), "{least}");
    let most = Streamed::ring_bytes(&plan, u64::MAX);
    assert!((15 << 20..=16 << 20).contains(&most), "{most}");
}

#[test]
fn what_does_not_belong_to_a_set_is_refused() {
    let stream = Host::stream(80, Schedule::RoundRobin);
    let (data, plan) = (data(), plan(Precision::F32, 7));
    let set = data.set(&stream, 0);
    let mut engine = engine(&stream, &plan, Precision::F32);
    let mut refusal = |pixels: &[u8], labels: &[u16], indices: &[u32]| {
        let set = &set;
        let images = Images::Streamed { set, pixels, labels };
        match engine.evaluate(images, indices) {
            Err(CudaError::WrongData(text)) => text,
            Err(other) => other.to_string(),
            Ok(_) => "nothing".into(),
        }
    };
    assert_eq!(refusal(&data.pixels, &data.labels, &[0, 49]), "nothing");
    assert_eq!(refusal(&data.pixels[1..], &data.labels, &[0]), "2999 bytes are not 50 images of 4x5x3");
    assert_eq!(refusal(&data.pixels, &data.labels, &[50]), "image 50 is not among the 50 images of the data set");
    let mut labels = data.labels.clone();
    labels[3] = 7;
    assert_eq!(refusal(&data.pixels, &labels, &[2, 3]), "it has label 7, the network knows 7 classes");
    assert!(Streamed::new(&stream, IMAGE, &data.tables[1..], 0).is_err());
}
