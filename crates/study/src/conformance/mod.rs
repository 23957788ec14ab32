//! Checks that a storage keeps its contract: one function per property, for every implementation.
//!
//! ```
//! use tunefork_study::{MemoryStorage, storage_conformance};
//! // How to make an empty storage, and how to open it again with what is in it.
//! storage_conformance!(MemoryStorage::default, |storage| storage);
//! # fn main() {}
//! ```
//!
//! makes a test for each function here.

mod everything;
mod fixtures;

use crate::{Change, MemoryStorage, Storage, StudyHeader, StudyRecord};
use everything::everything;
use fixtures::{
    NOTHING, accept, created, finish, header, load, parameter, pause, random_change, refuse, report, start, text,
    uniform,
};
use tunefork_rng::{Key, Purpose};
use tunefork_space::{Domain, Params};
use tunefork_trial::{TrialNumber, TrialState};

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
        $(
            #[test]
            fn $property() {
                $crate::conformance::$property(&mut $make, &mut $reopen);
            }
        )*
    };
}

/// Makes an empty storage.
pub type Make<'a, S> = &'a mut dyn FnMut() -> S;
/// Opens a storage again.
pub type Reopen<'a, S> = &'a mut dyn FnMut(S) -> S;

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

/// One broken change keeps its whole list out, and the others can be committed afterwards.
pub fn a_commit_is_all_or_nothing<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = created(make);
    let good = [
        start(0),
        Change::Parameter { number: NOTHING, parameter: parameter("x", uniform(), 0.5) },
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
    let enqueue = Change::Enqueue { number: NOTHING, fixed: Params::default() };
    accept(&mut storage, &[enqueue]);
    for early in [report(0, 1, 0.0), pause(0, Paused), pause(0, Running)] {
        refuse(&mut storage, &[early]);
    }
    accept(&mut storage, &[start(0)]);
    let mut storage = reopen(storage);
    for wrong in [pause(0, Running), pause(0, Waiting), pause(0, TrialState::Failed)] {
        refuse(&mut storage, &[wrong]);
    }
    accept(&mut storage, &[pause(0, Paused)]);
    let mut storage = reopen(storage);
    assert_eq!(load(&mut storage).trials[0].state, Paused);
    refuse(&mut storage, &[report(0, 1, 0.0)]);
    accept(&mut storage, &[pause(0, Running), report(0, 1, 0.0), pause(0, Paused)]);
    accept(&mut storage, &[finish(0, TrialState::Pruned, Some(0.0))]);
    assert_eq!(load(&mut reopen(storage)).trials[0].state, TrialState::Pruned);
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
            Change::Parameter { number, parameter: parameter("x", uniform(), 0.5) },
        ] {
            refuse(&mut storage, &[late]);
        }
        accept(&mut storage, &[Change::Attribute { number, key: "a".to_owned(), value: 1.into() }]);
    }
    assert!(load(&mut reopen(storage)).trials.iter().all(|trial| trial.attributes.len() == 1));
}

/// A step is larger than the one before, also after opening again.
pub fn steps_grow<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = created(make);
    accept(&mut storage, &[start(0), report(0, 0, 0.0), report(0, 3, 0.0)]);
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
    let mut storage = make();
    // Beside an executor, what another program calls by the same name is its own affair.
    storage.create(&StudyHeader { stages: Vec::new(), ..header() }).expect("an empty storage takes a study");
    let give = |number, name: &str, domain| Change::Parameter {
        number: TrialNumber(number),
        parameter: parameter(name, domain, 1.0),
    };
    let ab = || domain(Domain::choice(["a", "b"]));
    accept(&mut storage, &[start(0), give(0, "x", uniform()), give(0, "c", ab())]);
    let mut storage = reopen(storage);
    refuse(&mut storage, &[give(0, "x", uniform())]);
    accept(&mut storage, &[start(1)]);
    refuse(&mut storage, &[give(1, "x", domain(Domain::int(0, 1)))]);
    refuse(&mut storage, &[give(1, "x", domain(Domain::log(0.5, 1.0)))]);
    refuse(&mut storage, &[give(1, "c", domain(Domain::choice(["b", "a"])))]);
    let wider = domain(Domain::uniform(-9.0, 9.0));
    accept(&mut storage, &[give(1, "x", wider), give(1, "c", ab())]);
}

/// Names have at most 512 characters.
pub fn names_have_limits<S: Storage>(make: Make<'_, S>, _: Reopen<'_, S>) {
    let mut storage = created(make);
    accept(&mut storage, &[start(0)]);
    let give =
        |length| Change::Parameter { number: NOTHING, parameter: parameter(&"ä".repeat(length), uniform(), 0.5) };
    refuse(&mut storage, &[give(513)]);
    accept(&mut storage, &[give(512)]);
}

/// An attribute that is set again is replaced in its place.
pub fn the_last_attribute_counts<S: Storage>(make: Make<'_, S>, reopen: Reopen<'_, S>) {
    let mut storage = created(make);
    let set = |key: &str, value: i32| Change::Attribute { number: NOTHING, key: key.to_owned(), value: value.into() };
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
        let changes: Vec<Change> = (0..1 + draws.below(3)).map(|_| random_change(&mut draws, trials)).collect();
        let expected = memory.commit(&changes);
        assert_eq!(storage.commit(&changes), expected, "round {round}: {changes:?}");
        taken += usize::from(expected.is_ok());
        if round % 50 == 0 {
            storage = reopen(storage);
            assert_eq!(text(load(&mut storage)), text(load(&mut memory)), "round {round}");
        }
    }
    assert!((20..180).contains(&taken), "the draws test too little: {taken}");
    assert_eq!(text(load(&mut reopen(storage))), text(load(&mut memory)));
}
