//! All checks on the emulator: both code paths, all schedules, the same bits under each.

use tunefork_emulator::{Host, Schedule};
use tunefork_gpu_check::{Case, kernels::FAMILIES};

/// Runs the checks of one file with some seeds.
fn family(name: &str, seeds: std::ops::Range<u64>) {
    let (_, checks) = FAMILIES.iter().find(|(family, _)| *family == name).expect("a family");
    for check in *checks {
        for architecture in [75, 80] {
            for seed in seeds.clone() {
                let digests = Schedule::ALL.map(|schedule| {
                    let mut case = Case::new(Host::stream(architecture, schedule), seed);
                    if let Err(reason) = (check.run)(&mut case) {
                        panic!("{} on sm_{architecture}, seed {seed}, {schedule:?}: {reason}", check.name);
                    }
                    case.finish()
                });
                let same = digests.iter().all(|digest| *digest == digests[0]);
                assert!(same, "{} on sm_{architecture}, seed {seed}: bits depend on the schedule", check.name);
            }
        }
    }
}

#[test]
fn statistics() {
    family("statistics", 0..6);
}

#[test]
fn block() {
    family("block", 0..8);
}

#[test]
fn conv() {
    family("conv", 0..8);
}

#[test]
fn conv_large() {
    family("conv_large", 0..1);
}

#[test]
fn dropout() {
    family("dropout", 0..10);
}

#[test]
fn step() {
    family("step", 0..5);
}

#[test]
fn gather() {
    family("gather", 0..10);
}

#[test]
fn loss() {
    family("loss", 0..12);
}

#[test]
fn optimizer() {
    family("optimizer", 0..16);
}

#[test]
fn dense() {
    family("dense", 0..10);
}

#[test]
fn average() {
    family("average", 0..10);
}

#[test]
fn group_norm() {
    family("group_norm", 0..12);
}

#[test]
fn conv_tensor() {
    family("conv_tensor", 0..24);
}

#[test]
fn conv_tensor_large() {
    family("conv_tensor_large", 0..1);
}
