//! A card that fails, and is lost to the process: the study stops in good order, and another process goes on with it.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tunefork::study::{EndReason, Ended, StudyError};
use tunefork::trial::TrialNumber;
use tunefork::{Error, Report};

use crate::card::World;
use crate::setting::{Setting, TINY, failure, result, results};

/// Runs a study on a card that is lost with one of its calls, which must be told, and returns the trial that met it: none if that was
/// none's.
#[track_caller]
fn lose(setting: &mut Setting, call: u32) -> Option<TrialNumber> {
    setting.world = World::lost_at(call);
    let (lost, heard) = setting.try_run();
    let error = lost.err().unwrap_or_else(|| panic!("call {call} was not missed"));
    assert!(error.is_lost_device(), "call {call}: {error}");
    let text = error.to_string();
    assert!(text.contains("lost to this process (an illegal address): end it and start it again"), "{text}");
    assert!(heard.retries.is_empty(), "nothing is tried again in this process: {:?}", heard.retries);
    assert_eq!(setting.world.contexts.load(SeqCst), 1, "no second context");
    match error {
        Error::Study(StudyError::DeviceLost { trial, .. }) => Some(trial),
        _ => None,
    }
}

/// Goes on in another process, whose card is whole.
fn go_on(setting: &mut Setting) -> Report {
    setting.world = World::plenty();
    let (report, heard) = setting.run();
    assert_eq!(report.outcome.ended, Ended::Done);
    assert!(heard.retries.is_empty(), "{:?}", heard.retries);
    report
}

/// Wherever the card fails: while an engine is made, in a step, in a checkpoint, while weights are kept, in the test. With more than
/// one slot, trials lie on the card that are not being trained then.
#[test]
fn a_study_that_lost_its_card_is_the_same_in_another_process() {
    // Of sixteen parts of the calls: trials that meet ask for less, and with several slots it is chance who meets.
    for (slots, parts) in [("slots = 1", 16), ("slots = 3", 13)] {
        let study = TINY.replace("slots = 1", slots);
        let whole = Setting::new(&study, World::plenty());
        let (expected, _) = whole.run();
        let calls = whole.world.calls.load(SeqCst);
        for call in [1].into_iter().chain((1..=parts).map(|part| calls * part / 16)) {
            let mut setting = Setting::new(&study, World::plenty());
            lose(&mut setting, call);
            let report = go_on(&mut setting);
            assert_eq!(results(&report), results(&expected), "call {call}");
            assert_eq!(report.test, expected.test, "call {call}");
            assert_eq!(report.outcome.outside_events, 0, "another process is none");
            assert!(setting.model() == whole.model(), "call {call}");
        }
    }
}

/// Each process gets a little further: what was stored stays, and checkpoints are taken up.
#[test]
fn a_study_goes_on_over_many_processes() {
    let study = TINY.replace("epochs = 4", "epochs = 8");
    let whole = Setting::new(&study, World::plenty());
    let (expected, _) = whole.run();
    let calls = whole.world.calls.load(SeqCst);
    let mut setting = Setting::new(&study, World::plenty());
    let processes = (0..20).take_while(|_| {
        setting.world = World::lost_at(calls / 4);
        setting.try_run().0.is_err_and(|error| error.is_lost_device())
    });
    assert!((2..20).contains(&processes.count()), "it came to its end");
    let report = go_on(&mut setting);
    assert_eq!(results(&report), results(&expected));
    assert!(setting.model() == whole.model());
}

/// The next process takes up the last checkpoint: fewer uploads tell it from a trial that begins anew.
#[test]
fn a_trial_goes_on_from_its_checkpoint() {
    let study = TINY
        .replace("trials = 3", "trials = 1")
        .replace("epochs = 4", "epochs = 16")
        .replace("test_images = 8", "test_images = 0");
    let uploads = |checkpoint_every| {
        let setting = || Setting { checkpoint_every, ..Setting::new(&study, World::plenty()) };
        let (whole, mut setting) = (setting(), setting());
        let (expected, _) = whole.run();
        // In one of the last epochs.
        lose(&mut setting, whole.world.calls.load(SeqCst) - 12);
        assert_eq!(results(&go_on(&mut setting)), results(&expected));
        setting.world.uploads.load(SeqCst)
    };
    let [restored, anew] = [Duration::ZERO, Duration::MAX].map(uploads);
    assert!(2 * restored < anew, "{restored} uploads, or {anew}");
}

/// A trial that costs each process the card is given up, as who starts the processes says, and the study goes on without it.
#[test]
fn a_trial_that_is_given_up_fails_and_the_study_goes_on() {
    let whole = Setting::new(TINY, World::plenty());
    let (expected, _) = whole.run();
    // The call with which a training step of the second trial is captured.
    let step = whole.world.captures.lock().unwrap()[2];
    let mut setting = Setting::new(TINY, World::plenty());
    let trial = lose(&mut setting, step).expect("a trial met it");
    assert_eq!(trial, TrialNumber(1));
    assert_eq!(lose(&mut setting, 5), Some(trial), "with its first calls");
    setting.given_up.insert(trial, "an illegal address, 2 times in a row".to_owned());
    let report = go_on(&mut setting);
    let trials = &report.study.trials;
    assert_eq!(failure(&trials[1]), (EndReason::Fault, "an illegal address, 2 times in a row"));
    for other in [0, 2] {
        assert_eq!(result(&trials[other]), result(&expected.study.trials[other]));
    }
    assert_eq!(report.outcome.outside_events, 1);
}
