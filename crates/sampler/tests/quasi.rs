//! How evenly the points of the sequences lie, and that they stay the same to the bit.

use std::cell::Cell;

use tunefork_rng::Key;
use tunefork_sampler::{Ask, Proposal, QuasiRandom, Random, Region, Sampler, Sequence};
use tunefork_space::{Domain, Parameter, Point, Space};
use tunefork_trial::{Direction, History, TrialNumber};

const BOTH: [Sequence; 2] = [Sequence::Sobol, Sequence::Halton];

fn unit(dimensions: usize) -> Space {
    let parameter = |index| Parameter::new(format!("x{index}"), Domain::uniform(0.0, 1.0).unwrap());
    Space::new((0..dimensions).map(parameter).collect()).unwrap()
}

fn ask(history: &History, number: u32, seed: u64) -> Ask<'_> {
    Ask { history, number: TrialNumber(number), proposed: number, key: Key::study(seed), region: Region::WHOLE }
}

fn propose(sampler: &mut dyn Sampler, ask: &Ask<'_>) -> Point {
    let Proposal::Point(point) = sampler.propose(ask) else { panic!("exhausted") };
    point
}

/// The first proposals of a study.
fn points(sampler: &mut dyn Sampler, space: &Space, count: u32, seed: u64) -> Vec<Point> {
    let history = History::new(space.clone(), Direction::Minimize);
    (0..count).map(|number| propose(sampler, &ask(&history, number, seed))).collect()
}

fn quasi(sequence: Sequence, space: &Space, count: u32, seed: u64) -> Vec<Point> {
    points(&mut QuasiRandom::new(sequence), space, count, seed)
}

/// Checks that each box has as many points: the unit square cut into `across` by `down`.
#[track_caller]
fn check_boxes(points: &[Point], (x, y): (usize, usize), across: usize, down: usize) {
    let mut counts = vec![0; across * down];
    for point in points {
        // Halton's ends of intervals are rounded.
        let cell = |index, cells: usize| (point.get(index) * cells as f64 + 1e-12) as usize;
        counts[cell(x, across) * down + cell(y, down)] += 1;
    }
    let expected = points.len() / counts.len();
    assert!(counts.iter().all(|&count| count == expected), "parameters {x}, {y} in {across} by {down}: {counts:?}");
}

/// 2^k points of Sobol's first two parameters meet each box of area 2^-k once; those of the next polynomials each box of twice the
/// area twice, and so on. The same holds for any block of 2^k that begins at a multiple of it.
#[test]
fn boxes_of_two_parameters_have_equally_many_points_of_sobol() {
    for seed in 0..4 {
        let all = quasi(Sequence::Sobol, &unit(4), 512, seed);
        for points in [&all[..256], &all[256..], &all[64..128]] {
            let k = points.len().ilog2();
            for (pair, twice) in [((0, 1), 0), ((0, 2), 1), ((1, 2), 1), ((0, 3), 2), ((1, 3), 2), ((2, 3), 3)] {
                for a in 0..=k - twice {
                    check_boxes(points, pair, 1 << a, 1 << (k - twice - a));
                }
            }
        }
    }
}

/// 2^a · 3^b points of Halton's meet each box of 2^-a by 3^-b once.
#[test]
fn boxes_of_two_parameters_have_one_point_of_halton() {
    for seed in 0..4 {
        for (a, b) in [(0, 4), (3, 2), (5, 1), (7, 0), (4, 3)] {
            let (across, down) = (1 << a, 3usize.pow(b));
            let points = quasi(Sequence::Halton, &unit(2), (across * down) as u32, seed);
            check_boxes(&points, (0, 1), across, down);
        }
    }
}

/// The mean square distance between the share of the points in a box from the origin and its volume. T. T. Warnock, "Computational
/// investigations of low-discrepancy point sets", 1972.
fn discrepancy(points: &[Point]) -> f64 {
    let n = points.len() as f64;
    let d = points[0].len() as i32;
    let product = |factor: &dyn Fn(usize) -> f64| (0..points[0].len()).map(factor).product::<f64>();
    let single: f64 = points.iter().map(|x| product(&|i| 1.0 - x.get(i).powi(2))).sum();
    let pairs = points.iter().flat_map(|x| points.iter().map(move |y| (x, y)));
    let double: f64 = pairs.map(|(x, y)| product(&|i| 1.0 - x.get(i).max(y.get(i)))).sum();
    (3f64.powi(-d) - 2f64.powi(1 - d) * single / n + double / (n * n)).sqrt()
}

#[test]
fn discrepancies_are_smaller_than_those_of_random_points() {
    for (dimensions, count, largest) in [(2, 64, 0.35), (2, 256, 0.2), (5, 256, 0.65), (10, 256, 1.0)] {
        let space = unit(dimensions);
        let mean =
            |points: &dyn Fn(u64) -> Vec<Point>| (0..5).map(|seed| discrepancy(&points(seed))).sum::<f64>() / 5.0;
        let random = mean(&|seed| points(&mut Random::new(), &space, count, seed));
        for sequence in BOTH {
            let even = mean(&|seed| quasi(sequence, &space, count, seed));
            assert!(
                even < largest * random,
                "{dimensions} parameters, {count} points: {sequence:?} {even}, random {random}"
            );
        }
    }
}

/// Each value has its share of the points, to within the few that an interval's two ends can cost.
#[test]
fn values_have_their_shares() {
    let domains = [
        Domain::int(1, 5).unwrap(),
        Domain::int(0, 14).unwrap().with_step(3.0).unwrap(),
        Domain::uniform(0.0, 1.0).unwrap().with_step(0.25).unwrap(),
        Domain::choice(["a", "b", "c", "d", "e", "f", "g"]).unwrap(),
        Domain::int_log(1, 8).unwrap(),
    ];
    let parameters = domains.iter().enumerate().map(|(i, domain)| Parameter::new(format!("p{i}"), domain.clone()));
    let space = Space::new(parameters.collect()).unwrap();
    for (sequence, slack) in [(Sequence::Sobol, 2.0), (Sequence::Halton, 8.0)] {
        let points = quasi(sequence, &space, 1024, 3);
        for (index, domain) in domains.iter().enumerate() {
            let size = domain.size().unwrap() as f64;
            for value in domain.grid().unwrap() {
                let share = match index {
                    4 => libm::log((value + 0.5) / (value - 0.5)) / libm::log(8.5 / 0.5),
                    _ => 1.0 / size,
                };
                let count = points.iter().filter(|point| point.get(index) == value).count() as f64;
                let surplus = (count - 1024.0 * share).abs();
                assert!(surplus <= slack, "{sequence:?}: {value} of {domain} {count} times, {share} of 1024 expected");
            }
        }
    }
}

#[test]
fn log_ranges_are_filled_evenly_in_their_factors() {
    let space = Space::new(vec![Parameter::new("rate", Domain::log(1e-5, 1e-1).unwrap())]).unwrap();
    for sequence in BOTH {
        let points = quasi(sequence, &space, 1024, 0);
        for decade in 0..4 {
            let is_there = |point: &&Point| (libm::log10(point.get(0)) + 5.0) as i32 == decade;
            assert_eq!(points.iter().filter(is_there).count(), 256, "{sequence:?}, decade {decade}");
        }
    }
}

/// The scramble is the seed's; no study begins in a corner, and a seed's points are those of another only by rare chance.
#[test]
fn seeds_scramble_differently() {
    let space = unit(3);
    for sequence in BOTH {
        let mut first: Vec<Vec<f64>> =
            (0..64).map(|seed| quasi(sequence, &space, 1, seed)[0].values().to_vec()).collect();
        for dimension in 0..3 {
            let mean = first.iter().map(|point| point[dimension]).sum::<f64>() / 64.0;
            assert!((0.35..0.65).contains(&mean), "{sequence:?}, dimension {dimension}: first points around {mean}");
        }
        first.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert!(first.windows(2).all(|pair| pair[0][0] < pair[1][0]));
        // Not shifts of each other either: the differences between points are other ones.
        let step = |seed| {
            let points = quasi(sequence, &space, 81, seed);
            points[80].get(1) - points[0].get(1)
        };
        let mut steps: Vec<f64> = (0..32).map(step).collect();
        steps.sort_by(f64::total_cmp);
        steps.dedup();
        assert!(steps.len() > 28, "{sequence:?}: {steps:?}");
    }
}

/// An inactive parameter keeps its dimension, and one with a single value has none.
#[test]
fn other_parameters_do_not_move_a_parameter() {
    let float = |name: &str| Parameter::new(name, Domain::uniform(0.0, 1.0).unwrap());
    let kind = Parameter::new("kind", Domain::choice(["a", "b"]).unwrap());
    let one = Parameter::new("one", Domain::int(7, 7).unwrap());
    let space = Space::new(vec![kind.clone(), one, float("x").when("kind", ["a"]), float("y")]).unwrap();
    let plain = Space::new(vec![kind, float("x"), float("y")]).unwrap();
    for sequence in BOTH {
        for (point, plain) in quasi(sequence, &space, 64, 1).iter().zip(quasi(sequence, &plain, 64, 1)) {
            assert_eq!((point.get(0), point.get(1), point.get(3)), (plain.get(0), 7.0, plain.get(2)));
            assert_eq!(point.has(2), point.get(0) == 0.0);
            assert!(!point.has(2) || point.get(2) == plain.get(1));
        }
    }
}

/// The dimensions beyond the sequence are uniform too, and differ from each other.
#[test]
fn more_parameters_than_the_sequence_has_dimensions() {
    let space = unit(140);
    for sequence in BOTH {
        let points = quasi(sequence, &space, 256, 2);
        for dimension in 0..140 {
            let mean = points.iter().map(|point| point.get(dimension)).sum::<f64>() / 256.0;
            assert!((mean - 0.5).abs() < 0.1, "{sequence:?}, dimension {dimension}: {mean}");
            assert!(dimension == 0 || points[9].get(dimension) != points[9].get(dimension - 1));
        }
        assert_ne!(points[9].get(139), quasi(sequence, &space, 10, 3)[9].get(139));
    }
}

/// Parameters asked for one by one are those of the whole point.
#[test]
fn parameters_by_themselves_are_those_of_the_point() {
    let history = History::new(unit(130), Direction::Minimize);
    for sequence in BOTH {
        let mut sampler = QuasiRandom::new(sequence);
        for number in [0, 1, 77] {
            let ask = ask(&history, number, 4);
            let point = propose(&mut sampler, &ask);
            for index in [0, 1, 127, 128, 129] {
                assert_eq!(sampler.propose_one(&ask, index), point.get(index));
            }
        }
    }
}

/// The n-th proposal is the n-th point that is admitted, whoever is asked, in whatever order.
#[test]
fn a_region_is_filled_by_its_part_of_the_sequence() {
    let (space, admits) = (unit(2), |point: &Point| point.get(0) + point.get(1) < 0.5);
    let history = History::new(space.clone(), Direction::Minimize);
    for sequence in BOTH {
        let expected: Vec<Point> = quasi(sequence, &space, 2000, 5).into_iter().filter(admits).collect();
        let mut sampler = QuasiRandom::new(sequence);
        for number in [0, 1, 2, 100, 3, 3, 4, 5, 200] {
            let ask = Ask { region: Region::of(&admits), ..ask(&history, number, 5) };
            assert_eq!(propose(&mut sampler, &ask), expected[number as usize], "{sequence:?}, number {number}");
        }
    }
}

/// Where hardly a point is admitted, the sequence is given up once, not looked through again for every trial.
#[test]
fn a_tiny_region_is_left_to_random_draws() {
    let (space, asked) = (unit(2), Cell::new(0));
    let admits = |point: &Point| {
        asked.set(asked.get() + 1);
        point.get(0) < 1e-4 && point.get(1) < 1e-4
    };
    let history = History::new(space, Direction::Minimize);
    let mut sampler = QuasiRandom::new(Sequence::Sobol);
    let mut looks = |number| {
        asked.set(0);
        let ask = Ask { region: Region::of(&admits), ..ask(&history, number, 5) };
        let point = propose(&mut sampler, &ask);
        assert!(point.get(0) < 1e-4 && point.get(1) < 1e-4);
        asked.get()
    };
    let first = looks(0);
    let later = [looks(1), looks(2), looks(9)];
    assert!(first > 500 && later.iter().all(|&looks| looks < 400), "{first}, then {later:?}");
}

/// All points of a study, to the bit. If this changes, stored studies can no longer be resumed.
#[test]
fn points_are_what_they_always_were() {
    let digests = BOTH.map(|sequence| {
        // Fowler, Noll and Vo's hash.
        let mut digest = 0xcbf2_9ce4_8422_2325_u64;
        for point in quasi(sequence, &unit(130), 100, 42) {
            for byte in point.values().iter().flat_map(|value| value.to_bits().to_le_bytes()) {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        digest
    });
    assert_eq!(digests, [5992405418902950023, 10070985919934485945]);
}

#[test]
fn sequences_have_names() {
    assert_eq!(BOTH.map(|sequence| QuasiRandom::new(sequence).name()), ["sobol", "halton"]);
}
