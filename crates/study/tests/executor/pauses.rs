//! Trials that are paused and go on.

use crate::curve::Curve;
use crate::support::{Ear, definition, go, options, record, text, undisturbed, with_checkpoints};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tunefork_study::{Clock, Definition, EndReason, Ended, MemoryStorage, StudyRecord, TrialRecord, run};
use tunefork_trial::TrialState;

/// 14 trials of 9 epochs with rungs after 1, 2 and 4, of which one in two is promoted.
fn promotion() -> Definition {
    definition("asha-promotion")
}

/// 14 trials on one slot.
fn one_slot() -> Definition {
    let mut study = promotion();
    study.header.slots = 1;
    study
}

/// How many trials have come past a rung.
fn past(study: &StudyRecord, rung: usize) -> usize {
    study.trials.iter().filter(|trial| trial.epochs.len() > rung).count()
}

/// Algorithm 2 of Li et al. to the letter, on one slot: how many epochs each trial gets, if `values` are those of all its epochs.
fn literal(values: &[Vec<f64>]) -> Vec<usize> {
    const RUNGS: [usize; 4] = [1, 2, 4, 9];
    let mut rung = Vec::new();
    let last_call = |at: &[usize]| at.len() == values.len();
    loop {
        let promoted = (0..3).rev().find_map(|k| {
            let mut here: Vec<usize> = (0..rung.len()).filter(|&trial| rung[trial] >= k).collect();
            here.sort_by(|&one, &other| values[other][RUNGS[k] - 1].total_cmp(&values[one][RUNGS[k] - 1]));
            here.truncate(here.len() / 2);
            here.into_iter().find(|&trial| rung[trial] == k)
        });
        match promoted {
            Some(trial) => rung[trial] += 1,
            None if last_call(&rung) => return rung.into_iter().map(|k| RUNGS[k]).collect(),
            None => rung.push(0),
        }
    }
}

#[test]
fn one_slot_follows_the_published_algorithm() {
    let mut all = definition("none");
    all.header.slots = 1;
    let mut storage = MemoryStorage::default();
    go(all, &Arc::default(), &mut storage, &options(1)).unwrap();
    let curve = |trial: &TrialRecord| trial.epochs.iter().map(|epoch| epoch.report.value).collect();
    let curves: Vec<Vec<f64>> = record(&mut storage).trials.iter().map(curve).collect();
    let mut storage = MemoryStorage::default();
    go(one_slot(), &Arc::default(), &mut storage, &options(1)).unwrap();
    let epochs: Vec<usize> = record(&mut storage).trials.iter().map(|trial| trial.epochs.len()).collect();
    assert_eq!(epochs, literal(&curves));
    assert!(epochs.contains(&9) && epochs.contains(&1));
}

#[test]
fn who_is_not_promoted_ends_with_the_study() {
    let mut storage = MemoryStorage::default();
    let outcome = go(promotion(), &Arc::default(), &mut storage, &options(2)).unwrap();
    let study = record(&mut storage);
    assert_eq!((outcome.ended, study.trials.len()), (Ended::Done, 14));
    let past = [0, 1, 2, 4].map(|rung| past(&study, rung));
    assert!(past[0] == 14 && (1..4).all(|rung| past[rung] >= past[rung - 1] / 2) && past[3] < past[0], "{past:?}");
    let ends = |state| study.trials.iter().filter(move |trial| trial.state == state);
    let last = ends(TrialState::Complete).map(|trial| trial.end.as_ref().unwrap().time).max();
    assert!(ends(TrialState::Pruned).count() >= 7);
    for trial in ends(TrialState::Pruned) {
        let end = trial.end.as_ref().unwrap();
        assert_eq!((end.reason, Some(end.time)), (EndReason::Stopped, last), "nobody is given up before the end");
        assert_eq!(trial.value, trial.epochs.last().map(|epoch| epoch.report.value));
    }
}

/// At each rung those that are promoted are better than those that are not, as far as both were there in time.
#[test]
fn nobody_waits_who_is_better_than_half_of_all_at_the_end() {
    let mut storage = MemoryStorage::default();
    go(promotion(), &Arc::default(), &mut storage, &options(1)).unwrap();
    let study = record(&mut storage);
    for rung in [1, 2, 4] {
        let at_rung = study.trials.iter().filter(|trial| trial.epochs.len() >= rung);
        let mut values: Vec<(f64, bool)> =
            at_rung.map(|trial| (trial.epochs[rung - 1].report.value, trial.epochs.len() > rung)).collect();
        values.sort_by(|one, other| other.0.total_cmp(&one.0));
        let quota = (values.len() / 2).max(1);
        assert!(values[..quota].iter().all(|(_, promoted)| *promoted), "rung {rung}: {values:?}");
    }
}

#[test]
fn slots_are_not_shared_by_trials_that_pause_and_go_on() {
    let mut storage = MemoryStorage::default();
    go(promotion(), &Arc::default(), &mut storage, &options(3)).unwrap();
    let study = record(&mut storage);
    let mut pauses = 0;
    // Each epoch is a stretch of time in which its trial has a slot.
    let mut changes: Vec<(u64, i32)> = Vec::new();
    for trial in &study.trials {
        let schedule = trial.schedule.as_ref().unwrap();
        let mut before = schedule.start;
        for epoch in &trial.epochs {
            let begun = epoch.time - schedule.epoch_ticks;
            assert!(begun >= before, "trial {} epoch {}", trial.number, epoch.step);
            pauses += u32::from(begun > before);
            changes.extend([(begun, 1), (epoch.time, -1)]);
            before = epoch.time;
        }
    }
    assert!(pauses > 0, "nobody has waited before going on");
    changes.sort_unstable();
    let mut running = 0;
    for (time, change) in changes {
        running += change;
        assert!(running <= 3, "{running} trials run at {time}");
    }
}

/// With one slot all but one of the paused trials are in their checkpoints.
#[test]
fn who_waits_long_is_parked_in_a_checkpoint_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let expected = undisturbed(one_slot());
    let curve = Arc::<Curve>::default();
    let mut storage = MemoryStorage::default();
    let mut ear = Ear::default();
    let workload = crate::curve::Shared(curve.clone());
    let options = with_checkpoints(options(1), folder.path());
    run(one_slot(), &workload, &mut storage, &mut ear, &options).unwrap();
    assert_eq!(text(&mut storage), expected);
    assert!(curve.restored.load(Ordering::Relaxed) > 0, "nobody was brought back");
    assert!(record(&mut storage).trials.iter().all(|trial| trial.observed.restarts == 0), "waiting is no restart");
    let study = record(&mut storage);
    let promoted = [1, 2, 4].map(|rung| past(&study, rung)).iter().sum::<usize>();
    assert_eq!(ear.count("TrialResumed"), promoted);
    let reached = [0, 1, 3].map(|epochs| past(&study, epochs)).iter().sum::<usize>();
    assert_eq!(ear.count("TrialPaused"), reached, "all who reach a rung");
    assert_eq!(ear.count("Warning"), 0, "{:?}", ear.events);
}

#[test]
fn eager_studies_pause_and_promote_too() {
    let mut study = promotion();
    study.header.clock = Clock::Eager;
    let mut storage = MemoryStorage::default();
    let outcome = go(study, &Arc::default(), &mut storage, &options(3)).unwrap();
    let study = record(&mut storage);
    assert_eq!(outcome.ended, Ended::Done);
    let past = [0, 1, 2, 4].map(|rung| past(&study, rung));
    assert!(past[0] == 14 && (1..4).all(|rung| past[rung] >= past[rung - 1] / 2) && past[3] < past[0], "{past:?}");
    assert!(study.trials.iter().all(|trial| trial.state.is_finished()));
}

#[test]
fn a_small_study_has_a_complete_trial_too() {
    for budget in 1..4 {
        let mut storage = MemoryStorage::default();
        let outcome = go(Definition { budget, ..promotion() }, &Arc::default(), &mut storage, &options(2)).unwrap();
        let study = record(&mut storage);
        let complete = study.trials.iter().filter(|trial| trial.state == TrialState::Complete).count();
        assert_eq!((outcome.ended, complete), (Ended::Done, 1), "of {budget}");
    }
}
