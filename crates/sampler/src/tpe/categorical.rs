//! Kernels of a categorical parameter: the observed choice is likelier than the others.

use tunefork_rng::Stream;
use tunefork_simd::exact;

use super::{discrete::for_each_value, kernels::Kernels, numeric::PRIOR, rules::Rules};

#[derive(Debug)]
pub(super) struct Categorical {
    choices: usize,
    rules: Rules,
    /// By slot, the choice observed; NaN for the prior and where there is none.
    observed: Vec<f64>,
    /// What a kernel gives to its own choice, and to each other one.
    same: f64,
    other: f64,
}

impl Categorical {
    pub(super) fn new(choices: usize, rules: Rules) -> Self {
        let mut kernels = Self { choices, rules, observed: Vec::new(), same: 0.0, other: 0.0 };
        kernels.update(&[], &[]);
        kernels
    }
}

impl Kernels for Categorical {
    fn update(&mut self, column: &[f64], member: &[bool]) {
        let observations = column.iter().zip(member);
        let observed = observations.map(|(&value, &member)| if member { value } else { f64::NAN });
        self.observed.clear();
        self.observed.push(f64::NAN);
        self.observed.extend(observed);
        let kernels = self.observed.iter().filter(|choice| !choice.is_nan()).count() + 1;
        let share = match self.rules {
            // The prior's weight 1 is shared by all kernels and given to every choice alike.
            Rules::Optuna => 1.0 / kernels as f64,
            // Each observation is counted for its own choice.
            Rules::Hyperopt => 0.0,
        };
        let total = 1.0 + self.choices as f64 * share;
        self.same = (1.0 + share) / total;
        self.other = share / total;
    }

    /// By HyperOpt's rules the prior counts as one observation of each choice.
    fn weigh(&self, weights: &mut [f64]) {
        if self.rules == Rules::Hyperopt {
            weights[PRIOR] *= self.choices as f64;
        }
    }

    fn draw(&self, slot: usize, stream: &mut Stream) -> f64 {
        let u = stream.f64();
        if slot == PRIOR {
            return (u * self.choices as f64).floor();
        }
        let observed = self.observed[slot] as usize;
        let mut cumulated = 0.0;
        let passed = |choice: &usize| {
            cumulated += if *choice == observed { self.same } else { self.other };
            u < cumulated
        };
        // What rounding leaves belongs to the last choice.
        let last = self.choices - 1;
        (0..last).find(passed).unwrap_or(last) as f64
    }

    fn internal(&self, coordinate: f64) -> f64 {
        coordinate
    }

    fn add_constants(&self, _exponents: &mut [f64]) {}

    fn add_log_densities(&self, coordinates: &[f64], exponents: &mut [Vec<f64>]) {
        let (same, other) = (libm::log(self.same), libm::log(self.other));
        for_each_value(coordinates, |value, places| {
            let of_kernel = |&choice: &f64| if choice == value { same } else { other };
            let mut column: Vec<f64> = self.observed.iter().map(of_kernel).collect();
            column[PRIOR] = -libm::log(self.choices as f64);
            for &place in places {
                exact::add(&mut exponents[place], &column);
            }
        });
    }
}
