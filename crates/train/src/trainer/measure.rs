//! How good weights are on given images.

use super::Trainer;
use crate::metrics::Tally;
use crate::{Batch, Evaluation, TrainError};

impl Trainer {
    /// Measures the weights of the epoch that counts on some images, for example on the test part of
    /// the split; before the first epoch the initial weights.
    ///
    /// # Errors
    /// If there are no images or the engine fails.
    ///
    /// # Panics
    /// If an index names no image.
    pub fn evaluate(&mut self, indices: &[u32]) -> Result<Evaluation, TrainError> {
        let slab = self.counted_slab()?;
        self.measure_as(&slab, indices, &|_| false)
    }

    /// Measures other weights than those in training.
    pub(super) fn measure_as(
        &mut self,
        slab: &[f32],
        indices: &[u32],
        stop: &dyn Fn(f64) -> bool,
    ) -> Result<Evaluation, TrainError> {
        let current = self.read_slab()?;
        self.engine.write_slab(slab)?;
        let evaluation = self.measure(indices, stop);
        self.engine.write_slab(&current)?;
        evaluation
    }

    /// `stop` is asked before each call of the engine, with the share of the images that are measured.
    pub(super) fn measure(&mut self, indices: &[u32], stop: &dyn Fn(f64) -> bool) -> Result<Evaluation, TrainError> {
        if indices.is_empty() {
            return Err(TrainError::NoImages { part: "evaluation" });
        }
        let images = &self.task.images;
        self.batches.listed(images, indices);
        let mut tally = Tally::new(self.task.network.classes);
        let size = self.compiled.plan.evaluation.batch;
        let mut measured = 0;
        for chunk in self.batches.chunks(images, size, self.engine.chunk()) {
            if stop(measured as f64 / indices.len() as f64) {
                return Err(TrainError::Interrupted { epoch: self.epochs_done() + 1 });
            }
            measured += chunk.iter().map(Batch::rows).sum::<usize>();
            self.engine.evaluate(&chunk, &mut |batch, evaluated| tally.add(batch, &evaluated))?;
        }
        Ok(tally.evaluation())
    }
}
