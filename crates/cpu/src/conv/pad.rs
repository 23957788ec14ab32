//! Copies of images with zeros around them.

use std::ops::Range;

use tunefork_graph::Image;

use super::Padded;

impl Padded {
    /// Whether there is no border, so that the image itself will do.
    pub(crate) fn is_plain(&self, image: Image) -> bool {
        self.image == image
    }

    /// Copies rows `rows` of the padded image to `padded`.
    pub(crate) fn copy_rows(&self, x: &[f32], image: Image, rows: Range<usize>, padded: &mut [f32]) {
        let (len, inner) = (self.image.width * image.channels, image.width * image.channels);
        let start = self.left * image.channels;
        for (row, to) in rows.zip(padded.chunks_exact_mut(len)) {
            match row.checked_sub(self.top).filter(|&h| h < image.height) {
                Some(h) => {
                    to[..start].fill(0.0);
                    to[start..start + inner].copy_from_slice(&x[h * inner..(h + 1) * inner]);
                    to[start + inner..].fill(0.0);
                }
                None => to.fill(0.0),
            }
        }
    }

    /// Copies all rows of the padded image to `padded`.
    pub(crate) fn copy(&self, x: &[f32], image: Image, padded: &mut [f32]) {
        self.copy_rows(x, image, 0..self.image.height, padded);
    }

    pub(crate) fn clear_border(&self, image: Image, padded: &mut [f32]) {
        let len = self.image.width * image.channels;
        let inner = self.left * image.channels..(self.left + image.width) * image.channels;
        for (row, to) in padded.chunks_exact_mut(len).enumerate().take(self.image.height) {
            if (self.top..self.top + image.height).contains(&row) {
                to[..inner.start].fill(0.0);
                to[inner.end..].fill(0.0);
            } else {
                to.fill(0.0);
            }
        }
    }

    /// Where row `row` of the image starts in the padded one.
    pub(crate) fn row_start(&self, row: usize) -> usize {
        ((self.top + row) * self.image.width + self.left) * self.image.channels
    }
}
