//! The process against scikit-learn's, and gradients against differences.
//!
//! The expected numbers are those of scikit-learn 1.9 for `ConstantKernel(1.5) * Matern(1 / sqrt([4, 0.25]), nu=2.5)` with
//! `alpha=0.01` and `optimizer=None`.

use tunefork_rng::{Key, Purpose};

use super::{
    axes::{Feature, Measure},
    cholesky::Matrix,
    fit::{Data, Hyperparameters, likelihood, prior},
    matern::LANES,
    model::Model,
};

const X: [[f64; 5]; 2] = [[0.1, 0.35, 0.5, 0.8, 0.95], [0.7, 0.2, 0.5, 0.9, 0.05]];
const Y: [f64; 5] = [0.3, -1.2, 0.4, 1.1, -0.6];

fn number(axis: usize) -> Feature {
    Feature { axis, measure: Measure::Number, weight: 1.0 }
}

fn columns(columns: &[[f64; 5]]) -> Vec<Vec<f64>> {
    columns.iter().map(|column| column.to_vec()).collect()
}

fn parameters() -> Hyperparameters {
    Hyperparameters { inverse_squares: vec![4.0, 0.25], signal: 1.5, noise: 0.01 }
}

fn model() -> Model {
    Model::new(&[number(0), number(1)], columns(&X), 5, &Y, &parameters())
}

/// Predictions of a model of two features.
fn predict(model: &Model, points: &[[f64; 2]]) -> Vec<(f64, f64)> {
    let padded = points.len().next_multiple_of(LANES);
    let column = |feature: usize| (0..padded).map(|i| points[i.min(points.len() - 1)][feature]).collect();
    model.predict(&[column(0), column(1)], points.len())
}

const PREDICTED: [([f64; 2], f64, f64); 5] = [
    ([0.1, 0.7], 0.26475281629879194, 0.00980217286011231),
    ([0.2, 0.4], -0.6312677973021351, 0.02707348281211708),
    ([0.6, 0.6], 0.8689454725218886, 0.02575618172675753),
    ([1.0, 1.0], 0.40189425276736856, 0.2061406807747188),
    ([0.0, 0.0], -0.5432815123110686, 0.29881634235164906),
];

#[test]
fn predictions_are_those_of_scikit_learn() {
    let predicted = predict(&model(), &PREDICTED.map(|row| row.0));
    for ((mean, variance), (point, expected_mean, expected_variance)) in predicted.into_iter().zip(PREDICTED) {
        assert!((mean - expected_mean).abs() < 1e-12, "mean {mean} at {point:?}, expected {expected_mean}");
        assert!((variance - expected_variance).abs() < 1e-12, "variance {variance} at {point:?}");
    }
}

#[test]
fn the_likelihood_is_that_of_scikit_learn() {
    let data = Data { features: vec![number(0), number(1)], columns: columns(&X), targets: Y.to_vec() };
    let value = likelihood(&data, &parameters(), &mut Matrix::zeros(5), &mut [0.0; 4]);
    assert!((value - 8.31020213478668).abs() < 1e-12, "{value}");
}

/// What is believed lowers variances and leaves means alone.
#[test]
fn points_believed_in_change_no_mean() {
    let mut all = columns(&X);
    all[0].extend([0.2, 0.6]);
    all[1].extend([0.4, 0.6]);
    let believer = Model::new(&[number(0), number(1)], all, 7, &Y, &parameters());
    let predicted = predict(&believer, &PREDICTED.map(|row| row.0));
    for (place, ((mean, variance), (_, expected_mean, alone))) in predicted.into_iter().zip(PREDICTED).enumerate() {
        assert!((mean - expected_mean).abs() < 1e-12, "{place}: {mean}");
        assert!(variance < alone, "{place}: {variance}");
        assert!(variance < 0.01 || !(1..=2).contains(&place), "{place}: {variance} where it is believed");
    }
}

/// Numbers and labels, one of them with a part of its axis's weight.
fn mixed(points: usize) -> Data {
    let mut stream = Key::study(2).stream(Purpose::Generate);
    let label = |axis, weight| Feature { axis, measure: Measure::Label, weight };
    let mut numbers = || (0..points).map(|_| stream.f64()).collect::<Vec<f64>>();
    let (first, second, third) = (numbers(), numbers(), numbers());
    let targets = first.iter().zip(&third).map(|(a, b)| 3.0 * (a - 0.4).abs() + b).collect();
    let labels = third.iter().map(|x| (x * 3.0).floor()).collect();
    let absences = second.iter().map(|x| f64::from(u8::from(*x > 0.7))).collect();
    Data {
        features: vec![number(0), number(1), label(1, 0.25), label(2, 1.0)],
        columns: vec![first, second, absences, labels],
        targets,
    }
}

/// Checks a gradient against differences of the function that writes it.
#[track_caller]
fn check_gradient(x: &[f64], places: &[usize], mut function: impl FnMut(&[f64], &mut [f64]) -> f64) {
    let (mut gradient, mut ignored) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    function(x, &mut gradient);
    for &place in places {
        let mut at = |x_here: f64| {
            let mut moved = x.to_vec();
            moved[place] = x_here;
            ignored.fill(0.0);
            function(&moved, &mut ignored)
        };
        let difference = (at(x[place] + 1e-5) - at(x[place] - 1e-5)) / 2e-5;
        let slope = gradient[place];
        assert!((slope - difference).abs() < 1e-6 * slope.abs().max(1.0), "{place}: {slope}, expected {difference}");
    }
}

#[test]
fn the_gradient_of_the_fit_is_right() {
    let data = mixed(23);
    let mut slopes = Matrix::zeros(23);
    for logarithms in [[0.0, 0.0, 0.0, 0.0, -4.0], [1.5, -2.0, 0.7, 0.5, -1.0], [-3.0, 3.0, -1.0, -0.4, -9.0]] {
        check_gradient(&logarithms, &[0, 1, 2, 3, 4], |x, gradient| {
            let prior = prior(x, gradient);
            likelihood(&data, &Hyperparameters::from_logarithms(x), &mut slopes, gradient) + prior
        });
    }
}

#[test]
fn the_gradient_of_the_improvement_is_right() {
    let data = mixed(23);
    let parameters = Hyperparameters { inverse_squares: vec![3.0, 0.6, 0.8], signal: 1.2, noise: 0.02 };
    let model = Model::new(&data.features, data.columns.clone(), 23, &data.targets[..20], &parameters);
    for point in [[0.3, 0.5, 0.0, 1.0], [0.9, 0.1, 1.0, 2.0], [0.0, 1.0, 0.0, 0.0]] {
        check_gradient(&point, &[0, 1], |x, gradient| model.log_improvement(x, gradient));
        let columns: Vec<Vec<f64>> = point.iter().map(|x| vec![*x; LANES]).collect();
        let (many, one) = (model.log_improvements(&columns, 1)[0], model.log_improvement(&point, &mut [0.0; 4]));
        assert!((many - one).abs() < 1e-9, "{many} {one}");
    }
}

#[test]
fn fits_are_made_at_fixed_numbers_of_observations() {
    for (observations, fitted) in [(1, 1), (31, 31), (32, 32), (33, 32), (65, 64), (127, 124), (255, 248), (500, 496)] {
        assert_eq!(super::fitted_size(observations), fitted, "{observations} observations");
    }
}
