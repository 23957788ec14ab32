//! Where the expected improvement is largest.
//!
//! Many points are looked at, and from the best of them the way leads uphill: along the continuous parameters by their
//! gradient, then to the best point that differs in one of the others, until nothing is better.

use tunefork_rng::Stream;
use tunefork_space::{Domain, Point, Space};

use super::{
    axes::{Axes, Measure, coordinate, internal, is_choice},
    lbfgs::{Stop, minimise},
    matern::LANES,
    model::Model,
};
use crate::random::draw;

/// Points drawn from all of the space.
const ANYWHERE: usize = 512;

/// Points drawn near each of the best trials.
const NEAR: usize = 32;

/// How far such a point may lie from its trial, as a deviation in parts of the range, from one to the next.
const SPREADS: [f64; 4] = [0.2, 0.05, 0.01, 0.002];

/// From so many points the way leads uphill.
const STARTS: usize = 5;

/// How often the way changes between continuous and other parameters at most.
const ROUNDS: usize = 8;

/// A parameter with up to so many values is tried with all of them; others with steps of 1, 2, 4 … to both sides.
const FEW_VALUES: u64 = 16;

/// When the way along the continuous parameters ends.
const STOP: Stop = Stop { steps: 40, slope: 1e-3, gain: 1e-6 };

/// Which points there are: those of a space, or single values of one parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach<'a> {
    pub(super) space: &'a Space,
    /// The parameter that is asked for by itself.
    pub(super) alone: Option<usize>,
}

impl Reach<'_> {
    fn is_active(&self, point: &Point, parameter: usize) -> bool {
        self.alone.map_or_else(|| self.space.is_active(point, parameter), |alone| alone == parameter)
    }

    /// A point made of the values that `value` gives the active parameters.
    fn point(&self, mut value: impl FnMut(usize, &Domain) -> f64) -> Point {
        let mut point = Point::absent(self.space.len());
        for &parameter in self.space.topological_order() {
            if self.is_active(&point, parameter) {
                point.set(parameter, value(parameter, self.space.domain(parameter)));
            }
        }
        point
    }

    /// A point near another one: some values are the same, others are changed a little.
    fn near(&self, from: &Point, spread: f64, stream: &mut Stream) -> Point {
        self.point(|parameter, domain| {
            let (old, chance) = (from.get(parameter), stream.f64());
            match domain {
                _ if domain.is_single() || old.is_nan() => draw(domain, stream),
                Domain::Categorical { .. } if chance < 0.2 || !is_choice(domain, old) => draw(domain, stream),
                Domain::Categorical { .. } => old.floor(),
                _ if chance < 0.5 => internal(domain, coordinate(domain, old)),
                _ => internal(domain, (coordinate(domain, old) + spread * stream.normal()).clamp(0.0, 1.0)),
            }
        })
    }
}

/// A search for the largest improvement that a model expects.
pub(super) struct Search<'a> {
    pub(super) reach: Reach<'a>,
    pub(super) axes: &'a Axes<'a>,
    pub(super) model: &'a Model,
}

/// A point and ln of the improvement expected there.
pub(super) type Scored = (Point, f64);

impl Search<'_> {
    /// Points from all of the space and near some trials, best first; of equal ones the first drawn.
    fn candidates(&self, trials: &[Point], stream: &mut Stream) -> Vec<Scored> {
        let mut points: Vec<Point> = trials.iter().take(1).map(|trial| self.reach.near(trial, 0.0, stream)).collect();
        points.extend((0..ANYWHERE).map(|_| self.reach.point(|_, domain| draw(domain, stream))));
        for trial in trials {
            points.extend((0..NEAR).map(|i| self.reach.near(trial, SPREADS[i % SPREADS.len()], stream)));
        }
        let mut scored = self.score(points);
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        // In a space of few points the same ones are drawn again and again.
        scored.dedup_by(|a, b| a.0 == b.0);
        scored
    }

    /// The points that are best where they are, best first, as far as `is_allowed`; from the points near `trials` and others.
    /// `tries` is how often that may be asked before the search begins; nothing if it is never so.
    pub(super) fn best(
        &self,
        trials: &[Point],
        tries: usize,
        mut is_allowed: impl FnMut(&Point) -> bool,
        stream: &mut Stream,
    ) -> Option<Point> {
        let candidates = self.candidates(trials, stream);
        let starts = candidates.into_iter().take(tries).filter(|(point, _)| is_allowed(point)).take(STARTS);
        let starts: Vec<Scored> = starts.collect();
        let mut ends: Vec<Scored> = starts.iter().map(|start| self.climb(start.clone(), stream)).collect();
        ends.extend(starts);
        ends.sort_by(|a, b| b.1.total_cmp(&a.1));
        ends.into_iter().map(|(point, _)| point).find(is_allowed)
    }

    fn score(&self, points: Vec<Point>) -> Vec<Scored> {
        let last = points.len().saturating_sub(1);
        let padded = points.len().next_multiple_of(LANES);
        let columns = self.axes.columns(padded, |point, parameter| points[point.min(last)].get(parameter));
        let scores = self.model.log_improvements(&columns, points.len());
        points.into_iter().zip(scores).collect()
    }

    /// The way uphill from a point to its end.
    fn climb(&self, (mut point, mut score): Scored, stream: &mut Stream) -> Scored {
        for _ in 0..ROUNDS {
            let before = score;
            self.slide(&mut point, &mut score);
            if !self.step(&mut point, &mut score, stream) && score - before < STOP.gain {
                break;
            }
        }
        (point, score)
    }

    /// Moves the continuous parameters along the gradient.
    fn slide(&self, point: &mut Point, score: &mut f64) {
        let features = self.axes.features();
        let is_continuous = |place: &usize| {
            let parameter = self.axes.parameter(features[*place]);
            let is_number = features[*place].measure == Measure::Number;
            is_number && point.has(parameter) && self.reach.space.domain(parameter).size().is_none()
        };
        let places: Vec<usize> = (0..features.len()).filter(is_continuous).collect();
        if places.is_empty() {
            return;
        }
        let mut all: Vec<f64> = self.axes.columns(1, |_, parameter| point.get(parameter)).concat();
        // In units of the length scales all slopes are of one size.
        let unit: Vec<f64> = places.iter().map(|&place| self.model.sharpness(place)).collect();
        let bounds: Vec<(f64, f64)> = unit.iter().map(|unit| (0.0, *unit)).collect();
        let mut x: Vec<f64> = places.iter().zip(&unit).map(|(&place, unit)| all[place] * unit).collect();
        let mut slopes = vec![0.0; features.len()];
        minimise(&mut x, &bounds, STOP, |x, gradient| {
            places.iter().zip(x.iter().zip(&unit)).for_each(|(&place, (x, unit))| all[place] = x / unit);
            let value = self.model.log_improvement(&all, &mut slopes);
            let scaled = places.iter().zip(&unit).map(|(&place, unit)| -slopes[place] / unit);
            gradient.iter_mut().zip(scaled).for_each(|(slope, scaled)| *slope = scaled);
            -value
        });
        let mut moved = point.clone();
        for (&place, (x, unit)) in places.iter().zip(x.iter().zip(&unit)) {
            let parameter = self.axes.parameter(features[place]);
            moved.set(parameter, internal(self.reach.space.domain(parameter), (x / unit).min(1.0)));
        }
        self.take_if_better(vec![moved], point, score);
    }

    /// Moves to the best of the points that differ in one parameter that is not continuous, if it is better.
    fn step(&self, point: &mut Point, score: &mut f64, stream: &mut Stream) -> bool {
        let mut others = Vec::new();
        for parameter in (0..self.reach.space.len()).filter(|&parameter| point.has(parameter)) {
            for value in neighbours(self.reach.space.domain(parameter), point.get(parameter)) {
                // What the value brings into being is drawn, what it ends is left out.
                others.push(self.reach.point(|other, domain| match point.get(other) {
                    _ if other == parameter => value,
                    old if old.is_nan() => draw(domain, stream),
                    old => old,
                }));
            }
        }
        !others.is_empty() && self.take_if_better(others, point, score)
    }

    /// Replaces a point by the best of others if that is better.
    fn take_if_better(&self, others: Vec<Point>, point: &mut Point, score: &mut f64) -> bool {
        let mut is_better = false;
        for (other, other_score) in self.score(others) {
            if other_score > *score {
                (*point, *score, is_better) = (other, other_score, true);
            }
        }
        is_better
    }
}

/// The values to try in place of one: all if there are few, or ever farther ones to both sides; none on a continuous domain.
fn neighbours(domain: &Domain, value: f64) -> Vec<f64> {
    let (Some(size), Some(rank)) = (domain.size(), domain.rank(value)) else { return Vec::new() };
    let ranks: Vec<u64> = if size <= FEW_VALUES || domain.is_categorical() {
        (0..size).filter(|other| *other != rank).collect()
    } else {
        let steps = || (0..u64::BITS - 1).map(|power| 1 << power).take_while(|step| *step < size);
        let up = steps().map(|step| rank + step).filter(|rank| *rank < size);
        steps().filter_map(|step| rank.checked_sub(step)).chain(up).collect()
    };
    ranks.into_iter().map(|rank| domain.nth(rank)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_few_and_of_many_values() {
        assert_eq!(neighbours(&Domain::int(1, 4).unwrap(), 2.0), [1.0, 3.0, 4.0]);
        assert_eq!(
            neighbours(&Domain::int(0, 99).unwrap(), 5.0),
            [4.0, 3.0, 1.0, 6.0, 7.0, 9.0, 13.0, 21.0, 37.0, 69.0]
        );
        assert_eq!(neighbours(&Domain::uniform(0.0, 1.0).unwrap(), 0.5), [0.0; 0]);
        assert_eq!(neighbours(&Domain::choice(["a", "b"]).unwrap(), 1.0), [0.0]);
    }
}
