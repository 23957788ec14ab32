//! The CPU as a device.

use std::sync::Arc;

use tunefork_cpu::CpuWorkspace;
use tunefork_graph::{Graph, GraphError, Plan};
use tunefork_simd::Isa;

use crate::{Batch, Device, Engine, Evaluated, Images, Step, StepResult, TrainError};

/// The processor: an instruction set and a number of threads for each engine.
///
/// Results depend on the instruction set, never on the number of threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cpu {
    isa: Isa,
    threads: usize,
}

impl Cpu {
    /// Engines with this instruction set on `threads` threads each; 0 counts as 1.
    pub fn new(isa: Isa, threads: usize) -> Self {
        Self { isa, threads: threads.max(1) }
    }

    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Threads of each engine.
    pub fn threads(&self) -> usize {
        self.threads
    }
}

impl Default for Cpu {
    /// The widest instruction set and all threads of this machine.
    fn default() -> Self {
        Self::new(Isa::detect(), std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Device for Cpu {
    fn plan(&self, graph: &Graph, evaluation_batch: usize) -> Result<Plan, GraphError> {
        Plan::new(graph, evaluation_batch, &CpuWorkspace)
    }

    fn planned_bytes(&self, plan: &Plan, _: &Images) -> u64 {
        tunefork_cpu::Engine::planned_bytes(plan, self.threads)
    }

    fn engine(&self, plan: Arc<Plan>) -> Result<Box<dyn Engine>, TrainError> {
        Ok(Box::new(tunefork_cpu::Engine::new(plan, self.isa, self.threads).map_err(failed)?))
    }
}

fn failed(error: tunefork_cpu::EngineError) -> TrainError {
    TrainError::Engine(Box::new(error))
}

impl Engine for tunefork_cpu::Engine {
    fn plan(&self) -> &Plan {
        self.plan()
    }

    fn set_threads(&mut self, threads: usize) {
        self.set_threads(threads);
    }

    fn train(&mut self, steps: &[Step<'_>], results: &mut [StepResult]) -> Result<(), TrainError> {
        assert_eq!(steps.len(), results.len(), "one result for each step");
        for (step, result) in steps.iter().zip(results) {
            let Step { batch, settings } = step;
            let taken = self.train(|input| batch.fill(input), batch.labels(), settings).map_err(failed)?;
            *result = StepResult { loss_sum: taken.loss_sum, correct: taken.correct };
        }
        Ok(())
    }

    fn evaluate(
        &mut self,
        batches: &[Batch<'_>],
        tell: &mut dyn FnMut(&Batch<'_>, Evaluated<'_>),
    ) -> Result<(), TrainError> {
        for batch in batches {
            let result = self.evaluate(|input| batch.fill(input), batch.labels()).map_err(failed)?;
            let evaluated = Evaluated { loss_sum: result.loss_sum, logits: result.logits };
            tell(batch, evaluated);
        }
        Ok(())
    }

    fn read_slab(&self, slab: &mut [f32]) -> Result<(), TrainError> {
        slab.copy_from_slice(self.slab());
        Ok(())
    }

    fn write_slab(&mut self, slab: &[f32]) -> Result<(), TrainError> {
        self.slab_mut().copy_from_slice(slab);
        Ok(())
    }

    fn read_optimizer(&self, state: &mut [f32]) -> Result<(), TrainError> {
        let parts = self.optimizer_states();
        let halves = state.split_at_mut(parts[0].len());
        halves.0.copy_from_slice(parts[0]);
        halves.1.copy_from_slice(parts[1]);
        Ok(())
    }

    fn write_optimizer(&mut self, state: &[f32]) -> Result<(), TrainError> {
        let parts = self.optimizer_states_mut();
        let halves = state.split_at(parts[0].len());
        parts[0].copy_from_slice(halves.0);
        parts[1].copy_from_slice(halves.1);
        Ok(())
    }

    fn optimizer_len(&self) -> usize {
        self.optimizer_states().iter().map(|part| part.len()).sum()
    }
}
