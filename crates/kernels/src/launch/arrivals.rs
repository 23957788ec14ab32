//! Sums whose parts are left by the blocks of a launch, and added by the last of them to arrive: `kernels/arrivals.cuh`.

use crate::shared::{Arrivals, Counters};
use crate::{Arguments, Owner, Span};

/// Length of the counters that launchers ask for: zeros, which they are again after each launch, so that the launches
/// of one stream share them.
pub const COUNTERS: usize = 8192;

/// Adds to a kernel's arguments how `parts` parts of each of `sums` sums are added.
///
/// # Panics
/// As [`arrivals`].
pub(super) fn with_arrivals(arguments: Arguments, counters: Span<'_, u32>, parts: usize, sums: usize) -> Arguments {
    arguments.leading_to(Owner::Trial, counters).value(arrivals(counters, parts, sums))
}

/// How `parts` parts of each of `sums` sums are added.
///
/// # Panics
/// If there are not [`COUNTERS`] counters, or so many sums of several parts that they do not suffice.
pub(super) fn arrivals(counters: Span<'_, u32>, parts: usize, sums: usize) -> Arrivals {
    assert_eq!(counters.len(), COUNTERS, "counters");
    // About as many groups as there are parts in each.
    let mut group = parts.isqrt().next_power_of_two();
    let enough = |group: usize| sums * (parts.div_ceil(group) + 1) <= COUNTERS;
    while !enough(group) && group < parts {
        group *= 2;
    }
    assert!(parts <= 1 || enough(group), "{sums} sums of {parts} parts each");
    Arrivals { counters: Counters(counters.address()), group: group as u32, groups: parts.div_ceil(group) as u32 }
}
