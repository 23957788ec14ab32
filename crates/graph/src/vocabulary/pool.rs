//! Pooling.

use serde::{Deserialize, Serialize};

use super::Window;

/// A pooling of windows, by channel. A padding of at most half of the kernel leaves no window without pixels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Pool {
    /// Largest value or mean.
    pub kind: PoolKind,
    /// Size, stride, padding.
    #[serde(flatten)]
    pub window: Window,
}

tunefork_names::named_enum! {
    /// How a pooling reduces a window.
    pub enum PoolKind: "pooling" {
        /// The largest value; the first of equals; padding is never chosen.
        Max = "max",
        /// The mean; padding counts as zeros.
        Average = "average",
    }
}

impl Pool {
    /// Windows of `kernel` x `kernel` pixels that touch and do not overlap.
    pub const fn tiles(kind: PoolKind, kernel: usize) -> Self {
        Self { kind, window: Window { kernel, stride: kernel, padding: 0 } }
    }

    /// Max pooling over windows that touch and do not overlap.
    pub const fn max(kernel: usize) -> Self {
        Self::tiles(PoolKind::Max, kernel)
    }

    /// Mean over windows that touch and do not overlap.
    pub const fn average(kernel: usize) -> Self {
        Self::tiles(PoolKind::Average, kernel)
    }
}
