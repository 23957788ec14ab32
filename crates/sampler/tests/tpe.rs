//! How TPE behaves in a study, and that it stays the same to the bit.

use tunefork_rng::{Key, Purpose};
use tunefork_sampler::{Ask, HyperoptOptions, Proposal, Random, Region, Sampler, SamplerError, Tpe, TpeOptions};
use tunefork_space::{Domain, Parameter, Point, Space};
use tunefork_trial::{Direction, History, Report, TrialNumber, TrialState};

fn tpe(options: TpeOptions) -> Tpe {
    Tpe::new(options).unwrap()
}

fn hyperopt() -> Tpe {
    Tpe::hyperopt(HyperoptOptions::default()).unwrap()
}

fn propose(sampler: &mut dyn Sampler, history: &History, seed: u64) -> Point {
    let number = history.next_number();
    let ask = Ask { history, number, proposed: number.0, key: Key::study(seed), region: Region::WHOLE };
    match sampler.propose(&ask) {
        Proposal::Point(point) => point,
        Proposal::Exhausted => panic!("exhausted after {number} trials"),
    }
}

/// Runs a study in which `loss` tells the value of a point at once.
fn study(sampler: &mut dyn Sampler, space: &Space, trials: u32, seed: u64, loss: impl Fn(&Point) -> f64) -> History {
    let mut history = History::new(space.clone(), Direction::Minimize);
    for _ in 0..trials {
        let trial = history.next_number();
        let point = propose(sampler, &history, seed);
        let value = loss(&point);
        history.start(trial, point).unwrap();
        history.finish(trial, TrialState::Complete, Some(value)).unwrap();
    }
    history
}

fn best(history: &History) -> f64 {
    history.value(history.best().unwrap()).unwrap()
}

/// Ten parameters of all kinds.
fn mixed_space() -> Space {
    let mut parameters: Vec<Parameter> =
        (0..4).map(|i| Parameter::new(format!("x{i}"), Domain::uniform(-5.0, 5.0).unwrap())).collect();
    let more = [
        ("rate", Domain::log(1e-5, 1e-1)),
        ("decay", Domain::log(1e-6, 1e-2)),
        ("layers", Domain::int(1, 8)),
        ("units", Domain::int(16, 512).unwrap().with_step(16.0)),
        ("activation", Domain::choice(["relu", "tanh", "sigmoid", "leaky"])),
        ("optimizer", Domain::choice(["sgd", "adam", "adamw", "rmsprop"])),
    ];
    parameters.extend(more.map(|(name, domain)| Parameter::new(name, domain.unwrap())));
    Space::new(parameters).unwrap()
}

fn mixed_loss(point: &Point) -> f64 {
    let x = |index| point.get(index);
    let square = |x: f64| x * x;
    (0..4).map(|i| square(x(i) - i as f64)).sum::<f64>()
        + square(libm::log10(x(4)) + 3.0)
        + square(libm::log10(x(5)) + 4.0)
        + (x(6) - 4.0).abs()
        + (x(7) - 128.0).abs() / 64.0
        + [0.0, 1.0, 2.0, 0.2][x(8) as usize]
        + [1.0, 0.0, 0.1, 0.5][x(9) as usize]
}

#[test]
fn tpe_finds_better_points_than_random_draws() {
    let total = |make: fn() -> Box<dyn Sampler>| -> f64 {
        let run = |seed| best(&study(&mut *make(), &mixed_space(), 100, seed, mixed_loss));
        (0..6).map(run).sum()
    };
    let random = total(|| Box::new(Random::new()));
    let joint = total(|| Box::new(tpe(TpeOptions::default())));
    let independent = total(|| Box::new(tpe(TpeOptions { multivariate: false, ..TpeOptions::default() })));
    let hyperopt = total(|| Box::new(hyperopt()));
    assert!(hyperopt < 0.6 * random, "hyperopt {hyperopt}, random {random}");
    assert!(joint < 0.6 * random, "joint {joint}, random {random}");
    assert!(independent < 0.6 * random, "independent {independent}, random {random}");
}

/// Each conditional parameter is learnt from the trials that have it.
#[test]
fn conditional_parameters_are_learnt() {
    let unit = |name: &str| Parameter::new(name, Domain::uniform(0.0, 1.0).unwrap());
    let space = Space::new(vec![
        Parameter::new("kind", Domain::choice(["a", "b"]).unwrap()),
        unit("in_a").when("kind", ["a"]),
        unit("in_b").when("kind", ["b"]),
    ])
    .unwrap();
    let loss = |point: &Point| match point.get(0) {
        0.0 => (point.get(1) - 0.2).abs(),
        _ => (point.get(2) - 0.7).abs(),
    };
    let history = study(&mut Random::new(), &space, 100, 1, loss);
    let mut sampler = tpe(TpeOptions::default());
    for (parameter, optimum) in [(1, 0.2), (2, 0.7)] {
        let mut near = |seed| {
            let ask = Ask {
                history: &history,
                number: history.next_number(),
                proposed: 100,
                key: Key::study(seed),
                region: Region::WHOLE,
            };
            (sampler.propose_one(&ask, parameter) - optimum).abs() < 0.15
        };
        // Random draws would be there three times in ten.
        let count = (0..40).filter(|&seed| near(seed)).count();
        assert!(count > 30, "parameter {parameter}: {count} of 40 are near {optimum}");
    }
}

/// With the liar, proposals keep away from where other trials run at the moment.
#[test]
fn the_liar_keeps_proposals_apart() {
    let space = Space::new(vec![Parameter::new("x", Domain::uniform(0.0, 1.0).unwrap())]).unwrap();
    let proposals = |history: &History, constant_liar| -> Vec<f64> {
        let mut sampler = tpe(TpeOptions { constant_liar, ..TpeOptions::default() });
        (0..50).map(|seed| propose(&mut sampler, history, seed).get(0)).collect()
    };
    let mut history = study(&mut Random::new(), &space, 40, 0, |point| (point.get(0) - 0.4).abs());
    let crowd = proposals(&history, false);
    for &x in &crowd[..20] {
        history.start(history.next_number(), Point::from(vec![x])).unwrap();
    }
    let middle = crowd.iter().sum::<f64>() / 50.0;
    let in_the_crowd = |constant_liar| {
        let proposals = proposals(&history, constant_liar);
        proposals.into_iter().filter(|x| (x - middle).abs() < 0.1).count()
    };
    let (with, without) = (in_the_crowd(true), in_the_crowd(false));
    assert!(2 * with < without, "of 50 proposals {with} with the liar, {without} without");
}

/// Pruned trials teach as well: the ones that got further are the good ones.
#[test]
fn pruned_trials_are_learnt_from() {
    let space = Space::new(vec![Parameter::new("x", Domain::uniform(0.0, 1.0).unwrap())]).unwrap();
    let mut stream = Key::study(9).stream(Purpose::Generate);
    let mut history = History::new(space, Direction::Maximize);
    for number in 0..60 {
        let (trial, x) = (TrialNumber(number), stream.f64());
        history.start(trial, Point::from(vec![x])).unwrap();
        for step in 1..=if (0.6..0.8).contains(&x) { 5 } else { 1 } {
            history.report(trial, Report { step, value: 0.5 }).unwrap();
        }
        history.finish(trial, TrialState::Pruned, Some(0.5)).unwrap();
    }
    let mut sampler = tpe(TpeOptions::default());
    let near = (0..50).filter(|&seed| (0.55..0.85).contains(&propose(&mut sampler, &history, seed).get(0)));
    assert!(near.count() > 40);
}

/// A parameter that only some trials have (define-by-run) is proposed by itself and does not keep
/// the others from being proposed jointly.
#[test]
fn parameters_that_appear_late() {
    let mut sampler = tpe(TpeOptions::default());
    let mut history = study(&mut sampler, &mixed_space(), 30, 2, mixed_loss);
    let before = propose(&mut sampler, &history, 3);
    let late = Parameter::new("late", Domain::uniform(0.0, 1.0).unwrap());
    let index = history.add_parameter(late).unwrap();
    let after = propose(&mut sampler, &history, 3);
    assert_eq!(before.values(), &after.values()[..index]);

    for _ in 0..30 {
        let trial = history.next_number();
        let point = propose(&mut sampler, &history, 2);
        // The parameter helps; trials without it are no longer among the good ones.
        let value = mixed_loss(&point) + 20.0 * point.get(index) - 100.0;
        history.start(trial, point).unwrap();
        history.finish(trial, TrialState::Complete, Some(value)).unwrap();
    }
    let last: Vec<f64> = history.column(index)[45..].to_vec();
    let mean = last.iter().sum::<f64>() / 15.0;
    assert!(mean < 0.35, "small values are good, but the last ones were {last:?}");
}

/// By HyperOpt's rules a study starts to learn from its failures, and keeps away from them.
#[test]
fn hyperopt_learns_from_failed_trials() {
    let space = Space::new(vec![Parameter::new("x", Domain::uniform(0.0, 1.0).unwrap())]).unwrap();
    let mut stream = Key::study(9).stream(Purpose::Generate);
    let mut history = History::new(space, Direction::Minimize);
    for number in 0..60 {
        let (trial, x) = (TrialNumber(number), stream.f64());
        history.start(trial, Point::from(vec![x])).unwrap();
        let end = if x < 0.5 { (TrialState::Failed, None) } else { (TrialState::Complete, Some(1.0 - x)) };
        history.finish(trial, end.0, end.1).unwrap();
    }
    let failing = |sampler: &mut Tpe| (0..50).filter(|&seed| propose(sampler, &history, seed).get(0) < 0.5).count();
    assert!(failing(&mut hyperopt()) < 5, "{} of 50 are where trials fail", failing(&mut hyperopt()));
    // 19 failed trials are too few to learn from, 20 are not.
    let failed = |count| {
        let mut history = History::new(history.space().clone(), Direction::Minimize);
        for number in 0..count {
            history.start(TrialNumber(number), Point::from(vec![0.1])).unwrap();
            history.finish(TrialNumber(number), TrialState::Failed, None).unwrap();
        }
        propose(&mut hyperopt(), &history, 1).get(0) == propose(&mut Random::new(), &history, 1).get(0)
    };
    assert_eq!((failed(19), failed(20)), (true, false));
}

/// A choice that is none of today's teaches as little as none at all.
#[test]
fn choices_of_other_days_are_not_learnt_from() {
    let space = Space::new(vec![Parameter::new("kind", Domain::choice(0..50i64).unwrap())]).unwrap();
    let history = |foreign: f64| {
        let mut history = History::new(space.clone(), Direction::Minimize);
        for number in 0..100 {
            let kind = if number % 2 == 0 { foreign } else { f64::from(number % 50) };
            let trial = TrialNumber(number);
            history.start(trial, Point::from(vec![kind])).unwrap();
            history.finish(trial, TrialState::Complete, Some(f64::from(number))).unwrap();
        }
        history
    };
    let proposals = |foreign| {
        let history = history(foreign);
        let mut sampler = tpe(TpeOptions::default());
        (0..100).map(|seed| propose(&mut sampler, &history, seed).get(0)).collect::<Vec<f64>>()
    };
    let expected = proposals(f64::NAN);
    assert_eq!(proposals(50.0), expected);
    assert_eq!(proposals(-1.0), expected);
}

#[test]
fn bad_options_are_named() {
    let options = TpeOptions { candidates: 0, ..TpeOptions::default() };
    let error: SamplerError = Tpe::new(options).unwrap_err();
    assert_eq!(error.to_string(), "candidates is 0, but must be 1 or more");
    let options = HyperoptOptions { candidates: 0, ..HyperoptOptions::default() };
    assert_eq!(Tpe::hyperopt(options).unwrap_err(), error);
    assert_eq!((tpe(TpeOptions::default()).name(), hyperopt().name()), ("tpe", "hyperopt"));
}

/// All proposals of a study, to the bit. If this changes, stored studies can no longer be resumed.
#[test]
fn proposals_are_what_they_always_were() {
    assert_eq!(best_and_digest(tpe(TpeOptions::default())), (1.586557543584911, 17042736083349969780));
    assert_eq!(best_and_digest(hyperopt()), (4.525903310742406, 267432841535669857));
}

/// The best loss of a study, and a hash of all its proposals.
fn best_and_digest(mut sampler: Tpe) -> (f64, u64) {
    let history = study(&mut sampler, &mixed_space(), 150, 42, mixed_loss);
    // Fowler, Noll and Vo's hash.
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for trial in history.numbers() {
        for value in history.point(trial).values() {
            for byte in value.to_bits().to_le_bytes() {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
    }
    (best(&history), digest)
}
