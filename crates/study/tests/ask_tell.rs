//! Ask and tell, in memory and in SQLite.

use std::path::Path;
use tunefork_sampler::{Grid, Random, Sampler, Tpe, TpeOptions};
use tunefork_scheduler::{Decision, NoScheduler, Percentile};
use tunefork_space::{Domain, Parameter, Params, Space, Value};
use tunefork_storage::SqliteStorage;
use tunefork_study::{
    Change, EndReason, MemoryStorage, Storage, StorageError, Study, StudyError, StudyHeader, StudyRecord, Told, Trial,
};
use tunefork_trial::{Direction, TrialNumber, TrialState};

fn header() -> StudyHeader {
    StudyHeader::new("study", Direction::Minimize, 3)
}

fn memory() -> Box<dyn Storage> {
    Box::new(MemoryStorage::default())
}

fn sqlite(folder: &Path) -> Box<dyn Storage> {
    Box::new(SqliteStorage::open(folder.join("study.db"), "study").unwrap())
}

fn tpe() -> Box<dyn Sampler> {
    Box::new(Tpe::new(TpeOptions::default()).unwrap())
}

fn open(storage: Box<dyn Storage>, sampler: Box<dyn Sampler>) -> Study {
    Study::open(header(), storage, sampler, Box::new(NoScheduler)).unwrap()
}

fn objective(trial: &mut Trial) -> Result<f64, StudyError> {
    let x = trial.suggest_float("x", -5.0, 5.0)?;
    let rate = trial.suggest_log("rate", 1e-4, 1.0)?;
    let layers = trial.suggest_int("layers", 1, 5)?;
    let mut loss = x * x + (rate - 0.1).abs() + (layers - 2).abs() as f64;
    if trial.suggest_categorical("kind", &["plain", "fancy"])? == "fancy" {
        loss += trial.suggest_float("extra", 0.0, 1.0)? - 0.5;
    }
    Ok(loss)
}

fn run(study: &Study, trials: u32) {
    for _ in 0..trials {
        let mut trial = study.ask().unwrap();
        let value = objective(&mut trial).unwrap();
        trial.report(1, value + 1.0).unwrap();
        study.tell(trial, value).unwrap();
    }
}

/// Everything but the dates, which are the machine's.
fn text(study: &Study) -> String {
    let mut record = study.record().unwrap();
    for trial in &mut record.trials {
        trial.observed = Default::default();
    }
    format!("{record:#?}")
}

#[test]
fn the_same_calls_give_the_same_study_in_every_storage() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(memory(), tpe()), open(sqlite(folder.path()), tpe()));
    run(&one, 40);
    run(&two, 40);
    assert_eq!(text(&one), text(&two));
    let other = StudyHeader { seed: 4, ..header() };
    let other = Study::open(other, memory(), tpe(), Box::new(NoScheduler)).unwrap();
    run(&other, 40);
    assert_ne!(text(&one), text(&other));
}

#[test]
fn a_study_opened_again_goes_on_as_if_it_had_not_been_closed() {
    let folder = tempfile::tempdir().unwrap();
    let whole = open(memory(), tpe());
    run(&whole, 40);
    for part in [13, 20, 7] {
        let study = open(sqlite(folder.path()), tpe());
        run(&study, part);
    }
    let study = open(sqlite(folder.path()), tpe());
    assert_eq!(text(&study), text(&whole));
    assert_eq!(study.best(), whole.best());
    assert_eq!(study.trials(), 40);
}

#[test]
fn tpe_finds_what_random_does_not() {
    let best = |sampler: Box<dyn Sampler>| {
        let study = open(memory(), sampler);
        run(&study, 120);
        study.best().unwrap().1
    };
    let (tpe, random) = (best(tpe()), best(Box::new(Random::new())));
    assert!(tpe < random, "{tpe} {random}");
}

#[test]
fn a_name_gives_one_value_in_a_trial() {
    let study = open(memory(), Box::new(Random::new()));
    let mut trial = study.ask().unwrap();
    let first = trial.suggest_float("x", 0.0, 1.0).unwrap();
    assert_eq!(trial.suggest_float("x", 0.0, 1.0).unwrap(), first);
    // Even if it is asked for with other bounds: the trial has its value already.
    assert_eq!(trial.suggest_float("x", 5.0, 6.0).unwrap(), first);
    assert_eq!(trial.params().len(), 1);
    assert_eq!(study.record().unwrap().trials[0].params.len(), 0, "written with the next report");
    trial.report(1, 0.0).unwrap();
    assert_eq!(study.record().unwrap().trials[0].params.len(), 1);
}

/// Each kind of suggestion takes all its values and no others, and is stored with its domain.
#[test]
fn suggestions_are_of_the_domains_that_were_asked_for() {
    let study = open(memory(), Box::new(Random::new()));
    let mut seen = [(); 3].map(|()| std::collections::BTreeSet::new());
    for _ in 0..60 {
        let mut trial = study.ask().unwrap();
        assert!((0.5..=0.75).contains(&trial.suggest_float("float", 0.5, 0.75).unwrap()));
        assert!((1e-3..=1e-2).contains(&trial.suggest_log("log", 1e-3, 1e-2).unwrap()));
        seen[0].insert(trial.suggest_int("int", 4, 6).unwrap());
        seen[1].insert(trial.suggest_int_step("step", 4, 9, 2).unwrap());
        seen[2].insert(trial.suggest_categorical("choice", &[7, 9]).unwrap());
        study.tell(trial, 0.0).unwrap();
    }
    assert_eq!(seen.map(Vec::from_iter), [vec![4, 5, 6], vec![4, 6, 8], vec![7, 9]]);
    let domains = [
        Domain::uniform(0.5, 0.75),
        Domain::log(1e-3, 1e-2),
        Domain::int(4, 6),
        Domain::int(4, 9).and_then(|domain| domain.with_step(2.0)),
        Domain::choice([7, 9]),
    ];
    let params = &study.record().unwrap().trials[0].params;
    assert_eq!(params.iter().map(|stored| stored.domain.clone()).collect::<Vec<_>>(), domains.map(Result::unwrap));
}

#[test]
fn other_bounds_are_respected_and_other_kinds_refused() {
    let study = open(memory(), Box::new(Random::new()));
    for n in 0..40 {
        let mut trial = study.ask().unwrap();
        let low = f64::from(n % 4);
        let x = trial.suggest_float("x", low, low + 0.5).unwrap();
        assert!((low..=low + 0.5).contains(&x), "{x}");
        study.tell(trial, x).unwrap();
    }
    let mut trial = study.ask().unwrap();
    for error in [
        trial.suggest_log("x", 1.0, 2.0).map(|_| ()).unwrap_err(),
        trial.suggest_int("x", 1, 2).map(|_| ()).unwrap_err(),
        trial.suggest_float("y", 2.0, 1.0).map(|_| ()).unwrap_err(),
        trial.suggest_categorical::<i64>("z", &[]).map(|_| ()).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(["`x`", "`y`", "`z`"].iter().any(|name| text.contains(name)), "{text}");
    }
    study.tell(trial, 0.0).unwrap();
}

#[test]
fn enqueued_trials_come_first_with_their_values() {
    for storage in [memory(), sqlite(tempfile::tempdir().unwrap().path())] {
        let study = open(storage, Box::new(Random::new()));
        let fixed: Params = [("x", Value::from(7.5)), ("kind", "fancy".into())].into_iter().collect();
        assert_eq!(study.enqueue(fixed).unwrap(), TrialNumber(0));
        let wrong: Params = [("kind", Value::from("none"))].into_iter().collect();
        assert_eq!(study.enqueue(wrong).unwrap(), TrialNumber(1));
        let mut trial = study.ask().unwrap();
        assert_eq!(trial.number(), TrialNumber(0));
        // Outside of the bounds, but asked for.
        assert_eq!(trial.suggest_float("x", -5.0, 5.0).unwrap(), 7.5);
        assert_eq!(trial.suggest_categorical("kind", &["plain", "fancy"]).unwrap(), "fancy");
        assert!(trial.suggest_float("rate", 0.0, 1.0).is_ok());
        study.tell(trial, 1.0).unwrap();
        let mut trial = study.ask().unwrap();
        let error = trial.suggest_categorical("kind", &["plain", "fancy"]).unwrap_err();
        assert!(error.to_string().contains("none"), "{error}");
        study.tell(trial, Told::Failed(error.to_string())).unwrap();
        assert_eq!(study.ask().unwrap().number(), TrialNumber(2));
        let record = study.record().unwrap();
        assert!(record.trials[0].fixed.is_some() && record.trials[2].fixed.is_none());
        assert_eq!(record.trials[1].end.as_ref().unwrap().reason, EndReason::Told);
    }
}

#[test]
fn waiting_trials_wait_across_processes() {
    let folder = tempfile::tempdir().unwrap();
    let fixed: Params = [("x", Value::from(1.5))].into_iter().collect();
    open(sqlite(folder.path()), tpe()).enqueue(fixed).unwrap();
    let study = open(sqlite(folder.path()), tpe());
    let mut trial = study.ask().unwrap();
    assert_eq!(trial.number(), TrialNumber(0));
    assert_eq!(trial.suggest_float("x", 0.0, 2.0).unwrap(), 1.5);
}

#[test]
fn a_declared_space_gives_all_parameters_at_the_ask() {
    let width = || Parameter::new("width", Domain::int(1, 3).unwrap());
    let space = || Space::new(vec![width()]).unwrap();
    let sampler = Box::new(Grid::new(&space()).unwrap());
    let study = Study::open_declared(header(), space(), memory(), sampler, Box::new(NoScheduler)).unwrap();
    let fixed: Params = [("width", 2)].into_iter().collect();
    study.enqueue(fixed).unwrap();
    let wrong: Params = [("width", 9)].into_iter().collect();
    assert!(study.enqueue(wrong).is_err());
    let mut seen = Vec::new();
    let error = loop {
        match study.ask() {
            Ok(mut trial) => {
                let width = trial.params().get("width").and_then(Value::as_i64).unwrap();
                assert_eq!(trial.suggest_int("width", 1, 3).unwrap(), width);
                seen.push(width);
                study.tell(trial, width as f64).unwrap();
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StudyError::Exhausted { trials: 4 }), "{error}");
    assert_eq!(seen, [2, 1, 2, 3]);
}

#[test]
fn trials_end_in_three_ways() {
    let study = open(memory(), Box::new(Random::new()));
    let tell = |told: Told| {
        let mut trial = study.ask().unwrap();
        trial.suggest_float("x", 0.0, 1.0).unwrap();
        trial.report(3, 0.25).unwrap();
        let number = trial.number().index();
        study.tell(trial, told).unwrap();
        let trial = study.record().unwrap().trials[number].clone();
        (trial.state, trial.value, trial.end.unwrap().reason)
    };
    use TrialState::{Complete, Failed, Pruned};
    assert_eq!(tell(0.5.into()), (Complete, Some(0.5), EndReason::Finished));
    assert_eq!(tell(f64::NEG_INFINITY.into()).1, Some(f64::NEG_INFINITY));
    assert_eq!(tell(f64::NAN.into()), (Failed, None, EndReason::Diverged));
    assert_eq!(tell(Told::Pruned), (Pruned, Some(0.25), EndReason::Stopped));
    assert_eq!(tell(Told::Failed("no".to_owned())), (Failed, None, EndReason::Told));
}

#[test]
fn the_scheduler_answers_after_the_report_is_written() {
    let study = Study::open(header(), memory(), Box::new(Random::new()), Box::new(Percentile::median())).unwrap();
    let mut stopped = 0;
    for n in 0..20 {
        let mut trial = study.ask().unwrap();
        let bad = if n >= 10 { 1.0 } else { 0.0 };
        let decision = trial.report(1, bad + f64::from(n)).unwrap();
        if decision == Decision::Stop {
            stopped += 1;
            assert_eq!(study.record().unwrap().trials[n as usize].epochs.len(), 1);
            study.tell(trial, Told::Pruned).unwrap();
        } else {
            study.tell(trial, f64::from(n)).unwrap();
        }
    }
    assert!(stopped >= 10, "{stopped}");
}

#[test]
fn steps_must_grow_and_the_trial_goes_on() {
    let study = open(memory(), Box::new(Random::new()));
    let mut trial = study.ask().unwrap();
    trial.report(2, 0.5).unwrap();
    for step in [2, 1] {
        let error = trial.report(step, 0.5).unwrap_err();
        assert!(error.to_string().contains("steps must grow"), "{error}");
    }
    trial.report(3, f64::NAN).unwrap();
    study.tell(trial, 0.5).unwrap();
    let epochs = study.record().unwrap().trials[0].epochs.clone();
    assert_eq!(epochs.iter().map(|epoch| epoch.step).collect::<Vec<_>>(), [2, 3]);
    assert!(epochs[0].report.value == 0.5 && epochs[1].report.value.is_nan(), "{epochs:?}");
}

#[test]
fn a_trial_left_running_can_be_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    {
        let study = open(sqlite(folder.path()), tpe());
        let mut trial = study.ask().unwrap();
        trial.suggest_float("x", 0.0, 1.0).unwrap();
        trial.set_attribute("host", "a");
        trial.report(1, 0.5).unwrap();
    }
    let study = open(sqlite(folder.path()), tpe());
    let mut trial = study.trial(TrialNumber(0)).unwrap();
    let x = trial.suggest_float("x", 0.0, 1.0).unwrap();
    study.tell(trial, x).unwrap();
    let record = study.record().unwrap();
    assert_eq!(record.trials[0].params[0].internal, x);
    assert_eq!(record.trials[0].attributes, [("host".to_owned(), "a".into())]);
    for number in [0, 1] {
        assert!(study.trial(TrialNumber(number)).is_err());
    }
}

#[test]
fn many_threads_share_a_study() {
    let study = open(memory(), tpe());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| run(&study, 25));
        }
    });
    let record = study.record().unwrap();
    assert_eq!(record.trials.len(), 100);
    assert!(record.trials.iter().all(|trial| trial.state == TrialState::Complete));
}

#[test]
fn the_other_direction_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(sqlite(folder.path()), tpe()));
    let other = StudyHeader::new("study", Direction::Maximize, 3);
    let Err(error) = Study::open(other, sqlite(folder.path()), tpe(), Box::new(NoScheduler)) else {
        panic!("the directions differ");
    };
    assert!(error.to_string().contains("direction was minimize"), "{error}");
}

/// Fails at will.
struct Moody {
    inner: MemoryStorage,
    mood: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Storage for Moody {
    fn load(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        self.inner.load()
    }

    fn create(&mut self, header: &StudyHeader) -> Result<(), StorageError> {
        self.inner.create(header)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        if self.mood.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(StorageError::Full { path: "moody".into() });
        }
        self.inner.commit(changes)
    }
}

#[test]
fn a_storage_that_fails_once_loses_nothing() {
    let mood = std::sync::Arc::<std::sync::atomic::AtomicBool>::default();
    let set = |bad| mood.store(bad, std::sync::atomic::Ordering::Relaxed);
    let storage = Moody { inner: MemoryStorage::default(), mood: mood.clone() };
    let study = open(Box::new(storage), Box::new(Random::new()));
    set(true);
    assert!(study.ask().is_err());
    set(false);
    let mut trial = study.ask().unwrap();
    trial.suggest_float("x", 0.0, 1.0).unwrap();
    set(true);
    assert!(trial.report(1, 0.5).is_err());
    set(false);
    trial.report(1, 0.5).unwrap();
    trial.suggest_float("y", 0.0, 1.0).unwrap();
    set(true);
    assert!(study.tell(trial, 0.5).is_err());
    set(false);
    study.tell(study.trial(TrialNumber(0)).unwrap(), 0.5).unwrap();
    let record = study.record().unwrap();
    assert_eq!(record.trials.len(), 1);
    assert_eq!(record.trials[0].params.len(), 2);
    assert_eq!(record.trials[0].epochs.len(), 1);
    assert_eq!(record.trials[0].value, Some(0.5));
}
