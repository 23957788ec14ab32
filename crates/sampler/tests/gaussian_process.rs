//! How the Gaussian process behaves in a study, and that it stays the same to the bit.

use tunefork_rng::{Key, Purpose};
use tunefork_sampler::{Ask, GaussianProcess, GaussianProcessOptions, Proposal, Region, Sampler, SamplerError};
use tunefork_space::{Domain, Parameter, Point, Space};
use tunefork_trial::{Direction, History, Report, TrialNumber, TrialState};

fn process() -> GaussianProcess {
    GaussianProcess::new(GaussianProcessOptions::default()).unwrap()
}

fn ask(history: &History, seed: u64) -> Ask<'_> {
    let number = history.next_number();
    Ask { history, number, proposed: number.0, key: Key::study(seed), region: Region::WHOLE }
}

fn propose(sampler: &mut dyn Sampler, history: &History, seed: u64) -> Point {
    match sampler.propose(&ask(history, seed)) {
        Proposal::Point(point) => point,
        Proposal::Exhausted => panic!("exhausted after {} trials", history.len()),
    }
}

/// Adds trials with the values that `loss` tells of the proposals.
fn go_on(history: &mut History, trials: u32, seed: u64, mut loss: impl FnMut(&Point) -> f64) {
    let mut sampler = process();
    for _ in 0..trials {
        let trial = history.next_number();
        let point = propose(&mut sampler, history, seed);
        let value = loss(&point);
        history.start(trial, point).unwrap();
        history.finish(trial, TrialState::Complete, Some(value)).unwrap();
    }
}

fn study(space: &Space, trials: u32, seed: u64, loss: impl FnMut(&Point) -> f64) -> History {
    let mut history = History::new(space.clone(), Direction::Minimize);
    go_on(&mut history, trials, seed, loss);
    history
}

fn best(history: &History) -> f64 {
    history.value(history.best().unwrap()).unwrap()
}

/// The mean over some seeds of the best value.
fn mean_best(space: &Space, trials: u32, loss: fn(&Point) -> f64) -> f64 {
    (0..4).map(|seed| best(&study(space, trials, seed, loss))).sum::<f64>() / 4.0
}

fn floats(dimensions: usize, low: f64, high: f64) -> Space {
    let axis = |i| Parameter::new(format!("x{i}"), Domain::uniform(low, high).unwrap());
    Space::new((0..dimensions).map(axis).collect()).unwrap()
}

fn square(x: f64) -> f64 {
    x * x
}

/// Branin's function on the unit square, minus its minimum.
fn branin(point: &Point) -> f64 {
    use std::f64::consts::PI;
    let (a, b) = (15.0 * point.get(0) - 5.0, 15.0 * point.get(1));
    let valley = square(b - 5.1 / (4.0 * PI * PI) * a * a + 5.0 / PI * a - 6.0);
    valley + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * libm::cos(a) + 10.0 - 0.397_887_357_7
}

/// Hartmann's function of six variables, plus its maximum.
fn hartmann(point: &Point) -> f64 {
    const HEIGHT: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const SHARPNESS: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const CENTRE: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let hill = |i: usize| {
        let distance: f64 = (0..6).map(|j| SHARPNESS[i][j] * square(point.get(j) - CENTRE[i][j])).sum();
        HEIGHT[i] * libm::exp(-distance)
    };
    3.322_368_011_4 - (0..4).map(hill).sum::<f64>()
}

#[test]
fn the_optimum_of_branin_is_found() {
    let regret = mean_best(&floats(2, 0.0, 1.0), 60, branin);
    assert!(regret < 1e-3, "{regret}");
}

#[test]
fn the_optimum_of_hartmann_is_found() {
    let regret = mean_best(&floats(6, 0.0, 1.0), 100, hartmann);
    assert!(regret < 0.2, "{regret}");
}

#[test]
fn the_optimum_among_integers_is_found() {
    let axis = |i| Parameter::new(format!("x{i}"), Domain::int(0, 30).unwrap());
    let space = Space::new((0..4).map(axis).collect()).unwrap();
    let regret = mean_best(&space, 60, |point| (0..4).map(|i| square(point.get(i) - 5.0 * i as f64)).sum());
    assert!(regret < 1.0, "{regret}");
}

/// A learning rate, layers, units by steps, and choices with a parameter of their own.
fn mixed_space() -> Space {
    Space::new(vec![
        Parameter::new("rate", Domain::log(1e-5, 1.0).unwrap()),
        Parameter::new("layers", Domain::int(1, 8).unwrap()),
        Parameter::new("units", Domain::int(16, 512).unwrap().with_step(16.0).unwrap()),
        Parameter::new("optimizer", Domain::choice(["adam", "sgd", "rmsprop"]).unwrap()),
        Parameter::new("momentum", Domain::uniform(0.0, 1.0).unwrap()).when("optimizer", ["sgd"]),
    ])
    .unwrap()
}

fn mixed_loss(point: &Point) -> f64 {
    let own = [0.3, square(point.get(4) - 0.9), 1.0][point.get(3) as usize];
    square(libm::log10(point.get(0)) + 2.0)
        + square((point.get(1) - 3.0) / 2.0)
        + square(point.get(2) / 128.0 - 1.0)
        + own
}

#[test]
fn the_optimum_of_a_mixed_space_is_found() {
    let regret = mean_best(&mixed_space(), 60, mixed_loss);
    assert!(regret < 0.03, "{regret}");
}

/// With noise as large as the values near the optimum, the last proposals are still near it.
#[test]
fn noise_is_told_from_signal() {
    let mut noise = Key::study(5).stream(Purpose::Generate);
    let sphere = |point: &Point| point.values().iter().map(|x| square(x - 1.0)).sum::<f64>();
    let history = study(&floats(3, -5.0, 5.0), 80, 1, |point| sphere(point) + noise.normal());
    let last = history.numbers().rev().take(10).map(|trial| sphere(&history.point(trial))).sum::<f64>() / 10.0;
    assert!(last < 2.0, "{last}");
}

/// Proposals keep away from where other trials run or have failed.
#[test]
fn proposals_keep_apart() {
    let space = floats(2, 0.0, 1.0);
    let distance = |a: &Point, b: &Point| square(a.get(0) - b.get(0)) + square(a.get(1) - b.get(1));
    for end in [None, Some(TrialState::Failed)] {
        let mut history = study(&space, 12, 0, branin);
        let mut proposals: Vec<Point> = Vec::new();
        for _ in 0..6 {
            let (trial, point) = (history.next_number(), propose(&mut process(), &history, 0));
            let closest = proposals.iter().map(|other| distance(other, &point)).fold(1.0, f64::min);
            assert!(closest > square(0.02), "{end:?}: {proposals:?}, {point:?}");
            proposals.push(point.clone());
            history.start(trial, point).unwrap();
            if let Some(end) = end {
                history.finish(trial, end, None).unwrap();
            }
        }
    }
}

/// A pruned trial says that it is no good there, whatever it reported.
#[test]
fn pruned_trials_are_learnt_from() {
    let mut history = History::new(floats(1, 0.0, 1.0), Direction::Minimize);
    for number in 0..30 {
        let trial = TrialNumber(number);
        let x = f64::from(number) / 29.0;
        history.start(trial, Point::from(vec![x])).unwrap();
        let (state, value) = if x < 0.5 { (TrialState::Pruned, -9.0) } else { (TrialState::Complete, square(x - 0.6)) };
        history.report(trial, Report { step: 1, value }).unwrap();
        history.finish(trial, state, Some(value)).unwrap();
    }
    for seed in 0..5 {
        let x = propose(&mut process(), &history, seed).get(0);
        assert!(x > 0.5, "{x}");
    }
}

/// In a finite space every point is proposed once before any is proposed again.
#[test]
fn points_are_not_proposed_twice() {
    let parameter = |name: &str| Parameter::new(name, Domain::int(1, 6).unwrap());
    let space = Space::new(vec![parameter("a"), parameter("b")]).unwrap();
    let mut history = study(&space, 30, 0, |point| square(point.get(0) - 2.0) + point.get(1));
    let points: Vec<Point> = history.numbers().skip(10).map(|trial| history.point(trial)).collect();
    for (place, point) in points.iter().enumerate() {
        assert!(!points[..place].contains(point), "twice: {}", space.params(point));
    }
    assert_eq!(best(&history), 1.0);
    go_on(&mut history, 30, 1, |_| 5.0);
}

/// A parameter that appears late is proposed by itself, and then together with the others.
#[test]
fn parameters_that_appear_late_are_learnt() {
    let mut history = study(&floats(2, 0.0, 1.0), 20, 2, |point| square(point.get(0) - 0.3) + point.get(1));
    let index = history.add_parameter(Parameter::new("late", Domain::uniform(0.0, 1.0).unwrap())).unwrap();
    go_on(&mut history, 25, 2, |point| {
        square(point.get(0) - 0.3) + point.get(1) + 2.0 * square(point.get(index) - 0.8) - 1.0
    });
    let near = |x: f64| (x - 0.8).abs() < 0.1;
    let last = &history.column(index)[35..];
    assert!(last.iter().filter(|x| near(**x)).count() >= 7, "{last:?}");
}

/// Asked for by itself, a parameter is learnt from whatever the others were.
#[test]
fn single_parameters_are_learnt() {
    let mut history = History::new(floats(2, 0.0, 1.0), Direction::Maximize);
    let mut stream = Key::study(6).stream(Purpose::Generate);
    for number in 0..60 {
        let (trial, x, y) = (TrialNumber(number), stream.f64(), stream.f64());
        history.start(trial, Point::from(vec![x, y])).unwrap();
        history.finish(trial, TrialState::Complete, Some(0.2 * x - square(y - 0.8))).unwrap();
    }
    let alone = process().propose_one(&ask(&history, 3), 1);
    assert!((alone - 0.8).abs() < 0.2, "{alone}");
}

/// Huge and infinite losses do not hide the differences of the others.
#[test]
fn exploding_losses_are_no_trouble() {
    let loss = |point: &Point| {
        let (x, y) = (point.get(0), point.get(1));
        if x > 2.0 { f64::INFINITY } else { square(x + 1.0) + square(y - 1.0) + 1e6 * (x - 1.0).max(0.0) }
    };
    let regret = mean_best(&floats(2, -5.0, 5.0), 60, loss);
    assert!(regret < 0.01, "{regret}");
}

#[test]
fn bad_options_are_named() {
    let options = GaussianProcessOptions { most_trials: 1, ..GaussianProcessOptions::default() };
    let error: SamplerError = GaussianProcess::new(options).unwrap_err();
    assert_eq!(error.to_string(), "most_trials is 1, but must be 2 or more");
}

/// Of more trials than it may learn from, the best and the newest are taken; proposals stay good.
#[test]
fn many_trials_are_no_trouble() {
    let mut sampler = GaussianProcess::new(GaussianProcessOptions { most_trials: 30, ..Default::default() }).unwrap();
    let mut history = study(&floats(2, -5.0, 5.0), 10, 0, |point| square(point.get(0)) + square(point.get(1)));
    for _ in 0..60 {
        let (trial, point) = (history.next_number(), propose(&mut sampler, &history, 4));
        let value = square(point.get(0)) + square(point.get(1));
        history.start(trial, point).unwrap();
        history.finish(trial, TrialState::Complete, Some(value)).unwrap();
    }
    assert!(best(&history) < 1e-2, "{}", best(&history));
}

/// All proposals of a study, to the bit. If this changes, stored studies can no longer be resumed.
#[test]
fn proposals_are_what_they_always_were() {
    let history = study(&mixed_space(), 60, 42, mixed_loss);
    // Fowler, Noll and Vo's hash.
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for trial in history.numbers() {
        for value in history.point(trial).values() {
            for byte in value.to_bits().to_le_bytes() {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
    }
    assert_eq!((best(&history), digest), (1.228510404075111e-7, 6166005611923640109));
}
