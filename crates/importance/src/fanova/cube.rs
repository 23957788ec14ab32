//! Trials as points of the unit cube, in which equal volumes are equally likely.

use tunefork_rng::Stream;
use tunefork_space::Domain;
use tunefork_trial::History;

/// Points of the unit cube, and a value at each.
pub(crate) struct Cube {
    /// For each axis a coordinate of each point.
    pub(crate) axes: Vec<Vec<f64>>,
    /// Their mean is 0, and the largest is of size 1; all are 0 if they are equal.
    pub(crate) values: Vec<f64>,
}

impl Cube {
    /// These trials of a study, with an axis for each of these parameters.
    pub(crate) fn new(history: &History, parameters: &[usize], trials: &[usize], absent: &mut Stream) -> Self {
        let values = centred(trials.iter().map(|trial| history.values()[*trial]).collect());
        let axis = |parameter: &usize| {
            let column = history.column(*parameter);
            let domain = history.space().domain(*parameter);
            axis(domain, trials.iter().map(|trial| column[*trial]).collect(), &values, absent)
        };
        Self { axes: parameters.iter().map(axis).collect(), values }
    }
}

/// Values around 0, the largest of size 1: shares of a variance are the same in any unit, and here no square is too large.
fn centred(mut values: Vec<f64>) -> Vec<f64> {
    scale(&mut values);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter_mut().for_each(|value| *value -= mean);
    scale(&mut values);
    values
}

fn scale(values: &mut [f64]) {
    let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest > 0.0 {
        values.iter_mut().for_each(|value| *value /= largest);
    }
}

/// Coordinates of internal values. A parameter that a trial lacks does nothing there, whatever its value: it gets any.
fn axis(domain: &Domain, internal: Vec<f64>, values: &[f64], absent: &mut Stream) -> Vec<f64> {
    let coordinate: Box<dyn Fn(f64) -> f64> = match domain.bounds() {
        Some((low, high)) => Box::new(move |value| (domain.transform(value) - low) / (high - low)),
        None => {
            let places = places(domain, &internal, values);
            Box::new(move |choice| (places[choice as usize] as f64 + 0.5) / places.len() as f64)
        }
    };
    let place = |value: f64| if value.is_nan() { absent.f64() } else { coordinate(value).clamp(0.0, 1.0) };
    internal.into_iter().map(place).collect()
}

/// The place of each choice if they stand in the order of their mean values. The best division of choices into two sets
/// is then one into a lower and an upper part: W. D. Fisher, "On Grouping for Maximum Homogeneity", 1958.
fn places(domain: &Domain, internal: &[f64], values: &[f64]) -> Vec<usize> {
    let mut sums = vec![(0.0, 0.0_f64); domain.size().map_or(0, |size| size as usize)];
    for (choice, value) in internal.iter().zip(values).filter(|(choice, _)| !choice.is_nan()) {
        let (sum, count) = &mut sums[*choice as usize];
        *sum += value;
        *count += 1.0;
    }
    // A choice without a trial has the mean of all, which is 0.
    let means: Vec<f64> = sums.iter().map(|(sum, count)| sum / count.max(1.0)).collect();
    let mut order: Vec<usize> = (0..means.len()).collect();
    order.sort_by(|a, b| means[*a].total_cmp(&means[*b]));
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, choice)| places[*choice] = place);
    places
}

#[cfg(test)]
mod tests {
    use tunefork_rng::{Key, Purpose};

    use super::*;

    fn axis_of(domain: Domain, internal: &[f64], values: &[f64]) -> Vec<f64> {
        axis(&domain, internal.to_vec(), values, &mut Key::study(1).stream(Purpose::Resample))
    }

    #[test]
    fn each_value_of_a_grid_has_the_same_share() {
        let int = axis_of(Domain::int(1, 4).unwrap(), &[1.0, 2.0, 4.0], &[0.0; 3]);
        assert_eq!(int, [0.125, 0.375, 0.875]);
        let log = axis_of(Domain::log(1e-4, 1.0).unwrap(), &[1e-4, 1e-2, 1.0], &[0.0; 3]);
        assert_eq!((log[0], log[2]), (0.0, 1.0));
        assert!((log[1] - 0.5).abs() < 1e-12);
    }

    #[test]
    fn choices_stand_in_the_order_of_their_means() {
        let domain = Domain::choice(["a", "b", "c", "never"]).unwrap();
        let axis = axis_of(domain, &[0.0, 0.0, 1.0, 2.0], &[0.2, 0.4, -1.0, 0.1]);
        assert_eq!(axis, [0.875, 0.875, 0.125, 0.625]);
    }

    #[test]
    fn a_parameter_that_is_absent_lies_anywhere() {
        let axis = axis_of(Domain::uniform(0.0, 1.0).unwrap(), &[f64::NAN, 0.5, f64::NAN], &[0.0; 3]);
        assert_eq!(axis[1], 0.5);
        assert!(axis[0] != axis[2] && axis.iter().all(|at| (0.0..1.0).contains(at)));
    }

    #[test]
    fn values_of_any_size_are_centred() {
        for size in [1e308, 1.0, 1e-300] {
            let values = centred(vec![size, -size, 0.0, size]);
            assert!(values.iter().sum::<f64>().abs() < 1e-15, "{values:?}");
            assert_eq!(values[1], -1.0);
        }
        assert_eq!(centred(vec![0.1; 7]), [0.0; 7]);
    }
}
