//! The order of events, and that workers and delays do not change it.

use crate::curve::{Curve, Shared, space};
use crate::support::{Ear, SCHEDULERS, definition, go, options, record, text, undisturbed};
use std::sync::Arc;
use std::time::Duration;
use tunefork_sampler::{Grid, Random};
use tunefork_space::{Domain, Parameter, Params, Space, Value};
use tunefork_storage::SqliteStorage;
use tunefork_study::{Ended, MemoryStorage, StudyError, ValueAt, run};
use tunefork_trial::{TrialNumber, TrialState};

#[test]
fn results_do_not_depend_on_workers_or_their_speed() {
    for scheduler in SCHEDULERS {
        let expected = undisturbed(definition(scheduler));
        for workers in [1, 2, 4] {
            let mut storage = MemoryStorage::default();
            let curve = Arc::new(Curve { delay: Duration::from_millis(3), ..Curve::default() });
            let outcome = go(definition(scheduler), &curve, &mut storage, &options(workers));
            assert_eq!(outcome.unwrap().ended, Ended::Done);
            assert_eq!(text(&mut storage), expected, "{scheduler}, {workers} workers");
        }
    }
}

#[test]
fn trials_that_are_left_get_the_threads_of_all() {
    let curve = Arc::new(Curve::default());
    let options = tunefork_study::ExecutorOptions { threads: 6, ..options(3) };
    // Each epoch of the last trial takes as long as eight of the others, and the scheduler has to see it
    // before the one after the next: so all but its first few come after the others' end.
    let mut definition = definition("median");
    let width = |width: i64| [("width", width)].into_iter().collect::<Params>();
    definition.enqueued = [1, 1, 8].map(width).into();
    definition.budget = 3;
    go(definition, &curve, &mut MemoryStorage::default(), &options).unwrap();
    let threads = curve.threads.lock().unwrap();
    assert_eq!(threads.len(), 27);
    assert_eq!(threads[0].1, 2, "all have work at first");
    let last = threads.iter().filter(|(trial, _)| *trial == 2);
    assert!(last.skip(4).all(|(_, threads)| *threads == 6), "{threads:?}");
}

#[test]
fn threads_that_cannot_be_shared_evenly_are_all_used() {
    let curve = Arc::new(Curve { delay: Duration::from_millis(5), ..Curve::default() });
    let options = tunefork_study::ExecutorOptions { threads: 5, ..options(2) };
    let mut definition = definition("none");
    definition.budget = 6;
    go(definition, &curve, &mut MemoryStorage::default(), &options).unwrap();
    let threads = curve.threads.lock().unwrap();
    for share in [2, 3] {
        assert!(threads.iter().any(|(_, threads)| *threads == share), "{threads:?}");
    }
    assert!(threads.iter().all(|(_, threads)| [2, 3, 5].contains(threads)));
}

#[test]
fn sqlite_keeps_the_same_study_as_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = SqliteStorage::open(folder.path().join("study.db"), "curve").unwrap();
    go(definition("asha"), &Arc::default(), &mut storage, &options(2)).unwrap();
    assert_eq!(text(&mut storage), undisturbed(definition("asha")));
}

#[test]
fn slots_are_never_idle_and_never_shared() {
    let mut storage = MemoryStorage::default();
    go(definition("asha"), &Arc::default(), &mut storage, &options(2)).unwrap();
    let study = record(&mut storage);
    let lives: Vec<(u64, u64)> = study
        .trials
        .iter()
        .map(|trial| (trial.schedule.as_ref().unwrap().start, trial.end.as_ref().unwrap().time))
        .collect();
    let last = lives.iter().map(|(start, _)| *start).max();
    for (number, (time, _)) in lives.iter().enumerate() {
        let running = lives.iter().filter(|(start, end)| start <= time && end > time);
        let running = running.count();
        assert!(running <= 3, "{running} trials run when trial {number} starts");
        assert!(running == 3 || Some(*time) == last, "a slot is idle when trial {number} starts");
    }
    assert!(study.trials.iter().any(|trial| trial.state == TrialState::Pruned));
    for trial in &study.trials {
        let schedule = trial.schedule.as_ref().unwrap();
        for epoch in &trial.epochs {
            let expected = schedule.start + u64::from(epoch.step) * schedule.epoch_ticks;
            assert_eq!(epoch.time, expected);
        }
    }
}

#[test]
fn conditional_parameters_are_there_only_when_active() {
    let mut storage = MemoryStorage::default();
    go(definition("none"), &Arc::default(), &mut storage, &options(1)).unwrap();
    for trial in record(&mut storage).trials {
        let params = trial.params();
        let sgd = params.get("optimizer") == Some(&Value::from("sgd"));
        assert_eq!(params.get("momentum").is_some(), sgd);
    }
}

#[test]
fn enqueued_trials_come_first_as_given() {
    let whole: Params =
        [("optimizer", Value::from("sgd")), ("lr", 0.01.into()), ("momentum", 0.9.into()), ("width", 2.into())]
            .into_iter()
            .collect();
    let part: Params = [("optimizer", Value::from("adam"))].into_iter().collect();
    let mut study = definition("none");
    study.enqueued = vec![whole.clone(), part.clone()];
    let attributes = vec![("run".to_string(), "first".into())];
    study.attributes = vec![attributes.clone()];
    let mut storage = MemoryStorage::default();
    go(study, &Arc::default(), &mut storage, &options(1)).unwrap();
    let with = record(&mut storage);
    assert_eq!(with.trials[0].attributes, attributes);
    assert_eq!(with.trials[1].attributes, []);
    assert_eq!(with.trials.len(), 14);
    assert_eq!(with.trials[0].params(), whole);
    assert_eq!(with.trials[0].fixed, Some(whole));
    assert_eq!(with.trials[1].fixed, Some(part));
    let completed = with.trials[1].params();
    assert_eq!(completed.get("optimizer"), Some(&Value::from("adam")));
    assert_eq!(completed.len(), 3, "open parameters are drawn: {completed}");
    assert_eq!(with.trials[2].fixed, None);
}

#[test]
fn wrong_enqueued_trials_are_refused_before_anything_runs() {
    for (params, words) in [([("speed", Value::from(1))], "speed"), ([("width", Value::from(99))], "99")] {
        let mut study = definition("none");
        study.enqueued = vec![params.into_iter().collect()];
        let mut storage = MemoryStorage::default();
        let error = go(study, &Arc::default(), &mut storage, &options(1)).unwrap_err();
        assert!(matches!(error, StudyError::Enqueued { index: 0, .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_finite_space_ends_the_study() {
    let mut study = definition("none");
    let width = Parameter::new("width", Domain::int(1, 5).unwrap());
    study.space = Space::new(vec![width]).unwrap();
    study.sampler = Box::new(Grid::new(&study.space).unwrap());
    let mut storage = MemoryStorage::default();
    let outcome = go(study, &Arc::default(), &mut storage, &options(2)).unwrap();
    assert_eq!((outcome.ended, outcome.trials), (Ended::Exhausted, 5));
}

#[test]
fn the_best_trial_is_kept_before_its_end_is_told() {
    for workers in [1, 3] {
        let curve = Arc::<Curve>::default();
        let mut ear = Ear::default();
        let mut storage = MemoryStorage::default();
        let outcome =
            run(definition("none"), &Shared(curve.clone()), &mut storage, &mut ear, &options(workers)).unwrap();
        let kept = curve.kept.lock().unwrap();
        assert!(kept.iter().all(|(_, epoch)| *epoch == 9), "{kept:?}");
        assert_eq!(kept.last().map(|kept| TrialNumber(kept.0)), outcome.best);
        assert_eq!(kept.len(), ear.count("best: true"));
        assert_eq!(record(&mut storage).best().map(|best| best.number), outcome.best);
    }
}

#[test]
fn a_value_is_the_last_or_the_best_of_the_reports() {
    for value_at in [ValueAt::Last, ValueAt::Best] {
        let mut study = definition("none");
        study.header.value_at = value_at;
        let mut storage = MemoryStorage::default();
        go(study, &Arc::default(), &mut storage, &options(1)).unwrap();
        let study = record(&mut storage);
        let mut differ = 0;
        for trial in &study.trials {
            let values: Vec<f64> = trial.epochs.iter().map(|epoch| epoch.report.value).collect();
            let last = *values.last().unwrap();
            let better = |best, value| if study.header.direction.better(value, best) { value } else { best };
            let best = values.into_iter().reduce(better).unwrap();
            differ += usize::from(last != best);
            let expected = match value_at {
                ValueAt::Last => last,
                ValueAt::Best => best,
            };
            assert_eq!(trial.value, Some(expected));
        }
        assert!(differ > 0, "curves that only rise would test nothing");
    }
}

#[test]
fn events_of_a_trial_come_in_their_order() {
    let mut ear = Ear::default();
    let mut storage = MemoryStorage::default();
    let curve = Arc::<Curve>::default();
    run(definition("none"), &Shared(curve.clone()), &mut storage, &mut ear, &options(2)).unwrap();
    assert!(ear.events[0].starts_with("StudyStarted { known_trials: 0, budget: 14"));
    assert_eq!(ear.count("TrialStarted"), 14);
    assert_eq!(ear.count("EpochComputed"), 14 * 9);
    assert_eq!(ear.count("Reported"), 14 * 9);
    assert_eq!(ear.count("TrialFinished"), 14);
    let of_trial_3 = |kind: &str, step: &str| {
        let found = ear
            .events
            .iter()
            .position(|event| event.starts_with(kind) && event.contains("TrialNumber(3)") && event.contains(step));
        found.unwrap()
    };
    // Epochs may be computed ahead of the study's order, but never told before they are computed.
    let computed = |step: &str| of_trial_3("EpochComputed", step);
    let reported = |step: &str| of_trial_3("Reported", step);
    let (started, finished) = (of_trial_3("TrialStarted", ""), of_trial_3("TrialFinished", ""));
    for places in [
        [started, computed("step: 1,"), computed("step: 9,"), finished],
        [started, reported("step: 1,"), reported("step: 9,"), finished],
        [started, computed("step: 5,"), reported("step: 5,"), finished],
    ] {
        assert!(places.is_sorted(), "{places:?}");
    }
}

#[test]
fn random_never_repeats_itself_across_a_resumption() {
    // A sampler without state of its own: the same proposals, asked for again.
    let mut study = definition("none");
    let width = Parameter::new("width", Domain::int(1, 8).unwrap());
    study.space = Space::new(vec![width]).unwrap();
    study.sampler = Box::new(Random::new());
    let mut storage = MemoryStorage::default();
    let outcome = go(study, &Arc::default(), &mut storage, &options(1)).unwrap();
    assert_eq!(outcome.trials, 8);
    assert!(space().len() > 1);
}
