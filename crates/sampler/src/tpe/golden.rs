//! The densities against numbers that Optuna 5.0.0 computed.

use tunefork_space::Domain;

use super::{kernels::for_domain, numeric::Numeric, parzen::Parzen};

/// Checks the widths of the kernels, in the order of the observations, and ln of the density.
#[track_caller]
fn check(domain: Domain, observed: &[f64], widths: &[f64], densities: &[(f64, f64)]) {
    let member = vec![true; observed.len()];
    let mut numeric = Numeric::new(&domain);
    let mut seen = vec![f64::NAN; observed.len()];
    numeric.update(&domain, observed, &member, |slot, _, width| seen[slot - 1] = width);
    seen.push(numeric.prior().1);
    for (width, expected) in seen.iter().zip(widths) {
        assert!((width - expected).abs() < 1e-9, "widths {seen:?}, expected {widths:?}");
    }
    for &(x, expected) in densities {
        check_density(&[(domain.clone(), observed)], &[x], expected);
    }
}

/// Checks ln of the joint density at one point (internal values).
#[track_caller]
fn check_density(parameters: &[(Domain, &[f64])], point: &[f64], expected: f64) {
    let member = vec![true; parameters[0].1.len()];
    let mut all = Vec::new();
    for (domain, observed) in parameters {
        let mut kernels = for_domain(domain);
        kernels.update(observed, &member);
        all.push(kernels);
    }
    let density = Parzen::new(all.iter().map(|kernels| &**kernels).collect(), &member);
    let coordinate = |((domain, _), &x): (&(Domain, &[f64]), &f64)| match domain {
        Domain::Float { step: None, .. } => vec![domain.transform(x)],
        _ => vec![x],
    };
    let candidates: Vec<Vec<f64>> = parameters.iter().zip(point).map(coordinate).collect();
    let log_density = density.log_density(&candidates, &mut Vec::new())[0];
    assert!((log_density - expected).abs() < 1e-9, "at {point:?}: {log_density}, expected {expected}");
}

fn float(low: f64, high: f64) -> Domain {
    Domain::uniform(low, high).unwrap()
}

#[test]
fn float_kernels() {
    check(
        float(0.0, 1.0),
        &[0.1, 0.5, 0.45, 0.9],
        &[0.35, 0.4, 0.35, 0.4, 1.0],
        &[(0.0, -0.2163946749829183), (0.47, 0.1275602386252828), (1.0, -0.3260288526153352)],
    );
    check(float(0.0, 1.0), &[0.3], &[0.7, 1.0], &[(0.3, 0.0698961634721939), (0.9, -0.1393216797209114)]);
}

#[test]
fn log_kernels() {
    check(
        Domain::log(1e-5, 0.1).unwrap(),
        &[1e-4, 1e-2, 3e-3],
        &[3.4011973817, 1.8420680744, 3.4011973817, 9.210340372],
        &[(1e-3, -2.098318240364914)],
    );
}

/// The two 4s show the tie rule: sorted stably, the first has gaps 3 and 0, the second 0 and 6.
#[test]
fn int_kernels() {
    check(
        Domain::int(1, 10).unwrap(),
        &[1.0, 4.0, 4.0, 10.0],
        &[3.0, 3.0, 6.0, 6.0, 10.0],
        &[(1.0, -2.17513331672298), (4.0, -2.1237014831199463), (10.0, -2.727944975769188)],
    );
}

#[test]
fn int_log_kernels() {
    check(
        Domain::int_log(1, 128).unwrap(),
        &[2.0, 64.0],
        &[3.4657359028, 3.4657359028, 5.5490760849],
        &[(2.0, -2.3995577416684464), (100.0, -6.375711536140164)],
    );
}

#[test]
fn stepped_kernels() {
    check(float(0.0, 1.0).with_step(0.25).unwrap(), &[0.0, 0.75], &[0.75, 0.75, 1.25], &[(0.5, -1.5440082198760565)]);
}

#[test]
fn categorical_kernels() {
    let domain = Domain::choice(["a", "b", "c"]).unwrap();
    for (choice, expected) in [(0.0, 0.4761904762), (1.0, 0.1904761905), (2.0, 0.3333333333_f64)] {
        let observed: &[f64] = &[0.0, 0.0, 2.0];
        check_density(&[(domain.clone(), observed)], &[choice], libm::log(expected));
    }
}

#[test]
fn joint_kernels() {
    let x: &[f64] = &[0.1, 0.5];
    let n: &[f64] = &[2.0, 7.0];
    let parameters = [(float(0.0, 1.0), x), (Domain::int(0, 10).unwrap(), n)];
    check_density(&parameters, &[0.2, 3.0], -2.0883697096);
}

/// Without observations only the prior is left.
#[test]
fn the_prior_alone() {
    check(float(-2.0, 2.0), &[], &[4.0], &[]);
    let domain = Domain::choice([1, 2, 3, 4]).unwrap();
    check_density(&[(domain, &[])], &[2.0], libm::log(0.25));
}

/// Grids so fine that a cell's mass is lost in the difference of two distribution functions.
#[test]
fn narrow_cells_keep_their_mass() {
    let size = 1i64 << 50;
    let domain = Domain::int(0, size).unwrap();
    let observed: &[f64] = &[0.0, size as f64];
    let continuous = float(0.0, size as f64);
    let mut densities = Vec::new();
    for domain in [domain, continuous] {
        let mut kernels = for_domain(&domain);
        kernels.update(observed, &[true; 2]);
        let density = Parzen::new(vec![&*kernels], &[true; 2]);
        densities.push(density.log_density(&[vec![size as f64 / 4.0]], &mut Vec::new())[0]);
    }
    assert!((densities[0] - densities[1]).abs() < 1e-9, "{densities:?}");
}
