//! What every scheduler promises, one function per promise. A scheduler gets all of them by naming
//! its constructor at the end of this file.

use tunefork_rng::{Key, Purpose, Stream};
use tunefork_scheduler::{
    Decision, NoScheduler, Percentile, PercentileOptions, Scheduler, SuccessiveHalving, SuccessiveHalvingOptions,
};
use tunefork_space::{Point, Space};
use tunefork_trial::{Direction, History, Report, TrialNumber, TrialState};

type New = fn() -> Box<dyn Scheduler>;

/// The steps of a trial that runs to its end.
const STEPS: u32 = 12;

/// What happened in a study of which a scheduler decided.
struct Run {
    history: History,
    decisions: Vec<(TrialNumber, u32, Decision)>,
}

/// Runs 40 trials, four at a time, each with its own level and some noise. A stopped trial ends as
/// pruned; a few fail. `ugly` mixes in NaN and infinite reports. `decide` is asked about every
/// report.
fn run(direction: Direction, ugly: bool, mut decide: impl FnMut(&History, TrialNumber) -> Decision) -> Run {
    let sign = if direction == Direction::Minimize { 1.0 } else { -1.0 };
    let mut stream = Key::study(2).stream(Purpose::Generate);
    let mut history = History::new(Space::default(), direction);
    let mut decisions = Vec::new();
    let mut live: Vec<(TrialNumber, f64)> = Vec::new();
    let mut started = 0;
    while started < 40 || !live.is_empty() {
        if started < 40 && live.len() < 4 {
            let trial = TrialNumber(started);
            history.start(trial, Point::default()).unwrap();
            live.push((trial, stream.f64()));
            started += 1;
            continue;
        }
        let place = stream.below(live.len() as u64) as usize;
        let (trial, level) = live[place];
        let step = history.last_report(trial).map_or(1, |report| report.step + 1);
        let value = sign * any_value(level, ugly, &mut stream);
        history.report(trial, Report { step, value }).unwrap();
        let decision = decide(&history, trial);
        decisions.push((trial, step, decision));
        let end = match decision {
            Decision::Stop => Some((TrialState::Pruned, Some(value))),
            _ if stream.below(60) == 0 => Some((TrialState::Failed, None)),
            _ if step == STEPS => Some((TrialState::Complete, Some(sign * level))),
            _ => None,
        };
        if let Some((state, value)) = end {
            history.finish(trial, state, value).unwrap();
            live.remove(place);
        }
    }
    Run { history, decisions }
}

fn any_value(level: f64, ugly: bool, stream: &mut Stream) -> f64 {
    let noisy = level + 0.2 * stream.f64();
    match stream.below(20) {
        0 if ugly => f64::NAN,
        1 if ugly => f64::INFINITY,
        2 if ugly => f64::NEG_INFINITY,
        _ => noisy,
    }
}

/// A scheduler that has seen the whole study answers like a new one, and like itself asked again.
fn decisions_follow_from_the_history(new: New) {
    for ugly in [false, true] {
        let mut old = new();
        run(Direction::Minimize, ugly, |history, trial| {
            let decision = old.decide(history, trial);
            assert_eq!(decision, old.decide(history, trial));
            assert_eq!(decision, new().decide(history, trial));
            decision
        });
    }
}

/// Trials are only stopped at the steps that `rungs` lists, or at the very end.
fn trials_stop_at_rungs_only(new: New) {
    let rungs = new().rungs(STEPS);
    assert!(rungs.is_sorted() && rungs.iter().all(|rung| (1..STEPS).contains(rung)));
    let mut scheduler = new();
    let run = run(Direction::Minimize, true, |history, trial| scheduler.decide(history, trial));
    for (trial, step, decision) in run.decisions {
        let may_stop = rungs.contains(&step) || step == STEPS;
        assert!(may_stop || decision == Decision::Continue, "trial {trial} at step {step}");
    }
}

/// A scheduler with rungs stops something in a study with clear differences.
fn something_is_stopped_where_there_are_rungs(new: New) {
    let mut scheduler = new();
    let run = run(Direction::Minimize, false, |history, trial| scheduler.decide(history, trial));
    let pruned = run.history.states().contains(&TrialState::Pruned);
    assert_eq!(pruned, !scheduler.rungs(STEPS).is_empty());
}

/// A trial that was better than all others at every step is never stopped.
fn the_best_trial_goes_on(new: New) {
    let mut scheduler = new();
    let mut run = run(Direction::Maximize, false, |history, trial| scheduler.decide(history, trial));
    let trial = run.history.next_number();
    run.history.start(trial, Point::default()).unwrap();
    for step in 1..=STEPS {
        run.history.report(trial, Report { step, value: 2.0 }).unwrap();
        assert_eq!(scheduler.decide(&run.history, trial), Decision::Continue, "step {step}");
    }
}

/// Trials that have not come as far, waiting ones and ones that failed early make no difference.
fn trials_without_reports_make_no_difference(new: New) {
    let mut scheduler = new();
    run(Direction::Minimize, true, |history, trial| {
        let decision = scheduler.decide(history, trial);
        let mut longer = history.clone();
        for end in [None, Some(TrialState::Failed), Some(TrialState::Pruned)] {
            let other = longer.next_number();
            longer.start(other, Point::default()).unwrap();
            if let Some(end) = end {
                longer.finish(other, end, None).unwrap();
            }
        }
        longer.enqueue(longer.next_number(), Point::default()).unwrap();
        assert_eq!(decision, scheduler.decide(&longer, trial));
        decision
    });
}

/// Minimising a value is maximising its negative.
fn directions_mirror_each_other(new: New) {
    let decisions = |direction| {
        let mut scheduler = new();
        run(direction, true, |history, trial| scheduler.decide(history, trial)).decisions
    };
    assert_eq!(decisions(Direction::Minimize), decisions(Direction::Maximize));
}

/// Asked about a trial that has not reported, a scheduler lets it go on.
fn without_reports_a_trial_goes_on(new: New) {
    let mut history = History::new(Space::default(), Direction::Minimize);
    history.start(TrialNumber(0), Point::default()).unwrap();
    assert_eq!(new().decide(&history, TrialNumber(0)), Decision::Continue);
}

macro_rules! conformance {
    ($scheduler:ident, $new:expr, [$($promise:ident),* $(,)?]) => {
        mod $scheduler {
            use super::*;
            $(
                #[test]
                fn $promise() {
                    super::$promise($new);
                }
            )*
        }
    };
    ($scheduler:ident, $new:expr) => {
        conformance!($scheduler, $new, [
            decisions_follow_from_the_history,
            trials_stop_at_rungs_only,
            something_is_stopped_where_there_are_rungs,
            the_best_trial_goes_on,
            trials_without_reports_make_no_difference,
            directions_mirror_each_other,
            without_reports_a_trial_goes_on,
        ]);
    };
}

conformance!(none, || Box::new(NoScheduler));
conformance!(median, || Box::new(Percentile::median()));
conformance!(percentile, || {
    let options =
        PercentileOptions { percentile: 25.0, startup_trials: 3, warmup_steps: 2, interval_steps: 3, min_trials: 2 };
    Box::new(Percentile::new(options).unwrap())
});
conformance!(asha, || {
    let options = SuccessiveHalvingOptions { min_resource: 2, factor: 2, ..Default::default() };
    Box::new(SuccessiveHalving::new(options).unwrap())
});
