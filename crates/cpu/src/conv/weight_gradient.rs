//! dw from x and dy: rows of the product are filter positions and channels, the sum runs over pixels.

use tunefork_simd::Isa;

use super::{CACHE, ConvShape, Padded};
use crate::gemm::{Left, Right, Row, Segment, Start, product};

/// Tables of a weight gradient, summed over groups of images.
///
/// A group is as many images as fit into the cache with their gradients, so that small images do not
/// sweep the whole of a large dw one by one.
pub(crate) struct WeightGradient {
    shape: ConvShape,
    padded: Padded,
    group: usize,
    rows: Vec<Row>,
    segments: Vec<Segment>,
    /// Segments that go well together with the cache.
    batch: usize,
}

impl WeightGradient {
    /// Tables for groups of at most `most` images; `gradient` is how dy is padded.
    pub(crate) fn new(shape: ConvShape, gradient: Padded, most: usize) -> Self {
        let padded = Padded::input(&shape);
        let group = (CACHE / (padded.image.elements() + gradient.image.elements())).clamp(1, most.max(1));
        let ConvShape { input, output, window } = shape;
        let (c, k) = (input.channels, output.channels);
        let run = window.kernel * c;
        let rows = (0..shape.depth())
            .map(|row| Row { left: (row / run * padded.image.width * c + row % run) as u32, output: (row * k) as u32 })
            .collect();
        let segments = (0..group * output.height)
            .map(|row| {
                let (image, p) = (row / output.height, row % output.height);
                let left = image * padded.image.elements() + p * window.stride * padded.image.width * c;
                let right = image * gradient.image.elements() + gradient.row_start(p);
                Segment { left: left as u32, right: (right / k) as u32, len: output.width as u32 }
            })
            .collect();
        let line = padded.image.width * c * window.stride + gradient.image.width * k;
        Self { shape, padded, group, rows, segments, batch: (CACHE / line).max(1) }
    }

    /// Images of a group.
    pub(crate) fn group(&self) -> usize {
        self.group
    }

    /// Elements of scratch for the padded images of a group; 0 where they need no padding.
    pub(crate) fn scratch_len(&self) -> usize {
        if self.padded.is_plain(self.shape.input) { 0 } else { self.group * self.padded.image.elements() }
    }

    /// Adds the gradient of at most a group of images, one after the other in `x` and, padded, in
    /// `dy`, to `dw`; or overwrites it with `fresh`.
    pub(crate) fn run(&self, isa: Isa, x: &[f32], dy: &[f32], fresh: bool, dw: &mut [f32], scratch: &mut [f32]) {
        let ConvShape { input, output, window } = self.shape;
        let images = x.len() / input.elements();
        let data = if self.padded.is_plain(input) {
            x
        } else {
            for (x, padded) in
                x.chunks_exact(input.elements()).zip(scratch.chunks_exact_mut(self.padded.image.elements()))
            {
                self.padded.copy(x, input, padded);
            }
            &*scratch
        };
        let right = Right::Strided { data: dy, step: output.channels };
        let segments = &self.segments[..images * output.height];
        for (index, segments) in segments.chunks(self.batch).enumerate() {
            let start = if fresh && index == 0 { Start::Zero } else { Start::Output };
            let left = Left { data, rows: &self.rows, segments, step: window.stride * input.channels };
            product(isa, left, right, output.channels, start, dw);
        }
    }
}
