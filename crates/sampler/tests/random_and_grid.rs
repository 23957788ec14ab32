//! The distribution of random draws and the order of the grid.

use tunefork_rng::Key;
use tunefork_sampler::{Ask, Grid, Proposal, Random, Region, Sampler};
use tunefork_space::{Domain, Parameter, Params, Space};
use tunefork_trial::{Direction, History, TrialNumber};

fn parameter(name: &str, domain: Domain) -> Parameter {
    Parameter::new(name, domain)
}

/// The first value of each of `count` proposals for an empty history.
fn draws(domain: Domain, count: u32) -> Vec<f64> {
    let space = Space::new(vec![parameter("x", domain)]).unwrap();
    let history = History::new(space, Direction::Minimize);
    let draw = |number| {
        let ask = Ask {
            history: &history,
            number: TrialNumber(number),
            proposed: number,
            key: Key::study(0),
            region: Region::WHOLE,
        };
        match Random::new().propose(&ask) {
            Proposal::Point(point) => point.get(0),
            Proposal::Exhausted => panic!("exhausted"),
        }
    };
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
    let space = Space::new(vec![
        parameter("width", Domain::int(8, 16).unwrap().with_step(8.0).unwrap()),
        parameter("momentum", Domain::choice([0.5, 0.9]).unwrap()).when("optimizer", ["sgd"]),
        parameter("optimizer", Domain::choice(["sgd", "adam"]).unwrap()),
    ])
    .unwrap();
    let history = History::new(space.clone(), Direction::Minimize);
    let mut grid = Grid::new(&space).unwrap();
    // The numbers of the trials have gaps where trials were enqueued.
    let points: Vec<Params> = (0..6)
        .map(|proposed| {
            let ask = Ask {
                history: &history,
                number: TrialNumber(3 * proposed),
                proposed,
                key: Key::study(0),
                region: Region::WHOLE,
            };
            match grid.propose(&ask) {
                Proposal::Point(point) => space.params(&point),
                Proposal::Exhausted => panic!("exhausted at {proposed}"),
            }
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
