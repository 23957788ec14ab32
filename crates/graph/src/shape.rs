//! Sizes of tensors.

use std::fmt;

use crate::Image;

/// The sizes of a tensor of at most four axes, row-major, the last axis contiguous.
///
/// Images are `[N, H, W, C]`, features `[N, F]`, the loss `[]`; convolution weights
/// `[R, S, C, K]`, dense weights `[in, out]`, everything per channel `[K]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    rank: usize,
    sizes: [usize; 4],
}

impl Shape {
    /// A shape with the given sizes.
    ///
    /// # Panics
    /// If there are more than four.
    pub fn new(sizes: &[usize]) -> Self {
        assert!(sizes.len() <= 4, "a shape has at most four axes, got {sizes:?}");
        let mut all = [1; 4];
        all[..sizes.len()].copy_from_slice(sizes);
        Self { rank: sizes.len(), sizes: all }
    }

    /// The sizes, outermost first.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes[..self.rank]
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The number of elements; 1 for the shape without axes.
    pub fn elements(&self) -> usize {
        self.sizes().iter().product()
    }

    /// The number of elements, or `None` when it does not fit in a `usize`.
    pub(crate) fn checked_elements(&self) -> Option<usize> {
        self.sizes().iter().try_fold(1usize, |product, &size| product.checked_mul(size))
    }

    /// What one image of a batch looks like: `[N, H, W, C]` gives H x W x C, and features `[N, F]`
    /// count as an image of one pixel with F channels. `None` for other ranks.
    pub fn image(&self) -> Option<Image> {
        match *self.sizes() {
            [_, height, width, channels] => Some(Image::new(height, width, channels)),
            [_, features] => Some(Image::vector(features)),
            _ => None,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, size) in self.sizes().iter().enumerate() {
            write!(f, "{}{size}", if axis > 0 { ", " } else { "" })?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
