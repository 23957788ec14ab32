//! An engine and the reference beside each other.

use std::sync::Arc;

use tunefork_cpu::{CpuWorkspace, Engine, StepResult, StepSettings};
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Differentiated, Graph, Plan, differentiate};
use tunefork_reference::{Batch, Masks, Mode, Outcome, Settings, State, Tensor, run, testing};
use tunefork_simd::Isa;

/// A graph with everything that one training step depends on.
pub(crate) struct Case {
    pub graph: Graph,
    pub all: Differentiated,
    pub plan: Arc<Plan>,
    pub state: State,
    pub batch: Batch,
    pub settings: Settings,
}

impl Case {
    /// Random parameters and `rows` random images.
    pub(crate) fn new(graph: Graph, rows: usize, evaluation_batch: usize, seed: u64) -> Self {
        Self {
            all: differentiate(&graph).unwrap(),
            plan: Arc::new(Plan::new(&graph, evaluation_batch, &CpuWorkspace).unwrap()),
            state: testing::random_state(&graph, seed),
            batch: testing::random_batch(&graph, rows, seed),
            settings: testing::random_settings(&graph, seed),
            graph,
        }
    }

    /// What the reference makes of it; `None` where a batch norm has a single value.
    pub(crate) fn expected(&self) -> Option<Outcome> {
        run(self.all.graph(), &self.state, &self.batch, Mode::Training, &self.settings).ok()
    }

    /// An engine with the case's parameters.
    pub(crate) fn engine(&self, isa: Isa, threads: usize) -> Engine {
        let mut engine = Engine::new(Arc::clone(&self.plan), isa, threads).unwrap();
        for (slot, tensor) in self.plan.slab.parameters.iter().zip(&self.state.parameters) {
            copy(tensor.iter(), &mut engine.slab_mut()[slot.offset..slot.offset + slot.len]);
        }
        for (slot, running) in self.plan.slab.norms.iter().zip(&self.state.running) {
            copy(running.mean.iter(), &mut engine.slab_mut()[slot.mean..slot.mean + slot.len]);
            copy(running.variance.iter(), &mut engine.slab_mut()[slot.variance..slot.variance + slot.len]);
        }
        engine
    }

    /// One training step that changes nothing but the running statistics.
    pub(crate) fn step(&self, engine: &mut Engine) -> StepResult {
        let Masks::Drawn { key, step } = self.settings.masks else {
            panic!("the engine draws its masks");
        };
        let dropout: Vec<f32> = self.settings.dropout.iter().map(|&p| p as f32).collect();
        let weights: Vec<f32> = self.settings.class_weights.iter().map(|&w| w as f32).collect();
        let settings = StepSettings {
            step,
            learning_rate: 0.0,
            label_smoothing: self.settings.smoothing as f32,
            class_weights: &weights,
            mixing: self.settings.mixing as f32,
            dropout: &dropout,
            dropout_key: key,
            ..StepSettings::new(UpdateRule::SGD)
        };
        engine.train(|input| copy(self.batch.images().iter(), input), self.batch.labels(), &settings).unwrap()
    }

    /// The engine's gradient of parameter number `index`.
    pub(crate) fn gradient<'a>(&self, engine: &'a Engine, index: usize) -> &'a [f32] {
        let slot = &self.plan.slab.parameters[index];
        &engine.gradients()[slot.offset..slot.offset + slot.len]
    }
}

/// Rounds values, which are f32 numbers already, to f32.
pub(crate) fn copy<'a>(from: impl Iterator<Item = &'a f64>, to: &mut [f32]) {
    from.zip(to).for_each(|(from, to)| *to = *from as f32);
}

/// Euclidean norm.
pub(crate) fn norm<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    values.into_iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Euclidean distance of what an engine gave from what it should be; infinite for NaN.
pub(crate) fn distance(got: &[f32], expected: &Tensor) -> f64 {
    assert_eq!(got.len(), expected.len());
    let sum: f64 = got.iter().zip(expected).map(|(&g, e)| (f64::from(g) - e).powi(2)).sum();
    if sum.is_finite() { sum.sqrt() } else { f64::INFINITY }
}
