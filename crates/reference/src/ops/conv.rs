//! Convolution: x `[N, H, W, C]`, weights `[R, S, C, K]`, y `[N, P, Q, K]`.

use ndarray::Array4;
use tunefork_graph::Window;

use super::{images, pixel};
use crate::Tensor;

/// Row and column of the filter with those of the pixel that it falls on, for the output at (p, q) of an image of
/// `[height, width]`; what falls on padding is left out.
fn taps(
    window: Window,
    [p, q]: [usize; 2],
    [height, width]: [usize; 2],
) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let rows = (0..window.kernel).filter_map(move |r| Some((r, pixel(window, p, r, height)?)));
    rows.flat_map(move |(r, h)| (0..window.kernel).filter_map(move |s| Some((r, s, h, pixel(window, q, s, width)?))))
}

/// `y[n, p, q, k] = b[k] + sum over r, s, c of x[n, p u - o + r, q u - o + s, c] w[r, s, c, k]`.
pub fn forward(window: Window, x: &Tensor, weights: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let (x, w) = (images(x), images(weights));
    let (n, height, width, channels) = x.dim();
    let filters = w.dim().3;
    let positions = |size| window.positions(size).expect("the graph was checked: the window fits");
    let mut y = Array4::zeros((n, positions(height), positions(width), filters));
    for ((n, p, q, k), y) in y.indexed_iter_mut() {
        *y = bias.map_or(0.0, |bias| bias[[k]]);
        for (r, s, h, v) in taps(window, [p, q], [height, width]) {
            for c in 0..channels {
                *y += x[[n, h, v, c]] * w[[r, s, c, k]];
            }
        }
    }
    y.into_dyn()
}

/// Gradient by x, whose images have the size `[height, width]`.
pub fn input_gradient(window: Window, [height, width]: [usize; 2], weights: &Tensor, dy: &Tensor) -> Tensor {
    let (w, dy) = (images(weights), images(dy));
    let channels = w.dim().2;
    let mut dx = Array4::<f64>::zeros((dy.dim().0, height, width, channels));
    for ((n, p, q, k), &dy) in dy.indexed_iter() {
        for (r, s, h, v) in taps(window, [p, q], [height, width]) {
            for c in 0..channels {
                dx[[n, h, v, c]] += dy * w[[r, s, c, k]];
            }
        }
    }
    dx.into_dyn()
}

/// Gradient by the weights.
pub fn weight_gradient(window: Window, x: &Tensor, dy: &Tensor) -> Tensor {
    let (x, dy) = (images(x), images(dy));
    let (_, height, width, channels) = x.dim();
    let mut dw = Array4::<f64>::zeros((window.kernel, window.kernel, channels, dy.dim().3));
    for ((n, p, q, k), &dy) in dy.indexed_iter() {
        for (r, s, h, v) in taps(window, [p, q], [height, width]) {
            for c in 0..channels {
                dw[[r, s, c, k]] += dy * x[[n, h, v, c]];
            }
        }
    }
    dw.into_dyn()
}
