//! The signed-rank test against the best trial, for steps that are problems of their own: folds.

use tunefork_trial::{History, TrialNumber};

use crate::{Decision, OptionError, Scheduler, SchedulerKind};

/// When [`Wilcoxon`] takes a trial for worse.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WilcoxonOptions {
    /// The p-value below which a trial is worse than the best one; 0 to 1.
    pub p_threshold: f64,
    /// Problems that both trials must have solved, 2 at least.
    pub startup_steps: u32,
    /// Steps of a problem, where several belong to one and reports are means over all problems so far: of folds that are trained one
    /// after the other the epochs. `None`: each step is a problem, and reports its value.
    pub running_means: Option<u32>,
}

impl Default for WilcoxonOptions {
    /// Those of Optuna: 0.1, 2 steps, each a problem.
    fn default() -> Self {
        Self { p_threshold: 0.1, startup_steps: 2, running_means: None }
    }
}

/// Stops a trial that is worse than the best complete one by Wilcoxon's signed-rank test over the steps that both have
/// (Optuna's `WilcoxonPruner`).
///
/// It is for steps that are no progress but problems of their own, such as folds one after the other: their values are paired. Of a
/// learning curve it would only say that early epochs are alike. A trial whose mean is as good as the best one's goes on whatever the test
/// says. Equal values share their ranks with both sides; up to 50 steps the p-value is exact.
///
/// NaN and infinities, the trial's own or the best one's: the trial goes on.
#[derive(Clone, Copy, Debug)]
pub struct Wilcoxon {
    options: WilcoxonOptions,
}

impl Wilcoxon {
    /// Checks the options.
    ///
    /// # Errors
    /// A `p_threshold` outside 0 to 1, problems of 0 steps.
    pub fn new(options: WilcoxonOptions) -> Result<Self, OptionError> {
        if !(0.0..=1.0).contains(&options.p_threshold) {
            return Err(OptionError { option: "p_threshold", value: options.p_threshold, allowed: "from 0 to 1" });
        }
        OptionError::at_least_one("running_means", options.running_means.unwrap_or(1))?;
        Ok(Self { options })
    }

    /// The losses of a trial, by problem.
    fn losses(&self, history: &History, trial: TrialNumber) -> Vec<(u32, f64)> {
        let reports = history.reports(trial).iter();
        let losses = reports.map(|report| (report.step, history.direction().loss(report.value)));
        let Some(steps) = self.options.running_means else { return losses.collect() };
        let mut sum = 0.0;
        let ends = losses.filter(|(step, _)| step % steps == 0);
        ends.map(|(step, mean)| {
            let all = mean * f64::from(step / steps);
            (step / steps, all - std::mem::replace(&mut sum, all))
        })
        .collect()
    }

    /// The first step at which it decides, and after how many more it does again.
    fn first_and_every(&self) -> (u32, usize) {
        let steps = self.options.running_means.unwrap_or(1);
        (self.options.startup_steps.max(2).saturating_mul(steps), steps as usize)
    }
}

impl Scheduler for Wilcoxon {
    fn name(&self) -> &'static str {
        SchedulerKind::Wilcoxon.name()
    }

    fn decide(&mut self, history: &History, trial: TrialNumber) -> Decision {
        let Some(best) = history.best().filter(|best| *best != trial) else { return Decision::Continue };
        let (own, others) = (self.losses(history, trial), self.losses(history, best));
        if own.iter().chain(&others).any(|(_, loss)| !loss.is_finite()) {
            return Decision::Continue;
        }
        let paired = own.iter().filter_map(|(step, loss)| {
            let place = others.binary_search_by_key(step, |(step, _)| *step).ok()?;
            Some(loss - others[place].1)
        });
        let differences: Vec<f64> = paired.collect();
        let mean = |losses: &[(u32, f64)]| losses.iter().map(|(_, loss)| loss).sum::<f64>() / losses.len() as f64;
        let is_early = differences.len() < self.options.startup_steps.max(2) as usize;
        if is_early || mean(&own) <= mean(&others) || probability(&differences) >= self.options.p_threshold {
            return Decision::Continue;
        }
        Decision::Stop
    }

    fn rungs(&self, max_steps: u32) -> Vec<u32> {
        let (first, every) = self.first_and_every();
        (first..max_steps).step_by(every).collect()
    }
}

/// How likely ranks of positive differences as high as these are, or higher, if each sign is a toss of a coin: Wilcoxon's signed-rank
/// test, one-sided, zeros half on each side (Pratt's ranks).
fn probability(differences: &[f64]) -> f64 {
    let ranked = doubled_ranks(differences);
    // Doubled, so that middle ranks are whole; a zero gives half of its rank to each side.
    let zeros: u64 = ranked.iter().filter(|(sign, _)| *sign == 0).map(|(_, rank)| rank).sum();
    let signed: Vec<u64> = ranked.iter().filter(|(sign, _)| *sign != 0).map(|(_, rank)| *rank).collect();
    let positive: u64 = ranked.iter().filter(|(sign, _)| *sign > 0).map(|(_, rank)| rank).sum();
    if signed.len() <= 50 {
        return exact(&signed, positive);
    }
    let (mut mean, mut variance) = (zeros as f64 / 2.0, 0.0);
    for &rank in &signed {
        mean += rank as f64 / 2.0;
        variance += (rank as f64).powi(2) / 4.0;
    }
    upper_tail((positive as f64 + zeros as f64 / 2.0 - mean) / variance.sqrt())
}

/// The sign of each difference, and twice its rank by size; equal sizes share the middle of their ranks.
fn doubled_ranks(differences: &[f64]) -> Vec<(i8, u64)> {
    let mut sorted: Vec<f64> = differences.to_vec();
    sorted.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    let mut ranked = Vec::with_capacity(sorted.len());
    for equal in sorted.chunk_by(|one, other| one.abs() == other.abs()) {
        let (first, last) = (ranked.len() + 1, ranked.len() + equal.len());
        let sign = |difference: &f64| i8::from(*difference > 0.0) - i8::from(*difference < 0.0);
        ranked.extend(equal.iter().map(|difference| (sign(difference), (first + last) as u64)));
    }
    ranked
}

/// The share of all choices of signs whose positive ranks add up to `least` or more.
fn exact(ranks: &[u64], least: u64) -> f64 {
    let most: u64 = ranks.iter().sum();
    let mut shares = vec![0.0; most as usize + 1];
    shares[0] = 1.0;
    for &rank in ranks {
        for sum in (0..shares.len()).rev() {
            let with = sum.checked_sub(rank as usize).map_or(0.0, |before| shares[before]);
            shares[sum] = 0.5 * (shares[sum] + with);
        }
    }
    shares[least as usize..].iter().sum()
}

/// The share of a standard normal distribution above z, to 1.2e-7 of itself (Press et al., Numerical Recipes, erfc by Chebyshev
/// coefficients); only more than 50 steps come here.
fn upper_tail(z: f64) -> f64 {
    const COEFFICIENTS: [f64; 10] = [
        -1.26551223,
        1.00002368,
        0.37409196,
        0.09678418,
        -0.18628806,
        0.27886807,
        -1.13520398,
        1.48851587,
        -0.82215223,
        0.17087277,
    ];
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x);
    let polynomial = COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let tail = 0.5 * t * (-x * x + polynomial).exp();
    if z >= 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.16, `wilcoxon(..., alternative="greater", zero_method="zsplit")`.
    #[test]
    fn probabilities_are_those_of_scipy() {
        for (differences, expected) in [
            (&[0.1, 0.2, -0.05, 0.3, 0.0][..], 0.125),
            (&[0.1, 0.2, 0.15, 0.3, 0.25], 0.03125),
            (&[-0.1, -0.2], 1.0),
            (&[0.0, 0.0, 0.0], 1.0),
        ] {
            assert!((probability(differences) - expected).abs() < 1e-12, "{differences:?}");
        }
    }

    #[test]
    fn many_steps_are_nearly_normal() {
        let differences = |count: u32| -> Vec<f64> {
            (1..=count).map(|step| f64::from(step) * if step % 5 < 2 { -1.0 } else { 1.0 }).collect()
        };
        let ranks: Vec<u64> = (1..=60).map(|rank| 2 * rank).collect();
        let positive = (1..=60_u64).filter(|rank| rank % 5 >= 2).map(|rank| 2 * rank).sum();
        let (normal, exact) = (probability(&differences(60)), exact(&ranks, positive));
        assert!((normal - exact).abs() < 0.002 && (0.01..0.2).contains(&exact), "{normal} {exact}");
        assert!((upper_tail(1.959963984540054) - 0.025).abs() < 1e-7);
        assert!((upper_tail(-1.0) - 0.8413447460685429).abs() < 1e-7);
    }
}
