//! Studies and changes that the properties are tried on.

use tunefork_rng::Stream;
use tunefork_space::Domain;
use tunefork_trial::{Direction, TrialNumber, TrialState};

use super::Make;
use crate::{
    Change, Clock, CostModel, End, EndReason, EpochRecord, EpochReport, Facts, Storage, StorageError, StoredParameter,
    StudyHeader, StudyRecord, ValueAt,
};

pub(super) const NOTHING: TrialNumber = TrialNumber(0);

pub(super) fn header() -> StudyHeader {
    StudyHeader {
        metric: Some("validation \"accuracy\" é".to_owned()),
        seed: u64::MAX - 1,
        slots: 3,
        clock: Clock::Eager,
        cost_model: CostModel { flop: 1, byte: 2, step: 3 },
        value_at: ValueAt::Best,
        sampler: "random".to_owned(),
        scheduler: "none".to_owned(),
        settings: Facts::new([("search.lr", "[0.1, 1]"), ("ä", "'\";--")]),
        fingerprint: Facts::new([("isa", "portable")]),
        stages: vec![7],
        ..StudyHeader::new("ein Name, with spaces", Direction::Maximize, 0)
    }
}

pub(super) fn created<S: Storage>(make: Make<'_, S>) -> S {
    let mut storage = make();
    storage.create(&header()).expect("an empty storage takes a study");
    storage
}

pub(super) fn load<S: Storage>(storage: &mut S) -> StudyRecord {
    let study = storage.load().expect("a study can be read");
    study.expect("the study was created")
}

/// The record as text, without dates: equal texts mean equal bits, NaN included.
pub(super) fn text(mut study: StudyRecord) -> String {
    for trial in &mut study.trials {
        trial.observed.started = None;
        trial.observed.ended = None;
    }
    format!("{study:#?}")
}

pub(super) fn start(number: u32) -> Change {
    Change::Start { number: TrialNumber(number), params: Vec::new(), fixed: None, schedule: None }
}

pub(super) fn parameter(name: &str, domain: Domain, internal: f64) -> StoredParameter {
    StoredParameter { name: name.to_owned(), domain, internal }
}

pub(super) fn uniform() -> Domain {
    Domain::uniform(0.0, 1.0).expect("these are bounds")
}

pub(super) fn report(number: u32, step: u32, value: f64) -> Change {
    Change::Report {
        number: TrialNumber(number),
        epoch: EpochRecord {
            step,
            time: u64::from(step) * 10,
            report: EpochReport { value, ..EpochReport::default() }.into(),
        },
    }
}

pub(super) fn finish(number: u32, state: TrialState, value: Option<f64>) -> Change {
    Change::Finish {
        number: TrialNumber(number),
        state,
        value,
        end: End { time: 99, reason: EndReason::Finished, message: String::new() },
    }
}

pub(super) fn pause(number: u32, state: TrialState) -> Change {
    Change::State { number: TrialNumber(number), state }
}

pub(super) fn accept<S: Storage>(storage: &mut S, changes: &[Change]) {
    storage.commit(changes).expect("the changes keep the rules");
}

pub(super) fn refuse<S: Storage>(storage: &mut S, changes: &[Change]) {
    let before = text(load(storage));
    match storage.commit(changes) {
        Err(StorageError::Refused { .. }) => {}
        other => panic!("{changes:?} breaks a rule, but: {other:?}"),
    }
    assert_eq!(text(load(storage)), before, "a refused commit left something");
}

/// A change of one of the last trials or a new one, most of them allowed.
pub(super) fn random_change(draws: &mut Stream, trials: u32) -> Change {
    let trial = trials.saturating_sub(draws.below(4) as u32);
    let number = TrialNumber(trial);
    let value = draws.normal();
    match draws.below(9) {
        0 | 1 => start(trials),
        2 => Change::Enqueue { number: TrialNumber(trials), fixed: [("x", value)].into_iter().collect() },
        3 => Change::Parameter { number, parameter: parameter(["x", "y"][draws.below(2) as usize], uniform(), value) },
        4 | 5 => report(trial, draws.below(6) as u32, value),
        6 => pause(trial, TrialState::Paused),
        7 => pause(trial, TrialState::Running),
        _ if draws.below(2) == 0 => finish(trial, TrialState::Complete, Some(value)),
        _ => Change::Restarted { number },
    }
}
