//! What another program or a hand has changed in a study between two runs, and what was kept and is gone.

use crate::curve::{Curve, Trouble};
use crate::support::{Mortal, definition, go, options, record, text};
use std::sync::Arc;
use tunefork_study::{
    Change, Ended, ExecutorOptions, MemoryStorage, OutsideKind, Storage, StorageError, StudyError, StudyHeader,
    StudyRecord,
};
use tunefork_trial::TrialState;

/// What a hand does to a stored study.
type Hand = fn(&mut StudyRecord);

/// A storage in which something was changed.
struct Changed<'a> {
    inner: &'a mut MemoryStorage,
    change: Hand,
}

impl Storage for Changed<'_> {
    fn load(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        let mut study = self.inner.load()?;
        study.iter_mut().for_each(|study| (self.change)(study));
        Ok(study)
    }

    fn create(&mut self, header: &StudyHeader) -> Result<(), StorageError> {
        self.inner.create(header)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        self.inner.commit(changes)
    }
}

fn finished(scheduler: &str) -> MemoryStorage {
    let mut storage = MemoryStorage::default();
    go(definition(scheduler), &Arc::default(), &mut storage, &options(1)).unwrap();
    storage
}

#[test]
fn what_was_changed_is_told_in_words_and_counts_once_that_is_accepted() {
    let value = |study: &mut StudyRecord| study.trials[2].value = Some(0.99);
    let no_value = |study: &mut StudyRecord| study.trials[2].value = None;
    let state = |study: &mut StudyRecord| study.trials[2].state = TrialState::Failed;
    let parameter = |study: &mut StudyRecord| study.trials[2].params[1].internal = 0.3;
    let plan = |study: &mut StudyRecord| study.trials[2].schedule.as_mut().unwrap().start += 1;
    let reports = |study: &mut StudyRecord| drop(study.trials[2].epochs.pop());
    let cases: [(Hand, &str); 6] = [
        (value, "it ended as complete with 0.99 (finished at "),
        (no_value, "it ended as complete without a value"),
        (state, "it ended as failed with 0."),
        (parameter, "and proposing again gives ["),
        (plan, "epoch 1 came at "),
        (reports, "epoch 8: it was decided to end it as complete and is now to go on"),
    ];
    for (change, words) in cases {
        let mut inner = finished("none");
        let mut storage = Changed { inner: &mut inner, change };
        let error = go(definition("none"), &Arc::default(), &mut storage, &options(1)).unwrap_err();
        let told = error.to_string();
        assert!(told.contains("trial 2: ") && told.contains(words) && told.contains("--accept-drift"), "{told}");
        assert!(!told.contains("Some(") && !told.contains(" {"), "{told}");
        let accepting = ExecutorOptions { accept_drift: true, ..options(1) };
        let outcome = go(definition("none"), &Arc::default(), &mut storage, &accepting).unwrap();
        assert_eq!((outcome.ended, outcome.outside_events), (Ended::Done, 1), "{words}");
        let drift = &record(&mut storage).outside_events[0];
        assert!(drift.kind == OutsideKind::Drift && drift.message.contains(words), "{}", drift.message);
        // It is on record: the next run need not be told again.
        let outcome = go(definition("none"), &Arc::default(), &mut storage, &options(1)).unwrap();
        assert_eq!((outcome.ended, outcome.best), (Ended::Done, record(&mut storage).best().map(|best| best.number)));
    }
}

#[test]
fn parameters_that_are_none_of_the_space_are_nothing_to_go_on_with() {
    let name = |study: &mut StudyRecord| study.trials[2].params[1].name = "rate".to_owned();
    let range = |study: &mut StudyRecord| study.trials[2].params[1].internal = 7.0;
    let missing = |study: &mut StudyRecord| drop(study.trials[2].params.remove(1));
    let all = |study: &mut StudyRecord| study.trials[2].params.clear();
    let cases: [(Hand, &str); 4] = [
        (name, "`rate` is none of the space"),
        (range, "`lr` is out of its range"),
        (missing, "`lr` has no value"),
        (all, "has no value"),
    ];
    for (change, words) in cases {
        let mut inner = finished("none");
        let mut storage = Changed { inner: &mut inner, change };
        let accepting = ExecutorOptions { accept_drift: true, ..options(1) };
        let error = go(definition("none"), &Arc::default(), &mut storage, &accepting).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("put back a copy"), "{error}");
    }
}

/// As Optuna's `set_metric_names` leaves it.
#[test]
fn what_the_metric_is_called_is_no_setting() {
    let change = |study: &mut StudyRecord| study.header.metric = Some("acc".to_owned());
    let mut inner = finished("none");
    let mut storage = Changed { inner: &mut inner, change };
    let outcome = go(definition("none"), &Arc::default(), &mut storage, &options(1)).unwrap();
    assert_eq!(outcome.ended, Ended::Done);
}

#[test]
fn what_was_kept_of_the_best_trial_is_made_again_if_it_is_gone() {
    let mut storage = finished("asha");
    let whole = text(&mut storage);
    let best = record(&mut storage).best().unwrap().number.0;
    let curve = Arc::new(Curve { lost: true, ..Curve::default() });
    let outcome = go(definition("asha"), &curve, &mut storage, &options(2)).unwrap();
    assert_eq!(outcome.ended, Ended::Done);
    assert_eq!(*curve.kept.lock().unwrap(), [(best, 9)]);
    assert_eq!(text(&mut storage), whole);
    // One that comes out otherwise is not what was the best.
    let drifted = Curve::with_trouble([((best, 4), (Trouble::Drift, 1))]);
    let curve = Arc::new(Curve { lost: true, ..drifted });
    let error = go(definition("asha"), &curve, &mut storage, &options(2)).unwrap_err();
    assert!(matches!(error, StudyError::NotReproducible { .. }), "{error}");
    assert!(curve.kept.lock().unwrap().is_empty());
}

#[test]
fn a_plan_that_was_changed_under_way_is_told_in_words() {
    let mut inner = MemoryStorage::default();
    let mut mortal = Mortal { inner: &mut inner, commits_left: 5 };
    go(definition("none"), &Arc::default(), &mut mortal, &options(1)).unwrap_err();
    assert_eq!(record(&mut inner).trials[1].state, TrialState::Running);
    let change = |study: &mut StudyRecord| study.trials[1].schedule.as_mut().unwrap().epoch_ticks += 1;
    let error = go(definition("none"), &Arc::default(), &mut Changed { inner: &mut inner, change }, &options(1));
    let (schedule, told) = (record(&mut inner).trials[1].schedule.clone().unwrap(), error.unwrap_err().to_string());
    let (flops, bytes) = (schedule.blueprint.epoch_cost.flops, schedule.blueprint.plan_bytes);
    let plan = |ticks: u64| {
        format!(
            "9 epochs of {flops} operations, 0 bytes and 1 steps in {bytes} bytes of memory (width {bytes}, from 0 on, {ticks} an epoch)"
        )
    };
    let words = format!("its plan was {} and is now {}", plan(schedule.epoch_ticks + 1), plan(schedule.epoch_ticks));
    assert!(told.contains("trial 1: ") && told.contains(&words), "{told}");
}
