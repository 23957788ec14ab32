//! Trials that another program puts into a study.

use crate::support::{Mortal, definition, go, options, record, text};
use std::sync::Arc;
use tunefork_space::{Params, Value};
use tunefork_study::{Change, Definition, Ended, MemoryStorage, OutsideKind, Storage};
use tunefork_trial::{TrialNumber, TrialState};

/// As Optuna's `enqueue_trial` does: what is left open is drawn, and the study stays one that can be simulated anew.
#[test]
fn a_trial_that_another_program_enqueues_is_run_as_given() {
    let mut storage = MemoryStorage::default();
    let stop =
        go(definition("asha"), &Arc::default(), &mut Mortal { inner: &mut storage, commits_left: 12 }, &options(2));
    stop.unwrap_err();
    let number = TrialNumber(record(&mut storage).trials.len() as u32);
    let fixed: Params = [("optimizer", Value::from("adam")), ("width", Value::from(7))].into_iter().collect();
    storage.commit(&[Change::Enqueue { number, fixed: fixed.clone() }]).unwrap();
    let outcome = go(definition("asha"), &Arc::default(), &mut storage, &options(2)).unwrap();
    assert_eq!((outcome.ended, outcome.trials, outcome.outside_trials), (Ended::Done, 14, 1));
    let study = record(&mut storage);
    let params = study.trials[number.index()].params();
    assert_eq!((params.get("optimizer"), params.get("width")), (fixed.get("optimizer"), fixed.get("width")));
    assert!(params.get("lr").is_some(), "what was left open is drawn");
    assert_eq!(study.outside_events[0].kind, OutsideKind::Enqueued);
    let whole = text(&mut storage);
    go(definition("asha"), &Arc::default(), &mut storage, &options(1)).unwrap();
    assert_eq!(text(&mut storage), whole);
}

/// The values of `optimizer` are drawn among those with which `momentum` exists, whatever the sampler proposes.
#[test]
fn what_a_given_value_depends_on_is_drawn_so_that_it_exists() {
    let given = |value: f64| -> Params { [("momentum", Value::from(value))].into_iter().collect() };
    let study =
        || Definition { enqueued: (1..=9).map(|tenth| given(f64::from(tenth) / 10.0)).collect(), ..definition("none") };
    let mut storage = MemoryStorage::default();
    go(study(), &Arc::default(), &mut storage, &options(2)).unwrap();
    for trial in &record(&mut storage).trials[..9] {
        assert_eq!(trial.params().get("optimizer"), Some(&Value::from("sgd")), "{}", trial.params());
    }
}

/// As in a study of experiments: what another program asks for takes no place of what the study is, and runs all the same.
#[test]
fn where_all_trials_are_given_others_are_run_beside_them() {
    let width = |width: i64| -> Params { [("width", Value::from(width))].into_iter().collect() };
    let study = || Definition { budget: 5, enqueued: (1..=5).map(width).collect(), ..definition("none") };
    let mut storage = MemoryStorage::default();
    let stop = go(study(), &Arc::default(), &mut Mortal { inner: &mut storage, commits_left: 12 }, &options(2));
    stop.unwrap_err();
    for enqueued in [[7, 8], [6, 5]] {
        for value in enqueued {
            let number = TrialNumber(record(&mut storage).trials.len() as u32);
            storage.commit(&[Change::Enqueue { number, fixed: width(value) }]).unwrap();
        }
        let outcome = go(study(), &Arc::default(), &mut storage, &options(2)).unwrap();
        assert_eq!(outcome.ended, Ended::Done);
        let whole = text(&mut storage);
        go(study(), &Arc::default(), &mut storage, &options(1)).unwrap();
        assert_eq!(text(&mut storage), whole);
    }
    let study = record(&mut storage);
    let widths = study.trials.iter().map(|trial| trial.params().get("width").and_then(Value::as_i64));
    let mut widths: Vec<i64> = widths.flatten().collect();
    widths.sort();
    assert_eq!(widths, [1, 2, 3, 4, 5, 5, 6, 7, 8]);
    assert!(study.trials.iter().all(|trial| trial.state == TrialState::Complete));
}
