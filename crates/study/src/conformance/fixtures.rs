//! Studies and changes that the properties are tried on.

use super::Make;
use crate::{
    Blueprint, Change, Clock, Cost, CostModel, End, EndReason, EpochRecord, EpochReport, Facts, Member, MemberReport,
    Metrics, Moment, OutsideEvent, OutsideKind, Schedule, Storage, StorageError, StoredParameter, StudyHeader,
    StudyRecord, Timing, ValueAt,
};
use std::sync::Arc;
use tunefork_rng::Stream;
use tunefork_space::{Domain, Params, Value};
use tunefork_trial::{Direction, TrialNumber, TrialState};

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

/// A study with all that a study can have.
pub(super) fn everything() -> Vec<Vec<Change>> {
    let domain = |domain: Result<Domain, _>| domain.expect("these are domains");
    let choices = [Value::Null, true.into(), 2.into(), 2.5.into(), "é\"\n".into(), f64::NEG_INFINITY.into()];
    let params = vec![
        parameter("uniform", domain(Domain::uniform(-1.5, 2.0)), 0.1 + 0.2),
        parameter("log", domain(Domain::log(1e-5, 0.1)), 1.0e-5),
        parameter("step", domain(Domain::uniform(0.0, 1.0).and_then(|d| d.with_step(0.3))), 0.9),
        parameter("int", domain(Domain::int(-4, 9)), -3.0),
        parameter("int log", domain(Domain::int_log(1, 512)), 512.0),
        parameter("choice", domain(Domain::choice(choices)), 4.0),
    ];
    let fixed: Params = [("uniform", Value::from(0.5)), ("choice", Value::from("é\"\n"))].into_iter().collect();
    let schedule = Schedule {
        blueprint: Blueprint {
            epochs: 10,
            epoch_cost: Cost { flops: u64::from(u32::MAX) * 1000, bytes: 5, steps: 6 },
            plan_bytes: 1 << 40,
            plan_key: "a plan".to_owned(),
        },
        start: 17,
        epoch_ticks: 23,
    };
    let key = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    let metrics = |values: &[f64]| Metrics {
        whole: values.iter().enumerate().map(|(i, v)| (format!("figure {i}"), *v)).collect(),
        per_class: vec![(key("é", "recall"), values[0]), (key("n/a", "recall"), 0.5)],
        confusion: vec![(key("n/a", "é"), 7.0), (key("é", "é"), f64::INFINITY)],
    };
    let member = |replicate, fold| MemberReport {
        member: Member { replicate, fold },
        value: f64::from(fold) - 1.0 / 3.0,
        metrics: metrics(&[f64::NAN, f64::from(replicate)]),
    };
    let epoch = |step, value| EpochRecord {
        step,
        time: u64::from(step) * 23 + 17,
        report: Arc::new(EpochReport {
            value,
            metrics: metrics(&[f64::NAN, f64::INFINITY, 1.0 / 3.0, 5e-324, 4.0]),
            timing: Some(Timing { seconds: 0.25, validation_seconds: f64::NAN, images_per_second: f64::INFINITY }),
            members: match step {
                1 => Vec::new(),
                _ => vec![member(0, 0), member(0, 1), member(2, 0)],
            },
        }),
    };
    let number = TrialNumber;
    let attribute = |key: &str, value| Change::Attribute { number: number(1), key: key.to_owned(), value };
    vec![
        vec![Change::Start { number: number(0), params, fixed: Some(fixed.clone()), schedule: Some(schedule) }],
        [1.0 / 3.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
            .into_iter()
            .zip(1..)
            .map(|(value, step)| Change::Report { number: number(0), epoch: epoch(step, value) })
            .collect(),
        vec![Change::Enqueue { number: number(1), fixed }],
        vec![
            attribute("note", serde_json::json!({"a": [1, 2.5, null, "x"]})),
            attribute("mark", serde_json::json!(true)),
            start(1),
        ],
        vec![Change::Parameter { number: number(1), parameter: parameter("late", uniform(), 0.25) }],
        vec![pause(1, TrialState::Paused)],
        vec![start(2), start(3), Change::Restarted { number: number(3) }],
        vec![Change::Restarted { number: number(3) }],
        vec![
            finish(0, TrialState::Complete, Some(f64::NEG_INFINITY)),
            finish(2, TrialState::Pruned, None),
            Change::Finish {
                number: number(3),
                state: TrialState::Failed,
                value: None,
                end: End {
                    time: 1234,
                    reason: EndReason::DoesNotFit,
                    message: "it needs 5 bytes more; a batch of 12 would fit".to_owned(),
                },
            },
        ],
        vec![
            Change::Outside(OutsideEvent {
                moment: Moment { time: 1 << 50, trial: 3, step: 2 },
                kind: OutsideKind::TimeLimit,
                message: "after 60 s".to_owned(),
            }),
            Change::Stages(vec![4, 9]),
            Change::Fingerprint(Facts::new([("isa", "avx2")])),
        ],
    ]
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
