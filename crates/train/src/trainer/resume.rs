//! Leaving off and going on.

use super::Trainer;
use crate::average::Average;
use crate::checkpoint::{self, Owner, State, Writer};
use crate::{CheckpointError, TrainError};

impl Trainer {
    /// All state, to go on from with [`Trainer::restore`].
    ///
    /// # Errors
    /// [`TrainError::Unfinished`] after an epoch that failed or was interrupted; if the engine fails.
    pub fn checkpoint(&self) -> Result<Vec<u8>, TrainError> {
        if !self.between_epochs {
            return Err(TrainError::Unfinished);
        }
        let slab = self.read_slab()?;
        let states = self.engine.optimizer_len();
        let floats = slab.len() + states + self.averaged().len() + self.best_slab.len();
        let mut writer = Writer::new(self.owner(), &self.values, floats);
        writer.floats(&slab);
        drop(slab);
        let mut optimizer = vec![0.0; states];
        self.engine.read_optimizer(&mut optimizer)?;
        writer.floats(&optimizer);
        drop(optimizer);
        writer.floats(self.averaged());
        writer.floats(&self.best_slab);
        Ok(writer.finish())
    }

    /// Continues where a checkpoint of an equal task was taken, with the same bits.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`]; the trainer is then as it was. [`TrainError::Engine`]; it is then
    /// of no use any more.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<(), TrainError> {
        let state = checkpoint::decode(self.owner(), checkpoint)?;
        self.check_state(&state)?;
        self.engine.write_slab(&state.slab.to_vec())?;
        self.engine.write_optimizer(&state.optimizer.to_vec())?;
        if let Some(average) = &mut self.average {
            average.restore(&state.average.to_vec());
        }
        self.best_slab = state.best_slab.to_vec();
        self.values = state.values;
        self.between_epochs = true;
        Ok(())
    }

    fn check_state(&self, state: &State<'_>) -> Result<(), CheckpointError> {
        let consistent = |what, ok| {
            if ok { Ok(()) } else { Err(CheckpointError::Inconsistent { what }) }
        };
        consistent("length of the weights", state.slab.len() == self.weights.slab_len())?;
        consistent("length of the optimizer's state", state.optimizer.len() == self.engine.optimizer_len())?;
        consistent("length of the averaged weights", state.average.len() == self.averaged().len())?;
        consistent("length of the best weights", state.best_slab.len() == self.best_slab.len())?;
        consistent("number of epochs", state.values.len() <= self.task.spec.epochs as usize)
    }

    /// The averaged weights; empty where there are none.
    fn averaged(&self) -> &[f32] {
        self.average.as_ref().map_or(&[], Average::slab)
    }

    fn owner(&self) -> Owner<'_> {
        Owner { plan: &self.compiled.plan.key, run: self.digest }
    }
}
