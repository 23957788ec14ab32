//! A card that is too small, or that others use too.

use std::sync::atomic::Ordering::SeqCst;

use tunefork::study::{EndReason, Ended};
use tunefork::trial::TrialState;

use crate::card::World;
use crate::setting::{Setting, TINY, failure, results};

/// Bytes that a study takes when its trials lie on the card one at a time.
fn bytes_of_one(study: &str) -> u64 {
    let setting = Setting::new(study, World::plenty());
    setting.run();
    setting.world.peak.load(SeqCst)
}

#[test]
fn a_trial_that_does_not_fit_fails_before_it_starts() {
    let room = bytes_of_one(TINY);
    let study = TINY.replace("batch_size = 8", "batch_size = { choice = [8, 24] }")
        + "[[trial]]\nbatch_size = 24\n[[trial]]\nbatch_size = 8\n[[trial]]\nbatch_size = 8\n";
    let (report, heard) = Setting::new(&study, World::new(room, 0, None)).run();
    assert_eq!(report.outcome.ended, Ended::Done);
    assert_eq!((heard.never_started, heard.retries), (vec![0], vec![]));
    let trials = &report.study.trials;
    let (reason, message) = failure(&trials[0]);
    assert_eq!(reason, EndReason::DoesNotFit);
    let [wanted, free] = ["training in batches of 24 needs ", "KiB, but the device has only "];
    assert!(message.starts_with(wanted) && message.contains(free), "{message}");
    assert!(message.ends_with("; the largest batch that fits is 8"), "{message}");
    for trial in &trials[1..] {
        assert_eq!(trial.state, TrialState::Complete);
    }
}

/// The card has room for one trial, three are under way: they take turns.
#[test]
fn trials_that_do_not_fit_together_wait_for_each_other() {
    let room = bytes_of_one(TINY);
    let [wide, narrow] = takes_turns(&TINY.replace("slots = 1", "slots = 3"), room);
    assert!(narrow.world.peak.load(SeqCst) <= room);
    let [few, many] = [&wide, &narrow].map(|setting| setting.world.allocations.load(SeqCst));
    assert!(many > few, "engines were given up and made again");
    assert!(narrow.model() == wide.model());
}

/// Runs a study on a card with plenty of memory, where it takes more than `room`, and on one that has only
/// that: it brings the same.
fn takes_turns(study: &str, room: u64) -> [Setting; 2] {
    let (wide, narrow) = (Setting::new(study, World::plenty()), Setting::new(study, World::new(room, 0, None)));
    let (expected, _) = wide.run();
    let (report, heard) = narrow.run();
    assert!(wide.world.peak.load(SeqCst) > room, "they lie there together");
    assert_eq!(results(&report), results(&expected));
    assert!(heard.retries.is_empty(), "waiting is no fault: {:?}", heard.retries);
    [wide, narrow]
}

/// The card has room for one of the trainings that a trial consists of: side by side they take turns, and
/// one after another they need no more.
#[test]
fn folds_that_do_not_fit_together_wait_for_each_other() {
    let study = TINY.replace("validation = 8", "folds = 3").replace("trials = 3", "trials = 2");
    let sequential = study.replace("folds = 3", "folds = 3\nfold_order = \"sequential\"");
    let after = Setting::new(&sequential, World::plenty());
    after.run();
    let room = after.world.peak.load(SeqCst);
    let [wide, narrow] = takes_turns(&study, room);
    for fold in 0..3 {
        let models = [&wide, &narrow, &after].map(|setting| {
            let name = format!("best-replicate-0-fold-{fold}.safetensors");
            std::fs::read(setting.folder.path().join(name)).unwrap()
        });
        assert!(models[0] == models[1] && models[0] == models[2], "fold {fold}");
    }
}

/// Another program holds so much that no trial finds room: that is none of the study's own doing.
#[test]
fn memory_that_other_programs_hold_is_said() {
    let room = bytes_of_one(TINY);
    let (report, heard) = Setting::new(TINY, World::new(room, 1, None)).run();
    assert_eq!((report.outcome.best, heard.retries.len()), (None, 3));
    for trial in &report.study.trials {
        let (reason, message) = failure(trial);
        assert_eq!(reason, EndReason::Fault);
        assert!(message.ends_with("other programs may hold the device's memory: end them first"), "{message}");
    }
}

/// The driver wants memory of its own for a kernel's code, which no plan counts: others give theirs up for it, and the trial goes on from
/// its checkpoint. The card is as good as before.
#[test]
fn a_kernel_without_memory_makes_others_give_up_theirs() {
    let study = TINY.replace("slots = 1", "slots = 3").replace("test_images = 8", "test_images = 0");
    // By one worker, so that only one trial meets it.
    let alone = |study: &str| Setting { workers: Some(1), ..Setting::new(study, World::plenty()) };
    let whole = alone(&study);
    let (expected, _) = whole.run();
    let launches = whole.world.launches.load(SeqCst);
    for launch in [1, launches / 4, launches / 2, launches] {
        let setting = alone(&study);
        setting.world.full.store(launch, SeqCst);
        let (report, heard) = setting.run();
        assert_eq!(results(&report), results(&expected), "launch {launch}");
        assert_eq!(report.outcome.outside_events, 0, "launch {launch}");
        assert_eq!(heard.retries.len(), 1, "launch {launch}: {:?}", heard.retries);
        assert!(heard.retries[0].1.contains("other programs may hold the device's memory"), "{:?}", heard.retries);
        assert_eq!(setting.world.contexts.load(SeqCst), 1);
        assert!(setting.model() == whole.model(), "launch {launch}");
    }
}
