//! Conversions, shuffles and fragments are those that the PTX manual describes: compared with plain Rust.

mod support;

use half::{bf16, f16};
use support::Bench;
use tunefork_emulator::Schedule;
use tunefork_kernels::Arguments;

fn bench() -> Bench {
    Bench::new(80, Schedule::Isolated(3))
}

/// f32 numbers that round to every 16-bit number, and those around the middle between two of them.
fn numbers(widen: impl Fn(u16) -> f32) -> Vec<f32> {
    let mut numbers = Vec::new();
    for bits in 0..=u16::MAX {
        let (low, high) = (widen(bits), widen(bits.wrapping_add(1)));
        let middle = ((f64::from(low) + f64::from(high)) / 2.0) as f32;
        numbers.extend([low, middle.next_down(), middle, middle.next_up()]);
    }
    numbers
}

#[test]
fn conversions_to_16_bits_round_to_nearest_even() {
    let bench = bench();
    let mut x = numbers(|bits| f16::from_bits(bits).to_f32());
    x.extend(numbers(|bits| bf16::from_bits(bits).to_f32()));
    x.extend([f32::MAX, f32::MIN_POSITIVE, 65519.996, 65520.0, 1e-45]);
    // A NaN whose upper bits alone would be infinite.
    x.extend([0x7f80_0001, 0xff80_0001, 0x7f80_ffff].map(f32::from_bits));
    let count = x.len();
    let on_x = bench.memory(&x);
    let [as_f16, as_bf16] = [0; 2].map(|_| bench.memory(&vec![0u16; count]));
    let arguments = Arguments::new()
        .span(on_x.all::<f32>())
        .span(as_f16.all::<u16>())
        .span(as_bf16.all::<u16>())
        .value(count as u32);
    let blocks = count.div_ceil(256) as u32;
    bench.run("selftest_narrow", [blocks, 256], 0, &arguments).expect("a kernel without faults");
    let (as_f16, as_bf16) = (bench.read::<u16>(&as_f16), bench.read::<u16>(&as_bf16));
    for ((x, as_f16), as_bf16) in x.into_iter().zip(as_f16).zip(as_bf16) {
        if x.is_nan() {
            assert!(f16::from_bits(as_f16).is_nan(), "{x:?} as f16");
            assert!(bf16::from_bits(as_bf16).is_nan(), "{x:?} as bf16");
        } else {
            assert_eq!(as_f16, f16::from_f32(x).to_bits(), "{x:e} as f16");
            assert_eq!(as_bf16, bf16::from_f32(x).to_bits(), "{x:e} as bf16");
        }
    }
}

#[test]
fn all_16_bit_numbers_widen_exactly() {
    let bench = bench();
    let [on_f16, on_bf16] = [0; 2].map(|_| bench.memory(&vec![0f32; 1 << 16]));
    let arguments = Arguments::new().span(on_f16.all::<f32>()).span(on_bf16.all::<f32>());
    bench.run("selftest_widen", [256, 256], 0, &arguments).expect("a kernel without faults");
    let (on_f16, on_bf16) = (bench.read::<f32>(&on_f16), bench.read::<f32>(&on_bf16));
    for bits in 0..=u16::MAX {
        for (found, expected) in [
            (on_f16[usize::from(bits)], f16::from_bits(bits).to_f32()),
            (on_bf16[usize::from(bits)], bf16::from_bits(bits).to_f32()),
        ] {
            let same = found.to_bits() == expected.to_bits();
            assert!(same || found.is_nan() && expected.is_nan(), "{bits:#06x}: {found:e}");
        }
    }
}

/// To the nearest number with 10 bits of mantissa, the one farther from zero in the middle.
fn tf32(x: f32) -> f32 {
    let unit = 2f64.powi(((x.to_bits() >> 23 & 0xff) as i32).max(1) - 127 - 10);
    ((f64::from(x) / unit).round() * unit) as f32
}

#[test]
fn tf32_rounds_ties_away_and_keeps_nan() {
    let bench = bench();
    let steps = (0..256).map(|step| f32::from_bits(0x3f80_0000 + step * 0x400));
    let mut x: Vec<f32> = steps.clone().chain(steps.map(|x| -x * 1e-39)).collect();
    x.extend([f32::INFINITY, -f32::INFINITY, f32::NAN, f32::from_bits(!0)]);
    x.resize(768, 0.0);
    let on_x = bench.memory(&x);
    let rounded = bench.memory(&vec![0f32; x.len()]);
    let arguments = Arguments::new().span(on_x.all::<f32>()).span(rounded.all::<f32>());
    bench.run("selftest_tf32", [3, 256], 0, &arguments).expect("a kernel without faults");
    for (x, found) in x.into_iter().zip(bench.read::<f32>(&rounded)) {
        if x.is_finite() {
            assert_eq!(found.to_bits(), tf32(x).to_bits(), "{x:e}");
        } else {
            assert!(found == x || found.is_nan() && x.is_nan(), "{x}: {found}");
        }
    }
}

#[test]
fn shuffles_move_what_the_manual_says() {
    for schedule in Schedule::ALL {
        let bench = Bench::new(75, schedule);
        let x: Vec<u64> = (0..32).map(|lane| lane * 0x1_0000_0001 + 7).collect();
        let on_x = bench.memory(&x);
        let found = bench.memory(&[0u64; 96 + 32 * 32]);
        let arguments = Arguments::new().span(on_x.all::<u64>()).span(found.all::<u64>());
        bench.run("selftest_shuffles", [1, 32], 0, &arguments).expect("a kernel without faults");
        let found = bench.read::<u64>(&found);
        for lane in 0..32 {
            assert_eq!(found[lane], x[5]);
            assert_eq!(found[32 + lane], x[lane.checked_sub(3).unwrap_or(lane)]);
            assert_eq!(found[64 + lane], x[if lane + 3 < 32 { lane + 3 } else { lane }]);
            for with in [1, 2, 4, 8, 16] {
                assert_eq!(found[96 + 32 * with + lane], x[lane ^ with]);
            }
        }
    }
}

#[test]
fn matrices_arrive_as_the_manual_says() {
    for architecture in [75, 80] {
        let bench = Bench::new(architecture, Schedule::GreedyDown);
        let x: Vec<u16> = (0..256).map(|i| i * 251).collect();
        let on_x = bench.memory(&x);
        let found = bench.memory(&[0u32; 12 * 32]);
        let arguments = Arguments::new().span(on_x.all::<u16>()).span(found.all::<u32>());
        bench.run("selftest_matrices", [1, 32], 32 * 48, &arguments).expect("a kernel without faults");
        let found = bench.read::<u32>(&found);
        // (register, matrix, whether it is transposed)
        let four = (0..4).map(|m| (m, m, false)).chain((0..4).map(|m| (4 + m, m, true)));
        let two = (0..2).map(|m| (8 + m, m, false)).chain((0..2).map(|m| (10 + m, m, true)));
        for (register, matrix, transposed) in four.chain(two) {
            for lane in 0..32 {
                let value = |row: usize, column: usize| {
                    let (row, column) = if transposed { (column, row) } else { (row, column) };
                    u32::from(x[(matrix * 8 + row) * 8 + column])
                };
                let (row, column) = (lane / 4, lane % 4 * 2);
                let expected = value(row, column) | value(row, column + 1) << 16;
                let found = found[register * 32 + lane];
                assert_eq!(found, expected, "register {register}, lane {lane}");
            }
        }
    }
}

/// Runs a product of one warp on numbers that are whole, so that all sums are exact.
fn product<T: bytemuck::Pod>((name, architecture): (&'static str, u32), depth: usize, store: impl Fn(i32) -> T) {
    let whole = |i: usize| (i * 7919 % 23) as i32 - 11;
    let a: Vec<i32> = (0..16 * depth).map(whole).collect();
    let b: Vec<i32> = (0..depth * 8).map(|i| whole(i * 3 + 1)).collect();
    let d: Vec<i32> = (0..16 * 8).map(|i| whole(i * 5 + 2)).collect();
    let bench = Bench::new(architecture, Schedule::Reverse);
    let on_a = bench.memory(&a.iter().map(|&v| store(v)).collect::<Vec<T>>());
    let on_b = bench.memory(&b.iter().map(|&v| store(v)).collect::<Vec<T>>());
    let on_d = bench.memory(&d.iter().map(|&v| v as f32).collect::<Vec<f32>>());
    let arguments = Arguments::new().span(on_a.all::<T>()).span(on_b.all::<T>()).span(on_d.all::<f32>());
    bench.run(name, [1, 32], 0, &arguments).expect("a kernel without faults");
    let found = bench.read::<f32>(&on_d);
    for row in 0..16 {
        for column in 0..8 {
            let sum: i32 = (0..depth).map(|k| a[row * depth + k] * b[k * 8 + column]).sum();
            let place = row * 8 + column;
            assert_eq!(found[place], (d[place] + sum) as f32, "{name} at {row}, {column}");
        }
    }
}

#[test]
fn tensor_cores_multiply_what_the_fragments_hold() {
    for architecture in [75, 80] {
        product(("selftest_product_f16", architecture), 16, |v| f16::from_f32(v as f32).to_bits());
    }
    product(("selftest_product_bf16", 80), 16, |v| bf16::from_f32(v as f32).to_bits());
    product(("selftest_product_tf32", 80), 8, |v| v as f32);
}
