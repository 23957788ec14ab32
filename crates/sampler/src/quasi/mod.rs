//! Points that fill a space more evenly than random ones: scrambled low-discrepancy sequences.
//!
//! `sobol` and `halton` say where on one axis each point of the sequence stands, `joe_kuo` has Sobol's direction numbers.

mod halton;
mod joe_kuo;
mod sobol;

use std::fmt;

use tunefork_rng::{Key, Purpose, philox4x32_10};
use tunefork_space::{Point, Space};

use self::{halton::Halton, joe_kuo::DIMENSIONS, sobol::Sobol};
use crate::{
    Ask, Proposal, Random, Sampler, SamplerKind,
    random::{Among, quantile},
};

/// So many points in a row that the region does not admit end the sequence: a region that small is no better filled by it than by random
/// draws. Whether a point is admitted may take milliseconds to say.
const LONGEST_GAP: u32 = 500;

/// Which sequence [`QuasiRandom`] takes its points from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sequence {
    /// Sobol's, under a random linear map of the binary digits and a random shift. Of the first 2^k points each interval of length 2^-k of
    /// each parameter has exactly one, so studies of 2^k trials are filled best.
    Sobol,
    /// Halton's, with random permutations of the digits. Each parameter counts in a prime of its own, so that no number of trials is
    /// better than others for all of them.
    Halton,
}

impl Sequence {
    /// The axis of one dimension, scrambled by the study's key.
    fn axis(self, dimension: usize, key: Key) -> Box<dyn Axis> {
        let mut stream = key.stream_at(Purpose::Scramble, dimension as u64);
        match self {
            _ if dimension >= DIMENSIONS => {
                Box::new(Independent { key: key.counter_key(Purpose::Scramble), dimension: dimension as u32 })
            }
            Self::Sobol => Box::new(Sobol::new(dimension, &mut stream)),
            Self::Halton => Box::new(Halton::new(dimension, &mut stream)),
        }
    }
}

/// Proposes the points of a scrambled low-discrepancy sequence, one after the other, whatever became of the trials before.
///
/// The points are as uniform as those of [`Random`], each by itself, and leave smaller gaps together. The scramble comes from the study's
/// key: other seeds give other points.
///
/// Each parameter that has more than one value is a dimension of the sequence, in the order of the space, and a conditional one keeps its
/// dimension where it is inactive. The first 128 dimensions are those of the sequence; further ones are independent random numbers.
///
/// The n-th proposal of a study is the n-th point of the sequence that the region admits, so that a part of the space is filled as evenly as the
/// whole. From the first gap of 500 points on that are not admitted, proposals are drawn as [`Random`] draws them, and repetitions are
/// not avoided. In a finite space points may repeat: the sequence does not end.
#[derive(Debug)]
pub struct QuasiRandom {
    sequence: Sequence,
    /// The study that all below belongs to: a cache.
    study: Option<(Key, Space)>,
    /// By parameter of the space; none where there is but one value.
    axes: Vec<Option<Box<dyn Axis>>>,
    scan: Scan,
    /// Draws where the sequence met nothing that is admitted.
    random: Random,
}

/// How far the sequence has been looked through for points of the region.
#[derive(Clone, Copy, Default, Debug)]
struct Scan {
    /// The next point of the sequence.
    index: u32,
    /// How many before it are admitted.
    admitted: u32,
    /// How many stand between it and the last one admitted; at most [`LONGEST_GAP`].
    gap: u32,
}

/// Where the points of a sequence stand in one dimension.
trait Axis: fmt::Debug + Send {
    /// The coordinate of one point, in [0, 1).
    fn at(&self, index: u32) -> f64;
}

/// A dimension of which the sequence knows nothing: random numbers.
#[derive(Debug)]
struct Independent {
    key: [u32; 2],
    dimension: u32,
}

impl Axis for Independent {
    fn at(&self, index: u32) -> f64 {
        let [low, high, ..] = philox4x32_10(self.key, [index, self.dimension, 0, 0]);
        unit(u64::from(high) << 32 | u64::from(low))
    }
}

/// The binary digits of a number in [0, 1), of which a float holds the first 53.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

impl QuasiRandom {
    /// A sampler of one sequence.
    pub fn new(sequence: Sequence) -> Self {
        Self { sequence, study: None, axes: Vec::new(), scan: Scan::default(), random: Random::new() }
    }

    /// Forgets what belongs to another study.
    fn meet(&mut self, ask: &Ask<'_>) {
        let space = ask.history.space();
        if self.study.as_ref().is_some_and(|(key, known)| *key == ask.key && known == space) {
            return;
        }
        let mut dimensions = 0..;
        let mut axis = || dimensions.next().map(|dimension| self.sequence.axis(dimension, ask.key));
        let parameters = space.parameters().iter();
        self.axes = parameters.map(|parameter| if parameter.domain.is_single() { None } else { axis() }).collect();
        self.scan = Scan::default();
        self.study = Some((ask.key, space.clone()));
    }

    /// The value of one parameter at one point of the sequence.
    fn value(&self, space: &Space, parameter: usize, index: u32) -> f64 {
        let u = self.axes[parameter].as_ref().map_or(0.0, |axis| axis.at(index));
        quantile(space.domain(parameter), u)
    }

    /// One point of the sequence.
    fn point(&self, space: &Space, index: u32) -> Point {
        let mut point = Point::absent(space.len());
        for &parameter in space.topological_order() {
            if space.is_active(&point, parameter) {
                point.set(parameter, self.value(space, parameter, index));
            }
        }
        point
    }

    /// The point before which as many are admitted as were proposed; none behind the first long gap.
    fn nth_admitted(&mut self, ask: &Ask<'_>) -> Option<Point> {
        let space = ask.history.space();
        if ask.region.is_whole() {
            return Some(self.point(space, ask.proposed));
        }
        if self.scan.admitted > ask.proposed {
            self.scan = Scan::default();
        }
        while self.scan.gap < LONGEST_GAP {
            let point = self.point(space, self.scan.index);
            self.scan.index = self.scan.index.wrapping_add(1);
            self.scan.gap += 1;
            if ask.region.admits(&point) {
                self.scan.gap = 0;
                self.scan.admitted += 1;
                if self.scan.admitted > ask.proposed {
                    return Some(point);
                }
            }
        }
        None
    }
}

impl Sampler for QuasiRandom {
    fn name(&self) -> &'static str {
        match self.sequence {
            Sequence::Sobol => SamplerKind::Sobol.name(),
            Sequence::Halton => SamplerKind::Halton.name(),
        }
    }

    fn propose(&mut self, ask: &Ask<'_>) -> Proposal {
        self.meet(ask);
        match self.nth_admitted(ask) {
            Some(point) => Proposal::Point(point),
            None => self.random.draw(ask, &mut ask.stream(), Among::All),
        }
    }

    /// The parameter's value at the point number `ask.proposed` of the sequence: in a study that asks for each parameter by itself,
    /// they fill the space as evenly as points that are proposed whole.
    fn propose_one(&mut self, ask: &Ask<'_>, parameter: usize) -> f64 {
        self.meet(ask);
        self.value(ask.history.space(), parameter, ask.proposed)
    }

    fn trials(&self, _space: &Space) -> Option<u64> {
        None
    }
}
