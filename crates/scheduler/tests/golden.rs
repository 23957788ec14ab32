//! The decisions of Optuna 5.0.0's pruners on small studies.

use tunefork_scheduler::{
    Decision, Hyperband, HyperbandOptions, NoScheduler, OptionError, Patience, PatienceOptions, Percentile,
    PercentileOptions, Scheduler, SuccessiveHalving, SuccessiveHalvingOptions, SyncHyperband, Threshold,
    ThresholdOptions, Wilcoxon, WilcoxonOptions,
};
use tunefork_space::{Point, Space};
use tunefork_trial::{Direction, History, Report, TrialNumber, TrialState};

const KEEP: Decision = Decision::Continue;
const STOP: Decision = Decision::Stop;

fn start(history: &mut History) -> TrialNumber {
    let trial = history.next_number();
    history.start(trial, Point::default()).unwrap();
    trial
}

/// Five complete trials with three reports each, steps 0 to 2, smaller is better.
fn five_curves() -> History {
    let mut history = History::new(Space::default(), Direction::Minimize);
    for curve in [[0.9, 0.7, 0.5], [0.8, 0.6, 0.4], [0.7, 0.5, 0.3], [0.6, 0.4, 0.2], [0.5, 0.3, 0.1]] {
        let trial = start(&mut history);
        for (value, step) in curve.into_iter().zip(0..) {
            history.report(trial, Report { step, value }).unwrap();
        }
        history.finish(trial, TrialState::Complete, Some(curve[2])).unwrap();
    }
    history
}

/// The answers to one more trial that reports `values` at steps 0, 1, …, stopped or not.
#[track_caller]
fn check(options: PercentileOptions, values: &[f64], expected: &[Decision]) {
    check_of(&mut Percentile::new(options).unwrap(), values, expected);
}

#[track_caller]
fn check_of(scheduler: &mut dyn Scheduler, values: &[f64], expected: &[Decision]) {
    let mut history = five_curves();
    let trial = start(&mut history);
    let answers = values.iter().zip(0..).map(|(&value, step)| {
        history.report(trial, Report { step, value }).unwrap();
        scheduler.decide(&history, trial)
    });
    assert_eq!(answers.collect::<Vec<_>>(), expected);
}

#[test]
fn median() {
    let median = PercentileOptions::default();
    check(median, &[0.75, 0.55, 0.29], &[STOP, STOP, KEEP]);
    check(median, &[0.65, 0.65, 0.65], &[KEEP, STOP, STOP]);
    check(median, &[f64::NAN, 0.4, 0.3], &[STOP, KEEP, KEEP]);
}

#[test]
fn startup_warmup_and_interval() {
    let startup = PercentileOptions { startup_trials: 6, ..Default::default() };
    check(startup, &[0.95, f64::NAN, 0.95], &[KEEP; 3]);
    let enough = PercentileOptions { startup_trials: 5, min_trials: 5, ..Default::default() };
    check(enough, &[0.95; 3], &[STOP; 3]);
    let warmup = PercentileOptions { warmup_steps: 1, interval_steps: 2, ..Default::default() };
    check(warmup, &[0.95; 3], &[KEEP, STOP, KEEP]);
    let many = PercentileOptions { min_trials: 6, ..Default::default() };
    check(many, &[0.95; 3], &[KEEP; 3]);
}

#[test]
fn percentile() {
    let best_quarter = PercentileOptions { percentile: 25.0, ..Default::default() };
    check(best_quarter, &[0.55, 0.45, 0.25], &[KEEP, STOP, STOP]);
}

#[test]
fn patience() {
    let patience = |patience, min_delta| {
        Patience::new(None, PatienceOptions { patience, min_delta, ..Default::default() }).unwrap()
    };
    check_of(&mut patience(2, 0.0), &[0.5, 0.6, 0.7, 0.8, 0.9], &[KEEP, KEEP, KEEP, STOP, STOP]);
    check_of(&mut patience(0, 0.15), &[0.5, 0.6, 0.7, 0.4], &[KEEP, KEEP, STOP, KEEP]);
    check_of(&mut patience(1, 0.0), &[0.5, f64::NAN, f64::NAN, 0.5], &[KEEP, KEEP, STOP, KEEP]);
}

#[test]
fn threshold() {
    let options = ThresholdOptions { lower: 0.2, upper: 0.6, warmup_steps: 1, interval_steps: 2 };
    let mut scheduler = Threshold::new(options).unwrap();
    check_of(&mut scheduler, &[0.1, 0.7, 0.7, 0.1, 0.7], &[KEEP, STOP, KEEP, STOP, KEEP]);
    check_of(&mut scheduler, &[0.1, f64::NAN, f64::NAN, 0.6], &[KEEP, STOP, KEEP, KEEP]);
    for (options, option) in [
        (ThresholdOptions { lower: f64::NAN, ..options }, "lower is NaN, but must be a number"),
        (ThresholdOptions { upper: 0.2, ..options }, "upper is 0.2, but must be above `lower`"),
        (ThresholdOptions { interval_steps: 0, ..options }, "interval_steps is 0, but must be 1 or more"),
    ] {
        assert_eq!(Threshold::new(options).unwrap_err().to_string(), option);
    }
}

/// The best of the five has 0.5, 0.3, 0.1.
#[test]
fn wilcoxon() {
    let mut scheduler = Wilcoxon::new(WilcoxonOptions { p_threshold: 0.3, ..Default::default() }).unwrap();
    check_of(&mut scheduler, &[0.6, 0.5, 0.4], &[KEEP, STOP, STOP]);
    check_of(&mut scheduler, &[0.6, 0.25, 0.4], &[KEEP, KEEP, STOP]);
    check_of(&mut scheduler, &[0.9, f64::INFINITY, 0.4], &[KEEP; 3]);
    check_of(&mut Wilcoxon::new(WilcoxonOptions::default()).unwrap(), &[0.6, 0.5, 0.4], &[KEEP; 3]);
    assert!(Wilcoxon::new(WilcoxonOptions { p_threshold: 1.5, ..Default::default() }).is_err());
}

#[test]
fn hyperband_compares_trials_of_a_bracket() {
    let options = HyperbandOptions { min_resource: 1, max_resource: 4, factor: 2 };
    for (options, told) in [
        (HyperbandOptions { min_resource: 0, ..options }, "min_resource is 0, but must be 1 or more"),
        (HyperbandOptions { max_resource: 0, ..options }, "max_resource is 0, but must be `min_resource` or more"),
        (HyperbandOptions { factor: 1, ..options }, "factor is 1, but must be 2 or more"),
    ] {
        assert_eq!(Hyperband::new(options).unwrap_err().to_string(), told);
        assert_eq!(SyncHyperband::new(options).unwrap_err().to_string(), told);
    }
    let mut scheduler = Hyperband::new(options).unwrap();
    let mut history = History::new(Space::default(), Direction::Minimize);
    // Each worse than all before it: only the first of each bracket gets past its lowest rung.
    let stops: Vec<Option<u32>> = (0..10)
        .map(|value| {
            let trial = start(&mut history);
            let stop = (1..=4).find(|&step| {
                history.report(trial, Report { step, value: value.into() }).unwrap();
                scheduler.decide(&history, trial) == STOP
            });
            history.finish(trial, TrialState::Complete, Some(value.into())).unwrap();
            stop
        })
        .collect();
    let count = |stop| stops.iter().filter(|other| **other == stop).count();
    // Sizes 4, 3 and 3: rungs from 1, 2 and 4 on; at 4 the trial is over, and whoever is asked there may be stopped.
    assert_eq!((count(None), count(Some(1)), count(Some(2)), count(Some(4))), (3, 3, 2, 2), "{stops:?}");
}

#[test]
fn successive_halving() {
    let options = SuccessiveHalvingOptions { min_resource: 1, factor: 2, ..Default::default() };
    let mut scheduler = SuccessiveHalving::new(options).unwrap();
    let mut history = History::new(Space::default(), Direction::Minimize);
    // Constant curves over four steps, and the step at which each is stopped.
    let curves = [(0.5, None), (0.6, Some(1)), (0.4, None), (0.45, Some(2)), (0.3, None), (0.55, Some(1))];
    for (value, stopped_at) in curves {
        let trial = start(&mut history);
        let mut stops = (1..=4).filter(|&step| {
            history.report(trial, Report { step, value }).unwrap();
            scheduler.decide(&history, trial) == STOP
        });
        assert_eq!(stops.next(), stopped_at, "{value}");
    }
}

/// A report that passes several rungs at once is compared at each of them.
#[test]
fn sparse_reports_meet_every_rung_they_pass() {
    let options = SuccessiveHalvingOptions { factor: 2, ..Default::default() };
    let mut scheduler = SuccessiveHalving::new(options).unwrap();
    let mut history = History::new(Space::default(), Direction::Maximize);
    for (reports, expected) in [
        (vec![(3, 0.5)], KEEP),
        (vec![(1, 0.9), (2, 0.6)], KEEP),
        // Good at step 1, where it is second to 0.9 among four; worse than 0.6 at step 2.
        (vec![(1, 0.8)], STOP),
        (vec![(2, 0.95)], KEEP),
        (vec![(1, f64::NAN)], STOP),
    ] {
        let trial = start(&mut history);
        for (step, value) in reports {
            history.report(trial, Report { step, value }).unwrap();
        }
        assert_eq!(scheduler.decide(&history, trial), expected, "trial {trial}");
    }
}

#[test]
fn bootstrap_holds_the_first_trials_back() {
    let options = SuccessiveHalvingOptions { factor: 2, bootstrap: 2, ..Default::default() };
    let mut scheduler = SuccessiveHalving::new(options).unwrap();
    let mut history = History::new(Space::default(), Direction::Maximize);
    for expected in [STOP, STOP, KEEP] {
        let trial = start(&mut history);
        history.report(trial, Report { step: 1, value: 0.5 }).unwrap();
        assert_eq!(scheduler.decide(&history, trial), expected);
    }
}

#[test]
fn rungs() {
    let halving = |min_resource, factor, skip| {
        let options = SuccessiveHalvingOptions { min_resource, factor, skip, bootstrap: 0 };
        SuccessiveHalving::new(options).unwrap()
    };
    assert_eq!(halving(1, 3, 0).rungs(10), [1, 3, 9]);
    assert_eq!(halving(2, 4, 1).rungs(129), [8, 32, 128]);
    assert_eq!(halving(1, 3, 0).rungs(9), [1, 3]);
    assert_eq!(halving(1, 2, 40).rungs(u32::MAX), [0; 0]);
    let every_third = PercentileOptions { warmup_steps: 4, interval_steps: 3, ..Default::default() };
    assert_eq!(Percentile::new(every_third).unwrap().rungs(12), [4, 7, 10]);
}

/// A study file, and the report of a study, say which rule it was.
#[test]
fn schedulers_have_the_names_of_study_files() {
    let quarter = PercentileOptions { percentile: 25.0, ..Default::default() };
    assert_eq!(NoScheduler.name(), "none");
    assert_eq!(Percentile::median().name(), "median");
    assert_eq!(Percentile::new(quarter).unwrap().name(), "percentile");
    assert_eq!(SuccessiveHalving::new(Default::default()).unwrap().name(), "asha");
}

#[test]
fn bad_options_are_named() {
    let message = |error: OptionError| error.to_string();
    let percentile = |percentile| {
        let options = PercentileOptions { percentile, ..Default::default() };
        message(Percentile::new(options).unwrap_err())
    };
    assert_eq!(percentile(100.5), "percentile is 100.5, but must be from 0 to 100");
    assert_eq!(percentile(f64::NAN), "percentile is NaN, but must be from 0 to 100");
    let interval = PercentileOptions { interval_steps: 0, ..Default::default() };
    let error = message(Percentile::new(interval).unwrap_err());
    assert_eq!(error, "interval_steps is 0, but must be 1 or more");
    let factor = SuccessiveHalvingOptions { factor: 1, ..Default::default() };
    let error = message(SuccessiveHalving::new(factor).unwrap_err());
    assert_eq!(error, "factor is 1, but must be 2 or more");
}
