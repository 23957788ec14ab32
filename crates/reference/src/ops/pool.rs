//! Pooling of windows and of whole images.

use ndarray::{Array2, Array4, ArrayView4, Axis};
use tunefork_graph::Window;

use super::{images, pixel, rows};
use crate::Tensor;

fn positions(window: Window, x: &ArrayView4<'_, f64>) -> (usize, usize, usize, usize) {
    let (n, height, width, channels) = x.dim();
    let along = |size| window.positions(size).expect("the graph was checked: the window fits");
    (n, along(height), along(width), channels)
}

/// The pixel that a window chooses: scanned h then w, a value is taken when it is larger than what
/// was found or no number, so the first of equals wins and the last NaN.
fn chosen(window: Window, x: &ArrayView4<'_, f64>, [n, p, q, c]: [usize; 4]) -> (usize, usize) {
    let (_, height, width, _) = x.dim();
    let mut best = None;
    for h in (0..window.kernel).filter_map(|r| pixel(window, p, r, height)) {
        for w in (0..window.kernel).filter_map(|s| pixel(window, q, s, width)) {
            let value = x[[n, h, w, c]];
            if best.is_none_or(|(largest, _)| value > largest || value.is_nan()) {
                best = Some((value, (h, w)));
            }
        }
    }
    best.expect("padding is at most half of the kernel: a window has pixels").1
}

/// The largest value of each window; the first of equals, the last NaN.
pub fn max(window: Window, x: &Tensor) -> Tensor {
    let x = images(x);
    let at = |(n, p, q, c)| {
        let (h, w) = chosen(window, &x, [n, p, q, c]);
        x[[n, h, w, c]]
    };
    Array4::from_shape_fn(positions(window, &x), at).into_dyn()
}

/// Gradient of a max pooling of `x`: it goes to the values that were chosen.
pub fn max_gradient(window: Window, x: &Tensor, dy: &Tensor) -> Tensor {
    let x = images(x);
    let mut dx = Array4::<f64>::zeros(x.dim());
    for ((n, p, q, c), &dy) in images(dy).indexed_iter() {
        let (h, w) = chosen(window, &x, [n, p, q, c]);
        dx[[n, h, w, c]] += dy;
    }
    dx.into_dyn()
}

/// The sum of each window over kernel², so that padding counts as zeros.
pub fn average(window: Window, x: &Tensor) -> Tensor {
    let x = images(x);
    let (_, height, width, _) = x.dim();
    let area = (window.kernel * window.kernel) as f64;
    let at = |(n, p, q, c)| {
        let mut sum = 0.0;
        for h in (0..window.kernel).filter_map(|r| pixel(window, p, r, height)) {
            for w in (0..window.kernel).filter_map(|s| pixel(window, q, s, width)) {
                sum += x[[n, h, w, c]];
            }
        }
        sum / area
    };
    Array4::from_shape_fn(positions(window, &x), at).into_dyn()
}

/// Gradient of an average pooling of images of the size `[height, width]`.
pub fn average_gradient(window: Window, [height, width]: [usize; 2], dy: &Tensor) -> Tensor {
    let dy = images(dy);
    let (n, _, _, channels) = dy.dim();
    let area = (window.kernel * window.kernel) as f64;
    let mut dx = Array4::<f64>::zeros((n, height, width, channels));
    for ((n, p, q, c), &dy) in dy.indexed_iter() {
        for h in (0..window.kernel).filter_map(|r| pixel(window, p, r, height)) {
            for w in (0..window.kernel).filter_map(|s| pixel(window, q, s, width)) {
                dx[[n, h, w, c]] += dy / area;
            }
        }
    }
    dx.into_dyn()
}

/// The mean over all pixels.
pub fn global_average(x: &Tensor) -> Tensor {
    let (_, height, width, _) = images(x).dim();
    (images(x).sum_axis(Axis(1)).sum_axis(Axis(1)) / (height * width) as f64).into_dyn()
}

/// Gradient of the mean over images of the size `[height, width]`.
pub fn global_average_gradient([height, width]: [usize; 2], dy: &Tensor) -> Tensor {
    let dy: Array2<f64> = rows(dy);
    let (n, channels) = dy.dim();
    let share = 1.0 / (height * width) as f64;
    Array4::from_shape_fn((n, height, width, channels), |(n, _, _, c)| dy[[n, c]] * share).into_dyn()
}

/// The smallest difference between the largest value of a window and the next smaller one. Equal
/// values do not count: they come from one value, or from zeros that pass no gradient.
pub(crate) fn smallest_lead(window: Window, x: &Tensor) -> f64 {
    let x = images(x);
    let (n, positions_down, positions_across, channels) = positions(window, &x);
    let (_, height, width, _) = x.dim();
    let mut smallest = f64::INFINITY;
    for (n, p, q, c) in ndarray::indices((n, positions_down, positions_across, channels)) {
        let (h, w) = chosen(window, &x, [n, p, q, c]);
        let largest = x[[n, h, w, c]];
        for h in (0..window.kernel).filter_map(|r| pixel(window, p, r, height)) {
            for w in (0..window.kernel).filter_map(|s| pixel(window, q, s, width)) {
                let lead = largest - x[[n, h, w, c]];
                if lead > 0.0 {
                    smallest = smallest.min(lead);
                }
            }
        }
    }
    smallest
}
