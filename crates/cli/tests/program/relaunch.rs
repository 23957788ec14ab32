//! The program on a card that fails: it starts itself anew and goes on. In place of an NVIDIA driver stands the one of
//! `crates/kernels/tests/driver`, which takes all calls and computes nothing: that is enough to train all trials to the same, useless,
//! weights, and its faults are sticky until there is another process.

#[path = "../../../kernels/tests/driver/fake.rs"]
mod fake;

use std::process::{Command, Output};

use crate::support::{Fixture, TINY};

/// None where there is no C compiler.
fn fixture() -> Option<Fixture> {
    let fixture = Fixture::new(TINY);
    std::fs::create_dir(fixture.path("driver")).unwrap();
    fake::build(&fixture.path("driver"), &[]).then_some(fixture)
}

/// Runs the study; `faults` says which kernel is a fault in which process.
fn run(fixture: &Fixture, out: &str, faults: &str, more: &[&str]) -> Output {
    let args = [&["run", "study.toml", "--out", out, "--checkpoint-every", "0", "--workers", "1"], more].concat();
    with_card(fixture, &args)
        .env("FAULTS", faults)
        .env("PROCESSES", fixture.path(&format!("{out}.processes")))
        .output()
        .unwrap()
}

/// The program with the card.
fn with_card(fixture: &Fixture, args: &[&str]) -> Command {
    let mut command = fixture.command(args);
    command
        .env_remove("CUDA_VISIBLE_DEVICES")
        .env("LD_LIBRARY_PATH", fixture.path("driver"))
        .env("TUNEFORK_NVRTC", fixture.path("driver/libcuda.so.1"))
        .env("TUNEFORK_CACHE", fixture.path("cache"));
    command
}

/// How many processes have had the card.
fn processes(fixture: &Fixture, out: &str) -> usize {
    fixture.read(&format!("{out}.processes")).lines().count()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const ANEW: &str = "the program starts itself anew and goes on from what is stored";

#[test]
fn a_study_goes_on_in_a_new_process_to_the_same_end() {
    let Some(fixture) = fixture() else { return };
    let whole = run(&fixture, "whole", "0", &[]);
    assert!(whole.status.success(), "{}", said(&whole));
    assert!(String::from_utf8_lossy(&whole.stdout).contains("on the GPU Fake GPU"), "{whole:?}");
    assert_eq!(processes(&fixture, "whole"), 1);

    for more in [&[][..], &["--json"]] {
        let out = if more.is_empty() { "lost" } else { "json" };
        let lost = run(&fixture, out, "900 1200 0", more);
        let errors = said(&lost);
        assert!(lost.status.success(), "{errors}");
        assert_eq!(errors.matches(ANEW).count(), 2, "{errors}");
        assert!(errors.contains("an illegal memory access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS)"), "{errors}");
        assert_eq!(processes(&fixture, out), 3);
        assert_eq!(fixture.shown(out), fixture.shown("whole"));
        assert_eq!(fixture.weights(out), fixture.weights("whole"));
    }
}

#[test]
fn a_trial_that_costs_two_processes_the_card_is_given_up() {
    let Some(fixture) = fixture() else { return };
    let output = run(&fixture, "out", "40 40 0", &[]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(processes(&fixture, "out"), 3);
    assert!(told.contains("failed: 1 trial (fault), the first is trial 0: "), "{told}");
    assert!(told.contains("end it and start it again, 2 times in a row"), "{told}");
    assert!(told.contains("reproducible given 1 outside event"), "{told}");
}

#[test]
fn a_card_that_fails_each_time_ends_the_run_and_it_can_go_on() {
    let Some(fixture) = fixture() else { return };
    let output = run(&fixture, "out", "40 40 40 40 40 40", &[]);
    let errors = said(&output);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(processes(&fixture, "out"), 4);
    assert_eq!(errors.matches(ANEW).count(), 3, "{errors}");
    let last =
        "error: the GPU failed 4 times in a row, and no epoch came between\n  because the study stopped at trial 1: ";
    assert!(errors.contains(last), "{errors}");
    assert!(errors.trim_end().ends_with("run the same study again to go on"), "{errors}");
    let again = run(&fixture, "out", "0 0 0 0 0", &[]);
    assert!(again.status.success(), "{}", said(&again));
}

#[test]
fn doctor_tells_what_would_be_used_of_a_card() {
    let Some(fixture) = fixture() else { return };
    let output = with_card(&fixture, &["doctor", "--device", "cuda"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(output.status.success(), "{text}");
    for told in [
        "GPU Fake GPU, compute capability 8.6, 4 GiB of 8 GiB free its driver knows CUDA 12.4",
        "it computes in f32, tf32, bf16, f16 (--precision)",
        "kernels become machine code of the card itself (sm_86), kept in ",
        "images lie on it as a whole up to 4 GiB",
        "NVRTC 12.4 (build ",
        "on the GPU Fake GPU (compute capability 8.6), as --device cuda asks for it",
    ] {
        assert!(text.contains(told), "{told} in\n{text}");
    }
}
