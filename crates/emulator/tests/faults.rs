//! Each kind of fault is seen: as an error that names it, or as bits that depend on the schedule.

mod support;

use support::Bench;
use tunefork_emulator::{SANITIZED, Schedule};
use tunefork_kernels::{Arguments, DeviceError};

const THREADS: usize = 128;

/// What a kernel that fails under every schedule says.
fn error(name: &'static str, shared_bytes: u32, arguments: impl Fn(&Bench) -> Arguments) -> String {
    let texts = Schedule::ALL.map(|schedule| {
        let bench = Bench::new(80, schedule);
        let result = bench.run(name, [2, THREADS as u32], shared_bytes, &arguments(&bench));
        match result.expect_err("a fault") {
            error @ DeviceError::Failed(_) => error.to_string(),
            error => panic!("{error}"),
        }
    });
    for text in &texts {
        assert!(text.contains(name), "{text}");
    }
    texts[0].clone()
}

/// A kernel that reads `x` and writes `y`, under all schedules: the bits of `y`, or its error.
fn results(name: &'static str, shared_bytes: u32, len: usize) -> Vec<Result<Vec<u32>, DeviceError>> {
    let x: Vec<f32> = (0..len).map(|i| (i * i % 101) as f32 + 0.5).collect();
    let run = |schedule| {
        let bench = Bench::new(80, schedule);
        let (x, y) = (bench.memory(&x), bench.memory(&vec![0f32; len]));
        let arguments = Arguments::new().span(x.all::<f32>()).span(y.all::<f32>());
        bench.run(name, [1, THREADS as u32], shared_bytes, &arguments)?;
        Ok(bench.read(&y))
    };
    Schedule::ALL.map(run).into()
}

/// The arguments of a kernel that has one result.
fn one(bench: &Bench) -> Arguments {
    // What a failed launch would have written lives no longer than this; it is never read.
    let y = bench.memory(&[0f32; 2 * THREADS]);
    let arguments = Arguments::new().span(y.all::<f32>());
    std::mem::forget(y);
    arguments
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn without_a_fault_all_schedules_agree() {
    for architecture in [75, 80] {
        for schedule in Schedule::ALL {
            let bench = Bench::new(architecture, schedule);
            // As many blocks as it takes for other OS threads to join.
            let blocks = 3_000;
            let x: Vec<f32> = (0..blocks * THREADS).map(|i| (i % 1000) as f32).collect();
            let (x, sums) = (bench.memory(&x), bench.memory(&vec![0f32; blocks]));
            let arguments = Arguments::new().span(x.all::<f32>()).span(sums.all::<f32>());
            bench
                .run("selftest_sum", [blocks as u32, THREADS as u32], 16, &arguments)
                .expect("a kernel without faults");
            for (block, sum) in bench.read::<f32>(&sums).into_iter().enumerate() {
                let expected: usize = (0..THREADS).map(|t| (block * THREADS + t) % 1000).sum();
                assert_eq!(sum, expected as f32, "block {block}");
            }
        }
    }
}

#[test]
fn a_missing_barrier_changes_bits() {
    for name in ["selftest_missing_barrier", "selftest_missing_second_barrier"] {
        let found = results(name, 4 * THREADS as u32, 4 * THREADS);
        let found: Vec<_> = found.into_iter().map(|bits| bits.expect("bits")).collect();
        assert!(found.iter().any(|bits| *bits != found[0]), "{name}");
    }
}

#[test]
fn blocks_that_share_a_result_change_bits() {
    // Where blocks see nothing of each other it is an error (between_blocks.rs).
    let sums = [Schedule::RoundRobin, Schedule::Reverse].map(|schedule| {
        let bench = Bench::new(80, schedule);
        let y = bench.memory(&[0f32]);
        let arguments = Arguments::new().span(y.all::<f32>());
        bench.run("selftest_across_blocks", [5, 32], 0, &arguments).expect("a result");
        bench.read::<f32>(&y)[0]
    });
    assert_ne!(sums[0], sums[1], "the first and the last block first");
}

#[test]
fn a_divergent_barrier_is_an_error() {
    let text = error("selftest_divergent_barrier", 0, one);
    assert_says(&text, &["different barriers", "64 at __syncthreads of selftest.cu:"]);
    let text = error("selftest_early_end", 0, one);
    assert_says(&text, &["block", "thread", "__syncthreads of selftest.cu:"]);
}

#[test]
fn a_deadlock_is_an_error() {
    let text = error("selftest_deadlock", 0, one);
    assert_says(&text, &["deadlock", "16 at __shfl_xor_sync of selftest.cu:", "112 at __syncthreads"]);
}

#[test]
fn a_divergent_shuffle_is_an_error() {
    let text = error("selftest_divergent_shuffle", 0, one);
    assert_says(&text, &["lanes of one warp wait at different places"]);
    error("selftest_shuffle_with_the_ended", 0, one);
}

#[test]
fn what_was_never_written_is_nan() {
    let bench = Bench::new(75, Schedule::RoundRobin);
    let y = bench.memory(&[0f32; THREADS]);
    let arguments = Arguments::new().span(y.all::<f32>());
    let shared = 4 * THREADS as u32;
    bench.run("selftest_uninitialised_shared", [1, THREADS as u32], shared, &arguments).expect("a result");
    for (thread, y) in bench.read::<f32>(&y).into_iter().enumerate() {
        assert!(if thread % 2 == 0 { y == 1.0 } else { y.is_nan() }, "{thread}: {y}");
    }
}

#[test]
fn a_copy_is_there_when_it_was_waited_for() {
    for (name, architecture, complete) in [
        ("selftest_copy", 75, true),
        ("selftest_copy", 80, true),
        ("selftest_missing_wait", 75, true), // there, a copy is an ordinary load
        ("selftest_missing_wait", 80, false),
    ] {
        let bench = Bench::new(architecture, Schedule::RoundRobin);
        let x: Vec<u8> = (0..16 * THREADS).map(|i| (i % 101) as u8).collect();
        let (on_x, y) = (bench.memory(&x), bench.memory(&vec![1u8; x.len()]));
        let arguments = Arguments::new().span(on_x.all::<u8>()).span(y.all::<u8>());
        bench.run(name, [1, THREADS as u32], x.len() as u32, &arguments).expect("a result");
        for (place, y) in bench.read::<u8>(&y).into_iter().enumerate() {
            let copied = if place / 16 % 2 == 0 { x[place] } else { 0 };
            assert_eq!(y, if complete { copied } else { 0xff }, "{name}, byte {place}");
        }
    }
}

#[test]
fn addresses_of_16_bytes_are_checked() {
    for (to, from, words) in [
        (8u32, 0u32, "shared memory is no multiple of 16"),
        (0, 4, "global memory is no multiple of 16"),
        (64, 0, "16 bytes that are not in shared memory"),
    ] {
        let bench = Bench::new(80, Schedule::RoundRobin);
        let x = bench.memory(&[0u8; 64]);
        let arguments = Arguments::new().span(x.all::<u8>()).value(to).value(from);
        let result = bench.run("selftest_misaligned_copy", [1, 1], 64, &arguments);
        assert_says(
            &result.expect_err("a fault").to_string(),
            &[words, "block 0,0,0, thread 0,0,0", "copy16 of selftest.cu:"],
        );
    }
    let bench = Bench::new(75, Schedule::RoundRobin);
    let result = bench.run("selftest_misaligned_matrix", [1, 32], 1024, &Arguments::new().value(2u32));
    assert_says(&result.expect_err("a fault").to_string(), &["load_matrices4 of selftest.cu:", "no multiple of 16"]);
}

#[test]
fn launches_that_a_gpu_refuses_are_refused() {
    let bench = Bench::new(75, Schedule::RoundRobin);
    let y = bench.memory(&[0f32; 256]);
    let arguments = Arguments::new().span(y.all::<f32>());
    let refused = |grid, shared, arguments: &Arguments| {
        let result = bench.run("selftest_divergent_barrier", grid, shared, arguments);
        result.expect_err("a refusal").to_string()
    };
    assert_says(&refused([1, 256], 0, &arguments), &["256 threads", "1 to 128"]);
    assert_says(&refused([0, 128], 0, &arguments), &["without blocks"]);
    assert_says(&refused([1, 128], 65537, &arguments), &["65537", "65536"]);
    assert_says(&refused([1, 128], 0, &Arguments::new()), &["1 arguments, not 0"]);
    assert_says(
        &refused([1, 128], 0, &Arguments::new().value(7u32)),
        &["selftest_divergent_barrier", "argument 1 takes 8 bytes, not 4"],
    );
    let missing = bench.run("selftest_tf32", [1, 32], 0, &arguments);
    assert_says(&missing.expect_err("only from sm_80").to_string(), &["sm_75"]);
}

/// Runs one kernel that does to memory what it must not. Under a sanitizer this does not return.
fn touch(which: &str) -> Result<(), DeviceError> {
    let bench = Bench::new(80, Schedule::RoundRobin);
    let y = bench.memory(&[0f32; 5]);
    let x = bench.memory(&[0f32; 5]);
    let no = Arguments::new;
    match which {
        "shared write" => bench.run("selftest_shared_write", [1, 32], 37, &no().value(37u32)),
        "shared read" => {
            let arguments = no().value(37u32).span(y.all::<f32>());
            bench.run("selftest_shared_read", [1, 32], 37, &arguments)
        }
        "global write" => {
            let arguments = no().span(y.all::<f32>()).value(5u32);
            bench.run("selftest_global_write", [1, 32], 0, &arguments)
        }
        "global read" => {
            let arguments = no().span(x.all::<f32>()).value(5u32).span(y.all::<f32>());
            bench.run("selftest_global_read", [1, 32], 0, &arguments)
        }
        "null" => bench.run("selftest_null", [1, 32], 0, &no().value(0u64)),
        "stack" => {
            let arguments = no().span(y.all::<f32>()).value(1u32 << 20);
            bench.run("selftest_deep", [1, 32], 0, &arguments)
        }
        other => panic!("{other}"),
    }
}

/// The text of what must not be done to memory: this process's error, or where a sanitizer ends the
/// process, the report of one made for it.
fn report(which: &str) -> String {
    if !SANITIZED {
        return touch(which).map_or_else(|error| error.to_string(), |()| "nothing".into());
    }
    let program = std::env::current_exe().expect("this program");
    let child = std::process::Command::new(program)
        .args(["--exact", "child_of_the_sanitizer", "--nocapture"])
        .env("EMULATOR_TOUCH", which)
        .output()
        .expect("a process");
    assert!(!child.status.success(), "{which}");
    String::from_utf8_lossy(&child.stderr).into_owned()
}

/// Does nothing unless [`report`] made this process.
#[test]
fn child_of_the_sanitizer() {
    if let Ok(which) = std::env::var("EMULATOR_TOUCH") {
        touch(&which).expect("the sanitizer to end this");
    }
}

#[test]
fn memory_that_is_not_the_kernels_is_an_error() {
    let seen = if SANITIZED { "AddressSanitizer: heap-buffer-overflow" } else { "wrote byte" };
    assert_says(&report("shared write"), &[seen, "selftest_shared_write"]);
    assert_says(&report("global write"), &[seen, "selftest_global_write"]);
    let seen = if SANITIZED { "AddressSanitizer" } else { "memory that is not there" };
    assert_says(&report("null"), &[seen, "selftest_null", "block 0,0,0, thread 0,0,0"]);
    assert_says(&report("stack"), &[seen, "selftest_deep", "thread 0,0,0"]);
}

/// Reading changes nothing: only the sanitizer sees it. Without it, what is read is NaN.
#[test]
fn the_sanitizer_sees_reading_too() {
    if SANITIZED {
        let seen = "AddressSanitizer: heap-buffer-overflow";
        assert_says(&report("shared read"), &[seen, "selftest_shared_read"]);
        assert_says(&report("global read"), &[seen, "selftest_global_read"]);
    }
}
