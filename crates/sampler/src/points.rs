//! The points of a finite space, numbered without being listed.

use tunefork_space::{Point, Space};

use crate::SamplerError;

/// A space with more combinations of deciding values than this is treated as too large.
const MOST_BRANCHES: usize = 1 << 20;

/// The distinct points of a finite space.
///
/// Where a parameter is inactive it takes no part: a point stands once, not once per value of what
/// does not exist there. Parameters that others depend on vary slowest; of the others the last one
/// varies fastest.
#[derive(Clone, Debug)]
pub(crate) struct Points {
    /// Parameters that occur in conditions, in topological order.
    deciding: Vec<usize>,
    branches: Vec<Branch>,
    total: u64,
}

/// The points that share the values of all deciding parameters.
#[derive(Clone, Debug)]
struct Branch {
    /// The deciding values; the others are absent.
    fixed: Point,
    /// Per deciding parameter 0 when inactive, else its value's rank plus 1.
    key: Vec<u64>,
    /// The other active parameters with their sizes.
    free: Vec<(usize, u64)>,
    /// The number of the first point here.
    first: u64,
    count: u64,
}

impl Points {
    /// Counts the points of `space`.
    ///
    /// # Errors
    /// A parameter with infinitely many values, or more points than `u64` counts.
    pub(crate) fn new(space: &Space) -> Result<Self, SamplerError> {
        let sizes = space
            .parameters()
            .iter()
            .map(|parameter| {
                parameter.domain.size().ok_or_else(|| SamplerError::Continuous { parameter: parameter.name.clone() })
            })
            .collect::<Result<Vec<u64>, _>>()?;
        let mut decides = vec![false; space.len()];
        for parent in (0..space.len()).flat_map(|index| space.parents(index)) {
            decides[parent] = true;
        }
        let in_order = space.topological_order().iter().copied();
        let deciding: Vec<usize> = in_order.filter(|&index| decides[index]).collect();

        let mut branches = Vec::new();
        let mut total = 0u64;
        for (fixed, key) in combinations(space, &deciding)? {
            let is_free = |&index: &usize| !decides[index] && space.is_active(&fixed, index);
            let free: Vec<(usize, u64)> = (0..space.len()).filter(is_free).map(|index| (index, sizes[index])).collect();
            let count = free.iter().try_fold(1u64, |count, (_, size)| count.checked_mul(*size));
            let count = count.ok_or(SamplerError::TooManyPoints)?;
            let first = total;
            total = total.checked_add(count).ok_or(SamplerError::TooManyPoints)?;
            branches.push(Branch { fixed, key, free, first, count });
        }
        Ok(Self { deciding, branches, total })
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The point number `n`; `None` beyond the last.
    pub(crate) fn nth(&self, space: &Space, n: u64) -> Option<Point> {
        let after = self.branches.partition_point(|branch| branch.first <= n);
        let branch = self.branches.get(after.checked_sub(1)?)?;
        let mut rest = n - branch.first;
        if rest >= branch.count {
            return None;
        }
        let mut point = branch.fixed.clone();
        for &(index, size) in branch.free.iter().rev() {
            point.set(index, space.domain(index).nth(rest % size));
            rest /= size;
        }
        Some(point)
    }

    /// The number of a point; `None` when it is not a point of the space.
    pub(crate) fn rank(&self, space: &Space, point: &Point) -> Option<u64> {
        let rank_of = |index: usize| space.domain(index).rank(point.get(index));
        let key = self
            .deciding
            .iter()
            .map(|&index| if point.has(index) { rank_of(index).map(|rank| rank + 1) } else { Some(0) });
        let key = key.collect::<Option<Vec<u64>>>()?;
        let place = self.branches.binary_search_by(|branch| branch.key.cmp(&key)).ok()?;
        let branch = &self.branches[place];
        let mut number = 0;
        for &(index, size) in &branch.free {
            number = number * size + rank_of(index)?;
        }
        Some(branch.first + number)
    }
}

/// All combinations of the deciding parameters' values, in the order of their keys.
fn combinations(space: &Space, deciding: &[usize]) -> Result<Vec<(Point, Vec<u64>)>, SamplerError> {
    let mut combinations = vec![(Point::absent(space.len()), Vec::new())];
    for &index in deciding {
        let mut longer = Vec::new();
        for (point, key) in combinations {
            let active = space.is_active(&point, index);
            let values = if active { space.domain(index).size().unwrap_or(0) } else { 0 };
            if values > (MOST_BRANCHES - longer.len().min(MOST_BRANCHES)) as u64 {
                return Err(SamplerError::TooManyPoints);
            }
            let mut push = |value: f64, rank: u64| {
                let (mut point, mut key): (Point, Vec<u64>) = (point.clone(), key.clone());
                point.set(index, value);
                key.push(rank);
                longer.push((point, key));
            };
            if active {
                (0..values).for_each(|k| push(space.domain(index).nth(k), k + 1));
            } else {
                push(f64::NAN, 0);
            }
        }
        combinations = longer;
    }
    Ok(combinations)
}
