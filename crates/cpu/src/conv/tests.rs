//! Convolutions and their gradients against plain loops, at every instruction set.

use proptest::prelude::*;
use tunefork_graph::{Image, Window};
use tunefork_simd::Isa;

use super::*;
use crate::gemm::PANEL;

/// Small whole numbers: all sums are exact, so that the results must agree to the bit.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7 + i / 5 * 3 + seed) % 11) as f32 - 5.0).collect()
}

/// Every pair of input and output pixel that a filter position connects: (position, input, output).
fn connections(shape: &ConvShape) -> Vec<(usize, usize, usize)> {
    let Window { kernel, stride, padding } = shape.window;
    let mut all = Vec::new();
    for output in 0..shape.output.pixels() {
        let (p, q) = (output / shape.output.width, output % shape.output.width);
        for position in 0..kernel * kernel {
            let h = (p * stride + position / kernel).wrapping_sub(padding);
            let w = (q * stride + position % kernel).wrapping_sub(padding);
            if h < shape.input.height && w < shape.input.width {
                all.push((position, h * shape.input.width + w, output));
            }
        }
    }
    all
}

fn check(shape: ConvShape, images: usize) {
    let (c, k) = (shape.input.channels, shape.output.channels);
    let (inputs, outputs) = (shape.input.elements(), shape.output.elements());
    let x = numbers(images * inputs, 1);
    let w = numbers(shape.weights(), 2);
    let dy = numbers(images * outputs, 3);
    let bias = numbers(k, 4);
    let mut y: Vec<f32> = bias.iter().copied().cycle().take(images * outputs).collect();
    let mut dx = vec![1.0; images * inputs];
    let mut dw = vec![0.0; shape.weights()];
    for image in 0..images {
        for &(position, input, output) in &connections(&shape) {
            for (i, j) in (0..c * k).map(|i| (i / k, i % k)) {
                let (xi, yi) = (image * inputs + input * c + i, image * outputs + output * k + j);
                let wi = (position * c + i) * k + j;
                y[yi] += x[xi] * w[wi];
                dx[xi] += dy[yi] * w[wi];
                dw[wi] += x[xi] * dy[yi];
            }
        }
    }
    for isa in Isa::available() {
        assert_eq!(forward(isa, shape, &x, &w, &bias), y, "{isa}: forward of {shape:?}");
        assert_eq!(data_gradient(isa, shape, &dy, &w, 1.0), dx, "{isa}: data gradient of {shape:?}");
        assert_eq!(weight_gradient(isa, shape, &x, &dy), dw, "{isa}: weight gradient of {shape:?}");
    }
}

fn forward(isa: Isa, shape: ConvShape, x: &[f32], w: &[f32], bias: &[f32]) -> Vec<f32> {
    let forward = Forward::new(shape);
    let mut packed = vec![f32::NAN; Forward::packed_len(&shape)];
    for panel in 0..Forward::panels(&shape) {
        Forward::pack(&shape, w, panel, &mut packed[panel * PANEL * shape.depth()..]);
    }
    let mut scratch = vec![f32::NAN; forward.scratch_len()];
    let mut result = Vec::new();
    for image in x.chunks(shape.input.elements()) {
        for strip in 0..forward.strips() {
            let rows = forward.strip_rows(strip).len();
            let mut y = vec![f32::NAN; rows * shape.output.width * shape.output.channels];
            forward.run(isa, image, &packed, Some(bias), strip, &mut y, &mut scratch);
            result.extend(y);
        }
    }
    result
}

/// The gradient, added to `before` everywhere.
fn data_gradient(isa: Isa, shape: ConvShape, dy: &[f32], w: &[f32], before: f32) -> Vec<f32> {
    let gradient = DataGradient::new(shape);
    let mut packed = vec![f32::NAN; DataGradient::packed_len(&shape)];
    for task in 0..gradient.panels() {
        gradient.pack(w, task, &mut packed[gradient.panel_range(task)]);
    }
    let mut result = Vec::new();
    for dy in dy.chunks(shape.output.elements()) {
        let mut padded = vec![f32::NAN; gradient.padded().image.elements()];
        gradient.padded().copy(dy, shape.output, &mut padded);
        let mut fresh = vec![f32::NAN; shape.input.elements()];
        gradient.run(isa, &padded, &packed, false, &mut fresh);
        let mut dx = vec![before; shape.input.elements()];
        gradient.run(isa, &padded, &packed, true, &mut dx);
        assert!(fresh.iter().zip(&dx).all(|(a, b)| a + before == *b), "{isa}: written and added differ");
        result.extend(dx);
    }
    result
}

fn weight_gradient(isa: Isa, shape: ConvShape, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let padded = DataGradient::new(shape).padded();
    let gradient = WeightGradient::new(shape, padded, 3);
    let mut dw = vec![f32::NAN; shape.weights()];
    let mut scratch = vec![f32::NAN; gradient.scratch_len()];
    let groups = x.chunks(gradient.group() * shape.input.elements());
    for (index, (x, dy)) in groups.zip(dy.chunks(gradient.group() * shape.output.elements())).enumerate() {
        let mut border = vec![f32::NAN; gradient.group() * padded.image.elements()];
        for (dy, to) in dy.chunks(shape.output.elements()).zip(border.chunks_mut(padded.image.elements())) {
            padded.copy(dy, shape.output, to);
        }
        gradient.run(isa, x, &border, index == 0, &mut dw, &mut scratch);
    }
    dw
}

fn shape(height: usize, width: usize, c: usize, k: usize, window: Window) -> Option<ConvShape> {
    let output = Image { height: window.positions(height)?, width: window.positions(width)?, channels: k };
    Some(ConvShape { input: Image { height, width, channels: c }, output, window })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn agree_with_plain_loops(
        height in 1usize..10, width in 1usize..10, c in 1usize..6, k in 1usize..36,
        kernel in 1usize..8, stride in 1usize..4, padding in 0usize..4, images in 1usize..5,
    ) {
        if let Some(shape) = shape(height, width, c, k, Window { kernel, stride, padding }) {
            check(shape, images);
        }
    }
}

#[test]
fn edges() {
    let window = |kernel, stride, padding| Window { kernel, stride, padding };
    for (height, width, c, k, window) in [
        (1, 1, 1, 1, window(1, 1, 0)),
        (1, 1, 3, 17, window(3, 1, 1)),
        (7, 13, 5, 19, window(2, 1, 1)),
        (6, 6, 3, 40, window(4, 2, 1)),
        (9, 4, 2, 33, window(6, 1, 3)),
        (5, 5, 33, 2, window(1, 2, 0)),
        (5, 5, 2, 2, window(1, 3, 2)),
        (8, 8, 1, 32, window(7, 1, 3)),
        (40, 90, 40, 20, window(3, 1, 1)), // several strips
    ] {
        check(shape(height, width, c, k, window).unwrap(), 2);
    }
}
