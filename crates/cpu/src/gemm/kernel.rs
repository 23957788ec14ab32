//! The microkernel: a tile of the output stays in registers while the inner dimension runs.

use tunefork_simd::{Isa, Simd, dispatch};

use super::pack::{PANEL, packed_len, panel_width};
use super::{Left, Right, Row, Segment, Start};

/// The most rows of a tile: 14 rows of two vectors, the two vectors of the right operand and one
/// broadcast fill the 32 registers of AVX-512.
const MAX_ROWS: usize = 14;
/// The same for 16 registers.
const MAX_ROWS_16: usize = 6;

/// Adds the product of `left` and `right` to `start` and writes it to `columns` columns of each
/// output row.
///
/// The bits of an output element depend on the segments, the instruction set and the operands of its
/// own row and column, not on how many rows or columns there are.
///
/// # Panics
///
/// If a table points outside its operand, or an output row outside `output`.
pub(crate) fn product(
    isa: Isa,
    left: Left<'_>,
    right: Right<'_>,
    columns: usize,
    start: Start<'_>,
    output: &mut [f32],
) {
    if left.rows.is_empty() || columns == 0 {
        return;
    }
    check(&left, &right, columns, &start, output);
    run(isa, left, right, columns, start, output);
}

/// Makes sure that no element beyond the operands is touched.
fn check(left: &Left<'_>, right: &Right<'_>, columns: usize, start: &Start<'_>, output: &[f32]) {
    let last_left = left.rows.iter().map(|row| row.left).max().unwrap_or(0) as usize;
    let last_output = left.rows.iter().map(|row| row.output).max().unwrap_or(0) as usize;
    assert!(last_output + columns <= output.len(), "output rows of {columns} columns end behind the output");
    if let Start::Bias(bias) = start {
        assert!(bias.len() >= columns, "a bias of {} values for {columns} columns", bias.len());
    }
    let runs = || left.segments.iter().filter(|segment| segment.len > 0);
    let reach = runs().map(|s| s.left as usize + (s.len as usize - 1) * left.step).max();
    let depth = runs().map(|s| s.right as usize + s.len as usize).max();
    let (Some(reach), Some(depth)) = (reach, depth) else {
        return;
    };
    assert!(last_left + reach < left.data.len(), "the left operand ends too early");
    match *right {
        Right::Packed { data, depth: all } => {
            assert!(depth <= all && packed_len(all, columns) <= data.len(), "the packed operand ends too early");
        }
        Right::Strided { data, step } => {
            assert!((depth - 1) * step + columns <= data.len(), "the right operand ends too early");
        }
    }
}

dispatch! {
    fn run<S>(simd: S, left: Left<'_>, right: Right<'_>, columns: usize, start: Start<'_>, output: &mut [f32]) {
        let width = 2 * S::LANES;
        let mut column = 0;
        while column < columns {
            let block = Block {
                left: &left,
                right: columns_from(&right, column, columns),
                column,
                columns: width.min(columns - column),
                start: &start,
            };
            // SAFETY: `check` has been through all tables.
            unsafe {
                match block.columns {
                    all if all == width => block.rows::<S, 2, false>(simd, output),
                    rest if rest > S::LANES => block.rows::<S, 2, true>(simd, output),
                    rest if rest == S::LANES => block.rows::<S, 1, false>(simd, output),
                    _ => block.rows::<S, 1, true>(simd, output),
                }
            }
            column += width;
        }
    }
}

/// Columns of the right operand: where they start, the distance of rows, and whether a whole vector
/// may be read at the end.
struct Columns {
    start: *const f32,
    step: usize,
    padded: bool,
}

#[inline(always)]
fn columns_from(right: &Right<'_>, column: usize, columns: usize) -> Columns {
    match *right {
        Right::Packed { data, depth } => {
            let panel = column / PANEL * PANEL;
            let start = data[panel * depth + column % PANEL..].as_ptr();
            Columns { start, step: panel_width(panel, columns), padded: true }
        }
        Right::Strided { data, step } => Columns { start: data[column..].as_ptr(), step, padded: false },
    }
}

/// At most two vectors of output columns.
struct Block<'a> {
    left: &'a Left<'a>,
    right: Columns,
    column: usize,
    columns: usize,
    start: &'a Start<'a>,
}

impl Block<'_> {
    /// All rows, in tiles of nearly equal height.
    ///
    /// # Safety
    ///
    /// All tables must point into their operands, see `check`.
    #[inline(always)]
    unsafe fn rows<S: Simd, const NV: usize, const PARTIAL: bool>(&self, simd: S, output: &mut [f32]) {
        let most = if S::REGISTERS == 32 { MAX_ROWS } else { MAX_ROWS_16 };
        let mut rows = self.left.rows;
        let mut tiles = rows.len().div_ceil(most);
        while tiles > 0 {
            let (tile, rest) = rows.split_at(rows.len().div_ceil(tiles));
            // SAFETY: the caller's promise.
            unsafe { self.tile_of::<S, NV, PARTIAL>(simd, tile, output) };
            rows = rest;
            tiles -= 1;
        }
    }

    /// Calls the tile compiled for this number of rows.
    #[inline(always)]
    unsafe fn tile_of<S: Simd, const NV: usize, const PARTIAL: bool>(&self, simd: S, rows: &[Row], output: &mut [f32]) {
        macro_rules! call {
            ($($count:literal)*) => {
                // SAFETY: the caller's promise.
                unsafe {
                    match rows.len() {
                        $($count => self.tile::<S, $count, NV, PARTIAL>(simd, rows, output),)*
                        _ => unreachable!("a tile has at most {MAX_ROWS} rows"),
                    }
                }
            };
        }
        if S::REGISTERS == 32 { call!(1 2 3 4 5 6 7 8 9 10 11 12 13 14) } else { call!(1 2 3 4 5 6) }
    }

    /// Computes MR rows of NV vectors; the last vector is cut short if PARTIAL.
    #[inline(always)]
    unsafe fn tile<S: Simd, const MR: usize, const NV: usize, const PARTIAL: bool>(
        &self,
        simd: S,
        rows: &[Row],
        output: &mut [f32],
    ) {
        let rest = self.columns - (NV - 1) * S::LANES;
        let offsets: [usize; MR] = std::array::from_fn(|i| rows[i].left as usize);
        let mut sums = self.first::<S, MR, NV, PARTIAL>(simd, rows, output, rest);
        let cut_right = PARTIAL && !self.right.padded;
        for &Segment { left, right, len } in self.left.segments {
            // SAFETY: `check` has shown that rows and segments lie within the operands; vectors of the
            // right operand are whole where it is padded and cut short to `rest` where it is not.
            unsafe {
                let mut a = self.left.data.as_ptr().add(left as usize);
                let mut b = self.right.start.add(right as usize * self.right.step);
                for _ in 0..len {
                    let mut vectors = [simd.splat(0.0); NV];
                    for (j, vector) in vectors.iter_mut().enumerate() {
                        let from = b.add(j * S::LANES);
                        *vector =
                            if cut_right && j == NV - 1 { simd.load_first(from, rest) } else { simd.load_at(from) };
                    }
                    for i in 0..MR {
                        let value = simd.splat(*a.add(offsets[i]));
                        for j in 0..NV {
                            sums[i][j] = simd.mul_add(value, vectors[j], sums[i][j]);
                        }
                    }
                    a = opaque(a.wrapping_add(self.left.step));
                    b = b.wrapping_add(self.right.step);
                }
            }
        }
        for (row, sums) in rows.iter().zip(&sums) {
            let output = &mut output[row.output as usize + self.column..][..self.columns];
            for (j, &sum) in sums.iter().enumerate() {
                if PARTIAL && j == NV - 1 {
                    simd.store_partial(sum, &mut output[j * S::LANES..]);
                } else {
                    simd.store(sum, &mut output[j * S::LANES..]);
                }
            }
        }
    }

    /// What the sums of a tile start from.
    #[inline(always)]
    fn first<S: Simd, const MR: usize, const NV: usize, const PARTIAL: bool>(
        &self,
        simd: S,
        rows: &[Row],
        output: &[f32],
        rest: usize,
    ) -> [[S::Vector; NV]; MR] {
        let mut sums = [[simd.splat(0.0); NV]; MR];
        for (i, sums) in sums.iter_mut().enumerate() {
            let values = match self.start {
                Start::Zero => break,
                Start::Bias(bias) => &bias[self.column..],
                Start::Output => &output[rows[i].output as usize + self.column..],
            };
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = if PARTIAL && j == NV - 1 {
                    simd.load_partial(&values[j * S::LANES..][..rest])
                } else {
                    simd.load(&values[j * S::LANES..])
                };
            }
        }
        sums
    }
}

/// The same pointer, of which the compiler knows nothing.
///
/// Without it LLVM's strength reduction gives each row of a tile a pointer of its own that moves along; fourteen
/// of them do not fit into registers, and the kernel ran at half its speed (measured: m1, 2.1 times).
#[inline(always)]
#[expect(clippy::pointers_in_nomem_asm_block, reason = "the block is empty: nothing is read through the pointer")]
fn opaque(pointer: *const f32) -> *const f32 {
    let mut pointer = pointer;
    // SAFETY: the template is a comment, so nothing is executed.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    unsafe {
        std::arch::asm!("/* {0} */", inout(reg) pointer, options(pure, nomem, nostack, preserves_flags));
    }
    pointer
}
