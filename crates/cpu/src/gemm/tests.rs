//! The product against plain loops, at every instruction set.

use proptest::prelude::*;
use tunefork_simd::Isa;

use super::*;

/// Small whole numbers: all sums are exact, so that the results must agree to the bit.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state % 15) as f32 - 7.0
    };
    (0..count).map(|_| next()).collect()
}

/// Rows 3 apart with gaps, two segments, all three ways to start, right operand packed and plain.
fn check(row_count: usize, lengths: [usize; 2], columns: usize, step: usize) {
    let depth = lengths[0] + lengths[1];
    let left = numbers((row_count * 3 + depth + 2) * step + row_count * 3, 1);
    let right = numbers(depth * (columns + 1), 2);
    let bias = numbers(columns, 3);
    let rows: Vec<Row> =
        (0..row_count).map(|i| Row { left: 3 * i as u32, output: (i * (columns + 2)) as u32 }).collect();
    let segments = [
        Segment { left: 2, right: lengths[1] as u32, len: lengths[0] as u32 },
        Segment { left: (lengths[0] * step) as u32, right: 0, len: lengths[1] as u32 },
    ];
    let mut packed = vec![f32::NAN; packed_len(depth, columns)];
    for panel in 0..columns.div_ceil(PANEL) {
        pack_rows(&right, |r| r * (columns + 1), depth, columns, panel, &mut packed[panel * PANEL * depth..]);
    }
    let before = numbers(row_count * (columns + 2), 4);
    for isa in Isa::available() {
        for matrix in [Right::Packed { data: &packed, depth }, Right::Strided { data: &right, step: columns + 1 }] {
            for start in [Start::Zero, Start::Bias(&bias), Start::Output] {
                let mut output = before.clone();
                let left = Left { data: &left, rows: &rows, segments: &segments, step };
                product(isa, left, matrix, columns, start, &mut output);
                let mut expected = before.clone();
                for row in &rows {
                    for j in 0..columns {
                        let at = row.output as usize + j;
                        let first = match start {
                            Start::Zero => 0.0,
                            Start::Bias(bias) => bias[j],
                            Start::Output => before[at],
                        };
                        expected[at] = first
                            + segments
                                .iter()
                                .flat_map(|s| (0..s.len).map(move |t| (s, t as usize)))
                                .map(|(s, t)| {
                                    left.data[(row.left + s.left) as usize + t * step]
                                        * right[(s.right as usize + t) * (columns + 1) + j]
                                })
                                .sum::<f32>();
                    }
                }
                assert_eq!(output, expected, "{isa}: {row_count} rows, {columns} columns, depth {depth}");
            }
        }
    }
}

#[test]
fn every_tile_height_and_panel_width() {
    for rows in 1..=31 {
        check(rows, [3, 5], 33, 1);
    }
    for columns in 1..=70 {
        check(5, [4, 3], columns, 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agrees_with_plain_loops(rows in 1usize..50, a in 0usize..20, b in 1usize..20, columns in 1usize..100, step in 1usize..4) {
        check(rows, [a, b], columns, step);
    }

    #[test]
    fn transposed_packing_equals_packing_the_transpose(depth in 1usize..20, columns in 1usize..80) {
        let matrix = numbers(depth * columns, 5);
        let transpose: Vec<f32> = (0..columns * depth).map(|i| matrix[i % depth * columns + i / depth]).collect();
        let mut packed = [vec![f32::NAN; packed_len(depth, columns)], vec![f32::NAN; packed_len(depth, columns)]];
        for panel in 0..columns.div_ceil(PANEL) {
            pack_rows(&matrix, |r| r * columns, depth, columns, panel, &mut packed[0][panel * PANEL * depth..]);
            pack_transposed(&transpose, |r| r, depth, depth, columns, panel, &mut packed[1][panel * PANEL * depth..]);
        }
        prop_assert_eq!(&packed[0], &packed[1]);
    }
}

#[test]
#[should_panic(expected = "left operand ends too early")]
fn a_row_outside_the_left_operand_is_refused() {
    let rows = [Row { left: 2, output: 0 }];
    let segments = [Segment { left: 0, right: 0, len: 3 }];
    let left = Left { data: &[1.0; 4], rows: &rows, segments: &segments, step: 1 };
    product(Isa::PORTABLE, left, Right::Strided { data: &[1.0; 3], step: 1 }, 1, Start::Zero, &mut [0.0]);
}
