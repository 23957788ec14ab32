//! One network in training: its memory, and the calls that move it on.

use std::sync::Arc;
use std::time::Duration;

use tunefork_graph::{Evaluated, Plan, StepResult, StepSettings};
use tunefork_simd::Isa;

use crate::CpuError;
use crate::loss::Targets;
use crate::memory::Memory;
use crate::optimizer;
use crate::pool::Pool;
use crate::program::{PreparedProgram, Run};

/// A trial's engine. It owns all memory of the trial and its threads; steps allocate nothing.
///
/// Equal calls give equal bits on one instruction set, whatever the number of threads.
///
/// ```
/// use std::sync::Arc;
/// use tunefork_cpu::{CpuWorkspace, Engine, StepSettings};
/// use tunefork_graph::{Graph, Plan, optimizer::UpdateRule};
/// use tunefork_simd::Isa;
///
/// let mut graph = Graph::new(4, [2, 2, 1])?;
/// let x = graph.flatten(graph.input())?;
/// let x = graph.dense(x, "head", 3, true)?;
/// graph.softmax_cross_entropy(x, 3)?;
/// let plan = Arc::new(Plan::new(&graph, 4, &CpuWorkspace)?);
///
/// let mut engine = Engine::new(plan, Isa::detect(), 2)?;
/// engine.slab_mut().fill(0.1); // as a rule random weights
/// let settings = StepSettings { learning_rate: 0.1, ..StepSettings::new(UpdateRule::SGD) };
/// let result = engine.train(|input| input.fill(1.0), &[0, 1, 2, 0], &settings)?;
/// assert!((result.loss_sum / 4.0 - 3f64.ln()).abs() < 1e-6); // all classes are equal so far
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Engine {
    plan: Arc<Plan>,
    isa: Isa,
    pool: Pool,
    memory: Memory,
    training: PreparedProgram,
    evaluation: PreparedProgram,
    update_time: Duration,
}

impl Engine {
    /// An engine on `threads` threads (at least 1; the calling one is one of them), with all weights
    /// zero and running variances one. The plan must have been made with [`CpuWorkspace`](crate::CpuWorkspace).
    ///
    /// # Errors
    ///
    /// If an image of some layer has too many values to be addressed.
    pub fn new(plan: Arc<Plan>, isa: Isa, threads: usize) -> Result<Self, CpuError> {
        check_sizes(&plan)?;
        let threads = threads.max(1);
        let training = PreparedProgram::new(&plan.training, &plan.slab, true);
        let evaluation = PreparedProgram::new(&plan.evaluation, &plan.slab, false);
        let memory = Memory::new(&plan, scratch_len(&training, &evaluation), threads);
        Ok(Self { isa, pool: Pool::new(threads), memory, training, evaluation, update_time: Duration::ZERO, plan })
    }

    /// Bytes of all buffers that an engine for this plan allocates: the plan's own, and scratch for
    /// each thread.
    pub fn planned_bytes(plan: &Plan, threads: usize) -> u64 {
        let training = PreparedProgram::new(&plan.training, &plan.slab, true);
        let evaluation = PreparedProgram::new(&plan.evaluation, &plan.slab, false);
        let scratch_len = scratch_len(&training, &evaluation);
        Memory::bytes(plan, scratch_len, threads.max(1))
    }

    /// What this engine runs.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many threads it runs on, the calling one included.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Goes on with so many threads, at least 1: new ones, with new scratch. All else stays.
    pub fn set_threads(&mut self, threads: usize) {
        let threads = threads.max(1);
        if threads != self.threads() {
            self.pool = Pool::new(threads);
            self.memory.set_threads(threads);
        }
    }

    /// Forward, backward and update with a batch of one image per label, at most the plan's batch.
    /// `fill` writes the images, height by width by channels, one after the other.
    ///
    /// # Errors
    ///
    /// If there are no images, more than the plan has room for, or a label is no class.
    ///
    /// # Panics
    ///
    /// If the optimizer has more tensors of state than the plan.
    pub fn train(
        &mut self,
        fill: impl FnOnce(&mut [f32]),
        labels: &[u16],
        settings: &StepSettings<'_>,
    ) -> Result<StepResult, CpuError> {
        let rows = self.check_labels(labels, self.plan.training.batch)?;
        assert!(settings.optimizer.states() <= self.plan.optimizer_states, "the plan has room for the optimizer");
        fill(self.memory.images(self.plan.training.input, rows * self.plan.image.elements()));
        let run = Run {
            targets: Targets {
                labels,
                smoothing: settings.label_smoothing,
                class_weights: settings.class_weights,
                mixing: settings.mixing,
            },
            dropout: settings.dropout,
            key: settings.dropout_key,
            step: settings.step,
        };
        let mut context = self.memory.context(self.isa, &mut self.pool, rows);
        let sum = self.training.run(&mut context, &run);
        let start = std::time::Instant::now();
        let gradient_norm =
            optimizer::run(self.isa, &mut self.pool, &self.memory.optimizer(), &self.plan.slab.parameters, settings);
        self.update_time += start.elapsed();
        Ok(StepResult { loss_sum: sum.loss, correct: sum.correct, gradient_norm, skipped: false })
    }

    /// Forward in evaluation mode (running statistics, no dropout) with a batch of one image per
    /// label, at most the plan's evaluation batch.
    ///
    /// # Errors
    ///
    /// As for [`train`](Self::train).
    pub fn evaluate(&mut self, fill: impl FnOnce(&mut [f32]), labels: &[u16]) -> Result<Evaluated<'_>, CpuError> {
        let rows = self.check_labels(labels, self.plan.evaluation.batch)?;
        fill(self.memory.images(self.plan.evaluation.input, rows * self.plan.image.elements()));
        let run = Run {
            targets: Targets { labels, smoothing: 0.0, class_weights: &[], mixing: 0.0 },
            dropout: &[],
            key: [0, 0],
            step: 0,
        };
        let mut context = self.memory.context(self.isa, &mut self.pool, rows);
        let sum = self.evaluation.run(&mut context, &run);
        let start = self.plan.evaluation.logits.offset;
        let logits = &self.memory.arena.as_slice()[start..start + rows * self.plan.classes];
        Ok(Evaluated { loss_sum: sum.loss, correct: sum.correct, logits })
    }

    /// Parameters, then running statistics, as the plan lays them out.
    pub fn slab(&self) -> &[f32] {
        self.memory.slab.as_slice()
    }

    /// The same, to be changed.
    pub fn slab_mut(&mut self) -> &mut [f32] {
        self.memory.slab.as_mut_slice()
    }

    /// Gradients of the last step, before clipping, laid out as the parameters.
    pub fn gradients(&self) -> &[f32] {
        self.memory.gradients.as_slice()
    }

    /// The tensors of the optimizer's state, laid out as the parameters, as many as the plan has.
    pub fn optimizer_states(&self) -> impl Iterator<Item = &[f32]> {
        self.memory.states.iter().take(self.plan.optimizer_states).map(|state| state.as_slice())
    }

    pub(crate) fn optimizer_states_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.memory.states.iter_mut().take(self.plan.optimizer_states).map(|state| state.as_mut_slice())
    }

    /// Name of each training step and the time spent in it so far; the update comes last.
    pub fn times(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.training.times().chain(std::iter::once(("update", self.update_time)))
    }

    fn check_labels(&self, labels: &[u16], batch: usize) -> Result<usize, CpuError> {
        if labels.is_empty() || labels.len() > batch {
            return Err(CpuError::WrongRows { rows: labels.len(), batch });
        }
        match labels.iter().find(|&&label| usize::from(label) >= self.plan.classes) {
            Some(&label) => Err(CpuError::WrongLabel { label, classes: self.plan.classes }),
            None => Ok(labels.len()),
        }
    }
}

fn scratch_len(training: &PreparedProgram, evaluation: &PreparedProgram) -> usize {
    training.scratch_len().max(evaluation.scratch_len()).next_multiple_of(16)
}

/// Tables hold places within a task's part of a tensor in 32 bits.
fn check_sizes(plan: &Plan) -> Result<(), CpuError> {
    let largest = plan.arena_len().max(plan.slab.len);
    match u32::try_from(largest) {
        Ok(_) => Ok(()),
        Err(_) => Err(CpuError::TooLarge { elements: largest }),
    }
}
