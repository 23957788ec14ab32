//! The emulator replaces `kernels/instructions.cuh` by `cpp/host.h`, so no kernel that runs there says anything of the
//! real instructions. Here they are read from the file and run by a machine of their own, which knows the PTX manual
//! and not the emulator: both must find the same.

mod machine;
mod parse;
#[path = "../support/mod.rs"]
mod support;

use machine::{Lane, Warp};
use parse::{Function, Statement, functions};
use support::Bench;
use tunefork_emulator::Schedule;
use tunefork_kernels::Arguments;

/// Those that cards have, and which of the emulator's two each takes.
const ARCHITECTURES: [(u32, u32); 4] = [(750, 75), (800, 80), (860, 80), (900, 80)];

fn function<'a>(all: &'a [Function], name: &str) -> &'a Function {
    all.iter().find(|function| function.name == name).unwrap_or_else(|| panic!("there is no {name}"))
}

fn random(count: usize, seed: u32) -> Vec<u32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    (0..count).map(|_| next() | next() << 16).collect()
}

/// Random bits, numbers around those with fewer bits, and special ones.
fn numbers() -> Vec<u32> {
    let mut numbers = random(4096, 7);
    for bits in random(1024, 8) {
        // As f16 stores them: 5 bits of exponent.
        let number = 0x3000_0000 + (bits & 0x8fff_e000);
        numbers.extend([number, number + 0x0fff, number + 0x1000, number + 0x1001, number ^ 0x8000]);
    }
    let special =
        [0.0, -0.0, f32::INFINITY, -f32::INFINITY, f32::NAN, f32::MAX, f32::MIN_POSITIVE, 1e-45, 65519.9, 65520.0];
    numbers.extend(special.map(f32::to_bits));
    numbers.resize(numbers.len().next_multiple_of(256), 0x7fff_ffff);
    numbers
}

/// What a function of one or two numbers returns for each.
fn returned(architecture: u32, all: &[Function], name: &str, arguments: &[(&str, &[u32])]) -> Vec<u32> {
    let mut results = Vec::new();
    for first in (0..arguments[0].1.len()).step_by(32) {
        let mut warp = Warp::new(architecture);
        for (at, lane) in warp.lanes.iter_mut().enumerate() {
            lane.extend(arguments.iter().map(|(name, values)| ((*name).into(), u64::from(values[first + at]))));
        }
        results.extend(warp.run(function(all, name)).into_iter().map(|bits| bits as u32));
    }
    results
}

/// From sm_90 on the next launch may begin, and then the one before is waited for; earlier cards have neither.
#[test]
fn launches_that_overlap_wait() {
    for (architecture, _) in ARCHITECTURES {
        let all = functions(architecture);
        let waits = function(&all, "wait_for_launches_before");
        let found: Vec<&str> = waits
            .statements
            .iter()
            .map(|statement| match statement {
                Statement::Asm(asm) => asm.template.trim(),
                Statement::Other(text) => text,
            })
            .collect();
        let expected: &[&str] = match architecture {
            900.. => &["griddepcontrol.launch_dependents;", "griddepcontrol.wait;"],
            _ => &[],
        };
        assert_eq!(found, expected, "sm_{}", architecture / 10);
        Warp::new(architecture).run(waits);
    }
}

#[test]
fn each_architecture_has_what_its_kernels_call() {
    for (architecture, _) in ARCHITECTURES {
        let mut names: Vec<String> = functions(architecture).into_iter().map(|function| function.name).collect();
        let mut expected = vec![
            "f16_from_f32",
            "f32_from_f16",
            "multiply_rounded",
            "add_rounded",
            "bits_of",
            "f32_of",
            "unknown_code",
            "wait_for_launches_before",
            "shared_address",
            "copy16",
            "copy16_through_l1",
            "copies_commit",
            "copies_wait",
            "load_matrices4",
            "load_matrices4_transposed",
            "load_matrices2",
            "load_matrices2_transposed",
            "multiply_f16",
        ];
        if architecture >= 800 {
            expected.extend(["bf16x2_from_f32", "multiply_bf16", "multiply_tf32", "tf32_of"]);
        }
        names.sort();
        expected.sort_unstable();
        assert_eq!(names, expected, "sm_{}", architecture / 10);
    }
}

#[test]
fn conversions() {
    let (x, count) = (numbers(), numbers().len());
    let y: Vec<u32> = x.iter().rev().copied().collect();
    for (architecture, emulated) in ARCHITECTURES {
        let (all, bench) = (functions(architecture), Bench::new(emulated, Schedule::RoundRobin));
        let blocks = [(count / 256) as u32, 256];
        let (on_x, on_y) = (bench.memory(&x), bench.memory(&y));
        let [f16, bf16] = [0; 2].map(|_| bench.memory(&vec![0u16; count]));
        let arguments =
            Arguments::new().span(on_x.all::<f32>()).span(f16.all::<u16>()).span(bf16.all::<u16>()).value(count as u32);
        bench.run("selftest_narrow", blocks, 0, &arguments).expect("a kernel without faults");
        let found = returned(architecture, &all, "f16_from_f32", &[("x", &x)]);
        assert_eq!(found, bench.read::<u16>(&f16).into_iter().map(u32::from).collect::<Vec<_>>());

        let every: Vec<u32> = (0..1 << 16).collect();
        let [from_f16, from_bf16] = [0; 2].map(|_| bench.memory(&vec![0f32; 1 << 16]));
        let arguments = Arguments::new().span(from_f16.all::<f32>()).span(from_bf16.all::<f32>());
        bench.run("selftest_widen", [256, 256], 0, &arguments).expect("a kernel without faults");
        let found = returned(architecture, &all, "f32_from_f16", &[("bits", &every)]);
        for (found, expected) in found.into_iter().map(f32::from_bits).zip(bench.read::<f32>(&from_f16)) {
            assert!(found == expected || found.is_nan() && expected.is_nan(), "{found} {expected}");
        }

        for (name, expected) in [
            ("multiply_rounded", <f32 as std::ops::Mul>::mul as fn(f32, f32) -> f32),
            ("add_rounded", std::ops::Add::add),
        ] {
            let found = returned(architecture, &all, name, &[("a", &x), ("b", &y)]);
            for ((x, y), found) in x.iter().zip(&y).zip(found) {
                let (found, expected) = (f32::from_bits(found), expected(f32::from_bits(*x), f32::from_bits(*y)));
                assert!(found == expected || found.is_nan() && expected.is_nan(), "{name}: {found} {expected}");
            }
        }
        if emulated < 80 {
            continue;
        }
        for (name, kernel, arguments) in [
            ("bf16x2_from_f32", "selftest_pairs", &[("low", &x[..]), ("high", &y)][..]),
            ("tf32_of", "selftest_tf32", &[("x", &x)]),
        ] {
            let bits = bench.memory(&vec![0u32; count]);
            let given = Arguments::new().span(on_x.all::<f32>());
            let given = if arguments.len() > 1 { given.span(on_y.all::<f32>()) } else { given };
            bench.run(kernel, blocks, 0, &given.span(bits.all::<u32>())).expect("a kernel without faults");
            assert_eq!(returned(architecture, &all, name, arguments), bench.read::<u32>(&bits), "{name}");
        }
    }
}

#[test]
fn matrices() {
    let x: Vec<u16> = random(256, 3).into_iter().map(|bits| bits as u16).collect();
    for (architecture, emulated) in ARCHITECTURES {
        let (all, bench) = (functions(architecture), Bench::new(emulated, Schedule::GreedyUp));
        let (on_x, found) = (bench.memory(&x), bench.memory(&[0u32; 12 * 32]));
        let arguments = Arguments::new().span(on_x.all::<u16>()).span(found.all::<u32>());
        bench.run("selftest_matrices", [1, 32], 32 * 48, &arguments).expect("a kernel without faults");
        let expected = bench.read::<u32>(&found);
        let mut found = Vec::new();
        for (name, count) in [
            ("load_matrices4", 4),
            ("load_matrices4_transposed", 4),
            ("load_matrices2", 2),
            ("load_matrices2_transposed", 2),
        ] {
            let mut warp = Warp::new(architecture);
            warp.shared = vec![0; 32 * 48];
            for (at, x) in x.iter().enumerate() {
                warp.shared[at / 8 * 48 + at % 8 * 2..][..2].copy_from_slice(&x.to_le_bytes());
            }
            for (at, lane) in warp.lanes.iter_mut().enumerate() {
                let row = if count == 4 { at } else { at % 16 };
                lane.insert("row".into(), row as u64 * 48);
            }
            warp.run(function(&all, name));
            for register in 0..count {
                found.extend(warp.lanes.iter().map(|lane| lane[&format!("r[{register}]")] as u32));
            }
        }
        assert_eq!(found, expected, "matrices on sm_{}", architecture / 10);
    }
}

/// Products of the registers of a warp: whole numbers exactly, others nearly, and special ones.
#[test]
fn products() {
    let whole = |bits: u32| (bits % 23) as f32 - 11.0;
    type Store = fn(f32) -> u32;
    let kinds: [(&str, &str, u32, Store); 3] = [
        ("multiply_f16", "selftest_registers_f16", 75, |x| u32::from(half::f16::from_f32(x).to_bits())),
        ("multiply_bf16", "selftest_registers_bf16", 80, |x| x.to_bits() >> 16),
        ("multiply_tf32", "selftest_registers_tf32", 80, f32::to_bits),
    ];
    for (architecture, emulated) in ARCHITECTURES {
        let all = functions(architecture);
        for (name, kernel, first, store) in kinds {
            if emulated < first {
                continue;
            }
            for (turn, special) in [None, None, Some(f32::INFINITY), Some(f32::NAN)].into_iter().enumerate() {
                let fraction = if turn == 1 { 1.0 / 7.0 } else { 1.0 };
                let mut values: Vec<f32> =
                    random(32 * 12, turn as u32).into_iter().map(|bits| whole(bits) * fraction).collect();
                if let Some(special) = special {
                    values[turn * 37] = special;
                }
                let register = |at: usize| match name {
                    "multiply_tf32" => store(values[at]),
                    _ => store(values[at]) | store(values[(at * 5 + 1) % values.len()]) << 16,
                };
                let registers: Vec<u32> = (0..32 * 6).map(register).collect();
                let d: Vec<f32> = (0..32 * 4).map(|at| whole(at as u32 * 7)).collect();
                let expected = emulate(emulated, kernel, &registers, &d);
                let found = run(architecture, function(&all, name), &registers, &d);
                for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let near = (found - expected).abs() <= if turn == 1 { 1e-4 } else { 0.0 };
                    let same = near || found == expected || found.is_nan() && expected.is_nan();
                    assert!(same, "{name} on sm_{}, value {at}: {found}, emulated {expected}", architecture / 10);
                }
            }
        }
    }
}

/// Registers: four of a and two of b for each lane.
fn emulate(architecture: u32, kernel: &'static str, registers: &[u32], d: &[f32]) -> Vec<f32> {
    let bench = Bench::new(architecture, Schedule::Reverse);
    let (on_registers, on_d) = (bench.memory(registers), bench.memory(d));
    let arguments = Arguments::new().span(on_registers.all::<u32>()).span(on_d.all::<f32>());
    bench.run(kernel, [1, 32], 0, &arguments).expect("a kernel without faults");
    bench.read(&on_d)
}

fn run(architecture: u32, function: &Function, registers: &[u32], d: &[f32]) -> Vec<f32> {
    let mut warp = Warp::new(architecture);
    for (at, lane) in warp.lanes.iter_mut().enumerate() {
        let of = |register: usize| u64::from(registers[at * 6 + register]);
        lane.extend((0..4).map(|i| (format!("a[{i}]"), of(i))));
        lane.extend((0..2).map(|i| (format!("b[{i}]"), of(4 + i))));
        lane.extend((0..4).map(|i| (format!("d[{i}]"), u64::from(d[at * 4 + i].to_bits()))));
    }
    warp.run(function);
    let value = |lane: &Lane, i: usize| f32::from_bits(lane[&format!("d[{i}]")] as u32);
    warp.lanes.iter().flat_map(|lane| (0..4).map(|i| value(lane, i))).collect()
}

/// 16 bytes a lane, zeros in every second one, before and after all groups but `left` have been waited for.
#[test]
fn copies() {
    const THREADS: usize = 32;
    let x: Vec<u8> = random(THREADS * 16, 5).into_iter().map(|bits| bits as u8).collect();
    for (architecture, emulated) in ARCHITECTURES {
        let all = functions(architecture);
        for (left, kernel) in [(0, "selftest_copy"), (1, "selftest_missing_wait")] {
            let bench = Bench::new(emulated, Schedule::RoundRobin);
            let (on_x, y) = (bench.memory(&x), bench.memory(&vec![1u8; x.len()]));
            let arguments = Arguments::new().span(on_x.all::<u8>()).span(y.all::<u8>());
            bench.run(kernel, [1, THREADS as u32], x.len() as u32, &arguments).expect("a result");
            for copy in ["copy16", "copy16_through_l1"] {
                let mut warp = Warp::new(architecture);
                (warp.global, warp.shared) = (x.clone(), vec![0xff; x.len()]);
                for (at, lane) in warp.lanes.iter_mut().enumerate() {
                    let values = [("to", at * 16), ("from", at * 16), ("valid", 1 - at % 2), ("left", left)];
                    lane.extend(values.map(|(name, value)| (name.into(), value as u64)));
                }
                for name in [copy, "copies_commit", "copies_wait"] {
                    warp.run(function(&all, name));
                }
                assert_eq!(warp.shared, bench.read::<u8>(&y), "{copy}, {kernel} on sm_{}", architecture / 10);
            }
        }
    }
}
