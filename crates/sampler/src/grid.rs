//! Every point of a finite space, once.

use tunefork_space::{Point, Space};

use crate::{Ask, Proposal, Region, Sampler, SamplerError, SamplerKind, points::Points, random::draw};

/// Proposes every point of a finite space exactly once, in a fixed order.
///
/// Conditions are respected: what is inactive takes no part, so no configuration appears twice. The
/// parameters that others depend on vary slowest; of the others the last one varies fastest. The
/// n-th proposal of a study is the n-th point that the region admits, whatever became of the trials before: a failed trial
/// is not repeated.
#[derive(Debug)]
pub struct Grid {
    space: Space,
    points: Points,
    /// The point after the last one proposed, and how many are admitted before it: a cache.
    next: (u64, u64),
}

impl Grid {
    /// The grid of a space.
    ///
    /// # Errors
    /// A parameter with infinitely many values; more points than can be counted.
    pub fn new(space: &Space) -> Result<Self, SamplerError> {
        Ok(Self { points: Points::new(space)?, space: space.clone(), next: (0, 0) })
    }

    /// The point before which `n` are admitted.
    fn nth_admitted(&mut self, region: Region<'_>, n: u64) -> Option<Point> {
        if region.is_whole() {
            return self.points.nth(&self.space, n);
        }
        let (mut place, mut admitted) = self.next;
        if admitted > n {
            (place, admitted) = (0, 0);
        }
        loop {
            let point = self.points.nth(&self.space, place)?;
            place += 1;
            if region.admits(&point) {
                if admitted == n {
                    self.next = (place, n + 1);
                    return Some(point);
                }
                admitted += 1;
            }
        }
    }
}

impl Sampler for Grid {
    fn name(&self) -> &'static str {
        SamplerKind::Grid.name()
    }

    /// The point number `ask.proposed` of those admitted. The history's space should be the one that the grid was made
    /// for; another finite space is counted anew, and an infinite one has no grid to propose from.
    fn propose(&mut self, ask: &Ask<'_>) -> Proposal {
        let space = ask.history.space();
        if *space != self.space {
            match Self::new(space) {
                Ok(grid) => *self = grid,
                Err(_) => return Proposal::Exhausted,
            }
        }
        let point = self.nth_admitted(ask.region, ask.proposed.into());
        point.map_or(Proposal::Exhausted, Proposal::Point)
    }

    /// A parameter that the grid does not know is drawn at random.
    fn propose_one(&mut self, ask: &Ask<'_>, parameter: usize) -> f64 {
        draw(ask.history.space().domain(parameter), &mut ask.stream_of(parameter))
    }

    fn trials(&self, space: &Space) -> Option<u64> {
        Points::new(space).ok().map(|points| points.total())
    }
}
