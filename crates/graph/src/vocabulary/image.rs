//! The sizes of images.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The sizes of one image or feature map, channels innermost; a vector is an image of one pixel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Image {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Values per pixel: 1 for grey, 3 for colour.
    pub channels: usize,
}

impl Image {
    /// `height` x `width` pixels with `channels` values each.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels }
    }

    /// One pixel of `channels` values.
    pub const fn vector(channels: usize) -> Self {
        Self::new(1, 1, channels)
    }

    /// The number of pixels.
    pub const fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// The number of values: pixels times channels.
    pub const fn elements(&self) -> usize {
        self.pixels() * self.channels
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}
