//! Whether the trials of a study bear a claim out.

use tunefork_space::Value;
use tunefork_study::{StoredParameter, TrialRecord, mean};
use tunefork_trial::{Direction, TrialState};

use super::chance::{Chance, reach, welch};
use super::claim::{Claim, Values, is_named};
use super::interaction::interact;
use super::series::rises_in_a_series;
use crate::Report;
use crate::numbers::figure_beside;
use crate::statistics::rank_correlation;

tunefork_names::named_enum! {
    /// All that can be said of a claim.
    pub(crate) enum Verdict: "verdict" {
        /// It holds by more than chance.
        Supported = "supported",
        /// Its opposite does.
        Rejected = "rejected",
        /// Neither can be told from chance.
        Undecided = "undecided",
        /// No trials are there that it could be judged from.
        NotTested = "not tested",
    }
}

/// What the trials say of a claim.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judgement {
    pub verdict: Verdict,
    /// By what, in a sentence.
    pub because: String,
}

impl Judgement {
    pub(super) fn new(verdict: Verdict, because: impl Into<String>) -> Self {
        Self { verdict, because: because.into() }
    }

    pub(super) fn undecided(because: impl Into<String>) -> Self {
        Self::new(Verdict::Undecided, because)
    }

    /// For a claim that no trials are there for.
    pub(super) fn not_tested(because: impl Into<String>) -> Self {
        Self::new(Verdict::NotTested, because)
    }
}

/// What is said where each run was trained once: what another seed changes can be far more than what is asked about.
pub(super) const SEVERAL: &str =
    "how far another seed would move it is not known: train each several times (replicates = 3)";

/// A completed trial and how good it is: larger is better.
pub(super) type Run<'a> = (&'a TrialRecord, f64);

/// Judges a claim from all completed trials.
pub(crate) fn judge(report: &Report<'_>, claim: &Claim) -> Judgement {
    let sign = match report.study.header.direction {
        Direction::Maximize => 1.0,
        Direction::Minimize => -1.0,
    };
    let runs: Vec<Run<'_>> = report.complete().into_iter().map(|(trial, value)| (trial, sign * value)).collect();
    match claim {
        Claim::Better { parameter, these, those } => better(report, &runs, parameter, these, those),
        Claim::Rises { parameter, up } if report.is_designed() => rises_in_a_series(report, &runs, parameter, *up),
        Claim::Rises { parameter, up } => rises(report, &runs, parameter, *up),
        Claim::Interact { parameters: [one, other] } => interact(&runs, one, other),
    }
}

pub(super) fn stored<'a>(trial: &'a TrialRecord, name: &str) -> Option<&'a StoredParameter> {
    trial.params.iter().find(|stored| is_named(&stored.name, name))
}

/// The number that a trial's parameter is. Numbers among choices count, too.
pub(super) fn number_of(trial: &TrialRecord, name: &str) -> Option<f64> {
    let stored = stored(trial, name)?;
    match stored.domain.to_value(stored.internal) {
        Value::Int(number) => Some(number as f64),
        Value::Float(number) => Some(number),
        Value::Null | Value::Bool(_) | Value::Text(_) => None,
    }
}

/// Whether two trials differ in nothing but the parameters that are named, as far as both have the others.
pub(super) fn differ_only_in(one: &TrialRecord, other: &TrialRecord, names: &[&str]) -> bool {
    one.params.iter().all(|a| {
        let is_asked = names.iter().any(|name| is_named(&a.name, name));
        is_asked || other.params.iter().find(|b| b.name == a.name).is_none_or(|b| a.internal == b.internal)
    })
}

fn better(report: &Report<'_>, runs: &[Run<'_>], name: &str, these: &[Values], those: &[Values]) -> Judgement {
    let has = |values: &[Values], trial: &TrialRecord| {
        stored(trial, name).is_some_and(|stored| values.iter().any(|value| value.contain(stored)))
    };
    let is_first = |trial: &TrialRecord| has(these, trial);
    let is_second = |trial: &TrialRecord| match those.is_empty() {
        true => stored(trial, name).is_some() && !has(these, trial),
        // Ranges may touch.
        false => has(those, trial) && !has(these, trial),
    };
    let side =
        |is: &dyn Fn(&TrialRecord) -> bool| runs.iter().copied().filter(|(trial, _)| is(trial)).collect::<Vec<_>>();
    let (first, second) = (side(&is_first), side(&is_second));
    for (side, place) in [(&first, "first"), (&second, "second")] {
        if side.is_empty() {
            return Judgement::not_tested(format!("no completed trial is on the {place} side."));
        }
    }
    if report.is_designed() {
        return paired(&first, &second, name);
    }
    let stopped = |is: &dyn Fn(&TrialRecord) -> bool| {
        report.own().filter(|trial| trial.state == TrialState::Pruned && is(trial)).count()
    };
    apart(&first, &second, [stopped(&is_first), stopped(&is_second)])
}

/// Runs that differ in this alone, each pair for itself.
fn paired(first: &[Run<'_>], second: &[Run<'_>], name: &str) -> Judgement {
    let all = first.iter().flat_map(|a| second.iter().map(move |b| (*a, *b)));
    let pairs: Vec<(Run<'_>, Run<'_>)> = all.filter(|((a, _), (b, _))| differ_only_in(a, b, &[name])).collect();
    if pairs.is_empty() {
        return Judgement::not_tested("no two runs differ in this alone.");
    }
    let count = pairs.len() as f64;
    let difference = mean(&pairs.iter().map(|((_, a), (_, b))| a - b).collect::<Vec<f64>>());
    let how = match pairs.len() {
        1 => "in two runs that differ in nothing else".to_owned(),
        pairs => format!("in the mean of {pairs} pairs of runs that differ in nothing else"),
    };
    // A run may be in several pairs; what it is off by counts as often.
    let share = |run: &Run<'_>| {
        let times = pairs.iter().filter(|(a, b)| a.0.number == run.0.number || b.0.number == run.0.number).count();
        times as f64 / count
    };
    let weighted = first.iter().chain(second).map(|run| (run.0, share(run))).filter(|(_, share)| *share > 0.0);
    match Chance::of(weighted) {
        Some(chance) => decided(difference, chance.error, chance.freedom, &how),
        None => Judgement::undecided(format!("{} {how}; {SEVERAL}.", difference_in_words(difference))),
    }
}

/// All trials of both sides, whatever else they differ in. Where some were stopped, those that are left are the good ones of
/// their side, and tell nothing of it.
fn apart(first: &[Run<'_>], second: &[Run<'_>], stopped: [usize; 2]) -> Judgement {
    let values = |side: &[Run<'_>]| side.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
    let (a, b) = (values(first), values(second));
    let how =
        format!("in the mean of {} and of {} trials of a search, which differ in more than this", a.len(), b.len());
    let difference = mean(&a) - mean(&b);
    if stopped != [0, 0] {
        let [one, other] = stopped;
        return Judgement::undecided(format!(
            "{} {how}; {one} and {other} more were stopped early, so that only the good ones of each side are left.",
            difference_in_words(difference)
        ));
    }
    match welch(&a, &b) {
        Some((error, freedom)) => decided(difference, error, freedom, &how),
        None => {
            let told = difference_in_words(difference);
            Judgement::undecided(format!("{told} {how}; one trial tells nothing of chance."))
        }
    }
}

/// By the 95 % interval of a difference.
pub(super) fn decided(difference: f64, error: f64, freedom: f64, how: &str) -> Judgement {
    let reach = reach(freedom, 1) * error;
    let (low, high) = (difference - reach, difference + reach);
    let told = difference_in_words(difference);
    // Of what is told: how much better, or how much worse.
    let interval = if difference >= 0.0 { [low, high] } else { [-high, -low] };
    let [from, to] = interval.map(|end| figure_beside(end, 1.0));
    let because = format!("{told} (95 %: {from} to {to}) {how}");
    if low > 0.0 {
        return Judgement::new(Verdict::Supported, because + ".");
    }
    if high < 0.0 {
        return Judgement::new(Verdict::Rejected, because + ".");
    }
    // An interval shrinks as one over the root of the number of trainings.
    let times = (reach / difference).powi(2).ceil();
    Judgement::undecided(match times {
        2.0..=50.0 => {
            format!("{because}; about {times:.0} times as many trainings would tell, if the difference is real.")
        }
        _ => format!("{because}; that is far less than what seeds change, and only far more trainings would tell."),
    })
}

/// A difference of which more is better.
pub(super) fn difference_in_words(difference: f64) -> String {
    let word = if difference >= 0.0 { "better" } else { "worse" };
    format!("{word} by {}", figure_beside(difference.abs(), 1.0))
}

/// Of a search by the rank correlation of all trials that completed.
fn rises(report: &Report<'_>, runs: &[Run<'_>], name: &str, up: bool) -> Judgement {
    let pairs = |good: bool| -> Vec<(f64, f64)> {
        let pair = |(trial, value): &Run<'_>| Some((number_of(trial, name)?, if good { *value } else { trial.value? }));
        runs.iter().filter_map(pair).collect()
    };
    let (Some(good), Some(plain)) = (rank_correlation(&pairs(true)), rank_correlation(&pairs(false))) else {
        return Judgement::not_tested("too few trials have different values of it.");
    };
    let count = pairs(true).len();
    let because = format!(
        "rank correlation with {} {plain:+.2} in {count} trials of a search, which differ in more than this",
        report.objective()
    );
    let stopped =
        report.own().filter(|trial| trial.state == TrialState::Pruned && number_of(trial, name).is_some()).count();
    if stopped > 0 {
        return Judgement::undecided(format!(
            "{because}; {stopped} more were stopped early, so that only good ones are left."
        ));
    }
    match if up { good } else { -good } * ((count - 1) as f64).sqrt() {
        1.96.. => Judgement::new(Verdict::Supported, because + "."),
        ..-1.96 => Judgement::new(Verdict::Rejected, because + "."),
        _ => Judgement::undecided(because + "."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_decide() {
        let verdict = |difference, error, freedom| decided(difference, error, freedom, "here").verdict;
        assert_eq!(verdict(0.05, 0.02, 1000.0), Verdict::Supported);
        assert_eq!(verdict(-0.05, 0.02, 1000.0), Verdict::Rejected);
        assert_eq!(verdict(0.05, 0.02, 2.0), Verdict::Undecided);
        // (1.96 x 0.02 / 0.02)^2 is 3.85.
        let told = decided(0.02, 0.02, 1e6, "here").because;
        assert_eq!(
            told,
            "better by 0.0200 (95 %: -0.0192 to 0.0592) here; about 4 times as many trainings would tell, if the difference is real."
        );
    }
}
