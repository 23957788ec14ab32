//! Blocks of one launch: what they may tell each other, and that everything else is seen.

mod support;

use support::Bench;
use tunefork_emulator::{SANITIZED, Schedule};
use tunefork_kernels::{Arguments, DeviceError};

const BLOCKS: usize = 5;
const THREADS: usize = 64;

/// A kernel whose last block adds what all have left, twice with one counter: y, or what is wrong.
fn added(name: &'static str, schedule: Schedule) -> Result<Vec<f32>, DeviceError> {
    let bench = Bench::new(80, schedule);
    let x = bench.memory(&numbers());
    let partials = bench.memory(&vec![f32::NAN; BLOCKS * THREADS]);
    let (counter, y) = (bench.memory(&[0u32]), bench.memory(&[f32::NAN; THREADS]));
    let arguments = Arguments::new()
        .span(x.all::<f32>())
        .span(partials.all::<f32>())
        .span(counter.all::<u32>())
        .span(y.all::<f32>());
    for _ in 0..2 {
        bench.run(name, [BLOCKS as u32, THREADS as u32], 0, &arguments)?;
        assert_eq!(bench.read::<u32>(&counter), [0], "{name}: the counter begins anew");
        partials.all::<u8>().fill(bench.stream(), 0xff)?;
    }
    Ok(bench.read(&y))
}

fn numbers() -> Vec<f32> {
    (0..BLOCKS * THREADS).map(|i| (i * i % 101) as f32).collect()
}

fn sums() -> Vec<f32> {
    let x = numbers();
    (0..THREADS).map(|t| (0..BLOCKS).map(|block| 2.0 * x[block * THREADS + t]).sum()).collect()
}

#[test]
fn the_last_block_may_read_what_all_have_left() {
    for name in ["selftest_last_block", "selftest_one_fence"] {
        for seed in 0..20 {
            assert_eq!(added(name, Schedule::Isolated(seed)).expect("sums"), sums(), "{name}");
        }
        for schedule in Schedule::ALL {
            assert_eq!(added(name, schedule).expect("sums"), sums(), "{name}, {schedule:?}");
        }
    }
}

#[test]
fn what_is_read_without_a_fence_a_barrier_or_the_counter_is_old() {
    for name in ["selftest_fence_before", "selftest_no_barrier_before"] {
        let found = added(name, Schedule::Isolated(1)).expect("sums");
        assert!(found.iter().any(|sum| sum.is_nan()), "{name}: {found:?}");
    }
    // The counter stays where it is, since one block does not count.
    let bench = Bench::new(80, Schedule::Isolated(1));
    let (x, partials) = (bench.memory(&numbers()), bench.memory(&vec![f32::NAN; BLOCKS * THREADS]));
    let (counter, y) = (bench.memory(&[0u32]), bench.memory(&[0f32; THREADS]));
    let arguments = Arguments::new()
        .span(x.all::<f32>())
        .span(partials.all::<f32>())
        .span(counter.all::<u32>())
        .span(y.all::<f32>());
    bench.run("selftest_last_by_number", [BLOCKS as u32, THREADS as u32], 0, &arguments).expect("sums");
    assert!(bench.read::<f32>(&y).iter().all(|sum| sum.is_nan()));
    assert_eq!(bench.read::<u32>(&counter), [BLOCKS as u32 - 1]);
}

#[test]
fn a_counter_without_a_fence_is_an_error() {
    let text = added("selftest_no_fence", Schedule::Isolated(1)).expect_err("a fault").to_string();
    for part in ["selftest_no_fence, block", "thread 0,0,0", "atomicInc of selftest.cu:", "no __threadfence"] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn blocks_that_write_the_same_place_are_an_error() {
    let text = added("selftest_same_place", Schedule::Isolated(1)).expect_err("a fault").to_string();
    for part in ["selftest_same_place, block", "of an allocation of 1280 bytes", "another block of the launch"] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn bits_may_be_set_by_all_without_a_fence() {
    for schedule in Schedule::ALL {
        let bench = Bench::new(75, schedule);
        let (marks, y) = (bench.memory(&[1u32 << 30]), bench.memory(&[0f32; BLOCKS * THREADS]));
        let arguments = Arguments::new().span(marks.all::<u32>()).span(y.all::<f32>());
        bench.run("selftest_mark", [BLOCKS as u32, THREADS as u32], 0, &arguments).expect("marks");
        assert_eq!(bench.read::<u32>(&marks), [3 << 30 | ((1 << BLOCKS) - 1)], "{schedule:?}");
        assert_eq!(bench.read::<f32>(&y), [1.0; BLOCKS * THREADS], "{schedule:?}");
    }
}

#[test]
fn bits_of_a_number_that_another_block_writes_are_an_error() {
    for seed in 0..8 {
        let bench = Bench::new(75, Schedule::Isolated(seed));
        let (marks, y) = (bench.memory(&[0u32]), bench.memory(&[0f32; BLOCKS * THREADS]));
        let arguments = Arguments::new().span(marks.all::<u32>()).span(y.all::<f32>());
        let error =
            bench.run("selftest_mark_and_write", [BLOCKS as u32, THREADS as u32], 0, &arguments).expect_err("a fault");
        assert!(error.to_string().contains("another block of the launch"), "{error}");
    }
}

#[test]
fn what_any_thread_brings_to_a_barrier_all_hear() {
    for schedule in Schedule::ALL {
        for negative in [None, Some(0), Some(THREADS - 1), Some(THREADS), Some(2 * THREADS - 1)] {
            let bench = Bench::new(75, schedule);
            let x: Vec<f32> = (0..2 * THREADS).map(|i| if Some(i) == negative { -1.0 } else { 1.0 }).collect();
            let (x, found) = (bench.memory(&x), bench.memory(&[9u32; THREADS]));
            let arguments = Arguments::new().span(x.all::<f32>()).span(found.all::<u32>());
            bench.run("selftest_any", [1, THREADS as u32], 0, &arguments).expect("answers");
            let expected = negative.map_or(0, |place| if place < THREADS { 1 } else { 2 });
            assert_eq!(bench.read::<u32>(&found), [expected; THREADS], "{schedule:?}, {negative:?}");
        }
    }
}

/// Address space is not memory: far places can be had where there is much less.
#[test]
fn large_memory_costs_what_is_touched() {
    let bench = Bench::new(80, Schedule::RoundRobin);
    let bytes = 6 << 30;
    let memory = bench.stream().allocate(bytes).expect("room");
    let far = memory + (5u64 << 30);
    // SAFETY: five of the six GiB that were just allocated lie before it.
    unsafe { bench.stream().upload(far, &[1, 2, 3]) }.expect("a copy");
    let mut found = [0; 4];
    // SAFETY: as above.
    unsafe { bench.stream().download(&mut found, far) }.expect("a copy");
    assert_eq!(found, [1, 2, 3, 0]);
    let arguments = Arguments::new().value(memory + bytes as u64 - 4).value(1u32);
    if !SANITIZED {
        let text = bench.run("selftest_global_write", [1, 32], 0, &arguments).expect_err("a fault").to_string();
        assert!(text.contains(&format!("wrote byte {bytes} of an allocation of {bytes} bytes")), "{text}");
    }
    // SAFETY: allocated above with as many bytes.
    unsafe { bench.stream().free(memory, bytes) };
}
