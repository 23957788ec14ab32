//! Every vector operation on every instruction set against plain arithmetic, NaN and short slices included.

use tunefork_simd::{Isa, MAX_LANES, dispatch};

const A: [f32; MAX_LANES] =
    [1.0, -2.0, 3.5, f32::NAN, 0.0, -0.0, 7.0, 8.0, f32::INFINITY, 10.0, 11.0, 12.0, -13.0, 14.0, 15.0, 16.0];
const B: [f32; MAX_LANES] =
    [2.0, -2.0, f32::NAN, 1.0, -1.0, 0.0, 6.0, 9.0, 1.0, 10.5, -11.0, 12.0, 13.0, 4.0, 5.0, 6.0];

dispatch! {
    /// All two-operand results of the first vector of `a` and `b`, one row per operation.
    fn results<S>(simd: S, a: &[f32], b: &[f32], rows: &mut [[f32; MAX_LANES]]) -> usize {
        let (va, vb) = (simd.load(a), simd.load(b));
        let (one, zero) = (simd.splat(1.0), simd.splat(0.0));
        let all = [
            simd.add(va, vb),
            simd.sub(va, vb),
            simd.mul(va, vb),
            simd.div(va, vb),
            simd.mul_add(va, vb, one),
            simd.sqrt(va),
            simd.max(va, vb),
            simd.select(simd.greater(va, vb), one, zero),
            simd.select(simd.greater_or_nan(va, vb), one, zero),
            simd.map(va, |x| x + 0.5),
            simd.select(simd.equal(va, vb), one, zero),
        ];
        for (row, vector) in rows.iter_mut().zip(all) {
            simd.store(vector, row);
        }
        S::LANES
    }

    /// Copies through a vector that may be partial and returns the sum of its lanes.
    fn copy<S>(simd: S, from: &[f32], to: &mut [f32]) -> f32 {
        let vector = simd.load_partial(from);
        simd.store_partial(vector, to);
        simd.sum(vector)
    }

    fn lanes<S>(simd: S) -> usize {
        let _ = simd;
        S::LANES
    }
}

fn expected(a: f32, b: f32) -> [f32; 11] {
    let flag = |condition| if condition { 1.0 } else { 0.0 };
    [
        a + b,
        a - b,
        a * b,
        a / b,
        a * b + 1.0, // exact for these inputs, so fused or not is the same
        a.sqrt(),
        if a > b { a } else { b },
        flag(a > b),
        flag(a > b || a.is_nan()),
        a + 0.5,
        flag(a == b),
    ]
}

#[test]
fn operations_agree_with_plain_arithmetic() {
    for isa in Isa::available() {
        let mut rows = [[0.0; MAX_LANES]; 11];
        let lanes = results(isa, &A, &B, &mut rows);
        for i in 0..lanes {
            for (operation, want) in expected(A[i], B[i]).into_iter().enumerate() {
                let got = rows[operation][i];
                assert!(
                    got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(),
                    "{isa}: operation {operation} of {} and {} is {got}, not {want}",
                    A[i],
                    B[i]
                );
            }
        }
    }
}

#[test]
fn partial_vectors_touch_nothing_beyond_their_slice() {
    let source: Vec<f32> = (1..=16).map(|i| i as f32).collect();
    for isa in Isa::available() {
        for count in 0..=lanes(isa) {
            let mut target = [-1.0; MAX_LANES + 1];
            let sum = copy(isa, &source[..count], &mut target[..count]);
            assert_eq!(sum, (count * (count + 1) / 2) as f32);
            assert_eq!(target[..count], source[..count]);
            assert!(target[count..].iter().all(|&x| x == -1.0));
        }
    }
}

#[test]
#[should_panic(expected = "range end index")]
fn a_full_load_of_a_short_slice_panics() {
    dispatch! {
        fn first<S>(simd: S, values: &[f32]) -> f32 {
            simd.sum(simd.load(values))
        }
    }
    first(Isa::PORTABLE, &[1.0]);
}
