//! Independent uniform draws.

use tunefork_rng::Stream;
use tunefork_space::{Domain, Point, Space};
use tunefork_trial::History;

use crate::{Ask, Proposal, Sampler, SamplerError, SamplerKind, points::Points, walk::walk};

/// How often a duplicate is redrawn before the unused points are counted.
const REDRAWS: u32 = 32;

/// How often a point outside of the region is redrawn before one is looked for by steps from its corners. Whether a point is admitted may
/// take milliseconds to say.
const REJECTIONS: u32 = 100;

/// How many points are counted out, where no corner is admitted either, before a region is taken to be empty.
const COUNTED: u32 = 500;

/// How often a walk that ends at a used point is begun again.
const WALKS: u32 = 4;

/// Which points of a region are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Among {
    /// All.
    All,
    /// Those that no other trial has.
    Unused,
}

/// Draws every parameter uniformly from its (on log domains: logarithmic) range.
///
/// In a finite space no point is proposed twice, and when all that the region admits are used the proposal is
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

    /// A point of the region, each equally likely: of all, or of those that no other trial has. Where a hundred draws met none and the
    /// space is too large to be counted out, one to which steps from a corner lead.
    pub(crate) fn draw(&mut self, ask: &Ask<'_>, stream: &mut Stream, among: Among) -> Proposal {
        let (mut duplicates, mut rejected) = (0, 0);
        while duplicates < REDRAWS && rejected < REJECTIONS {
            let point = draw_point(ask.history.space(), stream);
            if among == Among::Unused && is_used(ask, &point) {
                duplicates += 1;
            } else if ask.region.admits(&point) {
                return Proposal::Point(point);
            } else {
                rejected += 1;
            }
        }
        // A space that is small enough is counted out, which misses nothing.
        let is_small = self.points(ask.history.space()).as_ref().is_ok_and(|points| points.total() <= COUNTED.into());
        let walked = (rejected == REJECTIONS && !is_small).then(|| step_along(ask, stream, among)).flatten();
        walked.map_or_else(|| self.count(ask, stream, among), Proposal::Point)
    }

    /// The points of a space, worked out once.
    fn points(&mut self, space: &Space) -> &Result<Points, SamplerError> {
        let cached = self.points.take().filter(|(cached, _)| cached == space);
        let (_, points) = self.points.insert(cached.unwrap_or_else(|| (space.clone(), Points::new(space))));
        points
    }

    /// The same where most draws are of no use: of a finite space, the points that are left are counted.
    fn count(&mut self, ask: &Ask<'_>, stream: &mut Stream, among: Among) -> Proposal {
        let space = ask.history.space();
        let Ok(points) = self.points(space) else {
            // Too many points to be counted, yet all draws were duplicates: only a space made of
            // very unlikely values can do that, and a repetition does no harm there.
            let point = draw_point(space, stream);
            return if ask.region.admits(&point) { Proposal::Point(point) } else { Proposal::Exhausted };
        };
        let others = others(ask).filter(|_| among == Among::Unused).map(|trial| ask.history.point(trial));
        let mut out: Vec<u64> = others.filter_map(|point| points.rank(space, &point)).collect();
        out.sort_unstable();
        out.dedup();
        for _ in 0..COUNTED {
            let left = points.total() - out.len() as u64;
            if left == 0 {
                break;
            }
            let rank = nth_but(&out, stream.below(left));
            let Some(point) = points.nth(space, rank) else { break };
            if ask.region.admits(&point) {
                return Proposal::Point(point);
            }
            out.insert(out.partition_point(|other| *other < rank), rank);
        }
        Proposal::Exhausted
    }
}

impl Sampler for Random {
    fn name(&self) -> &'static str {
        SamplerKind::Random.name()
    }

    fn propose(&mut self, ask: &Ask<'_>) -> Proposal {
        self.draw(ask, &mut ask.stream(), Among::Unused)
    }

    fn propose_one(&mut self, ask: &Ask<'_>, parameter: usize) -> f64 {
        draw(ask.history.space().domain(parameter), &mut ask.stream_of(parameter))
    }

    fn trials(&self, space: &Space) -> Option<u64> {
        Points::new(space).ok().map(|points| points.total())
    }
}

/// The same where the region is too small a part of the space to be met.
fn step_along(ask: &Ask<'_>, stream: &mut Stream, among: Among) -> Option<Point> {
    let mut walks = (0..WALKS).map_while(|_| walk(ask, stream));
    walks.find(|point| among == Among::All || !is_used(ask, point))
}

/// The trials in the history other than the one asked for.
pub(crate) fn others(ask: &Ask<'_>) -> impl Iterator<Item = tunefork_trial::TrialNumber> {
    let own = ask.number;
    ask.history.numbers().filter(move |&trial| trial != own)
}

/// The `number`th of the whole numbers that are not in `out`, which is sorted.
fn nth_but(out: &[u64], mut number: u64) -> u64 {
    for rank in out {
        if *rank > number {
            break;
        }
        number += 1;
    }
    number
}

/// Whether another trial has exactly this point.
pub(crate) fn is_used(ask: &Ask<'_>, point: &Point) -> bool {
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
    match domain.size() {
        _ if domain.is_single() => domain.nth(0),
        Some(choices) if domain.is_categorical() => domain.nth(stream.below(choices)),
        _ => quantile(domain, stream.f64()),
    }
}

/// The internal value of which a share `u`, in [0, 1), of the random ones is smaller.
pub(crate) fn quantile(domain: &Domain, u: f64) -> f64 {
    match domain.bounds() {
        Some((low, high)) => domain.untransform(low + u * (high - low)),
        None => domain.nth((u * domain.size().unwrap_or(1) as f64) as u64),
    }
}
