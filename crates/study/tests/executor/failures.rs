//! What goes wrong in a trial.

use crate::curve::{Curve, KEEP, Shared, Trouble};
use crate::support::{Ear, Mortal, definition, go, options, record, text, undisturbed, with_checkpoints};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tunefork_space::Params;
use tunefork_study::{Definition, EndReason, Ended, ExecutorOptions, MemoryStorage, OutsideKind, StudyError, run};
use tunefork_trial::{TrialNumber, TrialState};

#[test]
fn a_single_fault_is_hidden() {
    for (trouble, checkpoints) in [(Trouble::Fault, true), (Trouble::Fault, false), (Trouble::Panic, true)] {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(2);
        if checkpoints {
            options = with_checkpoints(options, folder.path());
        }
        let curve = Curve::with_trouble([((0, 1), (trouble, 1)), ((2, 5), (trouble, 1)), ((2, 6), (trouble, 1))]);
        let curve = Arc::new(curve);
        let mut ear = Ear::default();
        let mut storage = MemoryStorage::default();
        run(definition("none"), &Shared(curve.clone()), &mut storage, &mut ear, &options).unwrap();
        assert_eq!(text(&mut storage), undisturbed(definition("none")));
        assert_eq!(ear.count("TrialRetried"), 3);
        assert_eq!(record(&mut storage).trials[2].observed.restarts, 2);
        assert_eq!(curve.restored.load(Ordering::Relaxed) > 0, checkpoints);
    }
}

/// The device may fail after a trial's last epoch, in the work of another: the run is brought back once.
#[test]
fn a_fault_while_a_trial_is_kept_is_hidden_once() {
    let whole = Arc::new(Curve::default());
    let mut storage = MemoryStorage::default();
    go(definition("none"), &whole, &mut storage, &options(1)).unwrap();
    let expected = whole.kept.lock().unwrap().clone();
    let place = (expected[0].0, KEEP);

    let curve = Arc::new(Curve::with_trouble([(place, (Trouble::Fault, 1))]));
    let mut ear = Ear::default();
    let mut storage = MemoryStorage::default();
    let shared = Shared(curve.clone());
    run(definition("none"), &shared, &mut storage, &mut ear, &options(1)).unwrap();
    assert_eq!(text(&mut storage), undisturbed(definition("none")));
    assert_eq!(*curve.kept.lock().unwrap(), expected);
    assert_eq!(ear.count("TrialRetried"), 1);

    let curve = Arc::new(Curve::with_trouble([(place, (Trouble::Fault, 2))]));
    let mut storage = MemoryStorage::default();
    let error = go(definition("none"), &curve, &mut storage, &options(1)).unwrap_err();
    assert!(matches!(&error, StudyError::Halted { .. }), "{error}");
    go(definition("none"), &curve, &mut storage, &options(1)).unwrap();
    assert_eq!(text(&mut storage), undisturbed(definition("none")));
}

#[test]
fn a_fault_that_comes_back_is_an_outside_event() {
    for commits in [u32::MAX, 20, 40] {
        let curve = || Arc::new(Curve::with_trouble([((1, 3), (Trouble::Fault, 2))]));
        let mut storage = MemoryStorage::default();
        let mut mortal = Mortal { inner: &mut storage, commits_left: commits };
        // Killed before or after the fault, the study goes on to the same end.
        let _ = go(definition("median"), &curve(), &mut mortal, &options(1));
        let faulty = record(&mut storage).trials[1].state == TrialState::Failed;
        let rest = if faulty { Arc::default() } else { curve() };
        let outcome = go(definition("median"), &rest, &mut storage, &options(2)).unwrap();
        assert_eq!((outcome.ended, outcome.outside_events), (Ended::Done, 1));
        let study = record(&mut storage);
        assert_eq!(study.outside_events[0].kind, OutsideKind::Fault);
        assert_eq!(study.outside_events[0].moment.trial, 1);
        assert_eq!(study.outside_events[0].moment.step, 3);
        let trial = &study.trials[1];
        assert_eq!((trial.state, trial.value), (TrialState::Failed, None));
        assert_eq!(trial.epochs.len(), 2);
        let end = trial.end.as_ref().unwrap();
        assert_eq!(end.reason, EndReason::Fault);
        assert_eq!(end.message, "the device is gone");
    }
}

#[test]
fn a_loss_that_is_no_number_fails_its_trial_alone() {
    for (trouble, words) in [(Trouble::Diverge, "the loss is NaN"), (Trouble::Nan, "the value of epoch 3 is NaN")] {
        let curve = || Arc::new(Curve::with_trouble([((4, 3), (trouble, 9))]));
        let mut storage = MemoryStorage::default();
        let mut mortal = Mortal { inner: &mut storage, commits_left: 25 };
        go(definition("asha"), &curve(), &mut mortal, &options(1)).unwrap_err();
        let outcome = go(definition("asha"), &curve(), &mut storage, &options(1)).unwrap();
        assert_eq!((outcome.ended, outcome.outside_events), (Ended::Done, 0));
        let study = record(&mut storage);
        assert_eq!(study.trials.len(), 14);
        if let Some(end) = study.trials[4].end.as_ref().filter(|e| e.reason == EndReason::Diverged) {
            assert_eq!(end.message, words);
            assert_eq!(study.trials[4].state, TrialState::Failed);
            assert_eq!(study.trials[4].epochs.len(), 2);
        } else {
            panic!("trial 4 should reach epoch 3: {:?}", study.trials[4]);
        }
        // What is stored is enough to simulate it again.
        go(definition("asha"), &Arc::default(), &mut storage, &options(1)).unwrap();
    }
}

#[test]
fn what_does_not_fit_is_never_proposed_and_costs_no_trial() {
    let curve = Arc::new(Curve { widest: Some(4), ..Curve::default() });
    let mut storage = MemoryStorage::default();
    let outcome = go(definition("none"), &curve, &mut storage, &options(2)).unwrap();
    assert_eq!((outcome.ended, outcome.trials), (Ended::Done, 14));
    for trial in record(&mut storage).trials {
        assert_eq!(trial.state, TrialState::Complete);
        assert!(trial.params().get("width").and_then(|v| v.as_i64()) <= Some(4));
    }
    let whole = text(&mut storage);
    go(definition("none"), &curve, &mut storage, &options(1)).unwrap();
    assert_eq!(text(&mut storage), whole);
    for commits in [3, 17, 40] {
        let mut storage = MemoryStorage::default();
        go(definition("none"), &curve, &mut Mortal { inner: &mut storage, commits_left: commits }, &options(2))
            .unwrap_err();
        go(definition("none"), &curve, &mut storage, &options(2)).unwrap();
        assert_eq!(text(&mut storage), whole, "killed after {commits} commits");
    }
}

#[test]
fn an_enqueued_trial_that_does_not_fit_fails_before_it_starts() {
    let wide = |width: i64| [("width", width)].into_iter().collect::<Params>();
    let with_wide = || Definition { enqueued: vec![wide(3), wide(5)], ..definition("none") };
    let curve = Arc::new(Curve { widest: Some(4), ..Curve::default() });
    let mut storage = MemoryStorage::default();
    let outcome = go(with_wide(), &curve, &mut storage, &options(2)).unwrap();
    assert_eq!((outcome.ended, outcome.trials), (Ended::Done, 14));
    let study = record(&mut storage);
    let failed: Vec<_> = study.trials.iter().filter(|trial| trial.state == TrialState::Failed).collect();
    let [failed] = failed[..] else { panic!("one fails, not {}", failed.len()) };
    assert_eq!(failed.number, TrialNumber(1));
    let end = failed.end.as_ref().unwrap();
    assert_eq!(end.reason, EndReason::DoesNotFit);
    assert!(end.message.ends_with("4 would fit"), "{}", end.message);
    assert!(failed.epochs.is_empty() && failed.schedule.is_none());
    let before = text(&mut storage);
    go(with_wide(), &curve, &mut storage, &options(1)).unwrap();
    assert_eq!(text(&mut storage), before);
}

#[test]
fn where_nothing_fits_there_are_no_trials() {
    let curve = Arc::new(Curve { widest: Some(0), ..Curve::default() });
    let outcome = go(definition("none"), &curve, &mut MemoryStorage::default(), &options(2)).unwrap();
    assert_eq!((outcome.ended, outcome.trials), (Ended::Exhausted, 0));
}

#[test]
fn a_full_disk_in_training_stops_the_study_and_loses_nothing() {
    let curve = Arc::new(Curve::with_trouble([((2, 4), (Trouble::Halt, 1))]));
    let mut storage = MemoryStorage::default();
    let error = go(definition("none"), &curve, &mut storage, &options(2)).unwrap_err();
    assert!(
        matches!(&error, StudyError::Halted { trial: TrialNumber(2), message } if message.contains("space")),
        "{error}"
    );
    assert_eq!(record(&mut storage).trials[2].state, TrialState::Running);
    go(definition("none"), &curve, &mut storage, &options(2)).unwrap();
    assert_eq!(text(&mut storage), undisturbed(definition("none")));
}

#[test]
fn a_workload_that_is_not_deterministic_is_found_out() {
    let mut storage = MemoryStorage::default();
    let mut mortal = Mortal { inner: &mut storage, commits_left: 24 };
    go(definition("none"), &Arc::default(), &mut mortal, &options(1)).unwrap_err();
    let study = record(&mut storage);
    let trial = study.trials.iter().find(|trial| trial.state == TrialState::Running && trial.epochs.len() >= 2);
    let number = trial.unwrap().number;
    let curve = Arc::new(Curve::with_trouble([((number.0, 2), (Trouble::Drift, 1))]));
    let error = go(definition("none"), &curve, &mut storage, &options(1)).unwrap_err();
    assert!(matches!(&error, StudyError::NotReproducible { trial, .. } if *trial == number), "{error}");
    assert!(error.to_string().contains("epoch 2: its value was"), "{error}");
}

#[test]
fn halves_of_checkpoints_go_with_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = folder.path().join("checkpoints");
    std::fs::create_dir(&checkpoints).unwrap();
    for name in ["trial-0003.ckpt.part", "trial-9999.tmp", "notes.part"] {
        std::fs::write(checkpoints.join(name), "half of it").unwrap();
    }
    let options = with_checkpoints(options(1), folder.path());
    go(definition("none"), &Arc::default(), &mut MemoryStorage::default(), &options).unwrap();
    let left: Vec<_> = std::fs::read_dir(&checkpoints).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.part"], "only what is ours is removed");
}

/// What a run without checkpoints does again before it goes on.
#[test]
fn a_fault_in_a_replay_is_hidden_and_another_failure_is_found_out() {
    for (trouble, hidden) in [(Trouble::Fault, true), (Trouble::Panic, true), (Trouble::Diverge, false)] {
        let mut storage = MemoryStorage::default();
        let mut mortal = Mortal { inner: &mut storage, commits_left: 24 };
        go(definition("none"), &Arc::default(), &mut mortal, &options(1)).unwrap_err();
        let study = record(&mut storage);
        let trial = study.trials.iter().find(|trial| trial.state == TrialState::Running && trial.epochs.len() >= 2);
        let number = trial.unwrap().number;
        let curve = Arc::new(Curve::with_trouble([((number.0, 2), (trouble, 1))]));
        let result = go(definition("none"), &curve, &mut storage, &options(1));
        match hidden {
            true => {
                result.unwrap();
                assert_eq!(text(&mut storage), undisturbed(definition("none")), "{trouble:?}");
            }
            false => {
                let error = result.unwrap_err().to_string();
                assert!(error.contains("epoch 2: it now fails: the loss is NaN"), "{error}");
            }
        }
    }
}

/// No trial is to blame for a device that is lost to the process, and none is tried again in it: the study stops, and goes on in
/// another, from checkpoints where there are some.
#[test]
fn a_lost_device_stops_the_study_which_goes_on_elsewhere() {
    for checkpoints in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let options = match checkpoints {
            true => with_checkpoints(options(1), folder.path()),
            false => options(1),
        };
        let mut storage = MemoryStorage::default();
        let mut ear = Ear::default();
        let curve = Arc::new(Curve::with_trouble([((2, 4), (Trouble::Lost, 1))]));
        let shared = Shared(curve.clone());
        let error = run(definition("none"), &shared, &mut storage, &mut ear, &options).unwrap_err();
        assert!(
            matches!(&error, StudyError::DeviceLost { trial: TrialNumber(2), message } if message == "the device is lost"),
            "{error}"
        );
        assert!(error.to_string().ends_with("run the same study again to go on"), "{error}");
        assert_eq!(ear.count("TrialRetried"), 0);
        let next = Arc::new(Curve::default());
        go(definition("none"), &next, &mut storage, &options).unwrap();
        assert_eq!(text(&mut storage), undisturbed(definition("none")));
        assert_eq!(next.restored.load(Ordering::Relaxed) > 0, checkpoints);
    }
}

/// A trial that costs each process the device is given up, and the study goes on without it.
#[test]
fn a_trial_that_is_given_up_fails_where_it_stands() {
    let mut storage = MemoryStorage::default();
    let curve = || Arc::new(Curve::with_trouble([((1, 3), (Trouble::Lost, 1))]));
    for _ in 0..2 {
        let error = go(definition("none"), &curve(), &mut storage, &options(1)).unwrap_err();
        assert!(matches!(&error, StudyError::DeviceLost { trial: TrialNumber(1), .. }), "{error}");
    }
    let options =
        ExecutorOptions { given_up: [(TrialNumber(1), "the device is lost twice".to_owned())].into(), ..options(1) };
    let outcome = go(definition("none"), &curve(), &mut storage, &options).unwrap();
    assert_eq!((outcome.ended, outcome.outside_events), (Ended::Done, 1));
    let study = record(&mut storage);
    let trial = &study.trials[1];
    assert_eq!((trial.state, trial.epochs.len()), (TrialState::Failed, 2));
    let end = trial.end.as_ref().unwrap();
    assert_eq!((end.reason, end.message.as_str()), (EndReason::Fault, "the device is lost twice"));
    assert!(study.trials.iter().filter(|other| other.number != trial.number).all(|other| other.value.is_some()));
}
