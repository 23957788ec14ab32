//! Whole studies on a GPU, for which the emulator is taken: what its faults, its memory and an interruption
//! change, and what they do not.

mod card;
mod faults;
mod gangs;
mod memory;
mod resumption;
mod setting;

use card::World;
use setting::{Setting, TINY};
use tunefork::study::Ended;

#[test]
fn a_study_says_what_it_ran_on() {
    let setting = Setting::new(TINY, World::plenty());
    let (report, heard) = setting.run();
    assert_eq!(report.outcome.ended, Ended::Done);
    assert!(report.study.trials.iter().all(|trial| trial.epochs.len() == 4));
    let fact = |name: &str| report.study.header.fingerprint.get(name).map(str::to_string);
    assert_eq!(fact("device").as_deref(), Some("cuda"));
    assert_eq!(fact("gpu").as_deref(), Some("Emulator"));
    assert_eq!(fact("precision").as_deref(), Some("f32"));
    let crowded = "Emulator has room for 1 trial side by side: with --workers 2 some are evicted between epochs";
    let said = heard.warnings.iter().filter(|warning| warning.starts_with(crowded));
    assert_eq!(said.count(), 1, "{:?}", heard.warnings);
}
