//! Independent uniform draws.

use tunefork_rng::Stream;
use tunefork_space::{Domain, Point, Space};
use tunefork_trial::History;

use crate::{Ask, Proposal, Sampler, SamplerError, SamplerKind, points::Points};

/// How often a duplicate is redrawn before the unused points are counted.
const REDRAWS: u32 = 32;

/// Draws every parameter uniformly from its (on log domains: logarithmic) range.
///
/// In a finite space no point is proposed twice, and when all are used the proposal is
/// [`Proposal::Exhausted`].
#[derive(Debug, Default)]
pub struct Random {
    /// The points of the space seen last; a cache.
    points: Option<(Space, Result<Points, SamplerError>)>,
}

impl Random {
    /// A random sampler; there is nothing to set.
    pub fn new() -> Self {
        Self::default()
    }

    /// One of the unused points, each equally likely.
    fn unused(&mut self, ask: &Ask<'_>, stream: &mut Stream) -> Proposal {
        let space = ask.history.space();
        let cached = self.points.take().filter(|(cached, _)| cached == space);
        let (_, points) = self.points.insert(cached.unwrap_or_else(|| (space.clone(), Points::new(space))));
        let Ok(points) = points else {
            // Too many points to be counted, yet all draws were duplicates: only a space made of
            // very unlikely values can do that, and a repetition does no harm there.
            return Proposal::Point(draw_point(space, stream));
        };
        let others = others(ask).map(|trial| ask.history.point(trial));
        let mut used: Vec<u64> = others.filter_map(|point| points.rank(space, &point)).collect();
        used.sort_unstable();
        used.dedup();
        let unused = points.total() - used.len() as u64;
        if unused == 0 {
            return Proposal::Exhausted;
        }
        let mut number = stream.below(unused);
        for rank in used {
            if rank > number {
                break;
            }
            number += 1;
        }
        points.nth(space, number).map_or(Proposal::Exhausted, Proposal::Point)
    }
}

impl Sampler for Random {
    fn name(&self) -> &'static str {
        SamplerKind::Random.name()
    }

    fn propose(&mut self, ask: &Ask<'_>) -> Proposal {
        let mut stream = ask.stream();
        for _ in 0..REDRAWS {
            let point = draw_point(ask.history.space(), &mut stream);
            if !is_used(ask, &point) {
                return Proposal::Point(point);
            }
        }
        self.unused(ask, &mut stream)
    }

    fn propose_one(&mut self, ask: &Ask<'_>, parameter: usize) -> f64 {
        draw(ask.history.space().domain(parameter), &mut ask.stream_of(parameter))
    }

    fn trials(&self, space: &Space) -> Option<u64> {
        Points::new(space).ok().map(|points| points.total())
    }
}

/// The trials in the history other than the one asked for.
fn others(ask: &Ask<'_>) -> impl Iterator<Item = tunefork_trial::TrialNumber> {
    let own = ask.number;
    ask.history.numbers().filter(move |&trial| trial != own)
}

/// Whether another trial has exactly this point.
fn is_used(ask: &Ask<'_>, point: &Point) -> bool {
    let same = |history: &History, trial: usize| {
        point.values().iter().enumerate().all(|(parameter, value)| {
            let other = history.column(parameter)[trial];
            other == *value || (other.is_nan() && value.is_nan())
        })
    };
    others(ask).any(|trial| same(ask.history, trial.index()))
}

/// A random value for every parameter that is active.
pub(crate) fn draw_point(space: &Space, stream: &mut Stream) -> Point {
    let mut point = Point::absent(space.len());
    for &index in space.topological_order() {
        if space.is_active(&point, index) {
            point.set(index, draw(space.domain(index), stream));
        }
    }
    point
}

/// A random internal value of one domain.
pub(crate) fn draw(domain: &Domain, stream: &mut Stream) -> f64 {
    match domain.bounds() {
        _ if domain.is_single() => domain.nth(0),
        Some((low, high)) => domain.untransform(low + stream.f64() * (high - low)),
        None => domain.nth(stream.below(domain.size().unwrap_or(1))),
    }
}
