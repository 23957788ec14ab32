//! A study with all that a study can have.

use std::sync::Arc;
use std::time::Duration;

use tunefork_space::{Domain, Params, Value};
use tunefork_trial::{TrialNumber, TrialState};

use super::fixtures::{finish, parameter, pause, start, uniform};
use crate::{
    Blueprint, Change, Cost, End, EndReason, EpochRecord, EpochReport, Facts, Member, MemberReport, Metrics, Moment,
    OutsideEvent, OutsideKind, Schedule, StoredParameter, Timing,
};

/// Change by change, in lists that are committed one by one.
pub(super) fn everything() -> Vec<Vec<Change>> {
    let number = TrialNumber;
    let attribute = |key: &str, value| Change::Attribute { number: number(1), key: key.to_owned(), value };
    let fixed: Params = [("uniform", Value::from(0.5)), ("choice", Value::from("é\"\n"))].into_iter().collect();
    vec![
        vec![Change::Start {
            number: number(0),
            params: parameters(),
            fixed: Some(fixed.clone()),
            schedule: Some(schedule()),
        }],
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
        vec![Change::TakeIn { number: number(2), at: Moment { time: 77, trial: 4, step: 0 } }],
        vec![
            Change::Outside(OutsideEvent {
                moment: Moment { time: 1 << 50, trial: 3, step: 2 },
                kind: OutsideKind::Fault,
                message: "the device was lost".to_owned(),
            }),
            Change::Stages(vec![4, 9]),
            Change::Elapsed(Duration::from_millis(1500)),
            Change::Elapsed(Duration::from_millis(4250)),
            Change::Fingerprint(Facts::new([("isa", "avx2")])),
            Change::StudyAttribute { key: "told".to_owned(), value: serde_json::json!([1, "é"]) },
            Change::StudyAttribute { key: "trials".to_owned(), value: "4".into() },
            Change::StudyAttribute { key: "trials".to_owned(), value: "9".into() },
        ],
    ]
}

/// One of each kind.
fn parameters() -> Vec<StoredParameter> {
    let domain = |domain: Result<Domain, _>| domain.expect("these are domains");
    let choices = [Value::Null, true.into(), 2.into(), 2.5.into(), "é\"\n".into(), f64::NEG_INFINITY.into()];
    vec![
        parameter("uniform", domain(Domain::uniform(-1.5, 2.0)), 0.1 + 0.2),
        parameter("log", domain(Domain::log(1e-5, 0.1)), 1.0e-5),
        parameter("step", domain(Domain::uniform(0.0, 1.0).and_then(|d| d.with_step(0.3))), 0.9),
        parameter("int", domain(Domain::int(-4, 9)), -3.0),
        parameter("int log", domain(Domain::int_log(1, 512)), 512.0),
        parameter("choice", domain(Domain::choice(choices)), 4.0),
    ]
}

fn schedule() -> Schedule {
    Schedule {
        blueprint: Blueprint {
            epochs: 10,
            epoch_cost: Cost { flops: u64::from(u32::MAX) * 1000, bytes: 5, steps: 6 },
            plan_bytes: 1 << 40,
            plan_key: "a plan".to_owned(),
        },
        start: 17,
        epoch_ticks: 23,
    }
}

/// With members from the second on.
fn epoch(step: u32, value: f64) -> EpochRecord {
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
    EpochRecord {
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
    }
}
