//! Whole training steps on the emulator: random graphs, the networks of the reports, the same bits again.

use tunefork_emulator::{Host, Schedule};
use tunefork_gpu_check::checks::steps;
use tunefork_gpu_check::{Case, Failure};
use tunefork_kernels::Precision;

const TWO: [Schedule; 2] = [Schedule::RoundRobin, Schedule::GreedyDown];

/// Runs a check with a seed under some schedules, which must not show in the bits.
fn under(schedules: &[Schedule], architecture: u32, seed: u64, check: &dyn Fn(&mut Case) -> Result<(), Failure>) {
    let mut digests = schedules.iter().map(|&schedule| {
        let mut case = Case::new(Host::stream(architecture, schedule), seed);
        if let Err(reason) = check(&mut case) {
            panic!("on sm_{architecture}, seed {seed}, {schedule:?}: {reason}");
        }
        case.finish()
    });
    let first = digests.next().expect("a schedule");
    assert!(digests.all(|digest| digest == first), "on sm_{architecture}, seed {seed}: bits depend on the schedule");
}

fn seeds(name: &str, architecture: u32, seeds: std::ops::Range<u64>, schedules: &[Schedule]) {
    let check = steps::CHECKS.iter().find(|check| check.name == name);
    let check = check.expect("a check of this name").run;
    for seed in seeds {
        under(schedules, architecture, seed, &check);
    }
}

#[test]
fn random_graphs_train() {
    seeds("steps/training", 80, 0..120, &TWO[..1]);
    seeds("steps/training", 75, 120..140, &TWO);
}

#[test]
fn random_graphs_evaluate() {
    seeds("steps/evaluation", 80, 0..60, &TWO[..1]);
}

#[test]
fn weight_decay_spares_norms_and_biases() {
    seeds("steps/spared", 80, 0..6, &TWO);
}

#[test]
fn gradients_are_applied_at_once_or_stored_first() {
    seeds("steps/applied", 80, 0..12, &TWO[..1]);
    seeds("steps/applied", 75, 12..14, &TWO);
}

#[test]
fn no_check_is_forgotten() {
    let tested = ["steps/training", "steps/evaluation", "steps/repeat", "steps/spared", "steps/applied"];
    assert_eq!(steps::CHECKS.iter().map(|check| check.name).collect::<Vec<_>>(), tested);
}

#[test]
fn equal_steps_give_equal_bits() {
    seeds("steps/repeat", 80, 0..3, &TWO);
    for (architecture, precision) in [(75, Precision::F16), (80, Precision::Bf16)] {
        under(&TWO, architecture, 3, &|case| steps::repeat(case, precision));
    }
}

/// Two steps of each network on the code path of an architecture, in its own form or the smooth one.
fn networks(architecture: u32, precision: Precision, smooth: bool) {
    let networks = [("m0", 3, 28), ("m1", 4, 28), ("m2", 2, 32), ("m3", 3, 16), ("m4", 5, 28)];
    for (name, batch, side) in networks {
        under(&TWO[..1], architecture, 1, &|case| match smooth {
            true => steps::two_smooth_steps(case, name, batch, side, precision),
            false => steps::two_steps(case, name, batch, side, precision),
        });
    }
}

#[test]
fn networks_of_the_reports_in_f32() {
    networks(80, Precision::F32, false);
}

#[test]
fn networks_of_the_reports_in_f16() {
    networks(75, Precision::F16, false);
    networks(80, Precision::F16, true);
}

#[test]
fn networks_of_the_reports_in_bf16() {
    networks(80, Precision::Bf16, false);
    networks(80, Precision::Bf16, true);
}

#[test]
fn networks_of_the_reports_in_tf32() {
    networks(80, Precision::Tf32, false);
    networks(80, Precision::Tf32, true);
}

/// Runs of many steps, as the program takes 200 of on a GPU: the networks beside the processor's engine, with
/// as much as the emulator can do.
fn runs(architecture: u32, precision: Precision, runs: &[(&str, usize, usize, usize)]) {
    for &(name, batch, side, steps) in runs {
        let beside = steps::Beside::new(name, batch, side, steps).expect("a run on the processor");
        under(&TWO[..1], architecture, 1, &|case| beside.check(case, precision));
    }
}

#[test]
fn runs_of_many_steps_go_as_the_processors() {
    let shapes = [("m0", 3, 8, 20), ("m1", 3, 8, 20), ("m3", 2, 16, 20), ("m4", 4, 8, 40)];
    runs(80, Precision::F32, &shapes);
    runs(75, Precision::F16, &shapes[1..2]);
    runs(80, Precision::Bf16, &shapes[1..2]);
    runs(80, Precision::Tf32, &shapes[3..]);
}
