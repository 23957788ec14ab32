//! Times whole training steps of the reports' networks at their full shapes, and compares what an engine says
//! that it will allocate with what it allocates and with what the driver counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use serde::Serialize;
use tunefork_cuda::{Cuda, CudaWorkspace, Engine, Resident, StepInput, StepResult, StepSettings};
use tunefork_gpu_check::Failure;
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Graph, Plan};
use tunefork_kernels::{Call, Gpu, Precision, Stream, watched};
use tunefork_networks::{NETWORKS, Network};

/// Measurements of which the middle one counts.
const WINDOWS: usize = 5;
/// Images on the device, in batches.
const BATCHES: usize = 8;

/// Images of the reports' data sets, in the order of [`NETWORKS`].
const EPOCHS: [usize; 5] = [60_000, 60_000, 2_936, 100_000, 60_000];

/// A network that was trained for a while.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Trained {
    pub network: &'static str,
    /// How it stores and multiplies numbers.
    pub precision: Precision,
    /// Images of a batch.
    pub batch: usize,
    /// By the host's clock, with all that a step takes.
    pub seconds_per_1000_images: f64,
    /// The same for all images of the report's data set.
    pub epoch_seconds: f64,
    /// What the engine says that it will allocate, without the data set.
    pub planned_bytes: u64,
    /// What it has allocated.
    pub arena_bytes: u64,
    /// By how much the driver's free memory fell when the engine was made and its steps were captured, the
    /// context and the kernels' code apart. The driver hands out 2 MiB at a time.
    pub driver_bytes: u64,
}

impl Trained {
    /// Whether what was allocated is what was planned.
    pub(crate) fn is_as_planned(&self) -> bool {
        self.arena_bytes == self.planned_bytes
    }
}

pub(crate) fn run(gpu: &Gpu, window: f64) -> Result<Vec<Trained>, Failure> {
    let mut trained = Vec::new();
    for (network, epoch) in NETWORKS.iter().zip(EPOCHS) {
        for precision in Precision::of_architecture(gpu.card().architecture) {
            trained.push(Training::new(gpu, network, precision)?.measure(gpu, epoch, window)?);
        }
    }
    Ok(trained)
}

/// All that an engine of a network is made of.
struct Training {
    network: &'static Network,
    precision: Precision,
    plan: Arc<Plan>,
    stream: Arc<dyn Stream>,
    /// Bytes allocated on the stream.
    allocated: Arc<AtomicU64>,
    resident: Arc<Resident>,
}

impl Training {
    fn new(gpu: &Gpu, network: &'static Network, precision: Precision) -> Result<Self, Failure> {
        let allocated = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&allocated);
        let stream = watched(&gpu.stream(), move |call| {
            if let Call::Allocate(bytes) = call {
                count.fetch_add(bytes as u64, Relaxed);
            }
            Ok(())
        });
        let graph = network.graph()?;
        let workspace = CudaWorkspace { precision };
        Ok(Self {
            network,
            precision,
            plan: Arc::new(Plan::new(&graph, network.batch, &workspace)?),
            resident: images(&stream, &graph, BATCHES * network.batch)?,
            stream,
            allocated,
        })
    }

    fn engine(&self) -> Result<Engine, Failure> {
        let stream = Arc::clone(&self.stream);
        let mut engine = Engine::new(stream, Arc::clone(&self.plan), self.precision)?;
        let weights: Vec<f32> = (0..self.plan.slab.len).map(|i| (i * 7919 % 1000) as f32 * 1e-4 - 0.05).collect();
        engine.write_slab(&weights)?;
        Ok(engine)
    }

    /// Steps of one call, as many as training takes together.
    fn steps(&self) -> usize {
        Cuda::steps_per_call(&self.plan)
    }

    /// Seconds for so many calls.
    fn calls(&self, engine: &mut Engine, times: usize) -> Result<f64, Failure> {
        let batch = self.network.batch;
        let order: Vec<u32> = (0..(BATCHES * batch) as u32).rev().collect();
        let settings = StepSettings { dropout: &[0.3], ..StepSettings::new(UpdateRule::ADAM) };
        let inputs: Vec<_> =
            order.chunks(batch).cycle().take(self.steps()).map(|indices| StepInput::new(indices, settings)).collect();
        let mut results = vec![StepResult::default(); inputs.len()];
        let start = Instant::now();
        for _ in 0..times {
            engine.steps(&self.resident, &inputs, &mut results)?;
        }
        Ok(start.elapsed().as_secs_f64())
    }

    fn measure(&self, gpu: &Gpu, epoch: usize, window: f64) -> Result<Trained, Failure> {
        // The first engine loads the kernels' code, so that the second shows its own bytes only.
        self.calls(&mut self.engine()?, 1)?;
        let (allocated, (free, _)) = (self.allocated.load(Relaxed), gpu.memory()?);
        let mut engine = self.engine()?;
        self.calls(&mut engine, 1)?;
        let arena_bytes = self.allocated.load(Relaxed) - allocated;
        let driver_bytes = free.saturating_sub(gpu.memory()?.0);

        let times = (window / self.calls(&mut engine, 1)?).ceil().max(1.0) as usize;
        let mut seconds = (0..WINDOWS).map(|_| self.calls(&mut engine, times)).collect::<Result<Vec<_>, _>>()?;
        seconds.sort_by(f64::total_cmp);
        let images = times * self.steps() * self.network.batch;
        let per_image = seconds[WINDOWS / 2] / images as f64;
        Ok(Trained {
            network: self.network.name,
            precision: self.precision,
            batch: self.network.batch,
            seconds_per_1000_images: 1000.0 * per_image,
            epoch_seconds: epoch as f64 * per_image,
            planned_bytes: Engine::planned_bytes(&self.plan, self.precision),
            arena_bytes,
            driver_bytes,
        })
    }
}

/// Images and labels that are all different, on the device.
fn images(stream: &Arc<dyn Stream>, graph: &Graph, count: usize) -> Result<Arc<Resident>, Failure> {
    let image = graph.image();
    let classes = graph.classes().ok_or("a network with a loss")?;
    let pixels: Vec<u8> = (0..count * image.elements()).map(|i| (i * 31 / 7) as u8).collect();
    let labels: Vec<u16> = (0..count).map(|i| (i % classes) as u16).collect();
    let tables: Vec<f32> = (0..256 * image.channels).map(|i| (i % 256) as f32 / 128.0 - 1.0).collect();
    let resident = Resident::new(stream, image, &pixels, &labels, &tables)?;
    Ok(Arc::new(resident))
}
