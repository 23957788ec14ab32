//! Checks that a storage keeps its contract: one function per property, for every implementation.
//!
//! ```
//! use tunefork_study::{MemoryStorage, storage_conformance};
//! // How to make an empty storage, and how to open it again with what is in it.
//! storage_conformance!(MemoryStorage::default, |storage| storage);
//! # fn main() {}
//! ```
//!
//! makes a module of tests, one for each function here.

use crate::{
    Blueprint, Change, Cost, CostModel, End, EndReason, EpochRecord, Facts, MemoryStorage,
    OutsideEvent, OutsideKind, Place, Schedule, Storage, StorageError, StoredParameter,
    StudyHeader, StudyRecord, ValueAt,
};
use tunefork_rng::{Key, Purpose, Stream};
use tunefork_space::{Domain, Params, Value};
use tunefork_trial::{Direction, TrialNumber, TrialState};

/// Makes the tests for a storage: `make` gives an empty one, `reopen` takes one and opens it again.
#[macro_export]
macro_rules! storage_conformance {
    ($make:expr, $reopen:expr) => {
        $crate::storage_conformance!(
            @tests $make, $reopen;
            a_new_storage_is_empty
            a_header_comes_back
            a_study_is_created_once
            everything_comes_back
            a_commit_is_all_or_nothing
            numbers_are_dense
            a_trial_lives_its_life
            finished_trials_are_final
            steps_grow
            values_fit_their_states
            domains_of_a_name_agree
            names_have_limits
            the_last_attribute_counts
            random_changes_give_what_memory_gives
        );
    };
    (@tests $make:expr, $reopen:expr; $($property:ident)*) => {
        mod storage_conformance {
            #[allow(unused_imports, reason = "the constructors may name anything around them")]
            use super::*;
            $(
                #[test]
                fn $property() {
                    $crate::conformance::$property(&mut $make, &mut $reopen);
                }
            )*
        }
    };
}

/// Makes an empty storage.
pub type Make<'a, S> = &'a mut dyn FnMut() -> S;
/// Opens a storage again.
pub type Reopen<'a, S> = &'a mut dyn FnMut(S) -> S;

const NOTHING: TrialNumber = TrialNumber(0);

fn header() -> StudyHeader {
    StudyHeader {
        metric: Some("validation \"accuracy\" é".to_owned()),
        seed: u64::MAX - 1,
        slots: 3,
        cost_model: CostModel {
            flop: 1,
            byte: 2,
            step: 3,
        },
        value_at: ValueAt::Best,
        sampler: "random".to_owned(),
        scheduler: "none".to_owned(),
        settings: Facts::new([("search.lr", "[0.1, 1]"), ("ä", "'\";--")]),
        fingerprint: Facts::new([("isa", "portable")]),
        stages: vec![7],
        ..StudyHeader::new("ein Name, with spaces", Direction::Maximize, 0)
    }
}

fn created<S: Storage>(make: Make<'_, S>) -> S {
    let mut storage = make();
    storage
        .create(&header())
        .expect("an empty storage takes a study");
    storage
}

fn load<S: Storage>(storage: &mut S) -> StudyRecord {
    let study = storage.load().expect("a study can be read");
    study.expect("the study was created")
}

/// The record as text, without dates: equal texts mean equal bits, NaN included.
fn text(mut study: StudyRecord) -> String {
    for trial in &mut study.trials {
        trial.observed.started = None;
        trial.observed.ended = None;
    }
    format!("{study:#?}")
}

fn start(number: u32) -> Change {
    Change::Start {
        number: TrialNumber(number),
        params: Vec::new(),
        fixed: None,
        schedule: None,
    }
}

fn parameter(name: &str, domain: Domain, internal: f64) -> StoredParameter {
    StoredParameter {
        name: name.to_owned(),
        domain,
        internal,
    }
}

fn uniform() -> Domain {
    Domain::uniform(0.0, 1.0).expect("these are bounds")
}

fn report(number: u32, step: u32, value: f64) -> Change {
    Change::Report {
        number: TrialNumber(number),
        epoch: EpochRecord {
            step,
            value,
            time: u64::from(step) * 10,
            metrics: Vec::new(),
            observed: Vec::new(),
        },
    }
}

fn finish(number: u32, state: TrialState, value: Option<f64>) -> Change {
    Change::Finish {
        number: TrialNumber(number),
        state,
        value,
        end: End {
            time: 99,
            reason: EndReason::Finished,
            message: String::new(),
        },
    }
}

fn pause(number: u32, state: TrialState) -> Change {
    Change::State {
        number: TrialNumber(number),
        state,
    }
}

fn accept<S: Storage>(storage: &mut S, changes: &[Change]) {
    storage.commit(changes).expect("the changes keep the rules");
}

fn refuse<S: Storage>(storage: &mut S, changes: &[Change]) {
    let before = text(load(storage));
    match storage.commit(changes) {
        Err(StorageError::Refused { .. }) => {}
        other => panic!("{changes:?} breaks a rule, but: {other:?}"),
    }
    assert_eq!(
        text(load(storage)),
        before,
        "a refused commit left something"
    );
}

/// Before a study is created there is none, and nothing can be written.
pub fn a_new_storage_is_empty<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = make();
    assert_eq!(storage.load(), Ok(None));
    assert!(storage.commit(&[start(0)]).is_err());
    assert_eq!(reopen(storage).load(), Ok(None));
}

/// All that a header says comes back.
pub fn a_header_comes_back<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = created(make);
    assert_eq!(load(&mut storage), StudyRecord::new(header()));
    assert_eq!(load(&mut reopen(storage)), StudyRecord::new(header()));
}

/// Creating a study again is refused.
pub fn a_study_is_created_once<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = reopen(created(make));
    assert!(storage.create(&header()).is_err());
}

/// Every field of every change comes back, in their order.
pub fn everything_comes_back<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = created(make);
    let mut memory = created(&mut MemoryStorage::default);
    let lists = everything();
    for (index, changes) in lists.iter().enumerate() {
        accept(&mut storage, changes);
        accept(&mut memory, changes);
        assert_eq!(text(load(&mut storage)), text(load(&mut memory)), "{index}");
    }
    assert_eq!(text(load(&mut reopen(storage))), text(load(&mut memory)));
}

/// A study with all that a study can have.
fn everything() -> Vec<Vec<Change>> {
    let domain = |domain: Result<Domain, _>| domain.expect("these are domains");
    let choices = [
        Value::Null,
        true.into(),
        2.into(),
        2.5.into(),
        "é\"\n".into(),
        f64::NEG_INFINITY.into(),
    ];
    let params = vec![
        parameter("uniform", domain(Domain::uniform(-1.5, 2.0)), 0.1 + 0.2),
        parameter("log", domain(Domain::log(1e-5, 0.1)), 1.0e-5),
        parameter(
            "step",
            domain(Domain::uniform(0.0, 1.0).and_then(|d| d.with_step(0.3))),
            0.9,
        ),
        parameter("int", domain(Domain::int(-4, 9)), -3.0),
        parameter("int log", domain(Domain::int_log(1, 512)), 512.0),
        parameter("choice", domain(Domain::choice(choices)), 4.0),
    ];
    let fixed: Params = [
        ("uniform", Value::from(0.5)),
        ("choice", Value::from("é\"\n")),
    ]
    .into_iter()
    .collect();
    let schedule = Schedule {
        blueprint: Blueprint {
            epochs: 10,
            epoch_cost: Cost {
                flops: u64::from(u32::MAX) * 1000,
                bytes: 5,
                steps: 6,
            },
            arena_bytes: 1 << 40,
            plan_key: "a plan".to_owned(),
        },
        start: 17,
        epoch_ticks: 23,
    };
    let figures = |values: &[f64]| {
        let named = values.iter().enumerate();
        named.map(|(i, v)| (format!("figure {i}"), *v)).collect()
    };
    let epoch = |step, value| EpochRecord {
        step,
        value,
        time: u64::from(step) * 23 + 17,
        metrics: figures(&[f64::NAN, f64::INFINITY, 1.0 / 3.0, 5e-324, 4.0]),
        observed: figures(&[0.25]),
    };
    let number = TrialNumber;
    let attribute = |key: &str, value| Change::Attribute {
        number: number(1),
        key: key.to_owned(),
        value,
    };
    vec![
        vec![Change::Start {
            number: number(0),
            params,
            fixed: Some(fixed.clone()),
            schedule: Some(schedule),
        }],
        [1.0 / 3.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
            .into_iter()
            .zip(1..)
            .map(|(value, step)| Change::Report {
                number: number(0),
                epoch: epoch(step, value),
            })
            .collect(),
        vec![Change::Enqueue {
            number: number(1),
            fixed,
        }],
        vec![
            attribute("note", serde_json::json!({"a": [1, 2.5, null, "x"]})),
            attribute("mark", serde_json::json!(true)),
            start(1),
        ],
        vec![Change::Parameter {
            number: number(1),
            parameter: parameter("late", uniform(), 0.25),
        }],
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
                place: Place {
                    time: 1 << 50,
                    trial: 3,
                    step: 2,
                },
                kind: OutsideKind::TimeLimit,
                message: "after 60 s".to_owned(),
            }),
            Change::Stages(vec![4, 9]),
            Change::Fingerprint(Facts::new([("isa", "avx2")])),
        ],
    ]
}

/// One broken change keeps its whole list out, and the others can be committed afterwards.
pub fn a_commit_is_all_or_nothing<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = created(make);
    let good = [
        start(0),
        Change::Parameter {
            number: NOTHING,
            parameter: parameter("x", uniform(), 0.5),
        },
        report(0, 1, 0.5),
        finish(0, TrialState::Complete, Some(0.5)),
    ];
    let mut bad = good.to_vec();
    bad.push(report(0, 2, 0.5));
    refuse(&mut storage, &bad);
    accept(&mut storage, &good);
    assert_eq!(load(&mut reopen(storage)).trials.len(), 1);
}

/// A new trial has the next number.
pub fn numbers_are_dense<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = created(make);
    refuse(&mut storage, &[start(1)]);
    accept(&mut storage, &[start(0), start(1)]);
    let mut storage = reopen(storage);
    refuse(&mut storage, &[start(1)]);
    refuse(&mut storage, &[start(3)]);
    refuse(&mut storage, &[report(2, 1, 0.0)]);
    accept(&mut storage, &[start(2)]);
}

/// Waiting → Running ⇄ Paused → an end; nothing else.
pub fn a_trial_lives_its_life<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    use TrialState::{Paused, Running, Waiting};
    let mut storage = created(make);
    let enqueue = Change::Enqueue {
        number: NOTHING,
        fixed: Params::default(),
    };
    accept(&mut storage, &[enqueue]);
    for early in [report(0, 1, 0.0), pause(0, Paused), pause(0, Running)] {
        refuse(&mut storage, &[early]);
    }
    accept(&mut storage, &[start(0)]);
    let mut storage = reopen(storage);
    for wrong in [
        pause(0, Running),
        pause(0, Waiting),
        pause(0, TrialState::Failed),
    ] {
        refuse(&mut storage, &[wrong]);
    }
    accept(&mut storage, &[pause(0, Paused)]);
    let mut storage = reopen(storage);
    assert_eq!(load(&mut storage).trials[0].state, Paused);
    refuse(&mut storage, &[report(0, 1, 0.0)]);
    accept(
        &mut storage,
        &[pause(0, Running), report(0, 1, 0.0), pause(0, Paused)],
    );
    accept(&mut storage, &[finish(0, TrialState::Pruned, Some(0.0))]);
    assert_eq!(
        load(&mut reopen(storage)).trials[0].state,
        TrialState::Pruned
    );
}

/// Nothing changes a trial that has ended.
pub fn finished_trials_are_final<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = created(make);
    let ends = [
        finish(0, TrialState::Complete, Some(1.0)),
        finish(1, TrialState::Pruned, None),
        finish(2, TrialState::Failed, None),
    ];
    accept(&mut storage, &[start(0), start(1), start(2)]);
    accept(&mut storage, &ends);
    let mut storage = reopen(storage);
    for trial in 0..3 {
        let number = TrialNumber(trial);
        for late in [
            start(trial),
            report(trial, 5, 0.0),
            pause(trial, TrialState::Paused),
            finish(trial, TrialState::Failed, None),
            Change::Restarted { number },
            Change::Parameter {
                number,
                parameter: parameter("x", uniform(), 0.5),
            },
            Change::Attribute {
                number,
                key: "a".to_owned(),
                value: 1.into(),
            },
        ] {
            refuse(&mut storage, &[late]);
        }
    }
}

/// A step is larger than the one before, also after opening again.
pub fn steps_grow<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = created(make);
    accept(
        &mut storage,
        &[start(0), report(0, 0, 0.0), report(0, 3, 0.0)],
    );
    let mut storage = reopen(storage);
    refuse(&mut storage, &[report(0, 3, 0.0)]);
    refuse(&mut storage, &[report(0, 2, 0.0)]);
    accept(&mut storage, &[report(0, 4, 0.0)]);
}

/// Completed trials have a value, failed ones have none, and no value is NaN.
pub fn values_fit_their_states<S: Storage>(make: Make<'_, S>, _: Reopen<'_, S>) {
    let mut storage = created(make);
    accept(&mut storage, &[start(0)]);
    for wrong in [
        finish(0, TrialState::Complete, None),
        finish(0, TrialState::Complete, Some(f64::NAN)),
        finish(0, TrialState::Pruned, Some(f64::NAN)),
        finish(0, TrialState::Failed, Some(1.0)),
        finish(0, TrialState::Running, None),
    ] {
        refuse(&mut storage, &[wrong]);
    }
}

/// A name keeps its kind, its `log` and its choices; bounds may change. A trial has a name once.
pub fn domains_of_a_name_agree<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let domain = |domain: Result<Domain, _>| domain.expect("these are domains");
    let mut storage = created(make);
    let give = |number, name: &str, domain| Change::Parameter {
        number: TrialNumber(number),
        parameter: parameter(name, domain, 1.0),
    };
    let ab = || domain(Domain::choice(["a", "b"]));
    accept(
        &mut storage,
        &[start(0), give(0, "x", uniform()), give(0, "c", ab())],
    );
    let mut storage = reopen(storage);
    refuse(&mut storage, &[give(0, "x", uniform())]);
    accept(&mut storage, &[start(1)]);
    refuse(&mut storage, &[give(1, "x", domain(Domain::int(0, 1)))]);
    refuse(&mut storage, &[give(1, "x", domain(Domain::log(0.5, 1.0)))]);
    refuse(
        &mut storage,
        &[give(1, "c", domain(Domain::choice(["b", "a"])))],
    );
    let wider = domain(Domain::uniform(-9.0, 9.0));
    accept(&mut storage, &[give(1, "x", wider), give(1, "c", ab())]);
}

/// Names have at most 512 characters.
pub fn names_have_limits<S: Storage>(make: Make<'_, S>, _: Reopen<'_, S>) {
    let mut storage = created(make);
    accept(&mut storage, &[start(0)]);
    let give = |length| Change::Parameter {
        number: NOTHING,
        parameter: parameter(&"ä".repeat(length), uniform(), 0.5),
    };
    refuse(&mut storage, &[give(513)]);
    accept(&mut storage, &[give(512)]);
}

/// An attribute that is set again is replaced in its place.
pub fn the_last_attribute_counts<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = created(make);
    let set = |key: &str, value: i32| Change::Attribute {
        number: NOTHING,
        key: key.to_owned(),
        value: value.into(),
    };
    accept(&mut storage, &[start(0), set("a", 1), set("b", 2)]);
    accept(&mut storage, &[set("a", 3)]);
    let attributes = &load(&mut reopen(storage)).trials[0].attributes;
    let expected = [("a".to_owned(), 3.into()), ("b".to_owned(), 2.into())];
    assert_eq!(attributes[..], expected);
}

/// Random lists of changes, allowed or not, are taken or refused as memory does, with the same result.
pub fn random_changes_give_what_memory_gives<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut memory = created(&mut MemoryStorage::default);
    let mut storage = created(make);
    let mut draws = Key::study(0).stream(Purpose::Generate);
    let mut taken = 0;
    for round in 0..200 {
        let trials = load(&mut memory).trials.len() as u32;
        let changes: Vec<Change> = (0..1 + draws.below(3))
            .map(|_| random_change(&mut draws, trials))
            .collect();
        let expected = memory.commit(&changes);
        assert_eq!(
            storage.commit(&changes),
            expected,
            "round {round}: {changes:?}"
        );
        taken += usize::from(expected.is_ok());
        if round % 50 == 0 {
            storage = reopen(storage);
            assert_eq!(
                text(load(&mut storage)),
                text(load(&mut memory)),
                "round {round}"
            );
        }
    }
    assert!(
        (20..180).contains(&taken),
        "the draws test too little: {taken}"
    );
    assert_eq!(text(load(&mut reopen(storage))), text(load(&mut memory)));
}

/// A change of one of the last trials or a new one, most of them allowed.
fn random_change(draws: &mut Stream, trials: u32) -> Change {
    let trial = trials.saturating_sub(draws.below(4) as u32);
    let number = TrialNumber(trial);
    let value = draws.normal();
    match draws.below(9) {
        0 | 1 => start(trials),
        2 => Change::Enqueue {
            number: TrialNumber(trials),
            fixed: [("x", value)].into_iter().collect(),
        },
        3 => Change::Parameter {
            number,
            parameter: parameter(["x", "y"][draws.below(2) as usize], uniform(), value),
        },
        4 | 5 => report(trial, draws.below(6) as u32, value),
        6 => pause(trial, TrialState::Paused),
        7 => pause(trial, TrialState::Running),
        _ if draws.below(2) == 0 => finish(trial, TrialState::Complete, Some(value)),
        _ => Change::Restarted { number },
    }
}
