//! A study that was interrupted is the same study.

use crate::curve::{Curve, Shared};
use crate::support::{Ear, Mortal, SCHEDULERS, definition, go, options, record, text, undisturbed, with_checkpoints};
use proptest::prelude::*;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tunefork_study::{Ended, ExecutorOptions, MemoryStorage, Storage, StudyError, run};

/// Runs a study with interruptions until it is done; returns how often it was interrupted.
fn go_with_interruptions(
    scheduler: &str,
    storage: &mut dyn Storage,
    options: &ExecutorOptions,
    kills: &[(bool, u32)],
) -> usize {
    let mut interruptions = 0;
    for (politely, after) in kills {
        let mut curve = Curve { delay: Duration::from_micros(300), ..Curve::default() };
        let mut options = options.clone();
        let mut mortal = Mortal { inner: &mut *storage, commits_left: u32::MAX };
        if *politely {
            options.stop = Arc::new(AtomicBool::new(false));
            curve.stop_after = Some((*after, options.stop.clone()));
        } else {
            mortal.commits_left = *after;
        }
        match go(definition(scheduler), &Arc::new(curve), &mut mortal, &options) {
            Ok(outcome) if outcome.ended == Ended::Interrupted => interruptions += 1,
            Err(StudyError::Storage(_)) => interruptions += 1,
            Ok(outcome) => {
                assert_eq!(outcome.ended, Ended::Done);
                return interruptions;
            }
            Err(error) => panic!("{error}"),
        }
    }
    go(definition(scheduler), &Arc::default(), storage, options).unwrap();
    interruptions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn interrupted_often_and_resumed_is_the_same_study(
        scheduler in prop::sample::select(SCHEDULERS.to_vec()),
        workers in 1..4_usize,
        keeps_checkpoints: bool,
        kills in prop::collection::vec((any::<bool>(), 1..25_u32), 1..10),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(workers);
        if keeps_checkpoints {
            options = with_checkpoints(options, folder.path());
        }
        let mut storage = MemoryStorage::default();
        let interruptions = go_with_interruptions(scheduler, &mut storage, &options, &kills);
        prop_assert!(interruptions > 0);
        prop_assert_eq!(text(&mut storage), undisturbed(definition(scheduler)));
        prop_assert!(!folder.path().join("checkpoints").exists(), "checkpoints are left over");
    }
}

#[test]
fn a_finished_study_is_only_read() {
    let mut storage = MemoryStorage::default();
    go(definition("asha"), &Arc::default(), &mut storage, &options(1)).unwrap();
    let before = text(&mut storage);
    let curve = Arc::<Curve>::default();
    let mut mortal = Mortal { inner: &mut storage, commits_left: 0 };
    let outcome = go(definition("asha"), &curve, &mut mortal, &options(2)).unwrap();
    assert_eq!((outcome.ended, outcome.trials), (Ended::Done, 14));
    assert_eq!(curve.epochs_run.load(Ordering::Relaxed), 0);
    assert_eq!(text(&mut storage), before);
}

/// Interrupts a study after 20 epochs and resumes it; returns the epochs that this took.
fn epochs_after_interruption(options: &ExecutorOptions, disturb: impl FnOnce()) -> (u32, Ear) {
    let mut storage = MemoryStorage::default();
    let mut first = options.clone();
    first.stop = Arc::new(AtomicBool::new(false));
    let curve = Curve { stop_after: Some((20, first.stop.clone())), ..Curve::default() };
    go(definition("none"), &Arc::new(curve), &mut storage, &first).unwrap();
    disturb();
    let curve = Arc::<Curve>::default();
    let mut ear = Ear::default();
    run(definition("none"), &Shared(curve.clone()), &mut storage, &mut ear, options).unwrap();
    assert_eq!(text(&mut storage), undisturbed(definition("none")));
    if options.checkpoints.is_some() {
        let trials = record(&mut storage).trials;
        let restarts: u32 = trials.iter().map(|trial| trial.observed.restarts).sum();
        assert!((1..=3).contains(&restarts), "{restarts}");
    }
    (curve.epochs_run.load(Ordering::Relaxed), ear)
}

#[test]
fn checkpoints_save_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let (without, _) = epochs_after_interruption(&options(1), || {});
    let options = with_checkpoints(options(1), folder.path());
    let (with, ear) = epochs_after_interruption(&options, || {});
    assert!(with < without, "{with} epochs with checkpoints, {without} without");
    assert!(with >= 14 * 9 - 25, "the worker may begin a few more before it stops: {with}");
    assert_eq!(ear.count("Warning"), 0);
}

#[test]
fn checkpoints_of_trials_that_have_ended_are_removed_while_the_study_runs() {
    let folder = tempfile::tempdir().unwrap();
    let options = with_checkpoints(options(1), folder.path());
    let curve = Curve { stop_after: Some((60, options.stop.clone())), ..Curve::default() };
    let mut storage = MemoryStorage::default();
    let outcome = go(definition("none"), &Arc::new(curve), &mut storage, &options).unwrap();
    assert_eq!(outcome.ended, Ended::Interrupted);
    let trials = record(&mut storage).trials;
    assert!(trials.iter().filter(|trial| trial.state.is_finished()).count() > 2);
    let left = |number: u32| folder.path().join(format!("checkpoints/trial-{number:04}.ckpt")).exists();
    let left: Vec<bool> = (0..trials.len() as u32).map(left).collect();
    assert!(left.contains(&true), "what is under way is saved");
    assert!(trials.iter().zip(&left).all(|(trial, left)| !(trial.state.is_finished() && *left)), "{left:?}");
}

#[test]
fn a_damaged_checkpoint_costs_time_and_nothing_else() {
    let damages: [fn(Vec<u8>) -> Vec<u8>; 5] = [
        // The run's own state, just before the digest: only the digest can tell.
        |mut bytes| {
            let last = bytes.len() - 33;
            bytes[last] ^= 1;
            bytes
        },
        |bytes| bytes[..bytes.len() / 2].to_vec(),
        |mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        },
        |_| Vec::new(),
        |_| b"tunefork ckpt 1\n\xff\xff\xff\xff\xff\xff\xff\xff and much more than that".to_vec(),
    ];
    for damage in damages {
        let folder = tempfile::tempdir().unwrap();
        let options = with_checkpoints(options(1), folder.path());
        let (_, ear) = epochs_after_interruption(&options, || {
            let files: Vec<_> =
                fs::read_dir(folder.path().join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(!files.is_empty());
            for file in files {
                fs::write(&file, damage(fs::read(&file).unwrap())).unwrap();
            }
        });
        assert!(ear.count("is corrupt") > 0, "{:?}", ear.events);
    }
}

#[test]
fn a_checkpoint_of_another_study_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let options = with_checkpoints(options(1), folder.path());
    let (_, ear) = epochs_after_interruption(&options, || {
        let mut storage = MemoryStorage::default();
        let mut other = options.clone();
        other.stop = Arc::new(AtomicBool::new(false));
        let curve = Curve { stop_after: Some((20, other.stop.clone())), ..Curve::default() };
        let mut study = definition("none");
        study.header.seed = 6;
        go(study, &Arc::new(curve), &mut storage, &other).unwrap();
    });
    assert!(ear.count("belongs to another study") > 0, "{:?}", ear.events);
}

#[test]
fn a_larger_budget_goes_on_where_trials_were_still_to_be_asked_for() {
    let mut storage = MemoryStorage::default();
    let mut mortal = Mortal { inner: &mut storage, commits_left: 30 };
    let mut small = definition("median");
    small.budget = 9;
    go(small, &Arc::default(), &mut mortal, &options(1)).unwrap_err();
    assert!(record(&mut storage).trials.len() < 9);
    go(definition("median"), &Arc::default(), &mut storage, &options(1)).unwrap();
    assert_eq!(text(&mut storage), undisturbed(definition("median")));
}

#[test]
fn a_larger_budget_after_the_end_is_a_stage_of_its_own() {
    let grow = |storage: &mut dyn Storage, kills: &[(bool, u32)]| {
        let mut small = definition("median");
        small.budget = 9;
        go(small, &Arc::default(), storage, &options(1)).unwrap();
        let before = record(storage).trials;
        go_with_interruptions("median", storage, &options(2), kills);
        let study = record(storage);
        assert_eq!(study.header.stages, [9, 14]);
        assert_eq!(study.grown(), Some(&[9, 14][..]));
        assert_eq!(format!("{before:?}"), format!("{:?}", &study.trials[..9]));
        assert_eq!(study.trials.len(), 14);
    };
    let (mut one, mut two) = (MemoryStorage::default(), MemoryStorage::default());
    grow(&mut one, &[]);
    grow(&mut two, &[(false, 10), (true, 10), (false, 10)]);
    assert_eq!(text(&mut one), text(&mut two));
}

/// Where nothing is stopped no decision depends on the trials to come.
#[test]
fn a_study_without_stops_that_grows_is_what_it_is_at_once() {
    let (mut storage, curve) = (MemoryStorage::default(), Arc::<Curve>::default());
    let whole = undisturbed(definition("none"));
    for (budget, commits_left) in [(4, u32::MAX), (9, 12), (9, u32::MAX), (14, 25), (14, u32::MAX)] {
        let study = tunefork_study::Definition { budget, ..definition("none") };
        let mut mortal = Mortal { inner: &mut storage, commits_left };
        let outcome = go(study, &curve, &mut mortal, &options(2));
        assert_eq!(outcome.is_ok(), commits_left == u32::MAX);
        // Whenever it ends in good order, the model is that of the best.
        if let Ok(outcome) = outcome {
            let kept = curve.kept.lock().unwrap().last().unwrap().0;
            assert_eq!(outcome.best.map(|best| best.0), Some(kept), "{budget} trials");
        }
    }
    assert_eq!(text(&mut storage), whole);
    assert_eq!(record(&mut storage).grown(), None);
}

/// With one slot the trials to come would have come later anyway.
#[test]
fn a_study_in_turn_that_grows_is_what_it_is_at_once() {
    let study = |budget| {
        let mut study = tunefork_study::Definition { budget, ..definition("asha") };
        study.header.slots = 1;
        study
    };
    let (mut grown, mut whole) = (MemoryStorage::default(), MemoryStorage::default());
    go(study(5), &Arc::default(), &mut grown, &options(1)).unwrap();
    go(study(14), &Arc::default(), &mut grown, &options(1)).unwrap();
    go(study(14), &Arc::default(), &mut whole, &options(1)).unwrap();
    let (grown, whole) = (record(&mut grown), record(&mut whole));
    assert_eq!((&grown.header.stages[..], grown.grown()), (&[5, 14][..], None));
    let trials = |study: &tunefork_study::StudyRecord| {
        let trial = |trial: &tunefork_study::TrialRecord| {
            let values: Vec<f64> = trial.epochs.iter().map(|epoch| epoch.report.value).collect();
            (trial.params().to_string(), trial.state, values)
        };
        study.trials.iter().map(trial).collect::<Vec<_>>()
    };
    assert_eq!(trials(&grown), trials(&whole));
}

/// Nine epochs have rungs at 1, 2, 4 and 8.
#[test]
fn nobody_is_stopped_for_the_sake_of_one_epoch() {
    let mut storage = MemoryStorage::default();
    let study = tunefork_study::Definition { budget: 60, ..definition("asha") };
    go(study, &Arc::default(), &mut storage, &options(2)).unwrap();
    let study = record(&mut storage);
    let mut stopped: Vec<usize> = Vec::new();
    let pruned = study.trials.iter().filter(|trial| trial.state == tunefork_trial::TrialState::Pruned);
    stopped.extend(pruned.map(|trial| trial.epochs.len()));
    stopped.sort_unstable();
    stopped.dedup();
    assert_eq!(stopped, [1, 2, 4]);
}
