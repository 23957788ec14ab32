//! Averaged weights: they do not jump from step to step as the weights themselves do, and so are often
//! the better ones (Polyak and Juditsky 1992; as an exponential moving average: Tarvainen and Valpola,
//! arXiv 1703.01780).

use crate::{Engine, TrainError};

/// Exponential moving average of parameters and running statistics.
///
/// It is taken on the host every [`Self::EVERY`] steps and at the end of an epoch, so that engines need
/// not know of it: after n steps it moves as far as n single updates with standing weights would have
/// moved it.
pub(crate) struct Average {
    decay: f64,
    slab: Vec<f32>,
    /// The weights as they are read.
    current: Vec<f32>,
}

impl Average {
    /// Steps between two updates.
    pub(crate) const EVERY: u64 = 8;

    /// An average that starts from the weights as they are.
    pub(crate) fn new(decay: f64, slab: Vec<f32>) -> Self {
        let current = vec![0.0; slab.len()];
        Self { decay, slab, current }
    }

    /// Bytes that the average of `len` values takes.
    pub(crate) fn bytes(len: usize) -> u64 {
        (2 * len * size_of::<f32>()) as u64
    }

    pub(crate) fn slab(&self) -> &[f32] {
        &self.slab
    }

    /// Goes on from another average.
    ///
    /// # Panics
    /// If it has another length.
    pub(crate) fn restore(&mut self, slab: &[f32]) {
        self.slab.copy_from_slice(slab);
    }

    /// Takes in the weights after step number `step`, counted from 1 over the whole run, when `steps`
    /// steps went by since the last time.
    pub(crate) fn update(&mut self, engine: &dyn Engine, step: u64, steps: u64) -> Result<(), TrainError> {
        engine.read_slab(&mut self.current)?;
        let kept = libm::pow(decay(self.decay, step), steps as f64) as f32;
        for (average, now) in self.slab.iter_mut().zip(&self.current) {
            *average = *now + kept * (*average - *now);
        }
        Ok(())
    }
}

/// The decay after so many steps: small at first, so that the initial weights are soon forgotten
/// (TensorFlow's rule).
fn decay(most: f64, step: u64) -> f64 {
    let step = step as f64;
    most.min((1.0 + step) / (10.0 + step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decay_rises_to_its_most() {
        assert_eq!(decay(0.9, 0), 0.1);
        assert_eq!(decay(0.9, 8), 0.5);
        assert_eq!(decay(0.9, 1000), 0.9);
    }
}
