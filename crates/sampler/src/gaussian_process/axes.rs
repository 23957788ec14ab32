//! From internal values to coordinates in which distances mean something.

use tunefork_space::{Domain, Space};

/// The coordinate of a numeric parameter that a point does not have.
const MIDDLE: f64 = 0.5;

/// What its absence adds to a squared distance, as a share of that between the ends of its range.
const ABSENCE: f64 = 0.25;

/// How the distance of two coordinates is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Measure {
    /// By their difference.
    Number,
    /// 1 if they differ, whatever they are (Hamming).
    Label,
}

/// One coordinate of a point.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Feature {
    /// Which length scale it is measured by.
    pub(super) axis: usize,
    pub(super) measure: Measure,
    /// What its squared distance counts.
    pub(super) weight: f64,
}

/// The parameters that a model is made of; each has one length scale.
///
/// A numeric parameter is its place in its (on log domains: logarithmic) range, from 0 to 1; a value from outside counts as
/// the nearer end. A categorical one is a label. Where a parameter can be absent, absence is a place beside the middle of the
/// range, no nearer to any value than half of the range: all absences are equal, and the kernel stays positive definite, which
/// the same distance to all values would not give. An absent choice is one more label.
#[derive(Clone, Debug)]
pub(super) struct Axes<'a> {
    space: &'a Space,
    /// The parameter of each axis.
    parameters: Vec<usize>,
    features: Vec<Feature>,
}

impl<'a> Axes<'a> {
    /// The axes of those of `parameters` that have more than one value; `can_lack` says which can be absent.
    pub(super) fn new(space: &'a Space, parameters: &[usize], can_lack: impl Fn(usize) -> bool) -> Self {
        let parameters: Vec<usize> = parameters.iter().copied().filter(|&p| !space.domain(p).is_single()).collect();
        let mut features = Vec::new();
        for (axis, &parameter) in parameters.iter().enumerate() {
            if space.domain(parameter).is_categorical() {
                features.push(Feature { axis, measure: Measure::Label, weight: 1.0 });
                continue;
            }
            features.push(Feature { axis, measure: Measure::Number, weight: 1.0 });
            if can_lack(parameter) {
                features.push(Feature { axis, measure: Measure::Label, weight: ABSENCE });
            }
        }
        Self { space, parameters, features }
    }

    pub(super) fn len(&self) -> usize {
        self.parameters.len()
    }

    pub(super) fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The parameter that a feature is of.
    pub(super) fn parameter(&self, feature: Feature) -> usize {
        self.parameters[feature.axis]
    }

    /// Coordinates by feature of the points whose internal values `value(point, parameter)` tells.
    pub(super) fn columns(&self, points: usize, value: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
        let column = |feature: &Feature| {
            let parameter = self.parameter(*feature);
            let domain = self.space.domain(parameter);
            (0..points).map(|point| feature_of(domain, *feature, value(point, parameter))).collect()
        };
        self.features.iter().map(column).collect()
    }
}

fn feature_of(domain: &Domain, feature: Feature, internal: f64) -> f64 {
    match (domain, feature.measure) {
        (Domain::Categorical { .. }, _) if is_choice(domain, internal) => internal.floor(),
        (Domain::Categorical { .. }, _) => -1.0,
        (_, Measure::Label) => f64::from(u8::from(internal.is_nan())),
        (_, Measure::Number) if internal.is_nan() => MIDDLE,
        (_, Measure::Number) => coordinate(domain, internal),
    }
}

/// Whether an internal value is one of today's choices.
pub(super) fn is_choice(domain: &Domain, internal: f64) -> bool {
    domain.size().is_some_and(|size| (0.0..size as f64).contains(&internal))
}

/// Where in its range a numeric value lies, from 0 to 1.
pub(super) fn coordinate(domain: &Domain, internal: f64) -> f64 {
    let (low, high) = domain.bounds().unwrap_or((0.0, 1.0));
    let place = (domain.transform(internal) - low) / (high - low);
    if place >= 0.0 { place.min(1.0) } else { 0.0 }
}

/// The internal value at a place in the range.
pub(super) fn internal(domain: &Domain, coordinate: f64) -> f64 {
    let (low, high) = domain.bounds().unwrap_or((0.0, 1.0));
    domain.untransform(low + coordinate * (high - low))
}

#[cfg(test)]
mod tests {
    use tunefork_space::Parameter;

    use super::*;

    #[test]
    fn coordinates_of_all_kinds() {
        let space = Space::new(vec![
            Parameter::new("rate", Domain::log(1e-4, 1.0).unwrap()),
            Parameter::new("layers", Domain::int(1, 4).unwrap()),
            Parameter::new("kind", Domain::choice(["a", "b"]).unwrap()),
            Parameter::new("fixed", Domain::int(3, 3).unwrap()),
            Parameter::new("only_a", Domain::uniform(0.0, 10.0).unwrap()).when("kind", ["a"]),
        ])
        .unwrap();
        let axes = Axes::new(&space, &[0, 1, 2, 3, 4], |parameter| parameter == 4);
        let points = [[1e-2, 4.0, 0.0, 3.0, 7.0], [-1.0, 99.0, 2.0, 3.0, f64::NAN]];
        let columns = axes.columns(2, |point, parameter| points[point][parameter]);
        let expected = [[0.5, 0.0], [0.875, 1.0], [0.0, -1.0], [0.7, 0.5], [0.0, 1.0]];
        for (column, expected) in columns.iter().zip(expected) {
            assert!(column.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{column:?} {expected:?}");
        }
        assert_eq!((axes.len(), columns.len()), (4, 5));
        assert_eq!(internal(space.domain(1), columns[1][0]), 4.0);
    }
}
