//! The optimizer's part of a step's row.

use bytemuck::Zeroable;
use tunefork_graph::optimizer::{Scalars, UpdateRule};

use crate::{Lanes, StepRow};

impl Lanes {
    /// Most lanes of a launch.
    pub const MOST: usize = 16;
}

impl StepRow {
    /// What update `t`, from 1, reads of a row; everything else is 0.
    pub fn update(rule: UpdateRule, learning_rate: f64, weight_decay: f64, t: u64) -> Self {
        let Scalars { shrink, decay, rate, gradient_rate, kept, added, root, epsilon, nesterov, centered } =
            rule.scalars(learning_rate, weight_decay, t);
        Self {
            optimizer: rule.kind().code(),
            nesterov: u32::from(nesterov),
            centered: u32::from(centered),
            shrink,
            decay,
            rate,
            gradient_rate,
            kept1: kept[0],
            kept2: kept[1],
            added1: added[0],
            added2: added[1],
            root,
            epsilon,
            ..Self::zeroed()
        }
    }
}
