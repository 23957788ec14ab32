//! A card that fails.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tunefork::study::{EndReason, Ended};

use crate::card::World;
use crate::setting::{Setting, TINY, failure, result, results};

/// Wherever the card fails: while an engine is made, in a step, in a checkpoint, while weights are kept.
#[test]
fn a_card_that_fails_once_changes_no_result() {
    let study = TINY.replace("test_images = 8", "test_images = 0");
    let whole = Setting::new(&study, World::plenty());
    let (expected, heard) = whole.run();
    assert_eq!(whole.world.contexts.load(SeqCst), 1);
    assert!(heard.retries.is_empty());
    let calls = whole.world.all_calls.load(SeqCst);

    for fault in (1..=calls).step_by(calls as usize / 20) {
        let setting = Setting::new(&study, World::new(1 << 30, 0, &[fault]));
        let (report, heard) = setting.run();
        assert_eq!(report.outcome.ended, Ended::Done, "call {fault}");
        assert_eq!(results(&report), results(&expected), "call {fault}");
        assert_eq!(report.outcome.outside_events, 0, "a retry is none");
        assert!(setting.model() == whole.model(), "call {fault}");
        assert_eq!(setting.world.contexts.load(SeqCst), 2, "call {fault}");
        assert_eq!(heard.retries.len(), 1, "call {fault}");
    }
}

/// The last calls are no trial's: they measure the best weights on the test images.
#[test]
fn a_card_that_fails_in_the_test_changes_no_figure() {
    let whole = Setting::new(TINY, World::plenty());
    let (expected, _) = whole.run();
    let calls = whole.world.all_calls.load(SeqCst);
    for fault in [calls - 5, calls] {
        let setting = Setting::new(TINY, World::new(1 << 30, 0, &[fault]));
        let (report, heard) = setting.run();
        assert_eq!(setting.world.contexts.load(SeqCst), 2);
        assert!(heard.retries.is_empty(), "{:?}", heard.retries);
        assert!(report.test.is_some());
        assert_eq!(report.test, expected.test);
    }
}

/// With more than one slot, trials lie on the card that are not being trained when it fails.
#[test]
fn trials_that_lie_beside_the_one_that_fails_come_back() {
    let study = TINY.replace("slots = 1", "slots = 3");
    let whole = Setting::new(&study, World::plenty());
    let (expected, _) = whole.run();
    let calls = whole.world.all_calls.load(SeqCst);
    for fault in (calls / 2..=calls).step_by(calls as usize / 12) {
        let setting = Setting::new(&study, World::new(1 << 30, 0, &[fault]));
        let (report, heard) = setting.run();
        assert_eq!(results(&report), results(&expected), "call {fault}");
        assert!(setting.model() == whole.model(), "call {fault}");
        assert_eq!(setting.world.contexts.load(SeqCst), 2, "call {fault}");
        assert!(heard.retries.len() <= 3, "call {fault}: {:?}", heard.retries);
    }
}

/// The retry takes up the last checkpoint: fewer uploads tell it from a trial that begins anew.
#[test]
fn a_trial_is_retried_from_its_checkpoint() {
    let study = TINY
        .replace("trials = 3", "trials = 1")
        .replace("epochs = 4", "epochs = 16")
        .replace("test_images = 8", "test_images = 0");
    let more_uploads = |checkpoint_every| {
        let run = |world| {
            let setting = Setting { checkpoint_every, ..Setting::new(&study, world) };
            let (report, heard) = setting.run();
            (results(&report), heard.retries.len(), setting.world)
        };
        let (expected, retries, whole) = run(World::plenty());
        assert_eq!(retries, 0);
        // In one of the last epochs.
        let fault = whole.all_calls.load(SeqCst) - 12;
        let (found, retries, faulty) = run(World::new(1 << 30, 0, &[fault]));
        assert_eq!((found, retries), (expected, 1));
        faulty.uploads.load(SeqCst) - whole.uploads.load(SeqCst)
    };
    let [restored, anew] = [Duration::ZERO, Duration::MAX].map(more_uploads);
    assert!(2 * restored < anew, "{restored} uploads, or {anew}");
}

/// The call with which a training step of the second trial is captured.
fn step_of_the_second_trial(whole: &Setting) -> u32 {
    whole.world.captures.lock().unwrap()[2]
}

#[test]
fn a_trial_that_fails_twice_fails_and_the_study_goes_on() {
    let whole = Setting::new(TINY, World::plenty());
    let (expected, _) = whole.run();
    // In a step of the second trial, and in its first calls on the new context.
    let faults = [step_of_the_second_trial(&whole), 5];
    let setting = Setting::new(TINY, World::new(1 << 30, 0, &faults));
    let (report, heard) = setting.run();
    assert_eq!(report.outcome.ended, Ended::Done);
    assert_eq!(setting.world.contexts.load(SeqCst), 3);
    assert_eq!(heard.retries.len(), 1, "{:?}", heard.retries);
    assert!(heard.retries[0].1.contains("an illegal address"), "{:?}", heard.retries);
    let trials = &report.study.trials;
    let (reason, message) = failure(&trials[1]);
    assert_eq!(reason, EndReason::Fault);
    assert!(message.contains("an illegal address"), "{message}");
    for other in [0, 2] {
        assert_eq!(result(&trials[other]), result(&expected.study.trials[other]));
    }
    assert_eq!(report.outcome.outside_events, 1);
}

/// Trials are not to blame for a card that is not found again: the study stops, and goes on once it is back.
#[test]
fn a_card_that_does_not_come_back_stops_the_study() {
    let whole = Setting::new(TINY, World::plenty());
    let (expected, _) = whole.run();
    let fault = step_of_the_second_trial(&whole);
    let mut setting = Setting::new(TINY, World::new(1 << 30, 0, &[fault]));
    setting.world.gone.store(true, SeqCst);
    let (stopped, heard) = setting.try_run();
    let error = stopped.unwrap_err().to_string();
    assert!(error.contains("the driver sees no GPU"), "{error}");
    assert_eq!(heard.retries.len(), 1, "{:?}", heard.retries);
    setting.world = World::plenty();
    let (report, _) = setting.run();
    assert_eq!(results(&report), results(&expected));
    assert!(setting.model() == whole.model());
}
