//! The program `gpu-check` itself on a card that fails, for which the driver of `crates/kernels/tests/driver` stands in. It computes
//! nothing, so every check fails; what is looked at is which checks run, and in which process.
#![cfg(target_os = "linux")]

#[path = "../../kernels/tests/driver/fake.rs"]
mod fake;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// A folder with the driver; none where there is no C compiler.
fn driver() -> Option<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    fake::build(folder.path(), &[]).then_some(folder)
}

/// What is printed, the checks in the JSON file by name and target, and the number of processes that had the card.
fn run(folder: &Path, wrong: &str, faults: &str) -> (String, Vec<[String; 2]>, usize) {
    let processes = folder.join("processes");
    let _ = std::fs::remove_file(&processes);
    let output = Command::new(env!("CARGO_BIN_EXE_gpu-check"))
        .args(["--parts", "checks", "--only", "dropout", "--seeds", "1", "--json"])
        .arg(folder.join("found.json"))
        .env("LD_LIBRARY_PATH", folder)
        .env("TUNEFORK_NVRTC", folder.join("libcuda.so.1"))
        .env("TUNEFORK_CACHE", folder.join("cache"))
        .env("FAKE", wrong)
        .env("FAULTS", faults)
        .env("PROCESSES", &processes)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert_eq!(output.status.code(), Some(1), "checks fail here:\n{text}");
    let found: Value = serde_json::from_slice(&std::fs::read(folder.join("found.json")).unwrap()).unwrap();
    let checks = found["checks"].as_array().unwrap();
    let word = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    let checks = checks.iter().map(|check| ["name", "target"].map(|name| word(check, name))).collect();
    assert!(!folder.join("found.part").exists());
    (text, checks, std::fs::read_to_string(&processes).unwrap().lines().count())
}

#[test]
fn checks_go_on_in_another_process_behind_the_one_that_lost_the_card() {
    let Some(folder) = driver() else { return };
    let (_, expected, processes) = run(folder.path(), "", "0");
    assert_eq!(processes, 1);
    assert!(expected.len() >= 2 && expected.iter().any(|[_, target]| target == "compute_75"), "{expected:?}");
    // The first kernel of a process is the one by which PTX is tried.
    let (text, found, processes) = run(folder.path(), "", "2 2 0");
    assert_eq!(processes, 3, "{text}");
    assert_eq!(found, expected, "each once, in order");
    assert_eq!(text.matches("another process goes on behind this check").count(), 2, "{text}");
}

#[test]
fn ptx_that_the_driver_does_not_know_is_left_out_with_a_sentence() {
    let Some(folder) = driver() else { return };
    let said = "checks of sm_75's code path are left out: PTX of NVRTC 12.8 is unknown to the driver, which knows CUDA up to 12.4";
    let (text, checks, _) = run(folder.path(), "new compiler", "0");
    assert!(text.contains(said), "{text}");
    assert!(checks.iter().all(|[_, target]| target == "sm_86"), "{checks:?}");
}
