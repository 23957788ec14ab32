//! Offsets for tensors whose lifetimes are known.

/// Buffers start at multiples of 64 elements: 256 bytes, what both kinds of engine like to load.
pub(super) const ALIGNMENT: usize = 64;

/// A tensor that is alive from step `first` to step `last`, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    pub first: usize,
    pub last: usize,
    pub elements: usize,
}

impl Interval {
    fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// An offset for each interval, such that intervals which meet lie apart, and the end of the last.
///
/// Largest first, each into the smallest gap that it fits in between those placed already (best
/// fit); the rule of TensorFlow Lite's planner: Pisarchyk and Lee, "Efficient Memory Management
/// for Deep Neural Net Inference", arXiv 2001.03288.
pub(super) fn place(intervals: &[Interval]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(intervals[i].elements), intervals[i].first, i));
    let mut offsets = vec![0usize; intervals.len()];
    let mut placed: Vec<usize> = Vec::new(); // by offset
    let mut end = 0;
    for i in order {
        let size = intervals[i].elements.next_multiple_of(ALIGNMENT);
        let (mut cursor, mut best) = (0usize, None);
        for &other in placed.iter().filter(|&&other| intervals[other].meets(&intervals[i])) {
            if let Some(gap) = offsets[other].checked_sub(cursor).filter(|&gap| gap >= size)
                && best.is_none_or(|(smallest, _)| gap < smallest)
            {
                best = Some((gap, cursor));
            }
            cursor = cursor.max(offsets[other] + intervals[other].elements.next_multiple_of(ALIGNMENT));
        }
        offsets[i] = best.map_or(cursor, |(_, offset)| offset);
        end = end.max(offsets[i] + size);
        let position = placed.partition_point(|&other| offsets[other] <= offsets[i]);
        placed.insert(position, i);
    }
    (offsets, end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval() -> impl Strategy<Value = Interval> {
        (0usize..30, 0usize..10, 1usize..5000).prop_map(|(first, length, elements)| Interval {
            first,
            last: first + length,
            elements,
        })
    }

    proptest! {
        #[test]
        fn intervals_that_meet_lie_apart(intervals in prop::collection::vec(interval(), 1..40)) {
            let (offsets, end) = place(&intervals);
            for (i, a) in intervals.iter().enumerate() {
                prop_assert!(offsets[i] % ALIGNMENT == 0);
                prop_assert!(offsets[i] + a.elements <= end);
                for (j, b) in intervals.iter().enumerate().skip(i + 1) {
                    if !(a.first..=a.last).any(|step| (b.first..=b.last).contains(&step)) {
                        continue;
                    }
                    let apart = offsets[i] + a.elements <= offsets[j] || offsets[j] + b.elements <= offsets[i];
                    prop_assert!(apart, "{a:?} at {} and {b:?} at {}", offsets[i], offsets[j]);
                }
            }
        }
    }

    /// Behind tensors of step 0 two equal gaps are left between the lasting ones.
    #[test]
    fn of_equal_gaps_the_first_is_taken() {
        let interval = |last, elements| Interval { first: 0, last, elements };
        let lasting = [interval(9, 256), interval(0, 192), interval(9, 192), interval(0, 192), interval(9, 128)];
        let late = Interval { first: 5, last: 5, elements: 64 };
        let (offsets, end) = place(&[lasting.as_slice(), &[late]].concat());
        assert_eq!(offsets, [0, 256, 448, 640, 832, 256]);
        assert_eq!(end, 960);
    }

    #[test]
    fn a_later_tensor_takes_the_place_of_an_earlier_one() {
        let interval = |first, last, elements| Interval { first, last, elements };
        let (offsets, end) = place(&[interval(0, 1, 640), interval(2, 3, 600), interval(1, 2, 64)]);
        assert_eq!(offsets, [0, 0, 640]);
        assert_eq!(end, 704);
    }
}
