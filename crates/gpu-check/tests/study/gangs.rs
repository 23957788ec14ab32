//! Trials, and the trainings of one trial, that take their steps together.

use std::sync::atomic::Ordering::SeqCst;

use tunefork::study::Ended;

use crate::card::World;
use crate::setting::{Setting, TINY, results};

/// A study run by so many workers on a card of its own; the most trials in a launch.
fn run(study: &str, workers: Option<usize>) -> (Setting, Vec<impl PartialEq + std::fmt::Debug + use<>>, u32) {
    let setting = Setting { workers, ..Setting::new(study, World::plenty()) };
    let (report, _) = setting.run();
    assert_eq!(report.outcome.ended, Ended::Done);
    let (results, lanes) = (results(&report), setting.world.lanes.load(SeqCst));
    (setting, results, lanes)
}

/// As many workers as there is room for, without being told, and the same results as with one.
#[test]
fn trials_side_by_side_change_no_result() {
    let study = TINY.replace("slots = 1", "slots = 4").replace("trials = 3", "trials = 6");
    let (one, expected, alone) = run(&study, Some(1));
    let (usual, found, together) = run(&study, None);
    assert_eq!(found, expected);
    assert!(usual.model() == one.model());
    assert_eq!(alone, 1);
    assert!((2..=4).contains(&together), "{together} trials in a launch");
}

/// Trials of two networks are two gangs; each has its own.
#[test]
fn trials_of_other_networks_are_not_in_the_way() {
    let study = TINY
        .replace("slots = 1", "slots = 4")
        .replace("trials = 3", "trials = 8")
        .replace("channels = 4", "channels = { choice = [4, 6] }");
    let (one, expected, _) = run(&study, Some(1));
    let (usual, found, _) = run(&study, None);
    assert_eq!(found, expected);
    assert!(usual.model() == one.model());
}

/// The trainings of a trial are trained side by side, each with its own split and normalisation.
#[test]
fn folds_and_replicates_take_their_steps_together() {
    let study = TINY.replace("trials = 3", "trials = 2\nreplicates = 2").replace("validation = 8\n", "folds = 3\n");
    let (_, found, together) = run(&study, Some(1));
    assert!((2..=6).contains(&together), "{together} trainings in a launch");
    let (_, again, _) = run(&study, Some(2));
    assert_eq!(found, again);
}
