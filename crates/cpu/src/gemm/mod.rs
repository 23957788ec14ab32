//! The one matrix product that carries the engine.
//!
//! Rows of the left matrix are found through a table of offsets, and the sum over the inner dimension
//! runs over segments, so that a convolution needs no copy of its patches: this is the indirect
//! convolution of M. Dukhan (arXiv 1907.02129) with the table cut down to one offset per row and one
//! per segment, which is possible because the image is padded.
//!
//! | use | rows | segments | left step | right matrix |
//! |---|---|---|---|---|
//! | convolution | output pixels | filter rows, S C long | 1 | weights, packed |
//! | its data gradient | input pixels | filter rows backwards, S K long | 1 | weights, turned and packed |
//! | its weight gradient | filter position and channel | rows of output pixels | C stride | gradient of the output |
//! | dense | images | one, all inputs | 1 | weights as they are |
//! | its data gradient | inputs | one, all outputs | 1 | gradient of the output, transposed |
//! | its weight gradient | inputs | one, all images | inputs | gradient of the output |

mod kernel;
mod pack;

pub(crate) use kernel::product;
pub(crate) use pack::{PANEL, pack_rows, pack_transposed, packed_len};

/// A run of the inner dimension over which both operands advance evenly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    /// Where it starts in the left operand, behind the row's own offset.
    pub left: u32,
    /// The row of the right matrix at which it starts.
    pub right: u32,
    /// Its length.
    pub len: u32,
}

/// One row of the product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    /// Where the row starts in the left operand.
    pub left: u32,
    /// Where the row starts in the output.
    pub output: u32,
}

/// The left operand: element (row, t) of a segment is `data[row.left + segment.left + t * step]`.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// The rows.
    pub rows: &'a [Row],
    /// The segments of the inner dimension.
    pub segments: &'a [Segment],
    /// Distance of neighbours within a segment.
    pub step: usize,
}

/// The right operand, `columns` wide.
#[derive(Clone, Copy)]
pub(crate) enum Right<'a> {
    /// In panels, as [`pack_rows`] and [`pack_transposed`] leave it; `depth` rows.
    Packed {
        /// The panels.
        data: &'a [f32],
        /// Number of rows.
        depth: usize,
    },
    /// Row-major; row r starts at `r * step`.
    Strided {
        /// The numbers.
        data: &'a [f32],
        /// Distance of rows.
        step: usize,
    },
}

/// What the sums start from.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// Zero: the output is overwritten.
    Zero,
    /// One value per column: the output is overwritten.
    Bias(&'a [f32]),
    /// The output: the product is added to it.
    Output,
}

#[cfg(test)]
mod tests;
