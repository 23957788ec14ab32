//! Studies that end since they have what they were begun for.

use crate::curve::Curve;
use crate::support::{Mortal, SCHEDULERS, definition, go, options, record, text, undisturbed};
use std::sync::Arc;
use tunefork_study::{Clock, Definition, Ended, Goals, MemoryStorage, Reached};
use tunefork_trial::TrialState;

fn with(scheduler: &str, goals: Goals) -> Definition {
    Definition { goals, ..definition(scheduler) }
}

const PATIENT: Goals = Goals { target: None, no_progress: Some(3), epochs: None };

#[test]
fn no_more_trials_are_asked_for_once_a_goal_is_reached() {
    for (goals, reached) in [
        (Goals { target: Some(0.5), ..Goals::default() }, Reached::Target(0.5)),
        (Goals { no_progress: Some(1), ..Goals::default() }, Reached::NoProgress(1)),
        (Goals { epochs: Some(40), ..Goals::default() }, Reached::Epochs(40)),
    ] {
        let mut storage = MemoryStorage::default();
        let outcome = go(with("none", goals), &Arc::default(), &mut storage, &options(2)).unwrap();
        let study = record(&mut storage);
        assert_eq!(outcome.ended, Ended::Reached(reached));
        assert!(study.trials.len() < 14, "{reached}: {} trials", study.trials.len());
        assert!(study.trials.iter().all(|trial| trial.state == TrialState::Complete), "those that run are trained on");
        let best = study.best().and_then(|best| best.value).unwrap();
        assert!(goals.target.is_none_or(|target| best >= target));
        let epochs: usize = study.trials.iter().map(|trial| trial.epochs.len()).sum();
        assert!(goals.epochs.is_none_or(|least| epochs >= least as usize && epochs < least as usize + 3 * 9));
        // It is as good as any other study that has ended, and running it again changes nothing.
        let before = text(&mut storage);
        let again = go(with("none", goals), &Arc::default(), &mut storage, &options(1)).unwrap();
        assert_eq!((again.ended, text(&mut storage)), (outcome.ended, before));
    }
}

#[test]
fn where_it_ends_depends_neither_on_workers_nor_on_kills() {
    for scheduler in SCHEDULERS {
        let expected = undisturbed(with(scheduler, PATIENT));
        for workers in [1, 3] {
            let mut storage = MemoryStorage::default();
            for commits_left in [7, 11, 5, u32::MAX] {
                let mut mortal = Mortal { inner: &mut storage, commits_left };
                let _ = go(with(scheduler, PATIENT), &Arc::default(), &mut mortal, &options(workers));
            }
            assert_eq!(text(&mut storage), expected, "{scheduler}, {workers} workers");
            assert!(record(&mut storage).trials.iter().all(|trial| trial.state.is_finished()));
        }
    }
}

#[test]
fn eager_studies_have_goals_too() {
    let mut study = with("asha-promotion", PATIENT);
    study.header.clock = Clock::Eager;
    let mut storage = MemoryStorage::default();
    let outcome = go(study, &Arc::<Curve>::default(), &mut storage, &options(3)).unwrap();
    assert!(record(&mut storage).trials.iter().all(|trial| trial.state.is_finished()));
    assert!(matches!(outcome.ended, Ended::Reached(Reached::NoProgress(3)) | Ended::Done));
}
