//! Central differences against the gradients of a run.

use tunefork_graph::{Graph, differentiate};
use tunefork_reference::{Batch, Mode, Settings, State, run, testing};

/// Far enough from a kink that no difference below steps over it.
const LEAST_DISTANCE: f64 = 1e-3;
/// Step of the differences; their error is of fourth order.
const STEP: f64 = 1e-5;
/// Values of a tensor that are varied one by one.
const VARIED: usize = 12;

/// A graph with all that it is run on.
pub(crate) struct Case {
    pub graph: Graph,
    pub state: State,
    pub batch: Batch,
    pub settings: Settings,
}

impl Case {
    pub(crate) fn new(graph: Graph, rows: usize, seed: u64) -> Self {
        let state = testing::random_state(&graph, seed);
        let batch = testing::random_batch(&graph, rows, seed);
        let settings = testing::random_settings(&graph, seed);
        Self { graph, state, batch, settings }
    }

    fn loss(&self, state: &State) -> f64 {
        run(&self.graph, state, &self.batch, Mode::Training, &self.settings).unwrap().loss
    }

    /// The derivative of the loss by one value of a parameter.
    fn difference(&self, parameter: usize, element: usize) -> f64 {
        let at = |offset: f64| {
            let mut state = self.state.clone();
            let values = state.parameters[parameter].as_slice_mut().unwrap();
            values[element] += offset;
            self.loss(&state)
        };
        (8.0 * (at(STEP) - at(-STEP)) - (at(2.0 * STEP) - at(-2.0 * STEP))) / (12.0 * STEP)
    }

    /// Compares gradients with central differences; false where a kink or a batch norm over a
    /// single value forbids it.
    pub(crate) fn gradients_agree(&self) -> bool {
        let all = differentiate(&self.graph).unwrap();
        let Ok(outcome) = run(all.graph(), &self.state, &self.batch, Mode::Training, &self.settings) else {
            return false;
        };
        if testing::kink_distance(&self.graph, &outcome) < LEAST_DISTANCE {
            return false;
        }
        for (parameter, &gradient) in all.parameter_gradients().iter().enumerate() {
            let gradient = outcome.value(gradient).as_standard_layout().into_owned();
            let values = gradient.as_slice().unwrap();
            for element in (0..values.len()).step_by(values.len().div_ceil(VARIED)) {
                let expected = self.difference(parameter, element);
                let error = (values[element] - expected).abs();
                assert!(
                    error <= 1e-6 * expected.abs().max(1e-2),
                    "{} [{element}]: rule {}, difference {expected}\n{}",
                    self.graph.parameters()[parameter].name,
                    values[element],
                    self.graph.signature()
                );
            }
        }
        true
    }
}
