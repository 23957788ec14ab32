//! y = x * w: rows of the product are output pixels, segments are filter rows.

use tunefork_simd::Isa;

use super::{CACHE, ConvShape, Padded};
use crate::gemm::{Left, PANEL, Right, Row, Segment, Start, pack_rows, packed_len, product};

/// Tables of a convolution, done strip by strip: a strip is some output rows of one image.
pub(crate) struct Forward {
    shape: ConvShape,
    padded: Padded,
    strip: usize,
    rows: Vec<Row>,
    segments: Vec<Segment>,
}

impl Forward {
    pub(crate) fn new(shape: ConvShape) -> Self {
        let padded = Padded::input(&shape);
        let strip = strip(&shape, &padded);
        let ConvShape { input, output, window } = shape;
        let (c, width) = (input.channels, padded.image.width);
        let rows = (0..strip * output.width)
            .map(|pixel| {
                let (p, q) = (pixel / output.width, pixel % output.width);
                Row { left: ((p * width + q) * window.stride * c) as u32, output: (pixel * output.channels) as u32 }
            })
            .collect();
        let run = window.kernel * c;
        let segments = (0..window.kernel)
            .map(|r| Segment { left: (r * width * c) as u32, right: (r * run) as u32, len: run as u32 })
            .collect();
        Self { shape, padded, strip, rows, segments }
    }

    pub(crate) fn shape(&self) -> ConvShape {
        self.shape
    }

    pub(crate) fn packed_len(shape: &ConvShape) -> usize {
        packed_len(shape.depth(), shape.output.channels)
    }

    /// How many tasks packing is.
    pub(crate) fn panels(shape: &ConvShape) -> usize {
        shape.output.channels.div_ceil(PANEL)
    }

    /// Packs one panel of the weights `[R, S, C, K]`; `packed` is that panel's part.
    pub(crate) fn pack(shape: &ConvShape, weights: &[f32], panel: usize, packed: &mut [f32]) {
        let k = shape.output.channels;
        pack_rows(weights, |row| row * k, shape.depth(), k, panel, packed);
    }

    pub(crate) fn strips(&self) -> usize {
        self.shape.output.height.div_ceil(self.strip)
    }

    pub(crate) fn strip_rows(&self, index: usize) -> std::ops::Range<usize> {
        let start = index * self.strip;
        start..(start + self.strip).min(self.shape.output.height)
    }

    pub(crate) fn scratch_len(&self) -> usize {
        if self.padded.is_plain(self.shape.input) {
            return 0;
        }
        input_rows(&self.shape, self.strip) * self.padded.image.width * self.shape.input.channels
    }

    /// Convolves strip number `index` of the image `x` into `y`, which holds that strip alone.
    pub(crate) fn run(
        &self,
        isa: Isa,
        x: &[f32],
        packed: &[f32],
        bias: Option<&[f32]>,
        index: usize,
        y: &mut [f32],
        scratch: &mut [f32],
    ) {
        let ConvShape { input, output, window } = self.shape;
        let strip = self.strip_rows(index);
        let first = strip.start * window.stride;
        let data = if self.padded.is_plain(input) {
            &x[first * input.width * input.channels..]
        } else {
            let rows = first..first + input_rows(&self.shape, strip.len());
            self.padded.copy_rows(x, input, rows, scratch);
            &*scratch
        };
        let rows = &self.rows[..strip.len() * output.width];
        let left = Left { data, rows, segments: &self.segments, step: 1 };
        let right = Right::Packed { data: packed, depth: self.shape.depth() };
        product(isa, left, right, output.channels, bias.map_or(Start::Zero, Start::Bias), y);
    }
}

/// Rows of the padded image that `rows` output rows see.
fn input_rows(shape: &ConvShape, rows: usize) -> usize {
    (rows - 1) * shape.window.stride + shape.window.kernel
}

/// Output rows per strip, so that what goes in and what comes out stay in the cache.
fn strip(shape: &ConvShape, padded: &Padded) -> usize {
    let row_in = padded.image.width * padded.image.channels * shape.window.stride;
    let row_out = shape.output.width * shape.output.channels;
    (CACHE / (row_in + row_out)).clamp(1, shape.output.height)
}
