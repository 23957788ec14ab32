//! dx from dy: a convolution of dy, padded, with the filters turned around.
//!
//! With a stride u, input pixels fall into u x u phases by their position modulo u. Each phase meets
//! its own subset of the filter positions and is a convolution of stride 1 by itself; nothing is
//! tested for divisibility inside.

use tunefork_graph::Image;
use tunefork_simd::Isa;

use super::{CACHE, ConvShape, Padded};
use crate::gemm::{Left, PANEL, Right, Row, Segment, Start, pack_transposed, packed_len, product};

pub(crate) struct DataGradient {
    shape: ConvShape,
    padded: Padded,
    phases: Vec<Phase>,
}

/// Input pixels whose row and column leave the same remainders.
struct Phase {
    rows: Vec<Row>,
    /// Rows of a table that go well together with the cache.
    batch: usize,
    segments: Vec<Segment>,
    depth: usize,
    packed: usize,
}

/// The filter positions that a phase meets along one axis, and where they lie in dy.
#[derive(Clone, Copy)]
struct Axis {
    /// The first position; the others follow at distances of the stride.
    first: usize,
    count: usize,
    /// dy index of the last filter position at the phase's pixel 0, which may be negative.
    start: isize,
    /// Pixels of the phase.
    pixels: usize,
}

impl Axis {
    fn new(shape: &ConvShape, phase: usize, size: usize) -> Self {
        let (kernel, u) = (shape.window.kernel, shape.window.stride);
        let reach = phase + shape.window.padding;
        let first = reach % u;
        let count = if first < kernel { (kernel - first).div_ceil(u) } else { 0 };
        Self {
            first,
            count,
            start: (reach / u) as isize - count as isize + 1,
            pixels: size.saturating_sub(phase).div_ceil(u),
        }
    }

    /// Zeros that dy needs before and behind its `size` pixels.
    fn border(&self, size: usize) -> (usize, usize) {
        if self.count == 0 || self.pixels == 0 {
            return (0, 0);
        }
        let end = self.start + (self.pixels + self.count - 1) as isize;
        ((-self.start).max(0) as usize, (end - size as isize).max(0) as usize)
    }
}

/// The border that dy needs so that no phase reads beside it.
fn padded(shape: &ConvShape) -> Padded {
    let border = |axis_size: usize, size: usize| {
        (0..shape.window.stride)
            .map(|phase| Axis::new(shape, phase, axis_size).border(size))
            .fold((0, 0), |a, b| (a.0.max(b.0), a.1.max(b.1)))
    };
    let (top, bottom) = border(shape.input.height, shape.output.height);
    let (left, right) = border(shape.input.width, shape.output.width);
    let image = Image {
        height: shape.output.height + top + bottom,
        width: shape.output.width + left + right,
        channels: shape.output.channels,
    };
    Padded { top, left, image }
}

/// All phases: their axes, first the row's.
fn axes(shape: &ConvShape) -> impl Iterator<Item = (usize, usize, Axis, Axis)> + '_ {
    let u = shape.window.stride;
    (0..u * u).map(move |phase| {
        let (a, b) = (phase / u, phase % u);
        (a, b, Axis::new(shape, a, shape.input.height), Axis::new(shape, b, shape.input.width))
    })
}

impl DataGradient {
    pub(crate) fn new(shape: ConvShape) -> Self {
        let padded = padded(&shape);
        let mut packed = 0;
        let phases = axes(&shape)
            .map(|(a, b, vertical, horizontal)| {
                let phase = Phase::new(&shape, &padded, (a, b), vertical, horizontal, packed);
                packed += packed_len(phase.depth, shape.input.channels);
                phase
            })
            .collect();
        Self { shape, padded, phases }
    }

    /// How dy must be padded.
    pub(crate) fn padded(&self) -> Padded {
        self.padded
    }

    pub(crate) fn packed_len(shape: &ConvShape) -> usize {
        axes(shape)
            .map(|(_, _, v, h)| packed_len(v.count * h.count * shape.output.channels, shape.input.channels))
            .sum()
    }

    /// How many tasks packing is.
    pub(crate) fn panels(&self) -> usize {
        self.phases.len() * self.phase_panels()
    }

    /// Where panel `task` starts in the packed weights, and how long it is at most.
    pub(crate) fn panel_range(&self, task: usize) -> std::ops::Range<usize> {
        let (phase, panel) = (&self.phases[task / self.phase_panels()], task % self.phase_panels());
        let start = phase.packed + panel * PANEL * phase.depth;
        let end = phase.packed + packed_len(phase.depth, self.shape.input.channels);
        start..(start + PANEL * phase.depth).min(end)
    }

    /// Packs panel `task` of the weights `[R, S, C, K]`; `packed` is that panel's part.
    pub(crate) fn pack(&self, weights: &[f32], task: usize, packed: &mut [f32]) {
        let ConvShape { input, output, window } = self.shape;
        let (c, k, r, u) = (input.channels, output.channels, window.kernel, window.stride);
        let (phase, panel) = (task / self.phase_panels(), task % self.phase_panels());
        let (_, _, vertical, horizontal) = axes(&self.shape).nth(phase).expect("a task belongs to a phase");
        let depth = self.phases[phase].depth;
        if depth == 0 {
            return;
        }
        // dy runs forwards, so the filter runs backwards.
        let start = |row: usize| {
            let (i, rest) = (row / (horizontal.count * k), row % (horizontal.count * k));
            let from_end = |axis: Axis, i: usize| axis.first + u * (axis.count - 1 - i);
            let (y, x) = (from_end(vertical, i), from_end(horizontal, rest / k));
            (y * r + x) * c * k + rest % k
        };
        pack_transposed(weights, start, k, depth, c, panel, packed);
    }

    fn phase_panels(&self) -> usize {
        self.shape.input.channels.div_ceil(PANEL)
    }

    /// Computes dx of one image from its padded dy, or adds it to what stands there.
    pub(crate) fn run(&self, isa: Isa, dy: &[f32], packed: &[f32], accumulate: bool, dx: &mut [f32]) {
        let c = self.shape.input.channels;
        for phase in &self.phases {
            if phase.depth == 0 {
                if !accumulate {
                    phase.rows.iter().for_each(|row| dx[row.output as usize..][..c].fill(0.0));
                }
                continue;
            }
            let right = Right::Packed { data: &packed[phase.packed..], depth: phase.depth };
            let start = if accumulate { Start::Output } else { Start::Zero };
            for rows in phase.rows.chunks(phase.batch) {
                let left = Left { data: dy, rows, segments: &phase.segments, step: 1 };
                product(isa, left, right, c, start, dx);
            }
        }
    }
}

impl Phase {
    fn new(
        shape: &ConvShape,
        padded: &Padded,
        (a, b): (usize, usize),
        vertical: Axis,
        horizontal: Axis,
        packed: usize,
    ) -> Self {
        let ConvShape { input, output, window } = *shape;
        let (k, u) = (output.channels, window.stride);
        let width = padded.image.width;
        let depth = vertical.count * horizontal.count * k;
        let row = |pixel: usize| {
            let (i, j) = (pixel / horizontal.pixels, pixel % horizontal.pixels);
            let at = |axis: Axis, border: usize, i: usize| (axis.start + (border + i) as isize) as usize;
            let left = match depth {
                0 => 0,
                _ => (at(vertical, padded.top, i) * width + at(horizontal, padded.left, j)) * k,
            };
            Row { left: left as u32, output: (((a + u * i) * input.width + b + u * j) * input.channels) as u32 }
        };
        let run = horizontal.count * k;
        let line = width * k + u * u * input.channels * horizontal.pixels;
        Self {
            rows: (0..vertical.pixels * horizontal.pixels).map(row).collect(),
            batch: (CACHE / line).max(1) * horizontal.pixels.max(1),
            segments: (0..vertical.count)
                .map(|i| Segment { left: (i * width * k) as u32, right: (i * run) as u32, len: run as u32 })
                .collect(),
            depth,
            packed,
        }
    }
}
