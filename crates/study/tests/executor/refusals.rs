//! Studies that must not be resumed as they are.

use crate::curve::{Curve, Shared};
use crate::support::{Ear, Mortal, definition, go, options, record, text};
use std::sync::Arc;
use tunefork_sampler::Random;
use tunefork_study::{Definition, Ended, ExecutorOptions, Facts, MemoryStorage, OutsideKind, StudyError, run};

/// A study that was killed on its way.
fn begun() -> MemoryStorage {
    let mut storage = MemoryStorage::default();
    let mut mortal = Mortal { inner: &mut storage, commits_left: 30 };
    go(definition("asha"), &Arc::default(), &mut mortal, &options(1)).unwrap_err();
    storage
}

#[test]
fn changed_settings_are_refused_by_name() {
    let mut storage = begun();
    let mut study = definition("asha");
    study.header.settings = Facts::new([("search.lr", "log 1e-3..1")]);
    study.header.seed = 6;
    let error = go(study, &Arc::default(), &mut storage, &options(1)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("seed was 5 and is now 6"), "{text}");
    assert!(text.contains("search.lr was log 1e-4..1 and is now log 1e-3..1"), "{text}");
    let error = go(definition("median"), &Arc::default(), &mut storage, &options(1)).unwrap_err();
    assert!(error.to_string().contains("scheduler was "), "{error}");
}

#[test]
fn a_setting_that_the_stored_study_did_not_know_yet_is_no_difference_at_its_default() {
    let later = |presumed: &[&str], lr: &str| {
        let mut study = definition("asha");
        study.header.settings = Facts::new([("search.lr", lr), ("norm", "batch")]);
        // A study file has keys that are no settings but parts of the header.
        study.presumed = ["seed", "slots"].iter().chain(presumed).map(|name| name.to_string()).collect();
        study
    };
    let refusal = |study| go(study, &Arc::default(), &mut begun(), &options(1)).unwrap_err().to_string();
    let text = refusal(later(&[], "log 1e-4..1"));
    assert!(text.contains("norm was absent and is now batch"), "{text}");
    // What is stored is compared, whether it is presumed now or not.
    let text = refusal(later(&["norm", "search.lr"], "log 1e-3..1"));
    assert!(text.contains("search.lr was log 1e-4..1 and is now log 1e-3..1"), "{text}");
    assert!(!text.contains("norm"), "{text}");
    let mut storage = begun();
    let outcome = go(later(&["norm"], "log 1e-4..1"), &Arc::default(), &mut storage, &options(1)).unwrap();
    assert_eq!(outcome.ended, Ended::Done);
    // The study stays what it was: an earlier build, too, goes on with it.
    assert_eq!(record(&mut storage).header.settings, definition("asha").header.settings);
}

fn asked_for(budget: u32) -> Definition {
    Definition { budget, ..definition("asha") }
}

#[test]
fn a_budget_below_what_was_begun_is_refused() {
    let mut storage = begun();
    let begun = record(&mut storage).own_trials() as u32;
    let before = text(&mut storage);
    let error = go(asked_for(begun - 1), &Arc::default(), &mut storage, &options(1)).unwrap_err();
    let is_told = matches!(error, StudyError::BudgetShrank { stored, now, .. } if (stored, now) == (begun, begun - 1));
    assert!(is_told, "{error}");
    assert!(error.to_string().contains(&format!("ask for {begun} or more")), "{error}");
    assert_eq!(text(&mut storage), before);
}

/// What nobody has asked for yet leaves no trace.
#[test]
fn a_budget_that_shrinks_to_what_was_begun_gives_the_study_of_the_smaller_one() {
    for more in [0, 1] {
        let mut shrunk = begun();
        let budget = record(&mut shrunk).own_trials() as u32 + more;
        assert!(budget < 14, "{budget}");
        go(asked_for(budget), &Arc::default(), &mut shrunk, &options(2)).unwrap();
        let mut whole = MemoryStorage::default();
        go(asked_for(budget), &Arc::default(), &mut whole, &options(1)).unwrap();
        assert_eq!(text(&mut shrunk), text(&mut whole));
    }
}

/// By mistake, and then killed at its beginning.
#[test]
fn a_study_that_grew_too_far_shrinks_to_the_stage_before() {
    let mut right = MemoryStorage::default();
    go(asked_for(6), &Arc::default(), &mut right, &options(1)).unwrap();
    let mut grown = right.clone();
    let mut mortal = Mortal { inner: &mut grown, commits_left: 1 };
    go(asked_for(5000), &Arc::default(), &mut mortal, &options(1)).unwrap_err();
    assert_eq!(record(&mut grown).header.stages, [6, 5000]);
    for budget in [6, 9] {
        go(asked_for(budget), &Arc::default(), &mut grown, &options(1)).unwrap();
        go(asked_for(budget), &Arc::default(), &mut right, &options(1)).unwrap();
        assert_eq!(text(&mut grown), text(&mut right));
    }
}

#[test]
fn another_fingerprint_is_refused_unless_accepted() {
    let mut storage = begun();
    let drifted = || {
        let mut study = definition("asha");
        study.header.fingerprint = Facts::new([("isa", "avx2")]);
        study
    };
    let error = go(drifted(), &Arc::default(), &mut storage, &options(1)).unwrap_err();
    assert!(error.to_string().contains("isa was portable and is now avx2"), "{error}");
    let accepting = ExecutorOptions { accept_drift: true, ..options(1) };
    let mut ear = Ear::default();
    let curve = Arc::<Curve>::default();
    let outcome = run(drifted(), &Shared(curve.clone()), &mut storage, &mut ear, &accepting).unwrap();
    assert_eq!((outcome.ended, outcome.outside_events), (Ended::Done, 1));
    assert!(ear.count("drift accepted") == 1);
    let study = record(&mut storage);
    assert_eq!(study.outside_events[0].kind, OutsideKind::Drift);
    assert_eq!(study.header.fingerprint, Facts::new([("isa", "avx2")]));
    // From now on the new fingerprint is the study's own.
    go(drifted(), &Arc::default(), &mut storage, &options(1)).unwrap();
    go(definition("asha"), &Arc::default(), &mut storage, &options(1)).unwrap_err();
}

#[test]
fn parameters_that_do_not_come_out_again_are_refused() {
    let mut storage = begun();
    // The same names and settings, but a sampler that answers differently.
    let mut study = definition("asha");
    study.sampler = Box::new(Shifted(Random::new()));
    let error = go(study, &Arc::default(), &mut storage, &options(1)).unwrap_err();
    assert!(error.to_string().contains("proposing again gives"), "{error}");
}

struct Shifted(Random);

impl tunefork_sampler::Sampler for Shifted {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn propose(&mut self, ask: &tunefork_sampler::Ask<'_>) -> tunefork_sampler::Proposal {
        let mut ask = *ask;
        ask.key = tunefork_rng::Key::study(99);
        self.0.propose(&ask)
    }

    fn propose_one(&mut self, ask: &tunefork_sampler::Ask<'_>, parameter: usize) -> f64 {
        self.0.propose_one(ask, parameter)
    }

    fn trials(&self, space: &tunefork_space::Space) -> Option<u64> {
        self.0.trials(space)
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    for (name, options) in [
        ("workers", ExecutorOptions { workers: 0, ..options(1) }),
        ("threads", ExecutorOptions { threads: 0, ..options(1) }),
    ] {
        let mut storage = MemoryStorage::default();
        let error = go(definition("none"), &Arc::default(), &mut storage, &options).unwrap_err();
        assert!(error.to_string().starts_with(name), "{error}");
    }
}
