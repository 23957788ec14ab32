//! Right operands rearranged so that the kernel reads them in one sweep.

/// Columns of a panel: two vectors of AVX-512. The layout is the same for every instruction set, so
/// that the size of a plan does not depend on the machine.
pub(crate) const PANEL: usize = 32;
/// A last panel of at most this many columns is only this wide.
const NARROW: usize = 16;

/// Width of the panel that starts at `column`: [`PANEL`], or half of it for a narrow rest.
pub(super) fn panel_width(column: usize, columns: usize) -> usize {
    if columns - column <= NARROW { NARROW } else { PANEL }
}

/// Length of a packed matrix of `depth` rows and `columns` columns.
pub(crate) const fn packed_len(depth: usize, columns: usize) -> usize {
    depth * columns.next_multiple_of(NARROW)
}

/// Packs panel number `panel` of a matrix whose row r starts at `start(r)` in `source`.
/// `packed` is the whole packed matrix. Columns beyond the last are zero.
pub(crate) fn pack_rows(
    source: &[f32],
    start: impl Fn(usize) -> usize,
    depth: usize,
    columns: usize,
    panel: usize,
    packed: &mut [f32],
) {
    pack(depth, columns, panel, packed, |r, column, row| {
        let from = start(r) + column;
        row.copy_from_slice(&source[from..from + row.len()]);
    });
}

/// Packs panel number `panel` of a matrix whose element (r, c) is `source[start(r) + c * step]`.
pub(crate) fn pack_transposed(
    source: &[f32],
    start: impl Fn(usize) -> usize,
    step: usize,
    depth: usize,
    columns: usize,
    panel: usize,
    packed: &mut [f32],
) {
    pack(depth, columns, panel, packed, |r, column, row| {
        let from = start(r);
        for (c, value) in row.iter_mut().enumerate() {
            *value = source[from + (column + c) * step];
        }
    });
}

/// `fill(r, column, row)` writes what row r of the matrix holds from `column` on.
#[inline(always)]
fn pack(depth: usize, columns: usize, panel: usize, packed: &mut [f32], fill: impl Fn(usize, usize, &mut [f32])) {
    let column = panel * PANEL;
    let width = panel_width(column, columns);
    let used = width.min(columns - column);
    for (r, row) in packed[..depth * width].chunks_exact_mut(width).enumerate() {
        fill(r, column, &mut row[..used]);
        row[used..].fill(0.0);
    }
}
