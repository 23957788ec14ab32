//! The launches of a training step, by a stream that runs nothing.

use std::sync::Arc;

use tunefork_cuda::{CudaWorkspace, Engine, Resident, StepInput, StepResult, StepSettings};
use tunefork_emulator::{Asked, Probe};
use tunefork_graph::{Image, Plan, UpdateRule};
use tunefork_kernels::{Precision, Stream};
use tunefork_networks::Network;

/// The plan of a network at its own batch and images.
pub(crate) fn plan(network: &Network, precision: Precision) -> Arc<Plan> {
    Arc::new(Plan::new(&network.graph().unwrap(), network.batch, &CudaWorkspace { precision }).unwrap())
}

/// What a step with Adam launches on a card of an architecture.
pub(crate) fn asked(
    network: &Network,
    plan: &Arc<Plan>,
    architecture: u32,
    precision: Precision,
    clip_norm: Option<f64>,
) -> Vec<Asked> {
    let probe = Probe::new(architecture);
    let stream: Arc<dyn Stream> = Arc::clone(&probe) as _;
    let mut engine = Engine::new(Arc::clone(&stream), Arc::clone(plan), precision).unwrap();
    let image = Image::new(network.side, network.side, network.colours);
    let pixels = vec![0; network.batch * image.elements()];
    let tables = vec![0.0; 256 * network.colours];
    let resident = Resident::new(&stream, image, &pixels, &vec![0; network.batch], &tables).unwrap();
    let indices: Vec<u32> = (0..network.batch as u32).collect();
    let dropout = vec![network.model.dropout as f32; 4];
    let clip_norm = clip_norm.map(|norm| norm as f32);
    let settings = StepSettings { clip_norm, dropout: &dropout, ..StepSettings::new(UpdateRule::ADAM) };
    probe.take();
    let mut results = [StepResult::default()];
    engine.steps(&Arc::new(resident), &[StepInput::new(&indices, settings)], &mut results).unwrap();
    probe.take()
}
