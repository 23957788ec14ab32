//! The trainings that a trial of a configuration consists of.

use tunefork_study::Members;

use crate::study_file::FoldOrder;
use crate::study_file::table::{FOLD_ORDER, FOLDS, REPLICATES};

use super::Config;

impl Config {
    /// The trainings that a trial consists of.
    pub fn members(&self) -> Members {
        let folds = FOLDS.of(self);
        Members {
            replicates: REPLICATES.of(self),
            folds: folds.unwrap_or(1),
            sequential: folds.is_some() && FOLD_ORDER.of(self) == FoldOrder::Sequential,
        }
    }
}
