//! Virtual time: what orders the events of a study, whatever the machine does.

use serde::{Deserialize, Serialize};
use tunefork_names::named_enum;

/// Work in one epoch of a trial, known before it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Floating-point operations, counted from the plan.
    pub flops: u64,
    /// Bytes read and written in memory.
    pub bytes: u64,
    /// Optimizer steps, each with its fixed overhead.
    pub steps: u64,
}

/// What the work of an epoch costs in virtual time; stored in the study, never measured.
///
/// A tick is nominally one microsecond of the machine that the coefficients describe. All
/// coefficients are in picoseconds, so that a duration is integer arithmetic and the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostModel {
    /// Picoseconds for one floating-point operation.
    pub flop: u64,
    /// Picoseconds for one byte.
    pub byte: u64,
    /// Picoseconds for one step.
    pub step: u64,
}

impl Default for CostModel {
    /// One CPU core with vector units: 40 GFLOP/s, 10 GB/s, 50 µs for a step.
    fn default() -> Self {
        CostModel { flop: 25, byte: 100, step: 50_000_000 }
    }
}

impl CostModel {
    /// Ticks that one epoch of this cost lasts; at least 1, so that time always goes forward.
    ///
    /// ```
    /// use tunefork_study::{Cost, CostModel};
    /// let model = CostModel { flop: 25, byte: 100, step: 50_000_000 };
    /// assert_eq!(model.ticks(&Cost { flops: 4_000_000, bytes: 10_000, steps: 2 }), 201);
    /// assert_eq!(model.ticks(&Cost::default()), 1);
    /// ```
    pub fn ticks(&self, cost: &Cost) -> u64 {
        let picoseconds = u128::from(self.flop) * u128::from(cost.flops)
            + u128::from(self.byte) * u128::from(cost.bytes)
            + u128::from(self.step) * u128::from(cost.steps);
        // A year is below 2^45 microseconds: the cap keeps sums of many epochs inside u64.
        (picoseconds / 1_000_000).clamp(1, 1 << 45) as u64
    }
}

named_enum! {
    /// What orders the events of a study.
    #[derive(Default)]
    pub enum Clock: "clock" {
        /// Virtual time: equal seeds give equal studies, and a decision waits for all before it.
        #[default]
        Virtual = "virtual",
        /// Results count as they arrive and nothing waits. The order is recorded (times are its numbers),
        /// so an interrupted study goes on from what it had; equal seeds do not give equal studies.
        Eager = "eager",
    }
}

/// When an event comes in the order of a study: first by virtual time, then by trial, then by step.
///
/// An ask has step 0; the report of epoch `e` has step `e`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment {
    /// Virtual time in ticks.
    pub time: u64,
    /// Number of the trial; for an ask, the number the new trial gets.
    pub trial: u32,
    /// Epoch, or 0 for an ask.
    pub step: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_work_has_its_price() {
        let model = CostModel { flop: 2_000_000, byte: 3_000_000, step: 5_000_000 };
        let ticks = |flops, bytes, steps| model.ticks(&Cost { flops, bytes, steps });
        assert_eq!([ticks(7, 0, 0), ticks(0, 7, 0), ticks(0, 0, 7)], [14, 21, 35]);
        assert_eq!(ticks(7, 11, 13), 14 + 33 + 65);
        assert_eq!(ticks(0, 0, 0), 1, "time always goes forward");
        assert_eq!(ticks(u64::MAX, u64::MAX, u64::MAX), 1 << 45);
        let small = CostModel { flop: 1, byte: 1, step: 1 };
        assert_eq!(small.ticks(&Cost { flops: 1_999_998, bytes: 1, steps: 0 }), 1, "parts of a tick are none");
        assert_eq!(small.ticks(&Cost { flops: 1_999_998, bytes: 1, steps: 1 }), 2);
    }
}
