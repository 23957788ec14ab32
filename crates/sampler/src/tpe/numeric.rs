//! Where the kernels of a numeric parameter stand, and how wide they are.
//!
//! One kernel per observation, with the observation as its mean and the larger of the distances to
//! its two neighbours as its width, which equal observations share; and one wide kernel for the whole range, the prior, which by
//! HyperOpt's rules is a neighbour like the others. All values here are transformed (log domains:
//! logarithms).

use tunefork_space::Domain;

use super::rules::Rules;

/// The narrowest kernel is the range divided by this or, with few observations, by less.
const NARROWEST: f64 = 100.0;

/// The slot of the prior kernel; trial n has slot n + 1.
pub(super) const PRIOR: usize = 0;

/// Kernels by slot and, in the same order as their means, by rank.
///
/// This is kept between proposals and brought up to date: a new observation moves at most two
/// widths (once the narrowest width has settled), so little has to be computed anew. What it holds
/// after an update depends on the observations alone.
#[derive(Clone, Debug)]
pub(super) struct Numeric {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) rules: Rules,
    /// By slot, the internal value observed; NaN where there is none.
    observed: Vec<f64>,
    /// By rank: means in ascending order, equal ones by slot.
    means: Vec<f64>,
    /// By rank: widths; NaN when unknown.
    widths: Vec<f64>,
    /// By rank.
    slots: Vec<u32>,
}

impl Numeric {
    pub(super) fn new(domain: &Domain, rules: Rules) -> Self {
        let (low, high) = domain.bounds().unwrap_or((0.0, 1.0));
        let (means, widths, slots) = (Vec::new(), Vec::new(), Vec::new());
        Self { low, high, rules, observed: vec![f64::NAN], means, widths, slots }
    }

    /// Mean and width of the prior kernel.
    pub(super) fn prior(&self) -> (f64, f64) {
        (0.5 * (self.low + self.high), self.high - self.low)
    }

    /// Takes over the observations: the internal values of `column` where `member` is true. Calls
    /// `changed(slot, mean, width)` for every kernel that is new or whose width changed.
    pub(super) fn update(
        &mut self,
        domain: &Domain,
        column: &[f64],
        member: &[bool],
        mut changed: impl FnMut(usize, f64, f64),
    ) {
        self.exchange(domain, column, member);
        let range = self.high - self.low;
        let narrowest = range / NARROWEST.min(2.0 + self.means.len() as f64);
        // The prior of HyperOpt stands before the first observation that is not below it.
        let middle = self.prior().0;
        let behind_middle = match self.rules {
            Rules::Optuna => usize::MAX,
            Rules::Hyperopt => self.means.partition_point(|&mean| mean < middle),
        };
        let mut rank = 0;
        while rank < self.means.len() {
            let mean = self.means[rank];
            let equal = self.equal_from(rank);
            let before = if rank == behind_middle { Some(middle) } else { rank.checked_sub(1).map(|r| self.means[r]) };
            let next = rank + equal;
            let after = if next == behind_middle { Some(middle) } else { self.means.get(next).copied() };
            // The outer kernels look inwards only.
            let (left, right) = (before.map_or(0.0, |before| mean - before), after.map_or(0.0, |after| after - mean));
            let gap = match self.means.len() {
                1 => self.rules.width_alone(mean, self.low, self.high),
                _ => left.max(right) / equal as f64,
            };
            let width = gap.max(narrowest).min(range);
            for rank in rank..next {
                if width != self.widths[rank] {
                    self.widths[rank] = width;
                    changed(self.slots[rank] as usize, mean, width);
                }
            }
            rank = next;
        }
    }

    /// How many observations from this rank on are taken together, for they are equal: they share the distance to the others, as so
    /// many would that are spread evenly. Optuna gives one of them each side's distance and the rest none, and which one is
    /// chance (its sort is not stable); by age it would always be the same one. Of six rules this was the best on 8 stepped functions, and on 8
    /// others it was better than the rule by age, too (`benches/RESULTS.md` of the repository).
    fn equal_from(&self, rank: usize) -> usize {
        match self.rules {
            Rules::Optuna => self.means[rank..].iter().take_while(|&&mean| mean == self.means[rank]).count(),
            Rules::Hyperopt => 1,
        }
    }

    /// Brings the ranking up to date; new kernels get an unknown width.
    fn exchange(&mut self, domain: &Domain, column: &[f64], member: &[bool]) {
        if self.observed.len() > column.len() + 1 {
            // Another, shorter history.
            *self = Self::new(domain, self.rules);
        }
        self.observed.resize(column.len() + 1, f64::NAN);
        let wanted = column.iter().zip(member).map(|(&value, &is_member)| if is_member { value } else { f64::NAN });
        let held = &self.observed[1..];
        let differing: Vec<(usize, f64)> =
            wanted.enumerate().filter(|&(trial, wanted)| wanted.to_bits() != held[trial].to_bits()).collect();
        for (trial, wanted) in differing {
            let slot = trial + 1;
            let held = std::mem::replace(&mut self.observed[slot], wanted);
            if !held.is_nan() {
                let rank = self.rank(self.mean(domain, held), slot);
                self.means.remove(rank);
                self.widths.remove(rank);
                self.slots.remove(rank);
            }
            if !wanted.is_nan() {
                let mean = self.mean(domain, wanted);
                let rank = self.rank(mean, slot);
                self.means.insert(rank, mean);
                self.widths.insert(rank, f64::NAN);
                self.slots.insert(rank, slot as u32);
            }
        }
    }

    /// The rank of the first kernel that does not stand before this one.
    fn rank(&self, mean: f64, slot: usize) -> usize {
        let mut rank = self.means.partition_point(|&other| other < mean);
        while self.means.get(rank) == Some(&mean) && (self.slots[rank] as usize) < slot {
            rank += 1;
        }
        rank
    }

    /// The mean of the kernel of an observation; values from outside the domain count as its ends.
    fn mean(&self, domain: &Domain, observed: f64) -> f64 {
        let mean = domain.transform(observed);
        if mean >= self.low { mean.min(self.high) } else { self.low }
    }

    /// Slots, means and widths by rank.
    pub(super) fn ranked(&self) -> impl Iterator<Item = (usize, f64, f64)> {
        let kernels = self.slots.iter().zip(&self.means).zip(&self.widths);
        kernels.map(|((&slot, &mean), &width)| (slot as usize, mean, width))
    }
}
