//! The trainings that a trial consists of.

use crate::Member;

/// The trainings that each trial of a study consists of: every replicate on every fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Members {
    /// Trainings of a configuration with other draws; at least 1.
    pub replicates: u32,
    /// Folds; 1 where the images are divided once.
    pub folds: u32,
    /// Whether one fold is trained after another. Otherwise all are trained side by side.
    pub sequential: bool,
}

impl Members {
    /// All of them, by replicate, then by fold.
    pub fn all(self) -> impl Iterator<Item = Member> {
        let folds = 0..self.folds;
        (0..self.replicates).flat_map(move |replicate| folds.clone().map(move |fold| Member { replicate, fold }))
    }

    /// The replicates and folds that these come from. Whether the folds were side by side or one after another
    /// cannot be seen from them.
    pub fn of(members: impl IntoIterator<Item = Member>) -> Self {
        let mut least = Self { replicates: 1, folds: 1, sequential: false };
        for Member { replicate, fold } in members {
            least.replicates = least.replicates.max(replicate + 1);
            least.folds = least.folds.max(fold + 1);
        }
        least
    }

    /// What people call one of them: by what tells it from the others.
    ///
    /// ```
    /// use tunefork_study::{Member, Members};
    ///
    /// let second = Member { replicate: 1, fold: 0 };
    /// let replicates = Members { replicates: 3, folds: 1, sequential: false };
    /// assert_eq!(replicates.name(second), "replicate 1");
    /// let both = Members { folds: 5, ..replicates };
    /// assert_eq!(both.name(second), "replicate 1 fold 0");
    /// ```
    pub fn name(self, member: Member) -> String {
        let Member { replicate, fold } = member;
        match (self.replicates, self.folds) {
            (_, 1) => format!("replicate {replicate}"),
            (1, _) => format!("fold {fold}"),
            _ => format!("replicate {replicate} fold {fold}"),
        }
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        self.replicates * self.folds
    }

    /// Whether a trial is more than one training.
    pub fn are_several(self) -> bool {
        self.count() > 1
    }

    /// How many are trained side by side.
    pub fn at_once(self) -> u32 {
        match self.sequential {
            true => self.replicates,
            false => self.count(),
        }
    }

    /// Epochs of a trial whose trainings have `epochs` each.
    pub fn epochs(self, epochs: u32) -> u32 {
        match self.sequential {
            true => epochs * self.folds,
            false => epochs,
        }
    }

    /// The fold whose turn it is when a trial has done so many epochs; `None`: it is that of all.
    pub fn turn(self, done: u32, epochs: u32) -> Option<u32> {
        self.sequential.then(|| done / epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_take_turns_in_sequence_only() {
        let side_by_side = Members { replicates: 2, folds: 3, sequential: false };
        let sequential = Members { sequential: true, ..side_by_side };
        let all: Vec<_> = side_by_side.all().map(|m| (m.replicate, m.fold)).collect();
        assert_eq!(all, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
        assert_eq!((side_by_side.at_once(), side_by_side.epochs(4)), (6, 4));
        assert_eq!((sequential.at_once(), sequential.epochs(4)), (2, 12));
        assert_eq!(side_by_side.turn(5, 4), None);
        let turns = [0, 3, 4, 11].map(|done| sequential.turn(done, 4));
        assert_eq!(turns, [Some(0), Some(0), Some(1), Some(2)]);
    }
}
