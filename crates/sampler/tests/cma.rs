//! How CMA-ES behaves in a study, and that it stays the same to the bit.

use tunefork_rng::{Key, Purpose};
use tunefork_sampler::{Ask, CmaEs, CmaEsOptions, Proposal, Region, Sampler, SamplerError};
use tunefork_space::{Domain, Parameter, Point, Space};
use tunefork_trial::{Direction, History, Report, TrialNumber, TrialState};

fn cma_es() -> CmaEs {
    CmaEs::new(CmaEsOptions::default()).unwrap()
}

fn propose_after(sampler: &mut CmaEs, history: &History, enqueued: u32, seed: u64) -> Point {
    let number = history.next_number();
    let proposed = number.0 - enqueued;
    let ask = Ask { history, number, proposed, key: Key::study(seed), region: Region::WHOLE };
    match sampler.propose(&ask) {
        Proposal::Point(point) => point,
        Proposal::Exhausted => panic!("exhausted after {number} trials"),
    }
}

fn propose(sampler: &mut CmaEs, history: &History, seed: u64) -> Point {
    propose_after(sampler, history, 0, seed)
}

fn complete(history: &mut History, point: Point, value: f64) {
    let trial = history.next_number();
    history.start(trial, point).unwrap();
    history.finish(trial, TrialState::Complete, Some(value)).unwrap();
}

/// Runs a study in which `loss` tells the value of a point at once.
fn study(options: CmaEsOptions, space: &Space, trials: u32, seed: u64, loss: impl Fn(&[f64]) -> f64) -> History {
    let mut sampler = CmaEs::new(options).unwrap();
    let mut history = History::new(space.clone(), Direction::Minimize);
    for _ in 0..trials {
        let point = propose(&mut sampler, &history, seed);
        let value = loss(point.values());
        complete(&mut history, point, value);
    }
    history
}

fn best(history: &History) -> f64 {
    history.value(history.best().unwrap()).unwrap()
}

fn space_of(domains: Vec<Domain>) -> Space {
    let named = |(i, domain)| Parameter::new(format!("x{i}"), domain);
    Space::new(domains.into_iter().enumerate().map(named).collect()).unwrap()
}

fn real(dimensions: usize) -> Space {
    space_of(vec![Domain::uniform(-5.0, 5.0).unwrap(); dimensions])
}

/// Moves the optimum away from the centre.
fn shifted(x: &[f64]) -> impl Iterator<Item = f64> {
    x.iter().enumerate().map(|(i, x)| x - 1.0 - 0.3 * i as f64)
}

fn sphere(x: &[f64]) -> f64 {
    shifted(x).map(|x| x * x).sum()
}

fn ellipsoid(x: impl Iterator<Item = f64>, dimensions: usize) -> f64 {
    let last = dimensions as f64 - 1.0;
    x.enumerate().map(|(i, x)| libm::pow(1e6, i as f64 / last) * x * x).sum()
}

/// The same mirrored at a plane that is oblique to all axes.
fn rotated_ellipsoid(x: &[f64]) -> f64 {
    let x: Vec<f64> = shifted(x).collect();
    let along: f64 = x.iter().enumerate().map(|(i, x)| x * (i as f64 + 1.0)).sum();
    let length: f64 = (0..x.len()).map(|i| (i as f64 + 1.0) * (i as f64 + 1.0)).sum();
    let mirrored = x.iter().enumerate().map(|(i, x)| x - 2.0 * along / length * (i as f64 + 1.0));
    ellipsoid(mirrored, x.len())
}

fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|p| 100.0 * (p[1] - p[0] * p[0]) * (p[1] - p[0] * p[0]) + (1.0 - p[0]) * (1.0 - p[0])).sum()
}

fn rastrigin(x: &[f64]) -> f64 {
    shifted(x).map(|x| x * x + 10.0 - 10.0 * libm::cos(std::f64::consts::TAU * x)).sum()
}

#[test]
fn smooth_functions_are_solved() {
    type Loss = fn(&[f64]) -> f64;
    let cases: [(&str, usize, u32, Loss); 5] = [
        ("one-dimensional", 1, 150, sphere),
        ("sphere", 5, 700, sphere),
        ("ellipsoid", 4, 1500, |x| ellipsoid(shifted(x), x.len())),
        ("rotated ellipsoid", 4, 1500, rotated_ellipsoid),
        ("Rosenbrock", 3, 1300, rosenbrock),
    ];
    for (name, dimensions, trials, loss) in cases {
        for seed in 0..4 {
            let best = best(&study(CmaEsOptions::default(), &real(dimensions), trials, seed, loss));
            assert!(best < 1e-8, "{name} with seed {seed}: {best}");
        }
    }
}

/// A run that has come to rest in one of the many valleys is followed by others.
#[test]
fn restarts_find_the_lowest_of_many_valleys() {
    let solved = |restarts| {
        let options = CmaEsOptions { restarts, tolerance: 1e-4, ..CmaEsOptions::default() };
        (0..6).filter(|&seed| best(&study(options, &real(2), 3000, seed, rastrigin)) < 1e-4).count()
    };
    let (with, without) = (solved(true), solved(false));
    assert!(with >= 5 && without <= 3, "{with} of 6 with restarts, {without} without");
}

#[test]
fn integers_are_solved() {
    for domain in [Domain::int(-10, 10).unwrap(), Domain::int(0, 1).unwrap(), Domain::int_log(1, 1000).unwrap()] {
        let space = space_of(vec![domain.clone(); 6]);
        let target = |i: usize| domain.nth([17, 3, 8, 1, 12, 5][i] % domain.size().unwrap());
        let loss = |x: &[f64]| -> f64 {
            let apart = |(i, x): (usize, &f64)| domain.transform(*x) - domain.transform(target(i));
            x.iter().enumerate().map(apart).map(|apart| apart * apart).sum()
        };
        for seed in 0..4 {
            let best = best(&study(CmaEsOptions::default(), &space, 800, seed, loss));
            assert_eq!(best, 0.0, "{domain} with seed {seed}");
        }
    }
}

/// Far into a search that has narrowed down its real parameters, other values of an integer are still tried.
#[test]
fn integers_do_not_freeze() {
    let mut domains = vec![Domain::uniform(-5.0, 5.0).unwrap(); 3];
    domains.push(Domain::int(-10, 10).unwrap());
    let space = space_of(domains);
    let options = CmaEsOptions { restarts: false, ..CmaEsOptions::default() };
    for seed in 0..4 {
        let history = study(options, &space, 600, seed, sphere);
        let last = |parameter: usize| &history.column(parameter)[300..];
        assert!(last(0).iter().all(|x| (x - 1.0).abs() < 0.2), "seed {seed}");
        // The margin is one in 32.
        let others = last(3).iter().filter(|x| **x != 2.0).count();
        assert!((3..30).contains(&others), "seed {seed}: {others} of 300");
    }
}

#[test]
fn choices_are_learnt_together_with_numbers() {
    let mut domains = vec![Domain::uniform(-5.0, 5.0).unwrap(); 3];
    domains
        .extend([Domain::log(1e-5, 1e-1), Domain::int(1, 8), Domain::choice(["a", "b", "c", "d"])].map(Result::unwrap));
    let space = space_of(domains);
    let loss = |x: &[f64]| {
        let choice = [0.7, 1.0, 0.0, 0.5][x[5] as usize];
        sphere(&x[..3]) + (libm::log10(x[3]) + 3.0).abs() + (x[4] - 4.0).abs() + choice
    };
    for seed in 0..4 {
        let history = study(CmaEsOptions::default(), &space, 400, seed, loss);
        assert!(best(&history) < 0.02, "seed {seed}: {}", best(&history));
        let right = history.column(5)[300..].iter().filter(|choice| **choice == 2.0).count();
        assert!((60..100).contains(&right), "seed {seed}: {right} of the last 100");
    }
}

/// A parameter takes part where it exists, and is neither drawn together nor apart where it does not.
#[test]
fn conditional_parameters_are_learnt() {
    let unit = |name: &str| Parameter::new(name, Domain::uniform(0.0, 1.0).unwrap());
    let space = Space::new(vec![
        Parameter::new("kind", Domain::choice(["a", "b"]).unwrap()),
        unit("in_a").when("kind", ["a"]),
        unit("in_b").when("kind", ["b"]),
    ])
    .unwrap();
    let loss = |x: &[f64]| if x[0] == 0.0 { (x[1] - 0.2).abs() } else { 0.1 + (x[2] - 0.7).abs() };
    for seed in 0..4 {
        let history = study(CmaEsOptions::default(), &space, 200, seed, loss);
        assert!(best(&history) < 0.01, "seed {seed}: {}", best(&history));
    }
}

/// With more than a hundred coordinates each has its own width, whatever the others do.
#[test]
fn many_dimensions_are_separable() {
    let space = real(120);
    let loss = |x: &[f64]| x.iter().map(|x| x * x + x).sum::<f64>();
    let history = study(CmaEsOptions::default(), &space, 1500, 0, loss);
    assert!(best(&history) < 0.25 * loss(history.point(TrialNumber(0)).values()), "{}", best(&history));
}

/// A study whose process was killed goes on as if nothing had happened, also with trials that end out of order.
#[test]
fn new_samplers_go_on_where_old_ones_were() {
    let space =
        space_of(vec![Domain::uniform(-5.0, 5.0).unwrap(), Domain::int(-10, 10).unwrap(), Domain::int(0, 1).unwrap()]);
    let mut chance = Key::study(3).stream(Purpose::Generate);
    let (mut old, mut history) = (cma_es(), History::new(space, Direction::Minimize));
    for _ in 0..160 {
        let point = propose(&mut old, &history, 5);
        assert_eq!(point, propose(&mut cma_es(), &history, 5), "after {}", history.len());
        history.start(history.next_number(), point).unwrap();
        let running: Vec<TrialNumber> =
            history.numbers().filter(|&trial| history.state(trial) == TrialState::Running).collect();
        if running.len() == 8 {
            let trial = running[chance.below(8) as usize];
            let value = sphere(history.point(trial).values());
            history.finish(trial, TrialState::Complete, Some(value)).unwrap();
        }
    }
}

/// Ten enqueued trials from before: the first proposals are near the best of them.
#[test]
fn enqueued_trials_warm_the_search_up() {
    let near_the_best = |enqueued: u32| {
        let mut history = History::new(real(3), Direction::Minimize);
        let mut stream = Key::study(9).stream(Purpose::Generate);
        for _ in 0..30 {
            let point: Vec<f64> = (0..3).map(|_| 10.0 * stream.f64() - 5.0).collect();
            let value = point.iter().map(|x| (x + 3.0) * (x + 3.0)).sum();
            complete(&mut history, Point::from(point), value);
        }
        let proposals = (0..20).map(|seed| propose_after(&mut cma_es(), &history, enqueued, seed));
        proposals.filter(|point| point.values().iter().all(|x| *x < 0.0)).count()
    };
    // The same trials, proposed by another sampler in this study, make generations.
    let (warm, cold) = (near_the_best(30), near_the_best(0));
    assert!(warm > 12 && cold < warm, "{warm} of 20, {cold} without a warm start");
}

/// Pruned trials rank behind complete ones, and what failed is no trial.
#[test]
fn pruned_trials_are_learnt_from_unless_they_are_not_wanted() {
    let history = |end: Option<TrialState>| {
        let mut history = History::new(real(2), Direction::Minimize);
        let mut sampler = cma_es();
        for _ in 0..20 {
            let point = propose(&mut sampler, &history, 1);
            complete(&mut history, point.clone(), sphere(point.values()));
            let Some(end) = end else { continue };
            let trial = history.next_number();
            history.start(trial, point).unwrap();
            history.report(trial, Report { step: 1, value: -1e9 }).unwrap();
            history.finish(trial, end, Some(-1e9)).unwrap();
        }
        history
    };
    let proposal = |pruned, history: &History| {
        let mut sampler = CmaEs::new(CmaEsOptions { pruned, ..CmaEsOptions::default() }).unwrap();
        let ask = Ask { history, number: TrialNumber(99), proposed: 99, key: Key::study(1), region: Region::WHOLE };
        sampler.propose(&ask)
    };
    let pruned = history(Some(TrialState::Pruned));
    assert_ne!(proposal(true, &pruned), proposal(false, &pruned));
    let failed = history(Some(TrialState::Failed));
    assert_eq!(proposal(true, &failed), proposal(false, &failed));
}

#[test]
fn options_are_checked() {
    let refused = |options| matches!(CmaEs::new(options), Err(SamplerError::Option { .. }));
    let usual = CmaEsOptions::default();
    assert!(refused(CmaEsOptions { population: Some(3), ..usual }));
    for sigma in [0.0, -1.0, 1.5, f64::NAN] {
        assert!(refused(CmaEsOptions { sigma, ..usual }));
    }
    for tolerance in [0.0, 1.0, f64::NAN] {
        assert!(refused(CmaEsOptions { tolerance, ..usual }));
    }
    assert!(!refused(CmaEsOptions { population: Some(4), sigma: 1.0, ..usual }));
    assert_eq!(cma_es().name(), "cma-es");
}

/// The proposals of a whole study, restarts among them, folded into one number: it may only change together with the rules.
#[test]
fn proposals_stay_the_same_to_the_bit() {
    let space = space_of(vec![
        Domain::uniform(-5.0, 5.0).unwrap(),
        Domain::log(1e-5, 1e-1).unwrap(),
        Domain::int(1, 8).unwrap(),
        Domain::choice(["a", "b", "c"]).unwrap(),
    ]);
    let loss = |x: &[f64]| x[0] * x[0] + libm::fabs(libm::log10(x[1]) + 3.0) + (x[2] - 3.0).abs() + x[3];
    let history = study(CmaEsOptions::default(), &space, 300, 4, loss);
    let fold = |digest: u64, value: f64| digest.rotate_left(5).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ value.to_bits();
    let digest = (0..4).flat_map(|parameter| history.column(parameter)).fold(0, |digest, value| fold(digest, *value));
    assert_eq!(digest, 0x01a4_9085_2e6f_a5b0, "{digest:#x}");
}
