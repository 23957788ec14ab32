//! A trained network at work.

use std::sync::Arc;

use tunefork_nn::Network;

use crate::batch::Batches;
use crate::metrics::Tally;
use crate::weights::WeightMap;
use crate::{Device, Engine, Evaluation, Images, Tensor, TrainError};

/// A network with its weights, ready to classify images.
pub struct Predictor {
    network: Network,
    engine: Box<dyn Engine>,
}

impl Predictor {
    /// Images that are classified at once.
    const BATCH: usize = 32;

    /// Builds the network on a device and sets its weights, such as [`crate::Trainer::weights`] gave.
    ///
    /// # Errors
    /// If the network cannot be, or the tensors are not its own.
    pub fn new(network: Network, weights: &[Tensor], device: &dyn Device) -> Result<Self, TrainError> {
        let mut plan = device.plan(&network.graph(Self::BATCH)?, Self::BATCH)?;
        plan.optimizer_states = 0;
        let map = WeightMap::new(&network, plan.slab.clone())?;
        let slab = map.slab(weights)?;
        let mut engine = device.engine(Arc::new(plan))?;
        engine.write_slab(&slab)?;
        Ok(Self { network, engine })
    }

    /// The network's output for each image before the softmax, a row of `classes` values per index.
    ///
    /// # Errors
    /// If the images are not what the network reads, or the engine fails.
    ///
    /// # Panics
    /// If an index names no image.
    pub fn logits(&mut self, images: &Images, indices: &[u32]) -> Result<Vec<f32>, TrainError> {
        images.check(&self.network)?;
        let mut batches = Batches::new(indices.len(), 0);
        batches.listed(images, indices);
        let mut logits = Vec::with_capacity(indices.len() * self.network.classes);
        for chunk in batches.chunks(images, Self::BATCH, self.engine.chunk()) {
            self.engine.evaluate(&chunk, &mut |_, evaluated| {
                logits.extend_from_slice(evaluated.logits);
            })?;
        }
        Ok(logits)
    }

    /// The probability of each class, a row of `classes` values per index; each row adds up to 1.
    ///
    /// # Errors
    /// As [`Predictor::logits`].
    ///
    /// # Panics
    /// If an index names no image.
    pub fn probabilities(&mut self, images: &Images, indices: &[u32]) -> Result<Vec<f32>, TrainError> {
        let mut values = self.logits(images, indices)?;
        values.chunks_exact_mut(self.network.classes).for_each(softmax);
        Ok(values)
    }

    /// The loss on images with labels, and what each was taken for.
    ///
    /// # Errors
    /// As [`Predictor::logits`].
    ///
    /// # Panics
    /// If an index names no image.
    pub fn evaluation(&mut self, images: &Images, indices: &[u32]) -> Result<Evaluation, TrainError> {
        images.check(&self.network)?;
        if indices.is_empty() {
            return Err(TrainError::NoImages { part: "evaluation" });
        }
        let mut batches = Batches::new(indices.len(), 0);
        batches.listed(images, indices);
        let mut tally = Tally::new(self.network.classes);
        for chunk in batches.chunks(images, Self::BATCH, self.engine.chunk()) {
            self.engine.evaluate(&chunk, &mut |batch, evaluated| tally.add(batch, &evaluated))?;
        }
        Ok(tally.evaluation())
    }
}

impl std::fmt::Debug for Predictor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Predictor").field("network", &self.network).finish_non_exhaustive()
    }
}

/// Turns a row of logits into probabilities; shifted by the largest, so that nothing overflows.
fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp = |value: f32| libm::exp(f64::from(value) - f64::from(largest));
    let sum: f64 = row.iter().map(|value| exp(*value)).sum();
    row.iter_mut().for_each(|value| *value = (exp(*value) / sum) as f32);
}

#[cfg(test)]
mod tests {
    use super::softmax;

    #[test]
    fn large_logits_do_not_overflow() {
        let mut row = [1000.0, 1000.0, -1000.0];
        softmax(&mut row);
        assert_eq!(row, [0.5, 0.5, 0.0]);
    }
}
