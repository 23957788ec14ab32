//! How many launches a training step of each of the reports' networks takes: on a fast card a small network's time is
//! little else.

use std::sync::Arc;

use tunefork_cuda::{CudaWorkspace, Engine, Resident, StepInput, StepResult, StepSettings};
use tunefork_emulator::Probe;
use tunefork_graph::{Image, Plan, UpdateRule};
use tunefork_kernels::{Precision, Stream};
use tunefork_networks::Network;

/// The kernels of a step, one for each launch.
fn launches(name: &str, precision: Precision, clip_norm: Option<f64>) -> Vec<&'static str> {
    let network = Network::named(name);
    let probe = Probe::new(80);
    let stream: Arc<dyn Stream> = Arc::clone(&probe) as _;
    let plan = Plan::new(&network.graph().unwrap(), network.batch, &CudaWorkspace { precision }).unwrap();
    let mut engine = Engine::new(Arc::clone(&stream), Arc::new(plan), precision).unwrap();
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
    probe.take().iter().map(|asked| asked.kernel).collect()
}

#[test]
fn a_step_has_few_launches() {
    for (name, most) in [("m0", 12), ("m1", 18), ("m2", 24), ("m3", 44), ("m4", 9)] {
        for precision in [Precision::F32, Precision::Tf32, Precision::F16, Precision::Bf16] {
            let found = launches(name, precision, None);
            // The loss scale of f16 wants the sum of all squares.
            let most = most + usize::from(precision == Precision::F16);
            println!("{name} {precision}: {}", found.len());
            assert!(found.len() <= most, "{name} in {precision}: {} launches, {found:#?}", found.len());
            assert_eq!(
                launches(name, precision, Some(1.0)).len(),
                found.len() + usize::from(precision != Precision::F16)
            );
        }
    }
}
