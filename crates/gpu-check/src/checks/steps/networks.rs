//! The networks of the source reports, two steps of each beside the engine of the processor.

use std::sync::Arc;

use tunefork_cpu::CpuWorkspace;
use tunefork_cuda::{StepInput, StepResult, StepSettings};
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Graph, Plan};
use tunefork_kernels::Precision;
use tunefork_networks::Network;
use tunefork_reference::testing;
use tunefork_simd::Isa;

use super::trial::{Data, engine, gradients, slab};
use crate::{Case, Failure};

/// Loss and gradients of a whole step may be off by so much.
fn limits(precision: Precision) -> (f64, f64) {
    match precision {
        Precision::F32 => (1e-5, 1e-4),
        Precision::Tf32 => (2e-3, 5e-3),
        Precision::F16 => (5e-3, 2e-2),
        Precision::Bf16 => (2e-2, 5e-2),
    }
}

/// Two training steps of a network, the second with a partial batch: losses, hits and gradients
/// beside the engine of the processor, then an evaluation by what the steps have left.
///
/// In f32 the gradients are compared value by value. Otherwise a rounded value may fall on the other
/// side of a relu, or be the larger one in a window, and the gradient rightly goes another way there:
/// then their norms are compared, and [`two_smooth_steps`] does the rest.
///
/// # Errors
/// What differs.
pub fn two_steps(case: &mut Case, name: &str, batch: usize, side: usize, precision: Precision) -> Result<(), Failure> {
    let graph = Network::named(name).graph_of(batch, side)?;
    compare(case, name, &graph, precision, precision == Precision::F32)
}

/// The same with tanh for relu and means for maxima, and gradients value by value: they do not jump
/// where rounding moves a value.
///
/// # Errors
/// What differs.
pub fn two_smooth_steps(
    case: &mut Case,
    name: &str,
    batch: usize,
    side: usize,
    precision: Precision,
) -> Result<(), Failure> {
    let graph = Network::named(name).smooth_graph_of(batch, side)?;
    compare(case, &format!("smooth {name}"), &graph, precision, true)
}

fn compare(
    case: &mut Case,
    name: &str,
    graph: &Graph,
    precision: Precision,
    each_gradient: bool,
) -> Result<(), Failure> {
    let batch = graph.batch();
    let images = 2 * batch;
    let data = Data::random(case, graph, images);
    let state = testing::random_state(graph, case.between(0, 1 << 30) as u64);
    let mut gpu = engine(&case.stream, graph, batch, precision, &state, settings(0).optimizer)?;
    let resident = data.resident(&case.stream, graph)?;
    let plan = Arc::new(Plan::new(graph, batch, &CpuWorkspace)?);
    let mut cpu = tunefork_cpu::Engine::new(plan, Isa::detect(), 1)?;
    cpu.slab_mut().copy_from_slice(&slab(&gpu.plan().slab, &state));

    let order: Vec<u32> = (0..images as u32).map(|i| i * 3 % images as u32).collect();
    let (loss_limit, gradient_limit) = limits(precision);
    for (step, indices) in [&order[..batch], &order[batch..2 * batch - 1]].into_iter().enumerate() {
        let settings = settings(step as u64);
        let scale = gpu.loss_scale()?;
        let input = StepInput::new(indices, settings);
        let mut results = [StepResult::default()];
        gpu.steps(&resident, &[input], &mut results)?;
        let wanted =
            cpu.train(|input| input.copy_from_slice(&data.values(indices)), &data.labels(indices), &settings)?;
        let what = |what: &str| format!("{what} of step {step} of {name} in {precision:?}");
        case.digest(&results[0].loss_sum.to_ne_bytes());
        if results[0].skipped {
            return Err(what("a skipped update").into());
        }
        case.close(&what("loss"), &[results[0].loss_sum], &[wanted.loss_sum], loss_limit)?;
        let found = gradients(&gpu, scale)?;
        let expected: Vec<f64> = cpu.gradients().iter().map(|&g| f64::from(g)).collect();
        case.digest(bytemuck::cast_slice(&found));
        if each_gradient {
            case.close(&what("gradient"), &found, &expected, gradient_limit)?;
        }
        let norms = [norm(&found)];
        case.close(&what("gradient norm"), &norms, &[norm(&expected)], gradient_limit)?;
    }
    let indices = &order[..batch];
    let evaluated = gpu.evaluate(&resident, indices)?.loss_sum;
    let wanted = cpu.evaluate(|input| input.copy_from_slice(&data.values(indices)), &data.labels(indices))?;
    // Two steps have moved the two engines apart; the loss by less than its limit for each.
    let what = format!("loss of an evaluation of {name} in {precision:?}");
    case.close(&what, &[evaluated], &[wanted.loss_sum], 3.0 * loss_limit)
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// What steps are told besides their images.
pub(super) fn settings(step: u64) -> StepSettings<'static> {
    StepSettings {
        step,
        learning_rate: 0.01,
        weight_decay: 1e-4,
        clip_norm: Some(5.0),
        label_smoothing: 0.1,
        dropout: &[0.3],
        dropout_key: [7, 11],
        ..StepSettings::new(UpdateRule::momentum(0.9, true))
    }
}
