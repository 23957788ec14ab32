//! Studies whose results count as they arrive.

use crate::curve::{Curve, Trouble};
use crate::support::{Mortal, definition, go, options, record};
use std::sync::Arc;
use std::time::Duration;
use tunefork_space::Params;
use tunefork_study::{Clock, Definition, EndReason, MemoryStorage, StudyRecord, TrialRecord};

fn eager(budget: u32) -> Definition {
    eager_with("asha", budget)
}

fn eager_with(scheduler: &str, budget: u32) -> Definition {
    let mut study = Definition { budget, ..definition(scheduler) };
    study.header.clock = Clock::Eager;
    study
}

/// The places of all asks, reports and failures, in the order of their times.
fn events(study: &StudyRecord) -> Vec<(u64, u32, u32)> {
    let mut events = Vec::new();
    for trial in &study.trials {
        let number = trial.number.0;
        events.extend(trial.schedule.iter().map(|schedule| (schedule.start, number, 0)));
        events.extend(trial.epochs.iter().map(|epoch| (epoch.time, number, epoch.step)));
        let end = trial.end.iter().filter(|end| ![EndReason::Finished, EndReason::Stopped].contains(&end.reason));
        // What fails before it starts has its ask there.
        let step = trial.schedule.as_ref().map_or(0, |_| trial.epochs.len() as u32 + 1);
        events.extend(end.map(|end| (end.time, number, step)));
    }
    events.sort_unstable();
    events
}

/// Goes on with a study to its end, killed after each of these numbers of commits.
fn go_on(storage: &mut MemoryStorage, curve: fn() -> Curve, study: impl Fn() -> Definition, kills: &[u32]) {
    let mut before = storage_events(storage);
    for &commits_left in kills.iter().chain([&u32::MAX]) {
        let mut mortal = Mortal { inner: &mut *storage, commits_left };
        let ended = go(study(), &Arc::new(curve()), &mut mortal, &options(3));
        assert_eq!(ended.is_ok(), commits_left == u32::MAX, "{ended:?}");
        let events = storage_events(storage);
        let times = events.iter().map(|(time, ..)| *time);
        assert!(times.eq(1..=events.len() as u64), "{events:?}");
        assert_eq!(events[..before.len()], before, "what was recorded has changed");
        before = events;
    }
}

fn storage_events(storage: &mut MemoryStorage) -> Vec<(u64, u32, u32)> {
    use tunefork_study::Storage;
    storage.load().unwrap().as_ref().map(events).unwrap_or_default()
}

/// However often the study was killed, its three slots are never shared, and never idle but at the end of a stage.
fn check_slots(study: &StudyRecord) {
    let end = |trial: &TrialRecord| trial.end.as_ref().unwrap().time;
    let start = |trial: &TrialRecord| trial.schedule.as_ref().map_or(end(trial), |schedule| schedule.start);
    let lives: Vec<(u64, u64)> = study.trials.iter().map(|trial| (start(trial), end(trial))).collect();
    for (time, trial, step) in events(study) {
        let stages = &study.header.stages;
        let stage = stages.iter().position(|budget| trial < *budget).unwrap();
        let trials = ..stages[stage] as usize;
        let is_last = time > lives[trials].iter().map(|(start, _)| *start).max().unwrap();
        let before = ..stage.checked_sub(1).map_or(0, |before| stages[before] as usize);
        assert!(lives[before].iter().all(|(_, end)| *end < time), "trial {trial} is of a later stage: {lives:?}");
        let running = lives.iter().filter(|(start, end)| *start < time && time <= *end).count();
        match step {
            0 => assert!(running < 3, "trial {trial} is asked for beside {running}: {lives:?}"),
            _ => assert!(running == 3 || is_last, "{running} trials run at {time}: {lives:?}"),
        }
    }
}

fn slow() -> Curve {
    Curve { delay: Duration::from_millis(1), ..Curve::default() }
}

#[test]
fn an_eager_study_counts_results_as_they_arrive_and_goes_on_from_them() {
    let mut storage = MemoryStorage::default();
    go_on(&mut storage, slow, || eager(14), &[17, 30, 9]);
    let study = record(&mut storage);
    assert_eq!(study.trials.len(), 14);
    check_slots(&study);
    assert!(study.trials.iter().all(|trial| trial.state.is_finished()));
    let error = go(definition("asha"), &Arc::default(), &mut storage, &options(1)).unwrap_err();
    assert!(error.to_string().contains("--eager was given and is now not given"), "{error}");
}

/// A failure is an event like a report; the ask of a trial that fails before it starts is one, too.
#[test]
fn failures_of_an_eager_study_come_again_as_they_came() {
    let width = |width: i64| -> Params { [("width", width)].into_iter().collect() };
    let study = || Definition { enqueued: vec![width(2), width(8), width(1), width(3)], ..eager(8) };
    let curve = || {
        let trouble = [((2, 2), (Trouble::Diverge, u32::MAX)), ((3, 1), (Trouble::Fault, u32::MAX))];
        Curve { widest: Some(7), delay: Duration::from_millis(1), ..Curve::with_trouble(trouble) }
    };
    let mut storage = MemoryStorage::default();
    go_on(&mut storage, curve, study, &[2, 3, 4, 5, 6, 7]);
    let study = record(&mut storage);
    check_slots(&study);
    let reasons = study.trials.iter().map(|trial| trial.end.as_ref().unwrap().reason);
    let reasons: Vec<EndReason> = reasons.skip(1).take(3).collect();
    // The second epoch fails unless the scheduler stops the trial after the first.
    assert!([EndReason::Diverged, EndReason::Stopped].contains(&reasons[1]), "{reasons:?}");
    assert_eq!((reasons[0], reasons[2]), (EndReason::DoesNotFit, EndReason::Fault));
}

#[test]
fn an_eager_study_grows() {
    let mut storage = MemoryStorage::default();
    go_on(&mut storage, slow, || eager(5), &[11]);
    go_on(&mut storage, slow, || eager(9), &[2, 8]);
    go_on(&mut storage, slow, || eager(12), &[1, 2]);
    let study = record(&mut storage);
    assert_eq!((study.trials.len(), &study.header.stages[..]), (12, &[5, 9, 12][..]));
    check_slots(&study);
    assert!(study.trials.iter().all(|trial| trial.state.is_finished()));
}

/// All trials of a stage were asked for when the study was killed, and some of them run on.
#[test]
fn a_stage_waits_for_the_one_before_also_after_a_kill() {
    let killed = (8..60).find_map(|commits_left| {
        let mut storage = MemoryStorage::default();
        let mut mortal = Mortal { inner: &mut storage, commits_left };
        let _ = go(eager(5), &Arc::new(slow()), &mut mortal, &options(3));
        let trials = record(&mut storage).trials;
        let is_under_way = trials.len() == 5 && !trials.iter().all(|trial| trial.state.is_finished());
        is_under_way.then_some(storage)
    });
    let mut storage = killed.expect("the last of five trials has run at some commit");
    go_on(&mut storage, slow, || eager(9), &[1, 6]);
    let study = record(&mut storage);
    assert_eq!((study.trials.len(), &study.header.stages[..]), (9, &[5, 9][..]));
    check_slots(&study);
}
