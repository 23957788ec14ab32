//! Group norm: image by image, with the statistics of each group spread over its channels, so that
//! the passes of batch norm do the work. What an image adds to the parameters' gradients waits in the
//! workspace until all are added in the order of the images: the number of threads changes no bit.

use std::ops::Range;
use std::sync::Arc;

use tunefork_graph::{BatchNorm, GroupNorm, GroupNormBackward, GroupNormForward, PoolKind, SlabLayout, Window};

use crate::block::gradient::{self, Coefficients};
use crate::block::moments;
use crate::block::tail::{self, Inputs, Norm, Tail};
use crate::context::Context;
use crate::layout::{self, Layout};

/// Elements of workspace that a backward step needs: what each image adds to the parameters' gradients.
pub(crate) fn backward_workspace(norm: &GroupNorm, batch: usize) -> usize {
    2 * norm.image.channels * batch
}

/// What both passes know beforehand.
pub(crate) struct Tables {
    norm: Arc<GroupNorm>,
    scale: Range<usize>,
    shift: Range<usize>,
    tail: Tail,
    means: Range<usize>,
    rstds: Range<usize>,
    factors: Range<usize>,
    slopes: Range<usize>,
    offsets: Range<usize>,
    gradient: Range<usize>,
    scratch: usize,
}

impl Tables {
    pub(crate) fn new(norm: &Arc<GroupNorm>, slab: &SlabLayout) -> Self {
        let (image, k) = (norm.image, norm.image.channels);
        let window = Window { kernel: 1, stride: 1, padding: 0 };
        let mut layout = Layout::default();
        Self {
            scale: slab.parameter(norm.scale).range(),
            shift: slab.parameter(norm.shift).range(),
            norm: Arc::clone(norm),
            tail: Tail { convolved: image, output: image, activation: None, pool: PoolKind::Max, window },
            means: layout.take(k),
            rstds: layout.take(k),
            factors: layout.take(k),
            slopes: layout.take(k),
            offsets: layout.take(k),
            gradient: layout.take(image.elements()),
            scratch: layout.len(),
        }
    }

    pub(crate) fn scratch_len(&self) -> usize {
        self.scratch
    }

    pub(crate) fn forward(&self, context: &mut Context<'_>, step: &GroupNormForward) {
        let (isa, scratch, scratch_len) = (context.isa, context.scratch, context.scratch_len);
        let (len, groups) = (self.norm.image.elements(), self.norm.groups);
        // SAFETY: no step writes the parameters.
        let slab = unsafe { context.slab.read() };
        let (input, output) = (context.tensor(step.input), context.tensor(step.output));
        let statistics = context.tensor(step.statistics);
        context.pool.run(context.rows, &|image, thread| {
            // SAFETY: the step does not write its input; the image's result and statistics belong to this
            // task, the scratch to this thread.
            let (x, y, statistics, scratch) = unsafe {
                let (x, y) = (input.piece(image, len).read(), output.piece(image, len).write());
                (x, y, statistics.piece(image, 2 * groups).write(), scratch.piece(thread, scratch_len).write())
            };
            let [means, rstds] = layout::parts(scratch, [&self.means, &self.rstds]);
            moments::moments(isa, x, means, rstds);
            self.merge(means, rstds, statistics);
            self.spread(statistics, means, rstds);
            tail::forward(isa, &self.tail, &self.inputs(x, slab, means, rstds), y);
        });
    }

    pub(crate) fn backward(&self, context: &mut Context<'_>, step: &GroupNormBackward) {
        let (isa, scratch, scratch_len) = (context.isa, context.scratch, context.scratch_len);
        let (len, k, groups) = (self.norm.image.elements(), self.norm.image.channels, self.norm.groups);
        // SAFETY: no step writes the parameters.
        let slab = unsafe { context.slab.read() };
        let (input, output_gradient) = (context.tensor(step.input), context.tensor(step.output_gradient));
        let statistics = context.tensor(step.statistics);
        let all_sums = context.tensor(step.workspace.expect("the workspace was asked for"));
        let to = step.input_gradient.map(|gradient| (context.tensor(gradient.to), gradient.accumulate));
        context.pool.run(context.rows, &|image, thread| {
            // SAFETY: the image belongs to this task, the scratch to this thread; nothing of the image is
            // written before both tensors have been read.
            let (x, dy, statistics, sums, scratch) = unsafe {
                let (x, dy) = (input.piece(image, len).read(), output_gradient.piece(image, len).read());
                let (statistics, sums) = (statistics.piece(image, 2 * groups).read(), all_sums.piece(image, 2 * k));
                (x, dy, statistics, sums.write(), scratch.piece(thread, scratch_len).write())
            };
            let [means, rstds, factors, slopes, offsets, dx] = layout::parts(
                scratch,
                [&self.means, &self.rstds, &self.factors, &self.slopes, &self.offsets, &self.gradient],
            );
            self.spread(statistics, means, rstds);
            gradient::sums(isa, &self.tail, &self.inputs(x, slab, means, rstds), dy, sums);
            let Some((to, accumulate)) = to else {
                return;
            };
            self.coefficients(&slab[self.scale.clone()], rstds, sums, [&mut *factors, &mut *slopes, &mut *offsets]);
            let coefficients = Coefficients { mean: means, factor: factors, slope: slopes, offset: offsets };
            gradient::through_norm(isa, &coefficients, x, dy, dx);
            // SAFETY: as above; x and dy are not used any more.
            gradient::deliver(isa, dx, accumulate, unsafe { to.piece(image, len).write() });
        });
        // SAFETY: no task is running.
        let (sums, gradients) = unsafe { (all_sums.part(0..context.rows * 2 * k).read(), context.gradients.write()) };
        for channel in 0..k {
            gradients[self.shift.start + channel] = moments::sum_in_order(sums, 2 * k, channel) as f32;
            gradients[self.scale.start + channel] = moments::sum_in_order(sums, 2 * k, k + channel) as f32;
        }
    }

    /// The channels of each group.
    fn groups(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let channels = self.norm.channels();
        (0..self.norm.groups).map(move |group| (group, group * channels..(group + 1) * channels))
    }

    /// From mean and sum of squared deviations of each channel to an image's statistics.
    fn merge(&self, means: &[f32], deviations: &[f32], statistics: &mut [f32]) {
        let (group_means, rstds) = statistics.split_at_mut(self.norm.groups);
        for (group, channels) in self.groups() {
            let of = |values: &[f32], channel: usize| f64::from(values[channel]);
            let mean = channels.clone().map(|c| of(means, c)).sum::<f64>() / channels.len() as f64;
            let pixels = self.norm.image.pixels() as f64;
            let deviation = channels.map(|c| of(deviations, c) + pixels * (of(means, c) - mean).powi(2)).sum::<f64>();
            group_means[group] = mean as f32;
            rstds[group] = (1.0 / (deviation / self.norm.values() as f64 + BatchNorm::EPSILON).sqrt()) as f32;
        }
    }

    /// Gives each channel the statistics of its group.
    fn spread(&self, statistics: &[f32], means: &mut [f32], rstds: &mut [f32]) {
        let (group_means, group_rstds) = statistics.split_at(self.norm.groups);
        for (group, channels) in self.groups() {
            means[channels.clone()].fill(group_means[group]);
            rstds[channels].fill(group_rstds[group]);
        }
    }

    fn inputs<'a>(&self, x: &'a [f32], slab: &'a [f32], mean: &'a [f32], rstd: &'a [f32]) -> Inputs<'a> {
        let (scale, shift) = (&slab[self.scale.clone()], &slab[self.shift.clone()]);
        Inputs { y: x, norm: Some(Norm { mean, rstd, scale, shift }), shortcut: None }
    }

    /// With h = gamma dy and m values in a group: dx = gamma rstd dy - rstd sum(h) / m - rstd xhat sum(h xhat) / m,
    /// from the image's sums over dy and dy xhat of each channel.
    fn coefficients(&self, scale: &[f32], rstds: &[f32], sums: &[f32], to: [&mut [f32]; 3]) {
        let [factors, slopes, offsets] = to;
        let (shift_sums, scale_sums) = sums.split_at(scale.len());
        for (_, channels) in self.groups() {
            let mean = |sums: &[f32]| {
                let terms = channels.clone().map(|c| f64::from(scale[c]) * f64::from(sums[c]));
                terms.sum::<f64>() / self.norm.values() as f64
            };
            let rstd = f64::from(rstds[channels.start]);
            slopes[channels.clone()].fill((-rstd * rstd * mean(scale_sums)) as f32);
            offsets[channels.clone()].fill((-rstd * mean(shift_sums)) as f32);
            for channel in channels {
                factors[channel] = scale[channel] * rstds[channel];
            }
        }
    }
}
