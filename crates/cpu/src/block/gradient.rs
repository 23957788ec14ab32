//! Gradients of a block's elementwise part. Nothing but y and the statistics was kept: the normalised
//! values, the activation and the place of the largest value are found again.

use std::ops::Range;

use tunefork_graph::{Activation, PoolKind};
use tunefork_simd::{Simd, dispatch};

use super::tail::{Channels, Inputs, Tail, with_window};
use crate::activation::{Function, with_activation};

dispatch! {
    /// Sums over one image, K each: of the gradient at the norm's output, and of that gradient times
    /// the normalised value. They are the gradients of the norm's shift and scale.
    pub fn sums<S>(simd: S, tail: &Tail, inputs: &Inputs<'_>, output_gradient: &[f32], sums: &mut [f32]) {
        sums.fill(0.0);
        with_activation!(simd, tail.activation, f =>
            with_window!(tail, W => sum_rows::<S, _, W>(simd, f, tail, inputs, output_gradient, sums)))
    }

    /// The gradient before the activation of the image rows that windows `positions` (rows of the
    /// output) cover, in `gradient`: the whole image, or from the first row of the first window on.
    /// Rows beside the windows get zero.
    pub fn before_activation<S>(
        simd: S,
        tail: &Tail,
        inputs: &Inputs<'_>,
        output_gradient: &[f32],
        positions: Range<usize>,
        first_row: usize,
        gradient: &mut [f32],
    ) {
        if !tail.windows_cover_everything() {
            gradient.fill(0.0);
        }
        with_activation!(simd, tail.activation, f => with_window!(tail, W =>
            spread_rows::<S, _, W>(simd, f, tail, inputs, output_gradient, positions, first_row, gradient)))
    }

    /// The same for a block whose result was kept.
    pub fn from_output<S>(
        simd: S,
        activation: Option<Activation>,
        output: &[f32],
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) {
        with_activation!(simd, activation, f => {
            for at in (0..gradient.len()).step_by(S::LANES) {
                let part = at..(at + S::LANES).min(gradient.len());
                let result = simd.load_partial(&output[part.clone()]);
                let dz = simd.load_partial(&output_gradient[part.clone()]);
                simd.store_partial(f.slope(simd, result, dz), &mut gradient[part]);
            }
        })
    }

    /// Gradient through the norm's statistics, row by row: gradient * factor + (y - mean) * slope +
    /// offset, with [`Coefficients`] in this order. `to` is as long as `gradient`.
    pub fn through_norm<S>(simd: S, coefficients: &Coefficients<'_>, y: &[f32], gradient: &[f32], to: &mut [f32]) {
        let k = coefficients.mean.len();
        for channel in (0..k).step_by(S::LANES) {
            let lanes = S::LANES.min(k - channel);
            let load = |values: &[f32], at: usize| simd.load_partial(&values[at..at + lanes]);
            let mean = load(coefficients.mean, channel);
            let factor = load(coefficients.factor, channel);
            let slope = load(coefficients.slope, channel);
            let offset = load(coefficients.offset, channel);
            for at in (channel..to.len()).step_by(k) {
                let centred = simd.sub(load(y, at), mean);
                let value = simd.mul_add(load(gradient, at), factor, simd.mul_add(centred, slope, offset));
                simd.store_partial(value, &mut to[at..at + lanes]);
            }
        }
    }

    /// Adds the sum over pixels of `values`, K per pixel, to `sum`.
    pub fn add_pixels<S>(simd: S, values: &[f32], sum: &mut [f32]) {
        let k = sum.len();
        for channel in (0..k).step_by(S::LANES) {
            let lanes = S::LANES.min(k - channel);
            let mut total = simd.load_partial(&sum[channel..channel + lanes]);
            for at in (channel..values.len()).step_by(k) {
                total = simd.add(total, simd.load_partial(&values[at..at + lanes]));
            }
            simd.store_partial(total, &mut sum[channel..channel + lanes]);
        }
    }

    /// Adds `values` to `to`, or copies them there.
    pub fn deliver<S>(simd: S, values: &[f32], accumulate: bool, to: &mut [f32]) {
        let _ = simd;
        if accumulate {
            to.iter_mut().zip(values).for_each(|(to, value)| *to += value);
        } else {
            to.copy_from_slice(values);
        }
    }
}

/// How a norm's input depends on the gradient of its output, one value per channel:
/// dy = scale rstd (g - sum(g) / m - xhat sum(g xhat) / m).
pub(crate) struct Coefficients<'a> {
    pub mean: &'a [f32],
    /// scale rstd
    pub factor: &'a [f32],
    /// - scale rstd² sum(g xhat) / m
    pub slope: &'a [f32],
    /// - scale rstd sum(g) / m
    pub offset: &'a [f32],
}

#[inline(always)]
fn sum_rows<S: Simd, F: Function, const W: usize>(
    simd: S,
    f: F,
    tail: &Tail,
    inputs: &Inputs<'_>,
    output_gradient: &[f32],
    sums: &mut [f32],
) {
    let (image, k) = (tail.convolved, tail.convolved.channels);
    let (shifts, scales) = sums.split_at_mut(k);
    let share = simd.splat(tail.share());
    for (p, row) in output_gradient.chunks_exact(tail.output.width * k).enumerate() {
        let hs = tail.span::<W>(p, image.height);
        for channel in (0..k).step_by(S::LANES) {
            let channels = Channels::new(simd, inputs, channel, k);
            let (mut shift, mut scale) = (channels.load(shifts, channel), channels.load(scales, channel));
            for q in 0..tail.output.width {
                let window = tail.elements::<W>(hs.clone(), q, channel);
                let dout = channels.load(row, q * k + channel);
                let mut add = |z, normalised, dout| {
                    let g = f.slope_at(simd, z, dout);
                    shift = simd.add(shift, g);
                    scale = simd.mul_add(g, normalised, scale);
                };
                match tail.pool {
                    PoolKind::Max => {
                        let (best, normalised) = channels.largest(&window, |normalised, _| normalised);
                        add(best, normalised, dout);
                    }
                    PoolKind::Average => window.each(|_, at| {
                        let (normalised, z) = channels.at(at);
                        add(z, normalised, simd.mul(dout, share));
                    }),
                }
            }
            channels.store(shift, shifts, channel);
            channels.store(scale, scales, channel);
        }
    }
}

#[inline(always)]
fn spread_rows<S: Simd, F: Function, const W: usize>(
    simd: S,
    f: F,
    tail: &Tail,
    inputs: &Inputs<'_>,
    output_gradient: &[f32],
    positions: Range<usize>,
    first_row: usize,
    gradient: &mut [f32],
) {
    let (image, k) = (tail.convolved, tail.convolved.channels);
    let share = simd.splat(tail.share());
    let skipped = first_row * image.width * k;
    for p in positions {
        let hs = tail.span::<W>(p, image.height);
        for channel in (0..k).step_by(S::LANES) {
            let channels = Channels::new(simd, inputs, channel, k);
            for q in 0..tail.output.width {
                let window = tail.elements::<W>(hs.clone(), q, channel);
                let dout = channels.load(output_gradient, (p * tail.output.width + q) * k + channel);
                // Windows that are known are apart: nothing is there to be added to.
                let mut put = |at: usize, g| {
                    let at = at - skipped;
                    let g = if W > 0 { g } else { simd.add(g, channels.load(gradient, at)) };
                    channels.store(g, gradient, at);
                };
                match tail.pool {
                    PoolKind::Max => {
                        let (best, chosen) = channels.largest(&window, |_, number| simd.splat(number as f32));
                        let g = f.slope_at(simd, best, dout);
                        window.each(|number, at| {
                            let here = simd.equal(chosen, simd.splat(number as f32));
                            put(at, simd.select(here, g, simd.splat(0.0)));
                        });
                    }
                    PoolKind::Average => window.each(|_, at| {
                        // Without norm and activation nothing of y is needed, and nothing was kept.
                        let z = if inputs.y.is_empty() { dout } else { channels.at(at).1 };
                        put(at, f.slope_at(simd, z, simd.mul(dout, share)));
                    }),
                }
            }
        }
    }
}
