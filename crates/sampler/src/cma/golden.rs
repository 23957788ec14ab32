//! Updates with the numbers of a small reference.

use tunefork_space::{Domain, Parameter, Space};

use super::{
    constants::Constants,
    covariance::Covariance,
    distribution::{Distribution, Solution},
    encoding::Encoding,
};

fn encoding(dimensions: usize) -> Encoding {
    let unit = |i| Parameter::new(format!("x{i}"), Domain::uniform(0.0, 1.0).unwrap());
    Encoding::new(&Space::new((0..dimensions).map(unit).collect()).unwrap())
}

#[track_caller]
fn check(values: &[f64], expected: &[f64]) {
    assert_eq!(values.len(), expected.len());
    for (value, expected) in values.iter().zip(expected) {
        assert!((value - expected).abs() < 1e-11, "{value}, expected {expected}");
    }
}

/// Two generations of seven solutions in three dimensions. The expected numbers come from forty lines of numpy 2.4 that follow equations 36 to
/// 47 of the tutorial, with `numpy.linalg.eigh` for C^(−½): x_k,j = 0.5 + 0.1 sin(1 + 3k + 2j + 5g), ranked by k, from m = 0.5 and σ = 0.2.
#[test]
fn two_generations_are_those_of_the_reference() {
    let (encoding, constants) = (encoding(3), Constants::new(3, 7, false));
    let mut distribution = Distribution::new(&encoding, vec![0.5; 3], 0.2, Covariance::identity(3, false));
    for generation in 0..2 {
        let place = |k: i32, j: i32| 0.5 + 0.1 * libm::sin(f64::from(1 + 3 * k + 2 * j + 5 * generation));
        let solution = |k| Solution { places: (0..3).map(|j| place(k, j)).collect(), chosen: Vec::new() };
        let ranked: Vec<Solution> = (0..7).map(solution).collect();
        distribution.learn(&constants, &encoding, &ranked);
    }
    let (mean, sigma, path_sigma, path_c) = distribution.moments();
    check(mean, &[0.489182830546, 0.540698396040, 0.476944151925]);
    check(&[sigma], &[0.126562484523]);
    check(path_sigma, &[-0.230938776884, 0.300426599154, -0.019104380821]);
    check(path_c, &[-0.286631056684, 0.318303024889, 0.021709462943]);
    let [xx, xy, xz, yy, yz, zz] =
        [0.793119020926, 0.064203561478, 0.090618039237, 0.706533037226, 0.127756851822, 0.740224019469];
    check(distribution.covariance.entries(), &[xx, xy, xz, xy, yy, yz, xz, yz, zz]);
}

/// A solution from far away moves the distribution no further than the least likely of its own draws would.
#[test]
fn solutions_from_elsewhere_are_taken_for_shorter_steps() {
    let (encoding, constants) = (encoding(2), Constants::new(2, 6, false));
    let mut distribution = Distribution::new(&encoding, vec![0.5; 2], 1e-3, Covariance::identity(2, false));
    let ranked = vec![Solution { places: vec![1.0, 0.0], chosen: Vec::new() }; 6];
    distribution.learn(&constants, &encoding, &ranked);
    let (mean, sigma, ..) = distribution.moments();
    let longest = 1e-3 * (2.0_f64.sqrt() + 3.0);
    let moved = ((mean[0] - 0.5).powi(2) + (mean[1] - 0.5).powi(2)).sqrt();
    assert!((moved / longest - 1.0).abs() < 1e-9, "{moved}");
    assert!(sigma < 3e-3, "{sigma}");
}
