//! A study as Ray Tune's folder.
//!
//! `TUNEFORK_RAY_PYTHON` names a Python interpreter with `ray[tune]`, whose readers then open it; without one the test says so and passes.

use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::support::{Fixture, TINY, files};

/// A study of six trials in Ray's layout.
fn exported() -> Fixture {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml"]);
    let told = fixture.ok(&["export", "runs/tiny", "--format", "ray"]);
    assert!(told.starts_with("ray: runs/tiny/ray (6 trials)\nopens with ray.tune.ExperimentAnalysis(\"/"), "{told}");
    fixture
}

#[test]
fn each_trial_has_rays_files() {
    let fixture = exported();
    let study = fixture.shown("runs/tiny");
    let found = files(&fixture.path("runs/tiny/ray"));
    assert_eq!(found.iter().filter(|file| file.starts_with("experiment_state-") && file.ends_with(".json")).count(), 1);
    for (number, trial) in study["trials"].as_array().unwrap().iter().enumerate() {
        let read = |name: &str| fixture.read(&format!("runs/tiny/ray/trial_{number:05}/{name}"));
        let params: Value = serde_json::from_str(&read("params.json")).unwrap();
        assert_eq!(params, trial["params"]);
        let epochs = trial["epochs"].as_array().unwrap();
        let results: Vec<Value> = read("result.json").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(results.len(), epochs.len());
        for (result, epoch) in results.iter().zip(epochs) {
            assert_eq!((&result["value"], &result["training_iteration"]), (&epoch["value"], &epoch["epoch"]));
            assert_eq!((&result["accuracy"], &result["config"]), (&epoch["accuracy"], &params));
        }
        assert_eq!(results.last().unwrap()["done"], true);
        let table = read("progress.csv");
        assert_eq!(table.lines().count(), 1 + epochs.len());
        assert!(table.starts_with("value,") && table.contains(",training_iteration,"), "{table}");
    }
}

#[test]
fn models_and_studies_are_not_taken_for_each_other() {
    let fixture = exported();
    let told = fixture.fails(2, &["export", "runs/tiny", "--format", "ray", "--raw"]);
    assert!(told.contains("--raw and --no-normalisation are for models"), "{told}");
    let told = fixture.fails(2, &["export", "runs/tiny/best.safetensors", "--format", "ray"]);
    assert!(told.contains("best.safetensors"), "{told}");
}

#[test]
fn ray_opens_it() {
    let Some(python) = std::env::var_os("TUNEFORK_RAY_PYTHON") else {
        // Written past the test harness, which would keep it to itself.
        let _ = writeln!(std::io::stderr(), "skipped: TUNEFORK_RAY_PYTHON names no Python with ray[tune]");
        return;
    };
    let fixture = exported();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/ray_opens.py");
    let output = Command::new(python).arg(script).arg(fixture.path("runs/tiny/ray")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let study = fixture.shown("runs/tiny");
    let trials = study["trials"].as_array().unwrap();
    assert_eq!(seen["trials"].as_array().unwrap().len(), trials.len());
    for (seen, trial) in seen["trials"].as_array().unwrap().iter().zip(trials) {
        let last = trial["epochs"].as_array().unwrap().last().unwrap();
        assert_eq!((&seen["config"], &seen["value"]), (&trial["params"], &last["value"]), "{seen}");
        assert_eq!(seen["rows"].as_u64().unwrap() as usize, trial["epochs"].as_array().unwrap().len());
        assert_eq!(seen["status"], "TERMINATED");
    }
    let values =
        trials.iter().map(|trial| trial["epochs"].as_array().unwrap().last().unwrap()["value"].as_f64().unwrap());
    assert_eq!(seen["best"].as_f64().unwrap(), values.fold(f64::MIN, f64::max));
}
