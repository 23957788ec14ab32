//! The CPU as a device.

use std::sync::Arc;

use tunefork_graph::{self as graph, Batch, Device, EngineError, Evaluated, Graph, GraphError, ImageSet, Plan};
use tunefork_graph::{StepResult, TrainingStep};
use tunefork_simd::Isa;

use crate::{CpuError, CpuWorkspace, Engine};

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

    /// The instruction set that its engines run on: it decides their bits.
    pub fn isa(&self) -> Isa {
        self.isa
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

    fn planned_bytes(&self, plan: &Plan, _: &dyn ImageSet) -> u64 {
        Engine::planned_bytes(plan, self.threads)
    }

    fn engine(&self, plan: Arc<Plan>) -> Result<Box<dyn graph::Engine>, EngineError> {
        Ok(Box::new(Engine::new(plan, self.isa, self.threads)?))
    }
}

impl From<CpuError> for EngineError {
    fn from(error: CpuError) -> Self {
        Self::failed(error)
    }
}

impl graph::Engine for Engine {
    fn plan(&self) -> &Plan {
        self.plan()
    }

    fn set_threads(&mut self, threads: usize) {
        self.set_threads(threads);
    }

    fn train(&mut self, steps: &[TrainingStep<'_>], results: &mut [StepResult]) -> Result<(), EngineError> {
        assert_eq!(steps.len(), results.len(), "one result for each step");
        for (TrainingStep { batch, settings }, result) in steps.iter().zip(results) {
            *result = self.train(|input| batch.fill(input), batch.labels(), settings)?;
        }
        Ok(())
    }

    fn evaluate(
        &mut self,
        batches: &[Batch<'_>],
        tell: &mut dyn FnMut(&Batch<'_>, Evaluated<'_>),
    ) -> Result<(), EngineError> {
        for batch in batches {
            let evaluated = self.evaluate(|input| batch.fill(input), batch.labels())?;
            tell(batch, evaluated);
        }
        Ok(())
    }

    fn read_slab(&self, slab: &mut [f32]) -> Result<(), EngineError> {
        slab.copy_from_slice(self.slab());
        Ok(())
    }

    fn write_slab(&mut self, slab: &[f32]) -> Result<(), EngineError> {
        self.slab_mut().copy_from_slice(slab);
        Ok(())
    }

    fn read_optimizer(&self, state: &mut [f32]) -> Result<(), EngineError> {
        assert_eq!(state.len(), graph::Engine::optimizer_len(self), "the optimizer's values");
        let len = self.gradients().len();
        for (part, to) in self.optimizer_states().zip(state.chunks_exact_mut(len)) {
            to.copy_from_slice(part);
        }
        Ok(())
    }

    fn write_optimizer(&mut self, state: &[f32]) -> Result<(), EngineError> {
        assert_eq!(state.len(), graph::Engine::optimizer_len(self), "the optimizer's values");
        let len = self.gradients().len();
        for (part, from) in self.optimizer_states_mut().zip(state.chunks_exact(len)) {
            part.copy_from_slice(from);
        }
        Ok(())
    }

    fn optimizer_len(&self) -> usize {
        self.optimizer_states().map(|part| part.len()).sum()
    }
}
