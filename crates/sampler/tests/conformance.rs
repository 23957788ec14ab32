//! What every sampler promises, one function per promise. A sampler gets all of them by naming its
//! constructor at the end of this file.

use tunefork_rng::{Key, Purpose, Stream};
use tunefork_sampler::{
    Ask, Auto, CmaEs, CmaEsOptions, GaussianProcess, GaussianProcessOptions, Grid, HyperoptOptions, Proposal,
    QuasiRandom, Random, Region, Sampler, Sequence, Tpe, TpeOptions,
};
use tunefork_space::{Domain, DomainError, Parameter, Point, Space};
use tunefork_trial::{Direction, History, Report, TrialNumber, TrialState};

/// Makes a sampler for a space; `None` when it does not work there (a grid on real numbers).
type New = fn(&Space) -> Option<Box<dyn Sampler>>;

fn parameter(name: &str, domain: Result<Domain, DomainError>) -> Parameter {
    Parameter::new(name, domain.unwrap())
}

/// Few values, conditions two levels deep, a parameter before the one that it depends on, and one
/// with nothing to choose.
fn finite_space() -> Space {
    Space::new(vec![
        parameter("momentum", Domain::uniform(0.0, 1.0).unwrap().with_step(0.3)).when("optimizer", ["sgd", "rmsprop"]),
        parameter("nesterov", Domain::choice([false, true])).when("momentum", [0.6, 0.9]),
        parameter("optimizer", Domain::choice(["sgd", "adam", "rmsprop"])),
        parameter("layers", Domain::int(1, 3)),
        parameter("classes", Domain::int(10, 10)),
    ])
    .unwrap()
}

/// Its distinct points: sgd and rmsprop have 2 + 2 · 2 momenta, adam none; times three layers.
const FINITE_POINTS: u64 = (6 + 6 + 1) * 3;

/// Every kind of domain, with the ugly ones.
fn mixed_space() -> Space {
    Space::new(vec![
        parameter("x", Domain::uniform(-5.0, 5.0)),
        parameter("huge", Domain::uniform(-8e307, 8e307)),
        parameter("rate", Domain::log(1e-5, 1e-1)),
        parameter("vast", Domain::log(1e-300, 1e300)),
        parameter("step", Domain::uniform(0.0, 1.0).unwrap().with_step(0.3)),
        parameter("fine", Domain::uniform(0.0, 1.0).unwrap().with_step(1e-9)),
        parameter("units", Domain::int(16, 512).unwrap().with_step(16.0)),
        parameter("doubling", Domain::int_log(1, 128)),
        parameter("many", Domain::int(-(1 << 52), 1 << 52)),
        parameter("two", Domain::int(0, 1)),
        parameter("kind", Domain::choice(["a", "b", "c"])),
        parameter("constant", Domain::uniform(0.25, 0.25)),
        parameter("only_a", Domain::uniform(0.0, 1.0)).when("kind", ["a"]),
        parameter("only_two", Domain::choice([1, 2, 3])).when("two", [1]).when("kind", ["a", "b"]),
    ])
    .unwrap()
}

fn spaces() -> [Space; 3] {
    [Space::default(), finite_space(), mixed_space()]
}

fn ask(history: &History, number: TrialNumber) -> Ask<'_> {
    Ask { history, number, proposed: number.0, key: Key::study(11), region: Region::WHOLE }
}

fn next(history: &History) -> Ask<'_> {
    ask(history, history.next_number())
}

/// A value that is in the domain, or (rarely) one that another program left behind.
fn any_value(domain: &Domain, stream: &mut Stream) -> f64 {
    if stream.below(20) == 0 {
        return [-1e9, 0.0, 99.0, 1e305, f64::INFINITY][stream.below(5) as usize];
    }
    match domain.bounds() {
        Some((low, high)) => domain.untransform(low + stream.f64() * (high - low)),
        None => domain.nth(stream.below(domain.size().unwrap())),
    }
}

/// Adds one trial with an arbitrary point, reports and end. `negate` turns a history to minimise
/// into the same one to maximise.
fn add_any_trial(history: &mut History, stream: &mut Stream, negate: bool) {
    let sign = if negate { -1.0 } else { 1.0 };
    let trial = history.next_number();
    let partial = stream.below(8) == 0;
    let mut point = Point::absent(history.space().len());
    for &index in history.space().topological_order() {
        if history.space().is_active(&point, index) && !(partial && stream.below(2) == 0) {
            point.set(index, any_value(history.space().domain(index), stream));
        }
    }
    let kind = stream.below(12);
    if kind == 0 {
        return history.enqueue(trial, point).unwrap();
    }
    history.start(trial, point).unwrap();
    for step in 1..=stream.below(4) as u32 {
        let values = [0.5, stream.f64(), f64::NAN, f64::INFINITY];
        let value = sign * values[stream.below(4) as usize];
        history.report(trial, Report { step, value }).unwrap();
    }
    let last = history.last_report(trial).map(|report| report.value);
    let values = [1.0, stream.f64(), f64::INFINITY, f64::NEG_INFINITY];
    let value = sign * values[stream.below(4) as usize];
    match kind {
        1 => {}
        2 => history.pause(trial).unwrap(),
        3 => history.finish(trial, TrialState::Failed, None).unwrap(),
        4 | 5 => history.finish(trial, TrialState::Pruned, last).unwrap(),
        _ => history.finish(trial, TrialState::Complete, Some(value)).unwrap(),
    }
}

fn any_history(space: &Space, trials: usize, seed: u64) -> History {
    let mut stream = Key::study(seed).stream(Purpose::Generate);
    let mut history = History::new(space.clone(), Direction::Minimize);
    (0..trials).for_each(|_| add_any_trial(&mut history, &mut stream, false));
    history
}

/// Samplers with the spaces they work on.
fn everywhere(new: New) -> impl Iterator<Item = (Box<dyn Sampler>, Space)> {
    spaces().into_iter().filter_map(move |space| Some((new(&space)?, space)))
}

#[track_caller]
fn check_inside(space: &Space, point: &Point) {
    assert_eq!(point.len(), space.len());
    for (index, parameter) in space.parameters().iter().enumerate() {
        let (name, value) = (&parameter.name, point.get(index));
        if space.is_active(point, index) {
            assert!(parameter.domain.contains_internal(value), "{name} = {value}");
        } else {
            assert!(value.is_nan(), "{name} is not active but {value}");
        }
    }
}

/// Active parameters have a value of their domain, and others none, whatever the history holds.
fn proposals_stay_inside(new: New) {
    for (mut sampler, space) in everywhere(new) {
        for trials in [0, 1, 9, 10, 11, 24, 25, 26, 27, 40, 150] {
            for seed in 0..4 {
                let history = any_history(&space, trials, seed);
                if let Proposal::Point(point) = sampler.propose(&next(&history)) {
                    check_inside(&space, &point);
                }
            }
        }
    }
}

/// Histories in which all trials are the same: equal points with equal values, all failed, all
/// pruned before their first report, all still running.
fn monotonous_histories_are_no_trouble(new: New) {
    for (mut sampler, space) in everywhere(new) {
        let mut point = Point::absent(space.len());
        for &index in space.topological_order() {
            if space.is_active(&point, index) {
                point.set(index, space.domain(index).nth(1));
            }
        }
        for (end, value) in [
            (Some(TrialState::Complete), Some(1.0)),
            (Some(TrialState::Complete), Some(f64::INFINITY)),
            (Some(TrialState::Failed), None),
            (Some(TrialState::Pruned), None),
            (None, None),
        ] {
            let mut history = History::new(space.clone(), Direction::Minimize);
            for _ in 0..40 {
                let trial = history.next_number();
                history.start(trial, point.clone()).unwrap();
                if let Some(end) = end {
                    history.finish(trial, end, value).unwrap();
                }
                if let Proposal::Point(proposed) = sampler.propose(&next(&history)) {
                    check_inside(&space, &proposed);
                }
            }
        }
    }
}

/// The same for parameters asked for one by one.
fn single_proposals_stay_inside(new: New) {
    for (mut sampler, space) in everywhere(new) {
        for trials in [0, 9, 10, 60] {
            let history = any_history(&space, trials, 5);
            for (index, parameter) in space.parameters().iter().enumerate() {
                let value = sampler.propose_one(&next(&history), index);
                assert!(parameter.domain.contains_internal(value), "{} = {value}", parameter.name);
                let again = new(&space).unwrap().propose_one(&next(&history), index);
                assert_eq!(value.to_bits(), again.to_bits());
            }
        }
    }
}

/// A sampler that has seen a whole study, and other histories in between, proposes what a new one
/// proposes.
fn caches_change_no_proposal(new: New) {
    for (mut old, space) in everywhere(new) {
        let mut stream = Key::study(3).stream(Purpose::Generate);
        let mut history = History::new(space.clone(), Direction::Minimize);
        for trials in 0..140 {
            let proposal = old.propose(&next(&history));
            assert_eq!(proposal, new(&space).unwrap().propose(&next(&history)), "after {trials}");
            if trials % 10 == 0 {
                old.propose(&next(&any_history(&space, 30, trials)));
                old.propose(&next(&any_history(&Space::default(), 30, trials)));
            }
            // Running trials end later, as they do where several run at once.
            for trial in history.numbers().filter(|trial| trial.0 % 7 == 0) {
                if history.state(trial) == TrialState::Running {
                    history.finish(trial, TrialState::Complete, Some(stream.f64())).unwrap();
                }
            }
            add_any_trial(&mut history, &mut stream, false);
        }
    }
}

/// The trial asked for may stand in the history already: its own values teach nothing.
fn the_trial_itself_does_not_count(new: New) {
    for (mut sampler, space) in everywhere(new) {
        for trials in [3, 30] {
            let mut history = any_history(&space, trials, 8);
            let number = history.next_number();
            let before = sampler.propose(&ask(&history, number));
            let mut point = Point::absent(space.len());
            for &index in space.topological_order() {
                if space.is_active(&point, index) {
                    point.set(index, space.domain(index).nth(0));
                }
            }
            history.start(number, point).unwrap();
            assert_eq!(before, sampler.propose(&ask(&history, number)));
        }
    }
}

/// Minimising a value is maximising its negative.
fn directions_mirror_each_other(new: New) {
    for (mut sampler, space) in everywhere(new) {
        let mirrored = |direction, negate| {
            let mut stream = Key::study(4).stream(Purpose::Generate);
            let mut history = History::new(space.clone(), direction);
            (0..50).for_each(|_| add_any_trial(&mut history, &mut stream, negate));
            history
        };
        let minimised = sampler.propose(&next(&mirrored(Direction::Minimize, false)));
        let maximised = sampler.propose(&next(&mirrored(Direction::Maximize, true)));
        assert_eq!(minimised, maximised);
    }
}

/// About one point in twelve: no value that a domain has first, in the parameters that a point has.
fn is_far(space: &Space, point: &Point) -> bool {
    (0..space.len()).all(|index| {
        let domain = space.domain(index);
        let first = domain.bounds().map_or(domain.nth(0), |(low, high)| domain.untransform(low + 0.2 * (high - low)));
        !point.has(index) || domain.is_single() || point.get(index) > first
    })
}

/// Whatever the history holds, only what is admitted is proposed, by new samplers and by old ones; a region that admits all changes nothing.
fn proposals_keep_to_the_region(new: New) {
    for (mut old, space) in everywhere(new) {
        let far = |point: &Point| is_far(&space, point);
        for trials in [0, 9, 10, 40, 150] {
            let history = any_history(&space, trials, 6);
            let ask = Ask { region: Region::of(&far), ..next(&history) };
            let proposal = old.propose(&ask);
            assert_eq!(proposal, new(&space).unwrap().propose(&ask), "after {trials}");
            match proposal {
                Proposal::Point(point) => {
                    check_inside(&space, &point);
                    assert!(far(&point), "after {trials}: {}", space.params(&point));
                }
                Proposal::Exhausted => assert!(old.trials(&space).is_some(), "there are points without end"),
            }
            let whole = Ask { region: Region::of(&|_| true), ..ask };
            assert_eq!(new(&space).unwrap().propose(&whole), new(&space).unwrap().propose(&next(&history)));
        }
    }
}

/// A region of which hardly a point is admitted is found and used up, and an empty one is nothing to wait for.
fn small_regions_are_exhausted(new: New) {
    let space = finite_space();
    let admitted = |point: &Point| space.params(point).to_string().contains("adam") && point.get(3) > 1.0;
    let mut sampler = new(&space).unwrap();
    let points = points_until_exhausted(&mut *sampler, &space, Region::of(&admitted));
    if sampler.trials(&space).is_some() {
        assert_eq!(points.expect("there are two").len(), 2);
    }
    for (mut sampler, space) in everywhere(new) {
        let history = any_history(&space, 30, 9);
        let ask = Ask { region: Region::of(&|_| false), ..next(&history) };
        assert_eq!(sampler.propose(&ask), Proposal::Exhausted);
    }
}

/// Runs a study until the sampler has nothing left; `None` when it still has after 200 trials.
fn points_until_exhausted(sampler: &mut dyn Sampler, space: &Space, region: Region<'_>) -> Option<Vec<Point>> {
    let mut history = History::new(space.clone(), Direction::Maximize);
    let mut points = Vec::new();
    for number in 0..200 {
        let trial = TrialNumber(number);
        let Proposal::Point(point) = sampler.propose(&Ask { region, ..ask(&history, trial) }) else {
            return Some(points);
        };
        points.push(point.clone());
        history.start(trial, point).unwrap();
        // Whatever becomes of a trial, its point is used.
        let ends = [TrialState::Complete, TrialState::Pruned, TrialState::Failed];
        let end = ends[number as usize % 3];
        let value = (end == TrialState::Complete).then_some(f64::from(number));
        history.finish(trial, end, value).unwrap();
    }
    None
}

/// A sampler that says how many proposals there are makes exactly so many, all different.
fn finite_spaces_are_exhausted_without_duplicates(new: New) {
    let space = finite_space();
    let mut sampler = new(&space).expect("every sampler works on a finite space");
    let points = points_until_exhausted(&mut *sampler, &space, Region::WHOLE);
    let Some(total) = sampler.trials(&space) else {
        assert!(points.is_none(), "exhausted, but the number of trials was not known");
        return;
    };
    let points = points.expect("never exhausted");
    assert_eq!((points.len() as u64, total), (FINITE_POINTS, FINITE_POINTS));
    for (i, point) in points.iter().enumerate() {
        assert!(!points[..i].contains(point), "twice: {}", space.params(point));
    }
}

macro_rules! conformance {
    ($sampler:ident, $new:expr, [$($promise:ident),* $(,)?]) => {
        mod $sampler {
            use super::*;
            $(
                #[test]
                fn $promise() {
                    super::$promise($new);
                }
            )*
        }
    };
    ($sampler:ident, $new:expr) => {
        conformance!($sampler, $new, [
            proposals_stay_inside,
            monotonous_histories_are_no_trouble,
            single_proposals_stay_inside,
            caches_change_no_proposal,
            the_trial_itself_does_not_count,
            directions_mirror_each_other,
            proposals_keep_to_the_region,
            small_regions_are_exhausted,
            finite_spaces_are_exhausted_without_duplicates,
        ]);
    };
}

conformance!(random, |_| Some(Box::new(Random::new())));
conformance!(grid, |space| Some(Box::new(Grid::new(space).ok()?)));
conformance!(tpe, |_| Some(Box::new(Tpe::new(TpeOptions::default()).unwrap())));
conformance!(tpe_independent_without_liar, |_| {
    let options = TpeOptions { multivariate: false, constant_liar: false, ..TpeOptions::default() };
    Some(Box::new(Tpe::new(options).unwrap()))
});
conformance!(cma_es, |_| Some(Box::new(CmaEs::new(CmaEsOptions::default()).unwrap())));
conformance!(cma_es_with_many_restarts, |_| {
    let options = CmaEsOptions { population: Some(4), tolerance: 0.9, pruned: false, ..CmaEsOptions::default() };
    Some(Box::new(CmaEs::new(options).unwrap()))
});
conformance!(hyperopt, |_| Some(Box::new(Tpe::hyperopt(HyperoptOptions::default()).unwrap())));
conformance!(hyperopt_without_liar, |_| {
    let options = HyperoptOptions { constant_liar: false, ..HyperoptOptions::default() };
    Some(Box::new(Tpe::hyperopt(options).unwrap()))
});
conformance!(sobol, |_| Some(Box::new(QuasiRandom::new(Sequence::Sobol))));
conformance!(halton, |_| Some(Box::new(QuasiRandom::new(Sequence::Halton))));
conformance!(auto, |_| Some(Box::new(Auto::default())));
conformance!(gaussian_process, |_| {
    Some(Box::new(GaussianProcess::new(GaussianProcessOptions::default()).unwrap()))
});
