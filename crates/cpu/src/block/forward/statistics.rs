//! The statistics that a norm works with: the batch's, or the running ones.

use tunefork_graph::BatchNorm;

use super::ForwardTables;
use crate::block::moments;
use crate::context::Context;
use crate::parameters::NormRanges;

impl ForwardTables {
    /// Mean and 1 / standard deviation of the batch, and the running statistics.
    pub(super) fn finish_statistics(&self, context: &mut Context<'_>) {
        let (Some(norm), Some(buffer), Some(workspace)) = (&self.norm, self.step.statistics, self.step.workspace)
        else {
            return;
        };
        let (k, strips, width) = (self.tail.convolved.channels, self.strips(), self.tail.convolved.width);
        let pieces = context.tensor(workspace).part(self.sizes.moments.clone());
        let pieces = pieces.part(0..context.rows * strips * 2 * k);
        // SAFETY: no task is running.
        let (pieces, statistics, slab) =
            unsafe { (pieces.read(), context.tensor(buffer).write(), context.slab.write()) };
        let (means, rstds) = statistics.split_at_mut(k);
        let count = |piece: usize| match &self.conv {
            Some(conv) => conv.tables.strip_rows(piece % strips).len() * width,
            None => self.tail.convolved.pixels(),
        };
        moments::merge(context.isa, pieces, &count, means, rstds);
        let all = (context.rows * self.tail.convolved.pixels()) as f64;
        let momentum = BatchNorm::MOMENTUM;
        let blend = |old: f32, new: f64| ((1.0 - momentum) * f64::from(old) + momentum * new) as f32;
        for channel in 0..k {
            let variance = f64::from(rstds[channel]);
            let running_mean = &mut slab[norm.mean.start + channel];
            *running_mean = blend(*running_mean, f64::from(means[channel]));
            // A single value has no unbiased variance; the running one then keeps its value.
            if all > 1.0 {
                let running_variance = &mut slab[norm.variance.start + channel];
                *running_variance = blend(*running_variance, variance * all / (all - 1.0));
            }
            rstds[channel] = (1.0 / (variance + BatchNorm::EPSILON).sqrt()) as f32;
        }
    }

    /// Running mean and 1 / standard deviation for an evaluation.
    pub(super) fn running_statistics(&self, context: &mut Context<'_>, norm: &NormRanges) {
        let Some(buffer) = self.step.statistics else {
            return;
        };
        // SAFETY: no task is running.
        let (statistics, slab) = unsafe { (context.tensor(buffer).write(), context.slab.read()) };
        let (means, rstds) = statistics.split_at_mut(self.tail.convolved.channels);
        means.copy_from_slice(&slab[norm.mean.clone()]);
        for (rstd, &variance) in rstds.iter_mut().zip(&slab[norm.variance.clone()]) {
            *rstd = (1.0 / (f64::from(variance) + BatchNorm::EPSILON).sqrt()) as f32;
        }
    }
}
