//! Many training steps by two engines, from the same weights, with the same images in the same order.
//!
//! Two engines add in different orders, so after one update their weights differ by rounding, and training
//! makes more of it: a value beside a kink falls on its other side, and the gradient takes another way.
//! Single steps can therefore be compared closely only while the run is young. Later both engines walk
//! through the same landscape by slightly different paths: their losses, averaged over many steps, agree, and
//! so does what they have learned. [`Beside::check`] asks for all three; a kernel that is wrong by little in every step
//! shows in the first, one that is wrong in rare cases (a partial batch, a large step number) in the others.

use std::sync::Arc;

use tunefork_cpu::CpuWorkspace;
use tunefork_cuda::{StepInput, StepResult};
use tunefork_graph::{Graph, Init, Plan};
use tunefork_kernels::{Precision, Stream};
use tunefork_networks::Network;
use tunefork_reference::{State, testing};
use tunefork_simd::Isa;

use super::networks::settings;
use super::trial::{Data, engine, slab};
use crate::{Case, Failure};

/// Steps at the beginning whose losses are compared one by one.
const FIRST: usize = 5;
/// Batches of the training images, and as many again that are only evaluated: an epoch's steps.
const BATCHES: usize = 8;

/// A run of a network on the processor, and all that it takes to do it again elsewhere.
pub struct Beside {
    name: String,
    graph: Graph,
    data: Data,
    state: State,
    steps: usize,
    expected: Curve,
}

/// How a run went.
#[derive(Clone, Default, PartialEq, Debug)]
struct Curve {
    /// The mean loss of each step's images.
    losses: Vec<f64>,
    /// The mean loss of images that were not trained with, after the last step.
    loss: f64,
    /// The part of them that is classified correctly.
    accuracy: f64,
    /// How many they are.
    unseen: usize,
}

impl Beside {
    /// Takes `steps` steps of a network on the processor, with images of `side` x `side`; one batch of an
    /// epoch is partial.
    ///
    /// # Errors
    /// If the side is too small for the network.
    pub fn new(name: &str, batch: usize, side: usize, steps: usize) -> Result<Self, Failure> {
        let graph = Network::named(name).graph_of(batch, side)?;
        let mut state = testing::random_state(&graph, 1);
        for (parameter, values) in graph.parameters().iter().zip(&mut state.parameters) {
            match parameter.init {
                Init::Ones => values.fill(1.0),
                Init::Zeros => values.fill(0.0),
                Init::Weights { .. } => {}
            }
        }
        let mut run = Self {
            name: name.into(),
            data: Data::learnable(&graph, 2 * BATCHES * batch, 1),
            graph,
            state,
            steps,
            expected: Curve::default(),
        };
        run.expected = run.on_cpu()?;
        Ok(run)
    }

    /// The same run on a case's stream must go the same way.
    ///
    /// # Errors
    /// Where it does not; a device that fails.
    pub fn check(&self, case: &mut Case, precision: Precision) -> Result<(), Failure> {
        let found = self.on(&case.stream, precision)?;
        case.digest(bytemuck::cast_slice(&found.losses));
        case.digest(&found.loss.to_ne_bytes());
        let what = |difference| format!("{difference} of {} in {precision:?}", self.name);
        found.compare(&self.expected, &Limits::of(precision)).map_err(|difference| what(difference).into())
    }

    fn batch(&self) -> usize {
        self.graph.batch()
    }

    /// The images of each step.
    fn order(&self) -> Vec<Vec<u32>> {
        let (batch, images) = (self.batch(), BATCHES * self.batch());
        let step = |step: usize| {
            let rows = match step % BATCHES {
                2 => batch.div_ceil(2),
                _ => batch,
            };
            let image = |row: usize| ((step * batch + row) * 3 % images) as u32;
            (0..rows).map(image).collect()
        };
        (0..self.steps).map(step).collect()
    }

    /// The batches that are only evaluated.
    fn held_out(&self) -> Vec<Vec<u32>> {
        let batch = self.batch() as u32;
        let first = BATCHES as u32;
        let batches = first..2 * first;
        batches.map(|number| (number * batch..(number + 1) * batch).collect()).collect()
    }

    fn on_cpu(&self) -> Result<Curve, Failure> {
        let plan = Arc::new(Plan::new(&self.graph, self.batch(), &CpuWorkspace)?);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut engine = tunefork_cpu::Engine::new(plan, Isa::detect(), threads)?;
        let start = slab(&engine.plan().slab, &self.state);
        engine.slab_mut().copy_from_slice(&start);
        let mut losses = Vec::new();
        for (step, indices) in self.order().iter().enumerate() {
            let result = engine.train(
                |input| input.copy_from_slice(&self.data.values(indices)),
                &self.data.labels(indices),
                &settings(step as u64),
            )?;
            losses.push(result.loss_sum / indices.len() as f64);
        }
        let mut sums = (0.0, 0);
        for indices in self.held_out() {
            let result = engine
                .evaluate(|input| input.copy_from_slice(&self.data.values(&indices)), &self.data.labels(&indices))?;
            sums = (sums.0 + result.loss_sum, sums.1 + result.correct);
        }
        Ok(self.curve(losses, sums))
    }

    fn on(&self, stream: &Arc<dyn Stream>, precision: Precision) -> Result<Curve, Failure> {
        let batch = self.batch();
        let mut engine = engine(stream, &self.graph, batch, precision, &self.state, settings(0).optimizer)?;
        let resident = self.data.resident(stream, &self.graph)?;
        let order = self.order();
        let inputs: Vec<_> =
            order.iter().enumerate().map(|(step, indices)| StepInput::new(indices, settings(step as u64))).collect();
        let mut results = vec![StepResult::default(); inputs.len()];
        engine.steps(&resident, &inputs, &mut results)?;
        if let Some(step) = results.iter().position(|result| result.skipped) {
            return Err(format!("the update of step {step} of {} was left out", self.name).into());
        }
        let losses = results.iter().zip(&order);
        let losses = losses.map(|(result, indices)| result.loss_sum / indices.len() as f64).collect();
        let mut sums = (0.0, 0);
        for indices in self.held_out() {
            let result = engine.evaluate(&resident, &indices)?;
            sums = (sums.0 + result.loss_sum, sums.1 + result.correct);
        }
        Ok(self.curve(losses, sums))
    }

    fn curve(&self, losses: Vec<f64>, (loss, correct): (f64, u32)) -> Curve {
        let unseen = BATCHES * self.batch();
        Curve { losses, loss: loss / unseen as f64, accuracy: f64::from(correct) / unseen as f64, unseen }
    }
}

/// How far two runs may be apart.
///
/// Measured on the processor: 200 steps of each network beside the same ones after a change of all weights in
/// every step, in their last bit for f32, rounded to the format for the others. The worst seen were, in the order
/// of the fields, 1.4e-5, 5e-3, 5e-3 and 0.03 for f32, 6e-4, 9e-3, 5e-2 and 0.04 for tf32 and f16, 9e-3, 1.3e-2,
/// 2.4e-2 and 0.02 for bf16. The limits are higher because a GPU's engine rounds activations and gradients too.
struct Limits {
    /// The loss of each of the first steps, relative.
    first: f64,
    /// Mean losses over a tenth of the run, relative.
    smoothed: f64,
    /// The mean loss of unseen images at the end, relative.
    unseen: f64,
    /// The part of them that is classified correctly, absolute, besides two images.
    accuracy: f64,
}

impl Limits {
    fn of(precision: Precision) -> Self {
        let [first, smoothed, unseen, accuracy] = match precision {
            Precision::F32 => [1e-4, 2e-2, 2e-2, 0.03],
            Precision::Tf32 | Precision::F16 => [1e-2, 4e-2, 0.1, 0.05],
            Precision::Bf16 => [5e-2, 5e-2, 0.1, 0.05],
        };
        Self { first, smoothed, unseen, accuracy }
    }
}

impl Curve {
    /// Names the first thing that differs by more than its limit.
    fn compare(&self, expected: &Self, limits: &Limits) -> Result<(), String> {
        // A NaN is not below any limit.
        let near = |what: String, found: f64, expected: f64, limit: f64| match (found - expected).abs() <= limit {
            true => Ok(()),
            false => Err(format!("{what} is {found}, expected {expected} +- {limit:.1e}: that")),
        };
        let relative = |what, found, expected: f64, limit| near(what, found, expected, limit * expected);
        let steps = expected.losses.len();
        let pairs = self.losses.iter().zip(&expected.losses);
        for (step, (&found, &expected)) in pairs.enumerate().take(FIRST) {
            relative(format!("the loss of step {step}"), found, expected, limits.first)?;
        }
        let (tenth, mean) = (steps.div_ceil(10), |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64);
        let parts = self.losses.chunks(tenth).zip(expected.losses.chunks(tenth));
        for (part, (found, expected)) in parts.enumerate() {
            let what = format!("the mean loss of {tenth} steps from {} on", part * tenth);
            relative(what, mean(found), mean(expected), limits.smoothed)?;
        }
        let what = |what: &str| format!("the {what} of unseen images");
        relative(what("loss"), self.loss, expected.loss, limits.unseen)?;
        let limit = limits.accuracy + 2.0 / expected.unseen as f64;
        near(what("accuracy"), self.accuracy, expected.accuracy, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve() -> Curve {
        Curve {
            losses: (0..200).map(|step| 2.0 - f64::from(step) / 200.0).collect(),
            loss: 1.1,
            accuracy: 0.8,
            unseen: 1000,
        }
    }

    #[test]
    fn runs_that_differ_are_told_apart() {
        let limits = Limits::of(Precision::F32);
        assert_eq!(curve().compare(&curve(), &limits), Ok(()));
        // A single loss late in the run may be off, none at its beginning.
        let mut later = curve();
        later.losses[150] *= 1.1;
        assert_eq!(later.compare(&curve(), &limits), Ok(()));
        type Change<'a> = (&'a str, &'a dyn Fn(&mut Curve));
        let changes: [Change<'_>; 6] = [
            ("the loss of step 3", &|c| c.losses[3] *= 1.0002),
            ("the loss of step 4", &|c| c.losses[4] = f64::NAN),
            ("20 steps from 100 on", &|c| c.losses[100..120].iter_mut().for_each(|l| *l *= 1.03)),
            ("20 steps from 180 on", &|c| c.losses[199] = f64::NAN),
            ("the loss of unseen images", &|c| c.loss *= 0.97),
            ("the accuracy of unseen images", &|c| c.accuracy -= 0.05),
        ];
        for (named, change) in changes {
            let mut found = curve();
            change(&mut found);
            let difference = found.compare(&curve(), &limits).unwrap_err();
            assert!(difference.contains(named), "{difference}");
        }
    }
}
