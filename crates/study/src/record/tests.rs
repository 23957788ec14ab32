//! What a stored study says of itself.

use super::*;

/// Values after each epoch, of a trial that ends in this state.
fn trial(number: u32, state: TrialState, values: &[f64]) -> TrialRecord {
    let epoch = |(value, step): (&f64, u32)| EpochRecord {
        step,
        time: 0,
        report: Arc::new(EpochReport { value: *value, ..EpochReport::default() }),
    };
    let epochs = values.iter().zip(1..).map(epoch).collect();
    let value = values.last().copied();
    TrialRecord { epochs, value, ..TrialRecord::new(TrialNumber(number), state) }
}

#[test]
fn a_stopped_trial_is_better_by_the_epoch_that_counts() {
    use TrialState::{Complete, Pruned};
    let mut study = StudyRecord::new(StudyHeader::new("s", Direction::Maximize, 0));
    study.trials = vec![trial(0, Complete, &[0.9, 0.6]), trial(1, Pruned, &[0.8, 0.5]), trial(2, Pruned, &[0.7])];
    let found = |study: &StudyRecord| study.better_stopped().map(|(trial, value)| (trial.number.0, value));
    assert_eq!(found(&study), Some((2, 0.7)));
    (study.header.value_at, study.trials[0].value) = (ValueAt::Best, Some(0.75));
    assert_eq!(found(&study), Some((1, 0.8)));
    study.trials[0].value = Some(0.8);
    assert_eq!(found(&study), None);
}

/// A study of an executor: its own trials have a schedule or an end, others have neither.
#[test]
fn whose_trials_are_is_told_by_what_they_have() {
    use TrialState::{Complete, Failed, Pruned, Running, Waiting};
    let end = End { time: 0, reason: EndReason::InvalidConfiguration, message: String::new() };
    let blueprint = Blueprint { epochs: 1, epoch_cost: Default::default(), plan_bytes: 0, plan_key: String::new() };
    let schedule = Some(Schedule { blueprint, start: 0, epoch_ticks: 1 });
    let mut study = StudyRecord::new(StudyHeader::new("s", Direction::Maximize, 0));
    study.header.stages = vec![6];
    study.trials = vec![
        TrialRecord { schedule: schedule.clone(), ..trial(0, Complete, &[0.5]) },
        TrialRecord { end: Some(end), ..trial(1, Failed, &[]) },
        trial(2, Waiting, &[]),
        trial(3, Running, &[]),
        trial(4, Complete, &[0.6]),
        trial(5, Pruned, &[0.9]),
    ];
    let of = |is: fn(&StudyRecord, &TrialRecord) -> bool| {
        study.trials.iter().filter(|trial| is(&study, trial)).map(|trial| trial.number.0).collect::<Vec<_>>()
    };
    assert_eq!(of(StudyRecord::is_own), [0, 1]);
    assert_eq!(of(StudyRecord::is_outside), [3, 4, 5]);
    assert_eq!((study.own_trials(), study.outside_trials()), (2, 3));
    assert_eq!(study.best().map(|best| best.number.0), Some(0));
    assert_eq!(study.better_outside().map(|best| best.number.0), Some(4));
    assert_eq!(study.better_stopped().map(|(best, _)| best.number.0), None, "5 is another program's");
    study.trials[4].value = Some(0.5);
    assert_eq!(study.better_outside().map(|best| best.number.0), None, "it is as good");
    study.trials[5].schedule = schedule;
    assert_eq!(study.better_stopped().map(|(best, value)| (best.number.0, value)), Some((5, 0.9)));
    study.header.stages.clear();
    assert_eq!((study.own_trials(), study.outside_trials()), (5, 0), "without an executor all are ours");
}

#[test]
fn a_study_has_grown_where_later_trials_came_too_late() {
    let grown = |stages: &[u32], slots, clock| {
        let header = StudyHeader::new("s", Direction::Maximize, 0);
        let header = StudyHeader { stages: stages.to_vec(), slots, clock, ..header };
        StudyRecord::new(header).grown().map(<[u32]>::to_vec)
    };
    assert_eq!(grown(&[4, 9], 2, Clock::Virtual), Some(vec![4, 9]));
    assert_eq!(grown(&[4], 2, Clock::Virtual), None);
    assert_eq!(grown(&[], 2, Clock::Virtual), None);
    assert_eq!(grown(&[4, 9], 1, Clock::Virtual), None);
    assert_eq!(grown(&[4, 9], 2, Clock::Eager), None);
}

#[test]
fn of_equal_epochs_the_earliest_is_the_best_and_the_latest_the_last() {
    let values = [(0, 0.5), (1, 0.7), (2, 0.7), (3, 0.1)];
    let pick = |value_at: ValueAt, direction| value_at.pick(direction, values, |(_, value)| *value).map(|(at, _)| at);
    assert_eq!(pick(ValueAt::Best, Direction::Maximize), Some(1));
    assert_eq!(pick(ValueAt::Best, Direction::Minimize), Some(3));
    assert_eq!(pick(ValueAt::Last, Direction::Maximize), Some(3));
    assert_eq!(ValueAt::Best.pick(Direction::Maximize, [0.0; 0], |value| *value), None);
}
