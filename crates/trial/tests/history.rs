//! The life of trials in a history, and what is refused.

use tunefork_space::{Domain, Parameter, Point, Space};
use tunefork_trial::{Direction, History, HistoryError, Report, TrialNumber, TrialState};

fn history(direction: Direction) -> History {
    let x = Parameter::new("x", Domain::uniform(0.0, 1.0).unwrap());
    History::new(Space::new(vec![x]).unwrap(), direction)
}

fn report(step: u32, value: f64) -> Report {
    Report { step, value }
}

fn at(x: f64) -> Point {
    Point::from(vec![x])
}

const FIRST: TrialNumber = TrialNumber(0);

#[test]
fn the_life_of_a_trial() {
    let mut history = history(Direction::Minimize);
    let mut revisions = vec![history.revision()];
    let mut changed = |history: &History| {
        revisions.push(history.revision());
        assert!(revisions.is_sorted_by(|a, b| a < b), "every change is counted");
    };
    history.enqueue(FIRST, at(0.25)).unwrap();
    changed(&history);
    history.start(FIRST, at(0.4)).unwrap();
    changed(&history);
    history.set(FIRST, 0, 0.5).unwrap();
    changed(&history);
    history.report(FIRST, report(1, 3.0)).unwrap();
    changed(&history);
    history.pause(FIRST).unwrap();
    changed(&history);
    assert_eq!(history.state(FIRST), TrialState::Paused);
    history.resume(FIRST).unwrap();
    changed(&history);
    history.report(FIRST, report(4, f64::NAN)).unwrap();
    changed(&history);
    history.finish(FIRST, TrialState::Complete, Some(2.0)).unwrap();
    changed(&history);
    history.start(TrialNumber(1), at(0.75)).unwrap();
    changed(&history);
    history.add_parameter(Parameter::new("y", Domain::uniform(0.0, 1.0).unwrap())).unwrap();
    changed(&history);

    assert_eq!(history.point(FIRST).values()[0], 0.5);
    assert_eq!(history.value(FIRST), Some(2.0));
    assert_eq!(history.value_at(FIRST, 1), Some(3.0));
    assert_eq!(history.value_at(FIRST, 2), None);
    assert!(history.value_at(FIRST, 4).is_some_and(f64::is_nan));
    assert_eq!(history.last_report(FIRST).map(|report| report.step), Some(4));
}

/// The readers of all trials agree with those of one.
#[test]
fn columns_stand_by_trial_number() {
    let mut history = history(Direction::Maximize);
    assert!(history.is_empty());
    for (number, x) in [(0, 0.25), (1, 0.5), (2, 0.75)] {
        history.start(TrialNumber(number), at(x)).unwrap();
    }
    history.finish(TrialNumber(0), TrialState::Failed, None).unwrap();
    history.finish(TrialNumber(2), TrialState::Pruned, Some(4.0)).unwrap();
    assert!(!history.is_empty());
    assert_eq!((history.len(), history.next_number()), (3, TrialNumber(3)));
    assert!(history.numbers().eq([0, 1, 2].map(TrialNumber)));
    assert_eq!(history.states(), [TrialState::Failed, TrialState::Running, TrialState::Pruned]);
    assert_eq!(history.column(0), [0.25, 0.5, 0.75]);
    assert_eq!(Point::from(history.values().to_vec()), Point::from(vec![f64::NAN, f64::NAN, 4.0]));
    for trial in history.numbers() {
        assert_eq!(history.state(trial), history.states()[trial.index()]);
        assert_eq!(history.value(trial).unwrap_or(f64::NAN).to_bits(), history.values()[trial.index()].to_bits());
    }
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut history = history(Direction::Minimize);
    history.start(FIRST, at(0.5)).unwrap();
    history.report(FIRST, report(3, 1.0)).unwrap();
    let revision = history.revision();
    let (unknown, next) = (TrialNumber(9), TrialNumber(1));
    let refusals = [
        (history.start(unknown, at(0.1)), "trial 9 cannot be added: the next number is 1"),
        (history.start(FIRST, at(0.1)), "trial 0 cannot be added: the next number is 1"),
        (history.enqueue(FIRST, at(0.1)), "trial 0 cannot be added: the next number is 1"),
        (history.start(next, Point::absent(3)), "trial 1 was given 3 values, but the space has 1 parameters"),
        (history.report(unknown, report(1, 1.0)), "there is no trial 9: the history holds 1 trials"),
        (history.report(FIRST, report(3, 1.0)), "trial 0 reported step 3 after step 3; steps must grow"),
        (history.resume(FIRST), "trial 0 is running and cannot go on"),
        (history.set(FIRST, 1, 0.0), "there is no parameter 1: the space has 1"),
        (
            history.finish(FIRST, TrialState::Paused, None),
            "trial 0 cannot end as paused; use complete, pruned or failed",
        ),
        (
            history.finish(FIRST, TrialState::Complete, Some(f64::NAN)),
            "trial 0 has no value; a complete trial needs a number, end it as failed instead",
        ),
    ];
    for (refusal, expected) in refusals {
        assert_eq!(refusal.unwrap_err().to_string(), expected);
    }
    assert_eq!((history.revision(), history.len()), (revision, 1));
}

#[test]
fn an_ended_trial_never_changes() {
    let mut history = history(Direction::Minimize);
    history.start(FIRST, at(0.5)).unwrap();
    history.finish(FIRST, TrialState::Failed, None).unwrap();
    for refusal in [
        history.report(FIRST, report(1, 1.0)),
        history.set(FIRST, 0, 0.1),
        history.pause(FIRST),
        history.finish(FIRST, TrialState::Complete, Some(1.0)),
    ] {
        assert!(matches!(refusal, Err(HistoryError::WrongState { .. })));
    }
    assert_eq!(history.value(FIRST), None);
}

/// Only complete trials count; of equal values the lowest number wins, whichever ended first.
#[test]
fn the_best_trial() {
    for (direction, sign) in [(Direction::Minimize, 1.0), (Direction::Maximize, -1.0)] {
        let mut history = history(direction);
        assert_eq!(history.best(), None);
        (0..6).for_each(|number| history.start(TrialNumber(number), at(0.5)).unwrap());
        for (number, state, value, best) in [
            (0, TrialState::Pruned, -5.0, None),
            (1, TrialState::Failed, -9.0, None),
            (3, TrialState::Complete, 2.0, Some(3)),
            (4, TrialState::Complete, 2.0, Some(3)),
            (2, TrialState::Complete, 2.0, Some(2)),
            (5, TrialState::Complete, f64::NEG_INFINITY, Some(5)),
        ] {
            history.finish(TrialNumber(number), state, Some(sign * value)).unwrap();
            assert_eq!(history.best(), best.map(TrialNumber));
        }
    }
}

#[test]
fn a_growing_space_leaves_older_trials_without_the_new_parameter() {
    let mut history = history(Direction::Minimize);
    history.start(FIRST, at(0.5)).unwrap();
    let depth = Parameter::new("depth", Domain::int(1, 3).unwrap());
    assert_eq!(history.add_parameter(depth.clone()), Ok(1));
    assert_eq!((history.space().index_of("depth"), history.point(FIRST).has(1)), (Some(1), false));
    history.start(TrialNumber(1), Point::absent(2)).unwrap();
    history.set(TrialNumber(1), 1, 2.0).unwrap();
    assert_eq!(history.params(TrialNumber(1)).to_string(), "depth=2");
    assert!(matches!(history.add_parameter(depth), Err(HistoryError::Space(_))));
}

#[test]
fn what_diverges_has_the_worst_value_and_is_never_the_best() {
    for direction in [Direction::Minimize, Direction::Maximize] {
        let mut history = history(direction);
        (0..2).for_each(|number| history.start(TrialNumber(number), at(0.5)).unwrap());
        history.diverge(FIRST).unwrap();
        history.finish(TrialNumber(1), TrialState::Failed, None).unwrap();
        assert_eq!((history.has_diverged(FIRST), history.has_diverged(TrialNumber(1))), (true, false));
        assert_eq!((history.value(FIRST), history.best()), (Some(direction.worst()), None));
        assert!(direction.better(f64::MAX, direction.worst()) && direction.better(f64::MIN, direction.worst()));
        assert!(history.diverge(FIRST).is_err());
    }
}

#[test]
fn nan_is_never_better() {
    let (nan, minimize) = (f64::NAN, Direction::Minimize);
    assert!(minimize.better(1.0, 2.0) && !minimize.better(2.0, 1.0) && !minimize.better(1.0, 1.0));
    assert!(Direction::Maximize.better(2.0, 1.0) && !Direction::Maximize.better(1.0, 1.0));
    assert!(minimize.better(1.0, nan) && !minimize.better(nan, 1.0) && !minimize.better(nan, nan));
}

#[test]
fn a_loss_is_smaller_where_a_value_is_better() {
    assert_eq!((Direction::Minimize.loss(2.5), Direction::Maximize.loss(2.5)), (2.5, -2.5));
}
