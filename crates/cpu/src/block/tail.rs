//! What follows a block's convolution, in one pass: norm, shortcut, activation, pooling.

use std::ops::Range;

use tunefork_graph::{Activation, Block, Image, PoolKind, Window};
use tunefork_simd::{Simd, dispatch};

use crate::activation::{Function, with_activation};

/// Sizes and settings of a block's elementwise part. No pooling is a window of one pixel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tail {
    pub convolved: Image,
    pub output: Image,
    pub activation: Option<Activation>,
    pub pool: PoolKind,
    pub window: Window,
}

/// Values of a norm, one per channel: (y - mean) * rstd * scale + shift.
#[derive(Clone, Copy)]
pub(crate) struct Norm<'a> {
    pub mean: &'a [f32],
    pub rstd: &'a [f32],
    pub scale: &'a [f32],
    pub shift: &'a [f32],
}

/// One image before the tail.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// P x Q x K.
    pub y: &'a [f32],
    pub norm: Option<Norm<'a>>,
    /// P x Q x K.
    pub shortcut: Option<&'a [f32]>,
}

impl Tail {
    pub(crate) fn new(block: &Block) -> Self {
        let (pool, window) = match block.pool {
            Some(pool) => (pool.kind, pool.window),
            None => (PoolKind::Max, Window { kernel: 1, stride: 1, padding: 0 }),
        };
        Self { convolved: block.convolved, output: block.output, activation: block.activation, pool, window }
    }

    /// Whether no pixel is in two windows.
    pub(crate) fn windows_are_apart(&self) -> bool {
        self.window.kernel <= self.window.stride
    }

    /// Whether every pixel is in exactly one window of a size known when compiling.
    pub(super) fn windows_cover_everything(&self) -> bool {
        let known = self.known_window();
        known > 0
            && self.convolved.height == known * self.output.height
            && self.convolved.width == known * self.output.width
    }

    /// Pixels, along one axis, of a window's position: W is its size if that is known when compiling
    /// and the stride is the same and there is no padding, else 0.
    #[inline(always)]
    pub(super) fn span<const W: usize>(&self, position: usize, size: usize) -> Range<usize> {
        if W > 0 {
            return position * W..position * W + W;
        }
        let Window { kernel, stride, padding } = self.window;
        let start = position * stride;
        start.saturating_sub(padding)..(start + kernel).saturating_sub(padding).min(size)
    }

    /// The window at column `q` of the output, of the image rows `rows`.
    #[inline(always)]
    pub(super) fn elements<const W: usize>(&self, rows: Range<usize>, q: usize, channel: usize) -> Elements {
        let Image { width, channels, .. } = self.convolved;
        Elements { rows, columns: self.span::<W>(q, width), width, channels, channel }
    }

    /// The W of [`span`](Self::span).
    pub(super) fn known_window(&self) -> usize {
        match self.window {
            Window { kernel: 1, stride: 1, padding: 0 } => 1,
            Window { kernel: 2, stride: 2, padding: 0 } => 2,
            _ => 0,
        }
    }

    /// What a mean multiplies the sum of a window by.
    #[inline(always)]
    pub(super) fn share(&self) -> f32 {
        1.0 / (self.window.kernel * self.window.kernel) as f32
    }
}

/// Evaluates an expression with `$W` standing for the tail's known window size.
macro_rules! with_window {
    ($tail:expr, $W:ident => $body:expr) => {
        match $tail.known_window() {
            1 => {
                const $W: usize = 1;
                $body
            }
            2 => {
                const $W: usize = 2;
                $body
            }
            _ => {
                const $W: usize = 0;
                $body
            }
        }
    };
}
pub(super) use with_window;

/// Values of at most one vector of channels, the norm's values in registers.
pub(super) struct Channels<'a, S: Simd> {
    simd: S,
    inputs: &'a Inputs<'a>,
    /// How many of the vector's lanes are channels.
    pub lanes: usize,
    mean: S::Vector,
    rstd: S::Vector,
    scale: S::Vector,
    shift: S::Vector,
}

impl<'a, S: Simd> Channels<'a, S> {
    #[inline(always)]
    pub(super) fn new(simd: S, inputs: &'a Inputs<'a>, channel: usize, channels: usize) -> Self {
        let lanes = S::LANES.min(channels - channel);
        let load = |values: &[f32]| simd.load_partial(&values[channel..channel + lanes]);
        let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
        // Without a norm its formula changes nothing.
        let [mean, rstd, scale, shift] = match inputs.norm {
            Some(norm) => [load(norm.mean), load(norm.rstd), load(norm.scale), load(norm.shift)],
            None => [zero, one, one, zero],
        };
        Self { simd, inputs, lanes, mean, rstd, scale, shift }
    }

    /// The normalised value and the value before the activation, at element `at`.
    #[inline(always)]
    pub(super) fn at(&self, at: usize) -> (S::Vector, S::Vector) {
        let simd = self.simd;
        let y = self.load(self.inputs.y, at);
        let normalised = simd.mul(simd.sub(y, self.mean), self.rstd);
        let mut z = simd.mul_add(normalised, self.scale, self.shift);
        if let Some(shortcut) = self.inputs.shortcut {
            z = simd.add(z, self.load(shortcut, at));
        }
        (normalised, z)
    }

    #[inline(always)]
    pub(super) fn load(&self, values: &[f32], at: usize) -> S::Vector {
        self.simd.load_partial(&values[at..at + self.lanes])
    }

    #[inline(always)]
    pub(super) fn store(&self, vector: S::Vector, values: &mut [f32], at: usize) {
        self.simd.store_partial(vector, &mut values[at..at + self.lanes]);
    }

    /// The largest value of a window before the activation, the first of equals (the last NaN), and
    /// what `mark` gives for it from its normalised value and its number in the window.
    #[inline(always)]
    pub(super) fn largest(
        &self,
        window: &Elements,
        mark: impl Fn(S::Vector, usize) -> S::Vector,
    ) -> (S::Vector, S::Vector) {
        let simd = self.simd;
        let mut best = simd.splat(f32::NEG_INFINITY);
        let mut chosen = simd.splat(0.0);
        window.each(|number, at| {
            let (normalised, z) = self.at(at);
            let better = simd.greater_or_nan(z, best);
            best = simd.select(better, z, best);
            chosen = simd.select(better, mark(normalised, number), chosen);
        });
        (best, chosen)
    }
}

/// Where a window's values of one vector of channels lie in an image.
pub(super) struct Elements {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub width: usize,
    pub channels: usize,
    pub channel: usize,
}

impl Elements {
    /// Calls `f` with the number of each pixel, row by row, and the place of its value.
    #[inline(always)]
    pub(super) fn each(&self, mut f: impl FnMut(usize, usize)) {
        let mut number = 0;
        for h in self.rows.clone() {
            for w in self.columns.clone() {
                f(number, (h * self.width + w) * self.channels + self.channel);
                number += 1;
            }
        }
    }
}

dispatch! {
    /// Computes one image's output from what precedes the tail.
    pub fn forward<S>(simd: S, tail: &Tail, inputs: &Inputs<'_>, output: &mut [f32]) {
        with_activation!(simd, tail.activation, f => with_window!(tail, W => rows::<S, _, W>(simd, f, tail, inputs, output)))
    }

    /// output = activation(output + shortcut), for blocks without norm and pooling.
    pub fn activate<S>(simd: S, activation: Option<Activation>, shortcut: Option<&[f32]>, output: &mut [f32]) {
        with_activation!(simd, activation, f => {
            for at in (0..output.len()).step_by(S::LANES) {
                let end = (at + S::LANES).min(output.len());
                let mut z = simd.load_partial(&output[at..end]);
                if let Some(shortcut) = shortcut {
                    z = simd.add(z, simd.load_partial(&shortcut[at..end]));
                }
                simd.store_partial(f.value(simd, z), &mut output[at..end]);
            }
        })
    }
}

#[inline(always)]
fn rows<S: Simd, F: Function, const W: usize>(simd: S, f: F, tail: &Tail, inputs: &Inputs<'_>, output: &mut [f32]) {
    let (image, k) = (tail.convolved, tail.convolved.channels);
    let share = simd.splat(tail.share());
    for (p, row) in output.chunks_exact_mut(tail.output.width * k).enumerate() {
        let hs = tail.span::<W>(p, image.height);
        for channel in (0..k).step_by(S::LANES) {
            let channels = Channels::new(simd, inputs, channel, k);
            for q in 0..tail.output.width {
                let window = tail.elements::<W>(hs.clone(), q, channel);
                let result = match tail.pool {
                    PoolKind::Max => f.value(simd, channels.largest(&window, |_, _| simd.splat(0.0)).0),
                    PoolKind::Average => {
                        let mut sum = simd.splat(0.0);
                        window.each(|_, at| sum = simd.add(sum, f.value(simd, channels.at(at).1)));
                        simd.mul(sum, share)
                    }
                };
                channels.store(result, row, q * k + channel);
            }
        }
    }
}
