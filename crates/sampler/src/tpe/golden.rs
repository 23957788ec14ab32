//! The densities against numbers that Optuna 5.0.0 and HyperOpt 0.3.0 computed.

use tunefork_space::Domain;

use super::{kernels::for_domain, numeric::Numeric, parzen::Parzen, rules::Rules};

/// Checks the widths of the kernels, in the order of the observations, and ln of the density.
#[track_caller]
fn check(domain: Domain, observed: &[f64], widths: &[f64], densities: &[(f64, f64)]) {
    check_by(Rules::Optuna, domain, observed, widths, densities);
}

#[track_caller]
fn check_by(rules: Rules, domain: Domain, observed: &[f64], widths: &[f64], densities: &[(f64, f64)]) {
    let member = vec![true; observed.len()];
    let mut numeric = Numeric::new(&domain, rules);
    let mut seen = vec![f64::NAN; observed.len()];
    numeric.update(&domain, observed, &member, |slot, _, width| seen[slot - 1] = width);
    seen.push(numeric.prior().1);
    for (width, expected) in seen.iter().zip(widths) {
        assert!((width - expected).abs() < 1e-9, "widths {seen:?}, expected {widths:?}");
    }
    for &(x, expected) in densities {
        check_density_by(rules, &[(domain.clone(), observed)], &[x], expected);
    }
}

/// Checks ln of the joint density at one point (internal values).
#[track_caller]
fn check_density(parameters: &[(Domain, &[f64])], point: &[f64], expected: f64) {
    check_density_by(Rules::Optuna, parameters, point, expected);
}

#[track_caller]
fn check_density_by(rules: Rules, parameters: &[(Domain, &[f64])], point: &[f64], expected: f64) {
    let member = vec![true; parameters[0].1.len()];
    let mut all = Vec::new();
    for (domain, observed) in parameters {
        let mut kernels = for_domain(domain, rules);
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

/// The two 4s share their larger gap of 6, where Optuna gives 3 to one of them and 6 to the other. Densities by scipy's normal distribution
/// from these widths; the same program gives Optuna's numbers for Optuna's widths.
#[test]
fn int_kernels() {
    check(
        Domain::int(1, 10).unwrap(),
        &[1.0, 4.0, 4.0, 10.0],
        &[3.0, 3.0, 3.0, 6.0, 10.0],
        &[(1.0, -2.188420191967984), (4.0, -2.0605096081552854), (10.0, -2.8878698498991695)],
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
        let mut kernels = for_domain(&domain, Rules::Optuna);
        kernels.update(observed, &[true; 2]);
        let density = Parzen::new(vec![&*kernels], &[true; 2]);
        densities.push(density.log_density(&[vec![size as f64 / 4.0]], &mut Vec::new())[0]);
    }
    assert!((densities[0] - densities[1]).abs() < 1e-9, "{densities:?}");
}

/// What follows was computed by HyperOpt 0.3.0 itself: `adaptive_parzen_normal` with prior weight 1 for the widths, `GMM1_lpdf` (with `q`
/// where there is a step, and the bounds half a step wider; of a log range on the logarithms, where `LGMM1_lpdf` leaves out a constant)
/// for the densities.
#[track_caller]
fn check_hyperopt(domain: Domain, observed: &[f64], widths: &[f64], densities: &[(f64, f64)]) {
    check_by(Rules::Hyperopt, domain, observed, widths, densities);
}

#[test]
fn hyperopt_float_kernels() {
    check_hyperopt(
        float(0.0, 1.0),
        &[0.1, 0.5, 0.45, 0.9],
        &[0.35, 0.4, 0.35, 0.4, 1.0],
        &[(0.0, -0.2570278600449645), (0.47, 0.15413380600752236), (1.0, -0.4008191865753633)],
    );
    check_hyperopt(float(0.0, 1.0), &[0.3], &[0.5, 1.0], &[(0.3, 0.14551881358466356), (0.9, -0.3063973464619928)]);
    check_hyperopt(float(0.0, 1.0), &[0.8], &[0.5, 1.0], &[(0.3, -0.11696003996360227), (0.9, 0.15666052469541947)]);
    check_hyperopt(
        float(0.0, 1.0),
        &[0.2, 0.3],
        &[0.25, 0.25, 1.0],
        &[(0.3, 0.5220534307388104), (0.9, -1.4335343025497085)],
    );
    check_hyperopt(float(0.0, 1.0), &[], &[1.0], &[(0.3, 0.020977800490950098)]);
}

/// More observations than keep their full weight.
#[test]
fn hyperopt_weights_old_observations_less() {
    let observed: Vec<f64> = (0..30).map(|i| f64::from((37 * i) % 100) / 100.0).collect();
    let densities = [(0.0, -0.9341126631840561), (0.47, 0.007923588391199665), (1.0, -0.3046616736127792)];
    check_hyperopt(float(0.0, 1.0), &observed, &[0.03125, 0.03125, 0.03125, 0.04], &densities);

    let kinds: Vec<f64> = (0..30).map(|i| f64::from((7 * i) % 5 % 4)).collect();
    let four = Domain::choice([1, 2, 3, 4]).unwrap();
    let expected = [0.36569920844327175, 0.21398416886543534, 0.19868073878627968, 0.22163588390501318];
    for (choice, expected) in expected.into_iter().enumerate() {
        check_density_by(Rules::Hyperopt, &[(four.clone(), &kinds)], &[choice as f64], libm::log(expected));
    }
}

/// The prior is a neighbour: that of the integers, at 5.5, stands between the second 4 and the 10 and makes both narrower.
#[test]
fn hyperopt_log_and_stepped_kernels() {
    check_hyperopt(
        Domain::log(1e-5, 0.1).unwrap(),
        &[1e-4, 1e-2, 3e-3],
        &[2.302585092994045, 1.8420680743952367, 1.8420680743952367, 9.210340371976184],
        &[(1e-3, -1.9740991713830058), (2e-5, -2.8346233459763512), (0.09, -2.807512733519971)],
    );
    check_hyperopt(
        Domain::int(1, 10).unwrap(),
        &[1.0, 4.0, 4.0, 10.0],
        &[3.0, 3.0, 5.0 / 3.0, 4.5, 10.0],
        &[(1.0, -2.371036590850253), (4.0, -1.8448787986575828), (10.0, -3.1330182915288085)],
    );
    check_hyperopt(
        Domain::int_log(1, 128).unwrap(),
        &[2.0, 64.0],
        &[1.3882436813277192, 2.077492221472007, 5.54907608489522],
        &[(1.0, -1.641090298275798), (2.0, -2.195121741291259), (100.0, -6.572385239848875)],
    );
    check_hyperopt(
        float(0.0, 1.0).with_step(0.25).unwrap(),
        &[0.0, 0.75],
        &[0.5, 0.3125, 1.25],
        &[(0.0, -1.8500352321064097), (0.5, -1.459788666116917)],
    );
}

/// Two a, one c, and each once from the prior.
#[test]
fn hyperopt_categorical_kernels() {
    let domain = Domain::choice(["a", "b", "c"]).unwrap();
    for (choice, expected) in [(0.0, 1.0 / 2.0), (1.0, 1.0 / 6.0), (2.0, 1.0 / 3.0)] {
        check_density_by(Rules::Hyperopt, &[(domain.clone(), &[0.0, 0.0, 2.0])], &[choice], libm::log(expected));
    }
}
