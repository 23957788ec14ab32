//! The oracle as a device: plans are run step by step in f64, parameters are kept in f64 too.

use std::sync::Arc;

use tunefork_graph::{Graph, GraphError, NoWorkspace, Plan};
use tunefork_reference::optimizer::{Optimizer, clip};
use tunefork_reference::{Batch as Images, Masks, Mode, Settings, State, run_program};
use tunefork_train::{Batch, Device, Engine, EngineError, Evaluated, ImageSet, StepResult, StepSettings, TrainingStep};

/// Makes engines of one graph, which it was given because a plan does not contain it.
pub(crate) struct Reference(pub Graph);

impl Device for Reference {
    fn plan(&self, graph: &Graph, evaluation_batch: usize) -> Result<Plan, GraphError> {
        Plan::new(graph, evaluation_batch, &NoWorkspace)
    }

    fn planned_bytes(&self, plan: &Plan, _: &dyn ImageSet) -> u64 {
        2 * plan.bytes().total()
    }

    fn engine(&self, plan: Arc<Plan>) -> Result<Box<dyn Engine>, EngineError> {
        let state = State::new(&self.0);
        Ok(Box::new(ReferenceEngine { graph: self.0.clone(), plan, state, optimizer: None }))
    }
}

struct ReferenceEngine {
    graph: Graph,
    plan: Arc<Plan>,
    state: State,
    optimizer: Option<Optimizer>,
}

impl ReferenceEngine {
    fn images(&self, batch: &Batch<'_>) -> Images {
        let mut input = vec![0.0; batch.rows() * self.plan.image.elements()];
        batch.fill(&mut input);
        let pixels = input.into_iter().map(f64::from).collect();
        Images::new(&self.graph, pixels, batch.labels().to_vec()).unwrap()
    }
}

impl ReferenceEngine {
    fn step(&mut self, batch: &Batch<'_>, settings: &StepSettings<'_>) -> StepResult {
        let scalars = Settings {
            smoothing: settings.label_smoothing.into(),
            class_weights: settings.class_weights.iter().map(|w| f64::from(*w)).collect(),
            mixing: settings.mixing.into(),
            dropout: settings.dropout.iter().map(|p| f64::from(*p)).collect(),
            masks: Masks::Drawn { key: settings.dropout_key, step: settings.step },
        };
        let images = self.images(batch);
        let report = run_program(&self.plan, Mode::Training, &self.state, &images, &scalars).unwrap();
        let mut gradients = report.gradients;
        if let Some(norm) = settings.clip_norm {
            clip(&mut gradients, norm.into());
        }
        let optimizer =
            self.optimizer.get_or_insert_with(|| Optimizer::new(settings.optimizer, &self.state.parameters));
        optimizer.update(&mut self.state.parameters, &gradients, settings.learning_rate, settings.weight_decay);
        self.state.running = report.running;
        StepResult {
            loss_sum: report.loss * batch.rows() as f64,
            correct: report.correct as u32,
            ..StepResult::default()
        }
    }
}

impl Engine for ReferenceEngine {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn train(&mut self, steps: &[TrainingStep<'_>], results: &mut [StepResult]) -> Result<(), EngineError> {
        for (step, result) in steps.iter().zip(results) {
            *result = self.step(&step.batch, &step.settings);
        }
        Ok(())
    }

    fn evaluate(&mut self, _: &[Batch<'_>], _: &mut dyn FnMut(&Batch<'_>, Evaluated<'_>)) -> Result<(), EngineError> {
        unreachable!("parity is a matter of training steps")
    }

    fn read_slab(&self, _: &mut [f32]) -> Result<(), EngineError> {
        unreachable!("nobody looks at the weights")
    }

    fn write_slab(&mut self, slab: &[f32]) -> Result<(), EngineError> {
        let layout = &self.plan.slab;
        for (tensor, slot) in self.state.parameters.iter_mut().zip(&layout.parameters) {
            let values = &slab[slot.offset..][..slot.len];
            tensor.iter_mut().zip(values).for_each(|(to, from)| *to = f64::from(*from));
        }
        Ok(())
    }

    fn read_optimizer(&self, _: &mut [f32]) -> Result<(), EngineError> {
        unreachable!("nobody looks at the state")
    }

    fn write_optimizer(&mut self, _: &[f32]) -> Result<(), EngineError> {
        unreachable!("nobody goes on from a state")
    }

    fn optimizer_len(&self) -> usize {
        0
    }
}
