//! Whole training steps on the shim: random graphs, the networks of the reports, the same bits again.

use tunefork_gpu_check::{Case, steps};
use tunefork_kernels::Precision;
use tunefork_shim::{Host, Schedule};

/// Runs a check with some seeds under some schedules, which must not show in the bits.
fn check(name: &str, architecture: u32, seeds: std::ops::Range<u64>, schedules: &[Schedule]) {
    let check = steps::CHECKS.iter().find(|check| check.name == name);
    let check = check.expect("a check of this name");
    for seed in seeds {
        let mut digests = schedules.iter().map(|&schedule| {
            let mut case = Case::new(Host::stream(architecture, schedule), seed);
            if let Err(reason) = (check.run)(&mut case) {
                panic!("{name} on sm_{architecture}, seed {seed}, {schedule:?}: {reason}");
            }
            case.finish()
        });
        let first = digests.next().expect("a schedule");
        assert!(
            digests.all(|digest| digest == first),
            "{name} on sm_{architecture}, seed {seed}: bits depend on the schedule"
        );
    }
}

const TWO: [Schedule; 2] = [Schedule::RoundRobin, Schedule::GreedyDown];

#[test]
fn random_graphs_train() {
    check("steps/training", 80, 0..60, &[Schedule::RoundRobin]);
    check("steps/training", 75, 60..70, &TWO);
}

#[test]
fn random_graphs_evaluate() {
    check("steps/evaluation", 80, 0..40, &[Schedule::RoundRobin]);
}

#[test]
fn equal_steps_give_equal_bits() {
    check("steps/repeat", 80, 0..2, &TWO);
}

fn two_steps(name: &str, batch: usize, side: usize, precision: Precision) {
    let mut case = Case::new(Host::stream(80, Schedule::RoundRobin), 1);
    if let Err(reason) = steps::two_steps(&mut case, name, batch, side, precision) {
        panic!("{reason}");
    }
}

#[test]
fn networks_of_the_reports_in_f32() {
    for (name, batch, side) in [
        ("m0", 3, 28),
        ("m1", 2, 28),
        ("m2", 2, 32),
        ("m3", 2, 16),
        ("m4", 5, 28),
    ] {
        two_steps(name, batch, side, Precision::F32);
    }
}
