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
        for (fixed, key) in combinations(space, &deciding, MOST_BRANCHES)? {
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
///
/// # Errors
/// More than `most`.
fn combinations(space: &Space, deciding: &[usize], most: usize) -> Result<Vec<(Point, Vec<u64>)>, SamplerError> {
    let mut combinations = vec![(Point::absent(space.len()), Vec::new())];
    for &index in deciding {
        let mut longer = Vec::new();
        for (point, key) in combinations {
            let active = space.is_active(&point, index);
            let values = if active { space.domain(index).size().unwrap_or(0) } else { 1 };
            if values > (most - longer.len()) as u64 {
                return Err(SamplerError::TooManyPoints);
            }
            for k in 0..values {
                let (value, rank) = if active { (space.domain(index).nth(k), k + 1) } else { (f64::NAN, 0) };
                let (mut point, mut key): (Point, Vec<u64>) = (point.clone(), key.clone());
                point.set(index, value);
                key.push(rank);
                longer.push((point, key));
            }
        }
        combinations = longer;
    }
    Ok(combinations)
}

#[cfg(test)]
mod tests {
    use tunefork_space::{Domain, Parameter};

    use super::*;

    #[test]
    fn combinations_are_counted_up_to_a_limit() {
        let parameter = |name: &str, high| Parameter::new(name, Domain::int(1, high).unwrap());
        let space = Space::new(vec![parameter("a", 3), parameter("b", 4).when("a", [1, 2])]).unwrap();
        // Two values of `a` with four of `b` each, and one without.
        let keys = |most| combinations(&space, &[0, 1], most).map(|all| all.into_iter().map(|(_, key)| key).collect());
        let all: Vec<Vec<u64>> = (1..=2).flat_map(|a| (1..=4).map(move |b| vec![a, b])).chain([vec![3, 0]]).collect();
        assert_eq!(keys(9), Ok(all));
        assert_eq!(keys(8), Err(SamplerError::TooManyPoints));
        assert_eq!(keys(2), Err(SamplerError::TooManyPoints));
    }
}
