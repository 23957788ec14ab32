//! The distribution of random draws and the order of the grid.

use tunefork_rng::Key;
use tunefork_sampler::{Ask, Grid, Proposal, Random, Region, Sampler, Tpe, TpeOptions};
use tunefork_space::{Domain, Parameter, Params, Point, Space};
use tunefork_trial::{Direction, History, TrialNumber, TrialState};

fn parameter(name: &str, domain: Domain) -> Parameter {
    Parameter::new(name, domain)
}

fn space(parameters: Vec<Parameter>) -> Space {
    Space::new(parameters).unwrap()
}

fn unit(name: &str) -> Parameter {
    parameter(name, Domain::uniform(0.0, 1.0).unwrap())
}

fn ask(history: &History, number: u32) -> Ask<'_> {
    Ask { history, number: TrialNumber(number), proposed: number, key: Key::study(0), region: Region::WHOLE }
}

/// The point proposed; `None` when there is none left.
fn propose(sampler: &mut dyn Sampler, ask: Ask<'_>) -> Option<Point> {
    match sampler.propose(&ask) {
        Proposal::Point(point) => Some(point),
        Proposal::Exhausted => None,
    }
}

/// The first value of each of `count` proposals for an empty history.
fn draws(domain: Domain, count: u32) -> Vec<f64> {
    let history = History::new(space(vec![parameter("x", domain)]), Direction::Minimize);
    let draw = |number| propose(&mut Random::new(), ask(&history, number)).expect("exhausted").get(0);
    (0..count).map(draw).collect()
}

/// Checks that a share of the draws is as expected, within five standard deviations.
#[track_caller]
fn check_share(draws: &[f64], expected: f64, is_counted: impl Fn(f64) -> bool) {
    let total = draws.len() as f64;
    let share = draws.iter().filter(|&&draw| is_counted(draw)).count() as f64 / total;
    let deviation = (expected * (1.0 - expected) / total).sqrt();
    assert!((share - expected).abs() < 5.0 * deviation, "{share} instead of {expected}");
}

/// The ends of a range are as likely as what lies between.
#[test]
fn every_value_is_equally_likely() {
    for domain in [
        Domain::int(1, 5).unwrap(),
        Domain::int(0, 14).unwrap().with_step(3.0).unwrap(),
        Domain::uniform(0.0, 1.0).unwrap().with_step(0.25).unwrap(),
        Domain::choice(["a", "b", "c", "d", "e"]).unwrap(),
    ] {
        let values = domain.grid().unwrap();
        let draws = draws(domain, 4000);
        for value in values {
            check_share(&draws, 0.2, |draw| draw == value);
        }
    }
}

#[test]
fn log_ranges_are_uniform_in_their_factors() {
    let rates = draws(Domain::log(1e-5, 1e-1).unwrap(), 4000);
    check_share(&rates, 0.25, |rate| rate < 1e-4);
    check_share(&rates, 0.25, |rate| rate > 1e-2);
    let sizes = draws(Domain::int_log(1, 8).unwrap(), 4000);
    let share = |size: f64| libm::log((size + 0.5) / (size - 0.5)) / libm::log(8.5 / 0.5);
    for size in [1.0, 2.0, 8.0] {
        check_share(&sizes, share(size), |draw| draw == size);
    }
}

#[test]
fn the_grid_in_its_order() {
    let space = space(vec![
        parameter("width", Domain::int(8, 16).unwrap().with_step(8.0).unwrap()),
        parameter("momentum", Domain::choice([0.5, 0.9]).unwrap()).when("optimizer", ["sgd"]),
        parameter("optimizer", Domain::choice(["sgd", "adam"]).unwrap()),
    ]);
    let history = History::new(space.clone(), Direction::Minimize);
    let mut grid = Grid::new(&space).unwrap();
    // The numbers of the trials have gaps where trials were enqueued.
    let points: Vec<Params> = (0..6)
        .map(|proposed| {
            let ask = Ask { proposed, ..ask(&history, 3 * proposed) };
            space.params(&propose(&mut grid, ask).expect("exhausted"))
        })
        .collect();
    let expected = [
        "width=8 momentum=0.5 optimizer=sgd",
        "width=8 momentum=0.9 optimizer=sgd",
        "width=16 momentum=0.5 optimizer=sgd",
        "width=16 momentum=0.9 optimizer=sgd",
        "width=8 optimizer=adam",
        "width=16 optimizer=adam",
    ];
    assert_eq!(points.iter().map(Params::to_string).collect::<Vec<_>>(), expected);
    assert_eq!(grid.trials(&space), Some(6));
}

#[test]
fn grids_that_cannot_be_counted_are_refused() {
    let rate = parameter("rate", Domain::log(1e-5, 1e-1).unwrap());
    let error = Grid::new(&Space::new(vec![rate]).unwrap()).unwrap_err();
    let expected = "parameter `rate` has infinitely many values; a grid needs choices, integers or a step";
    assert_eq!(error.to_string(), expected);

    let wide = |i: i32| parameter(&format!("n{i}"), Domain::int(0, (1 << 40) - 1).unwrap());
    let error = Grid::new(&Space::new(vec![wide(0), wide(1)]).unwrap()).unwrap_err();
    let expected = "the grid has too many points to be counted; use larger steps or fewer choices";
    assert_eq!(error.to_string(), expected);
    let decides = parameter("late", Domain::int(0, 1).unwrap()).when("n0", [0]);
    assert!(Grid::new(&Space::new(vec![wide(0), decides]).unwrap()).is_err());
}

/// The cache of a grid answers for any number, and only for its own space and region.
#[test]
fn a_grid_is_asked_in_any_order_and_about_other_spaces() {
    let of = |high| space(vec![parameter("n", Domain::int(0, high).unwrap())]);
    let (history, larger) = (History::new(of(9), Direction::Minimize), History::new(of(99), Direction::Minimize));
    let endless = History::new(space(vec![unit("x")]), Direction::Minimize);
    let mut grid = Grid::new(&of(9)).unwrap();
    let odd = |point: &Point| point.get(0) % 2.0 == 1.0;
    for (proposed, expected) in
        [(3, Some(7.0)), (1, Some(3.0)), (2, Some(5.0)), (2, Some(5.0)), (5, None), (0, Some(1.0))]
    {
        let ask = Ask { region: Region::of(&odd), ..ask(&history, proposed) };
        assert_eq!(propose(&mut grid, ask).map(|point| point.get(0)), expected, "number {proposed}");
    }
    assert_eq!(propose(&mut grid, ask(&larger, 50)), Some(Point::from(vec![50.0])));
    assert_eq!(propose(&mut grid, ask(&endless, 0)), None);
    assert_eq!(propose(&mut grid, ask(&history, 9)), Some(Point::from(vec![9.0])));
    assert_eq!(propose(&mut grid, ask(&history, 10)), None);
}

/// A joint proposal and each parameter asked for by itself have streams of their own.
#[test]
fn draws_of_different_questions_differ() {
    let history = History::new(space(vec![unit("x"), unit("y")]), Direction::Minimize);
    let ask = ask(&history, 0);
    let mut random = Random::new();
    let joint = propose(&mut random, ask).unwrap();
    let mut draws = [joint.get(0), joint.get(1), random.propose_one(&ask, 0), random.propose_one(&ask, 1)];
    draws.sort_by(f64::total_cmp);
    assert!(draws.windows(2).all(|pair| pair[0] < pair[1]), "{draws:?}");
}

/// Neither a parameter with one value nor a trial without values is anything to draw for.
#[test]
fn what_says_nothing_changes_no_draw() {
    let alone = History::new(space(vec![unit("x")]), Direction::Minimize);
    let expected = propose(&mut Random::new(), ask(&alone, 5)).unwrap().get(0);
    for single in [Domain::uniform(2.0, 2.0), Domain::int(2, 2), Domain::choice([2])] {
        let history = History::new(space(vec![parameter("one", single.unwrap()), unit("x")]), Direction::Minimize);
        assert_eq!(propose(&mut Random::new(), ask(&history, 5)).unwrap().get(1), expected);
    }
    let mut waiting = alone.clone();
    waiting.enqueue(TrialNumber(0), Point::absent(1)).unwrap();
    assert_eq!(propose(&mut Random::new(), ask(&waiting, 5)).unwrap().get(0), expected);
}

#[test]
fn samplers_have_the_names_of_study_files() {
    assert_eq!(Random::new().name(), "random");
    assert_eq!(Grid::new(&Space::default()).unwrap().name(), "grid");
    assert_eq!(Tpe::new(TpeOptions::default()).unwrap().name(), "tpe");
    assert_eq!(
        format!("{:?} and {:?}", Region::WHOLE, Region::of(&|_| true)),
        "the whole space and a part of the space"
    );
}

/// One point in 10^17 is admitted: six channels that may be 65,536 each and together no more than 60, of which only as many count as
/// there are layers.
#[test]
fn a_region_that_no_draw_meets_is_walked_through() {
    let channels = |layer: i64| {
        let channels = parameter(&format!("channels.{layer}"), Domain::int(1, 65_536).unwrap());
        channels.when("layers", (layer + 1).max(5)..=6)
    };
    let mut parameters = vec![parameter("layers", Domain::int(5, 6).unwrap())];
    parameters.extend((0..6).map(channels));
    let space = space(parameters);
    let sum = |point: &Point| point.values()[1..].iter().filter(|value| !value.is_nan()).sum::<f64>();
    let admits = |point: &Point| sum(point) <= 60.0;
    let tpe = Tpe::new(TpeOptions { startup_trials: 1, ..TpeOptions::default() }).unwrap();
    for (is_learning, sampler) in [(false, &mut Random::new() as &mut dyn Sampler), (true, &mut { tpe })] {
        let mut history = History::new(space.clone(), Direction::Minimize);
        let mut seen: Vec<Point> = Vec::new();
        for number in 0..20 {
            let ask = Ask { region: Region::of(&admits), ..ask(&history, number) };
            let Proposal::Point(point) = sampler.propose(&ask) else { panic!("trial {number} met none") };
            assert_eq!(sampler.propose(&ask), Proposal::Point(point.clone()), "the same answer to the same question");
            assert!(admits(&point));
            for (index, value) in point.values().iter().enumerate() {
                assert_eq!(space.is_active(&point, index), !value.is_nan());
            }
            history.start(TrialNumber(number), point.clone()).unwrap();
            history.finish(TrialNumber(number), TrialState::Complete, Some(sum(&point))).unwrap();
            seen.push(point);
        }
        if is_learning {
            continue;
        }
        // They are all over the region, not all of them its corner.
        assert!(seen.iter().any(|point| point.get(0) == 5.0) && seen.iter().any(|point| point.get(0) == 6.0));
        let mut sums: Vec<u64> = seen.iter().map(|point| sum(point) as u64).collect();
        sums.sort_unstable();
        sums.dedup();
        assert!(sums.len() >= 5, "{sums:?}");
    }
}
