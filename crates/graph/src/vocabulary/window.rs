//! Windows that slide over images.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A square window that slides over an image with the same step in both directions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Window {
    /// Height and width, at least 1; stored as `window`.
    #[serde(rename = "window")]
    pub kernel: usize,
    /// Pixels from one position to the next, at least 1.
    pub stride: usize,
    /// Rows and columns added on each of the four sides: zeros for a convolution and an average,
    /// minus infinity for a maximum.
    pub padding: usize,
}

impl Window {
    /// How many positions the window has along an axis of `size` pixels (rounded down); `None` when
    /// it does not fit.
    pub fn positions(&self, size: usize) -> Option<usize> {
        let room = (size + 2 * self.padding).checked_sub(self.kernel)?;
        Some(room / self.stride + 1)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{0}x{0} stride {1} padding {2}", self.kernel, self.stride, self.padding)
    }
}
