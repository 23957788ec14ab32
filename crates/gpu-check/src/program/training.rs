//! Times whole training steps of the reports' networks at their full shapes, and compares what an engine says
//! that it will allocate with what the driver counts.

use std::sync::Arc;
use std::time::Instant;

use tunefork_cuda::{CudaWorkspace, Engine, Resident, StepInput, StepResult, StepSettings};
use tunefork_gpu_check::{Failure, steps};
use tunefork_graph::Plan;
use tunefork_graph::optimizer::Kind;
use tunefork_kernels::{Gpu, Precision};

/// Seconds that a measurement lasts at least; of five, the middle one counts.
const WINDOW: f64 = 0.5;
const WINDOWS: usize = 5;
/// Images on the device, in batches: the epochs of small sets take too few steps to be timed.
const BATCHES: usize = 8;

const ADAM: Kind = Kind::Adam {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
};

/// A network that was trained for a while.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The network.
    pub network: &'static str,
    /// How it stores and multiplies numbers.
    pub precision: Precision,
    /// Images of a batch.
    pub batch: usize,
    /// By the host's clock, with all that a step takes.
    pub seconds_per_1000_images: f64,
    /// What the engine says that it allocates, without the data set.
    pub planned_bytes: u64,
    /// By how much the driver's free memory fell; it counts in steps of 2 MiB.
    pub driver_bytes: u64,
}

/// Trains each network in each precision.
pub fn run(gpu: &Gpu, precisions: &[Precision]) -> Result<Vec<Trained>, Failure> {
    let networks = [
        ("m0", 64, 28),
        ("m1", 64, 28),
        ("m2", 32, 224),
        ("m3", 64, 64),
        ("m4", 64, 28),
    ];
    let mut trained = Vec::new();
    for (name, batch, side) in networks {
        for &precision in precisions {
            trained.push(train(gpu, name, batch, side, precision)?);
        }
    }
    Ok(trained)
}

fn train(
    gpu: &Gpu,
    name: &'static str,
    batch: usize,
    side: usize,
    precision: Precision,
) -> Result<Trained, Failure> {
    let stream = gpu.stream();
    let graph = steps::network(name, batch, side)?;
    let (image, classes) = (
        graph.image(),
        graph.classes().ok_or("a network with a loss")?,
    );
    let count = BATCHES * batch;
    let pixels: Vec<u8> = (0..count * image.elements())
        .map(|i| (i * 31 / 7) as u8)
        .collect();
    let labels: Vec<u16> = (0..count).map(|i| (i % classes) as u16).collect();
    let tables: Vec<f32> = (0..256 * image.channels)
        .map(|i| (i % 256) as f32 / 128.0 - 1.0)
        .collect();
    let resident = Arc::new(Resident::new(&stream, image, &pixels, &labels, &tables)?);

    let plan = Arc::new(Plan::new(&graph, batch, &CudaWorkspace { precision })?);
    let planned_bytes = Engine::planned_bytes(&plan, precision);
    let (before, _) = gpu.memory()?;
    let mut engine = Engine::new(stream, Arc::clone(&plan), precision)?;
    let (after, _) = gpu.memory()?;
    let weights: Vec<f32> = (0..plan.slab.len)
        .map(|i| (i * 7919 % 1000) as f32 * 1e-4 - 0.05)
        .collect();
    engine.write_slab(&weights)?;

    let order: Vec<u32> = (0..count as u32).collect();
    let settings = StepSettings {
        dropout: &[0.3],
        ..StepSettings::new(ADAM)
    };
    let inputs: Vec<_> = order
        .chunks(batch)
        .map(|indices| StepInput { indices, settings })
        .collect();
    let mut results = vec![StepResult::default(); inputs.len()];
    let mut epochs = |times: usize| -> Result<f64, Failure> {
        let start = Instant::now();
        for _ in 0..times {
            engine.steps(&resident, &inputs, &mut results)?;
        }
        Ok(start.elapsed().as_secs_f64())
    };
    // The first compiles and captures.
    epochs(2)?;
    let times = (WINDOW / (epochs(5)? / 5.0)).ceil().max(1.0) as usize;
    let mut seconds = (0..WINDOWS)
        .map(|_| epochs(times))
        .collect::<Result<Vec<_>, _>>()?;
    seconds.sort_by(f64::total_cmp);
    Ok(Trained {
        network: name,
        precision,
        batch,
        seconds_per_1000_images: 1000.0 * seconds[WINDOWS / 2] / (times * count) as f64,
        planned_bytes,
        driver_bytes: before.saturating_sub(after),
    })
}
