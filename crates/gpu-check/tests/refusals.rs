//! What the engine refuses, with sentences that say why.

use std::sync::Arc;

use tunefork_cuda::{CudaError, CudaWorkspace, Engine, Resident, StepInput, StepResult, StepSettings};
use tunefork_emulator::{Host, Schedule};
use tunefork_graph::{Graph, Image, Plan, optimizer::UpdateRule};
use tunefork_kernels::{Precision, Stream};

fn plan(precision: Precision) -> Arc<Plan> {
    let mut graph = Graph::new(2, [2, 2, 1]).unwrap();
    let x = graph.flatten(graph.input()).unwrap();
    let x = graph.dense(x, "head", 3, true).unwrap();
    graph.softmax_cross_entropy(x, 3).unwrap();
    Arc::new(Plan::new(&graph, 2, &CudaWorkspace { precision }).unwrap())
}

fn data(stream: &Arc<dyn Stream>, image: Image, labels: &[u16]) -> Result<Arc<Resident>, CudaError> {
    let pixels = vec![7; labels.len() * image.elements()];
    let tables = vec![0.5; 256 * image.channels];
    Ok(Arc::new(Resident::new(stream, image, &pixels, labels, &tables)?))
}

#[test]
fn plans_of_other_engines_and_precisions_without_instructions() {
    let stream = Host::stream(75, Schedule::RoundRobin);
    let new = |planned, wanted| Engine::new(Arc::clone(&stream), plan(planned), wanted).err();
    let message = |error: Option<CudaError>| error.expect("refused").to_string();
    let wrong = message(new(Precision::F32, Precision::F16));
    assert!(wrong.starts_with("the plan stores tensors as f32, the engine computes in f16"), "{wrong}");
    let old = message(new(Precision::Bf16, Precision::Bf16));
    assert_eq!(old, "bf16 needs compute capability 8.0 or later, the device has 7.5: choose f16 or f32");
    assert!(new(Precision::F32, Precision::F32).is_none());
}

#[test]
fn batches_and_data_that_do_not_fit() -> Result<(), CudaError> {
    let stream = Host::stream(80, Schedule::RoundRobin);
    let plan = plan(Precision::F32);
    let mut engine = Engine::new(Arc::clone(&stream), Arc::clone(&plan), Precision::F32)?;
    let resident = data(&stream, plan.image, &[0, 1, 2])?;
    let mut step = |resident: &Arc<Resident>, indices: &[u32]| {
        let settings = StepSettings::new(UpdateRule::SGD);
        let input = StepInput::new(indices, settings);
        engine.steps(resident, &[input], &mut [StepResult::default()])
    };
    step(&resident, &[2, 0])?;
    let rows = |rows| Err(CudaError::WrongRows { rows, batch: 2 });
    assert_eq!(step(&resident, &[]), rows(0));
    assert_eq!(step(&resident, &[0, 1, 2]), rows(3));
    let index = CudaError::WrongIndex { index: 3, images: 3 };
    assert_eq!(step(&resident, &[3]), Err(index));

    let other = data(&stream, plan.image, &[0, 3])?;
    let message = step(&other, &[0]).unwrap_err().to_string();
    assert!(message.ends_with("it has label 3, the network knows 3 classes"), "{message}");
    let larger = Image { width: 3, ..plan.image };
    let message = step(&data(&stream, larger, &[0])?, &[0]).unwrap_err().to_string();
    assert!(message.ends_with("its images are 2x3x1, the network takes 2x2x1"), "{message}");
    assert!(Resident::new(&stream, plan.image, &[0; 7], &[0, 1], &[0.0; 256]).is_err());
    assert!(Resident::new(&stream, plan.image, &[0; 8], &[0, 1], &[0.0; 255]).is_err());
    assert_eq!(Resident::planned_bytes(plan.image, 3), 3 * (4 + 2) + 1024);
    Ok(())
}
