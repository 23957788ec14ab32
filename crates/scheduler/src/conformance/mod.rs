//! What every scheduler promises, one function per promise, to test one of your own.
//!
//! ```
//! use tunefork_scheduler::{Percentile, scheduler_conformance};
//! // How to make one.
//! scheduler_conformance!(|| Box::new(Percentile::median()));
//! # fn main() {}
//! ```
//!
//! makes a test for each function here. A scheduler that does not mean to keep one of them lists those that it keeps, in brackets:
//! `scheduler_conformance!(|| Box::new(mine), [decisions_follow_from_the_history, trials_stop_at_rungs_only])`.

mod studies;

use crate::{Decision, FreeSlot, Scheduler};
use studies::{STEPS, Study, play};
use tunefork_space::{Point, Space};
use tunefork_trial::{Direction, History, Report, TrialNumber, TrialState};

/// Makes the tests for a scheduler.
#[macro_export]
macro_rules! scheduler_conformance {
    ($new:expr) => {
        $crate::scheduler_conformance!($new, [
            decisions_follow_from_the_history,
            trials_stop_at_rungs_only,
            something_is_stopped_where_there_are_rungs,
            the_best_trial_goes_on,
            trials_without_reports_make_no_difference,
            directions_mirror_each_other,
            without_reports_a_trial_goes_on,
            only_paused_trials_go_on,
            a_study_of_any_size_ends_with_a_complete_trial,
        ]);
    };
    ($new:expr, [$($promise:ident),* $(,)?]) => {
        $(
            #[test]
            fn $promise() {
                $crate::conformance::$promise($new);
            }
        )*
    };
}

/// Makes a scheduler.
pub type New = fn() -> Box<dyn Scheduler>;

/// A scheduler that has seen the whole study answers like a new one, and like itself asked again.
pub fn decisions_follow_from_the_history(new: New) {
    struct Thrice(Box<dyn Scheduler>, New);
    impl Scheduler for Thrice {
        fn name(&self) -> &'static str {
            self.0.name()
        }
        fn decide(&mut self, history: &History, trial: TrialNumber) -> Decision {
            let decision = self.0.decide(history, trial);
            assert_eq!(decision, self.0.decide(history, trial), "trial {trial}, asked again");
            assert_eq!(decision, (self.1)().decide(history, trial), "trial {trial}, of a new one");
            decision
        }
        fn resume(&mut self, history: &History, slot: FreeSlot) -> Option<TrialNumber> {
            let named = self.0.resume(history, slot);
            assert_eq!(named, self.0.resume(history, slot), "{slot:?}, asked again");
            assert_eq!(named, (self.1)().resume(history, slot), "{slot:?}, of a new one");
            named
        }
        fn rungs(&self, max_steps: u32) -> Vec<u32> {
            self.0.rungs(max_steps)
        }
    }
    for ugly in [false, true] {
        play(Study { ugly, ..Study::default() }, &mut Thrice(new(), new), |_, _, _| {});
    }
}

/// Trials are only stopped or paused at the steps that `rungs` lists, or at the very end.
pub fn trials_stop_at_rungs_only(new: New) {
    let rungs = new().rungs(STEPS);
    assert!(rungs.is_sorted() && rungs.iter().all(|rung| (1..STEPS).contains(rung)), "{rungs:?}");
    play(Study { ugly: true, ..Study::default() }, &mut *new(), |history, trial, decision| {
        let step = history.last_report(trial).map_or(0, |report| report.step);
        let may_stop = rungs.contains(&step) || step == STEPS;
        assert!(may_stop || decision == Decision::Continue, "trial {trial} at step {step}");
    });
}

/// A scheduler with rungs stops something in a study with clear differences.
pub fn something_is_stopped_where_there_are_rungs(new: New) {
    let history = play(Study::default(), &mut *new(), |_, _, _| {});
    let pruned = history.states().contains(&TrialState::Pruned);
    assert_eq!(pruned, !new().rungs(STEPS).is_empty());
}

/// A trial that was better than all others at every step is never stopped; if it is paused, it is among those that go on.
pub fn the_best_trial_goes_on(new: New) {
    let mut scheduler = new();
    let mut history = play(Study { direction: Direction::Maximize, ..Study::default() }, &mut *scheduler, |_, _, _| {});
    let trial = history.next_number();
    history.start(trial, Point::default()).expect("the next number");
    for step in 1..=STEPS {
        history.report(trial, Report { step, value: 2.0 }).expect("it runs");
        match scheduler.decide(&history, trial) {
            Decision::Continue => {}
            Decision::Pause => {
                history.pause(trial).expect("it runs");
                let named = scheduler.resume(&history, FreeSlot { new_trials: false });
                assert_eq!(named, Some(trial), "step {step}");
                history.resume(trial).expect("it is paused");
            }
            Decision::Stop => panic!("the best trial is stopped at step {step}"),
        }
    }
}

/// Trials that have not come as far, waiting ones and ones that failed early make no difference to a decision.
pub fn trials_without_reports_make_no_difference(new: New) {
    let mut other = new();
    play(Study { ugly: true, ..Study::default() }, &mut *new(), |history, trial, decision| {
        if history.last_report(trial).is_some_and(|report| report.step == STEPS) {
            return; // Nobody is asked when it is over.
        }
        let mut longer = history.clone();
        for end in [None, Some(TrialState::Failed), Some(TrialState::Pruned)] {
            let trial = longer.next_number();
            longer.start(trial, Point::default()).expect("the next number");
            if let Some(end) = end {
                longer.finish(trial, end, None).expect("it runs");
            }
        }
        longer.enqueue(longer.next_number(), Point::default()).expect("the next number");
        assert_eq!(decision, other.decide(&longer, trial), "trial {trial}");
    });
}

/// Minimising a value is maximising its negative.
pub fn directions_mirror_each_other(new: New) {
    let decisions = |direction| {
        let mut decisions = Vec::new();
        let study = Study { direction, ugly: true, ..Study::default() };
        let history = play(study, &mut *new(), |_, trial, decision| decisions.push((trial, decision)));
        (decisions, history.states().to_vec())
    };
    assert_eq!(decisions(Direction::Minimize), decisions(Direction::Maximize));
}

/// Asked about a trial that has not reported, a scheduler lets it go on.
pub fn without_reports_a_trial_goes_on(new: New) {
    let mut history = History::new(Space::default(), Direction::Minimize);
    history.start(TrialNumber(0), Point::default()).expect("the next number");
    assert_eq!(new().decide(&history, TrialNumber(0)), Decision::Continue);
    for new_trials in [false, true] {
        assert_eq!(new().resume(&history, FreeSlot { new_trials }), None);
    }
}

/// Who is named for a free slot is paused; a scheduler that says that it never pauses a trial never does.
pub fn only_paused_trials_go_on(new: New) {
    for slots in [1, 4, 64] {
        let mut paused = false;
        // It panics where another trial is named.
        play(Study { slots, ugly: true, ..Study::default() }, &mut *new(), |_, _, decision| {
            paused |= decision == Decision::Pause;
        });
        assert_eq!(paused, new().pauses());
    }
}

/// However few trials there are, one that does not fail runs to its end.
pub fn a_study_of_any_size_ends_with_a_complete_trial(new: New) {
    for (trials, slots) in [(1, 1), (2, 1), (2, 4), (3, 2), (5, 4), (14, 3), (40, 1), (100, 16)] {
        let history = play(Study { trials, slots, failing: false, ..Study::default() }, &mut *new(), |_, _, _| {});
        let complete = history.states().iter().filter(|state| **state == TrialState::Complete).count();
        assert!(complete > 0, "{trials} trials on {slots} slots");
        assert!(history.states().iter().all(|state| state.is_finished()));
    }
}
