//! Whether the trials of a study bear a claim out.

use tunefork_space::Value;
use tunefork_study::{StoredParameter, TrialRecord, deviation, mean};
use tunefork_trial::Direction;

use super::chance::{most_squares, of_images, reach};
use super::claim::{Claim, Values, is_named};
use crate::Report;
use crate::numbers::{figure, figure_beside};
use crate::report::trainings;
use crate::statistics::rank_correlation;

/// What the trials say of a claim.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judgement {
    /// `supported`, `rejected` or `undecided`.
    pub verdict: &'static str,
    /// By what, in a sentence.
    pub because: String,
}

impl Judgement {
    fn undecided(because: impl Into<String>) -> Self {
        Self { verdict: "undecided", because: because.into() }
    }
}

/// A completed trial with its value, larger being better.
type Run<'a> = (&'a TrialRecord, f64);

/// Judges a claim from all completed trials.
pub(crate) fn judge(report: &Report<'_>, claim: &Claim) -> Judgement {
    let sign = match report.study.header.direction {
        Direction::Maximize => 1.0,
        Direction::Minimize => -1.0,
    };
    let runs: Vec<Run<'_>> = report.complete().into_iter().map(|(trial, value)| (trial, sign * value)).collect();
    match claim {
        Claim::Better { parameter, these, those } => better(report, &runs, parameter, these, those),
        Claim::Rises { parameter, up } => rises(report, &runs, parameter, *up),
        Claim::Interact { parameters: [one, other] } => interact(report, &runs, one, other),
    }
}

fn stored<'a>(trial: &'a TrialRecord, name: &str) -> Option<&'a StoredParameter> {
    trial.params.iter().find(|stored| is_named(&stored.name, name))
}

/// Whether two trials differ in nothing but the parameters that are named, as far as both have the others.
fn differ_only_in(one: &TrialRecord, other: &TrialRecord, names: &[&str]) -> bool {
    one.params.iter().all(|a| {
        let is_asked = names.iter().any(|name| is_named(&a.name, name));
        is_asked || other.params.iter().find(|b| b.name == a.name).is_none_or(|b| a.internal == b.internal)
    })
}

/// A difference of means with what it may be off by.
struct Difference {
    mean: f64,
    /// The standard error of the mean; nothing where nobody knows.
    error: Option<f64>,
    /// Degrees of freedom from which that was found.
    freedom: f64,
    /// Runs on the side that has fewer.
    runs: usize,
    /// How it was found.
    how: String,
}

fn better(report: &Report<'_>, runs: &[Run<'_>], name: &str, these: &[Values], those: &[Values]) -> Judgement {
    let is_one = |values: &[Values], trial: &TrialRecord| {
        stored(trial, name).is_some_and(|stored| values.iter().any(|value| value.contain(stored)))
    };
    let first: Vec<Run<'_>> = runs.iter().copied().filter(|(trial, _)| is_one(these, trial)).collect();
    let second: Vec<Run<'_>> = runs
        .iter()
        .copied()
        .filter(|(trial, _)| match those.is_empty() {
            true => stored(trial, name).is_some() && !is_one(these, trial),
            false => is_one(those, trial),
        })
        .collect();
    if first.is_empty() || second.is_empty() {
        return Judgement::undecided("no completed trial is on one of the sides.");
    }
    let found = if report.is_designed() { paired(report, &first, &second, name) } else { Some(apart(&first, &second)) };
    match found {
        Some(found) => told(&found),
        None => Judgement::undecided("no two runs differ in this alone."),
    }
}

/// Runs that differ in this alone, each pair for itself.
fn paired(report: &Report<'_>, first: &[Run<'_>], second: &[Run<'_>], name: &str) -> Option<Difference> {
    let pairs: Vec<(Run<'_>, Run<'_>)> = first
        .iter()
        .flat_map(|a| second.iter().map(move |b| (*a, *b)))
        .filter(|((a, _), (b, _))| differ_only_in(a, b, &[name]))
        .collect();
    if pairs.is_empty() {
        return None;
    }
    let differences: Vec<f64> = pairs.iter().map(|((_, a), (_, b))| a - b).collect();
    let count = pairs.len();
    // A run may be in several pairs: what it is off by is in all of them.
    let sides = [first, second]
        .map(|side| side.iter().filter(|run| pairs.iter().any(|(a, b)| is_same(a, run) || is_same(b, run))).count());
    let fewer = sides.into_iter().min().unwrap_or(1).max(1);
    let variance_of = |run: &Run<'_>| variance(report, run);
    let both: Option<Vec<f64>> = pairs.iter().map(|(a, b)| Some(variance_of(a)?.0 + variance_of(b)?.0)).collect();
    let freedom: f64 =
        pairs.iter().filter_map(|(a, b)| Some(variance_of(a)?.1 + variance_of(b)?.1)).fold(f64::INFINITY, f64::min);
    let spread = deviation(&differences).filter(|_| fewer >= 3);
    let (error, freedom) = match (both, spread) {
        // How far pairs differ is no measure of chance where their values differ for a reason: it is the last one.
        (Some(both), _) => (Some((mean(&both) / fewer as f64).sqrt()), freedom),
        (None, Some(spread)) => (Some(spread / (fewer as f64).sqrt()), (fewer - 1) as f64),
        (None, None) => (None, 1.0),
    };
    let how = match count {
        1 => "in two runs that differ in nothing else".to_owned(),
        _ => format!("in the mean of {count} pairs of runs that differ in nothing else"),
    };
    Some(Difference { mean: mean(&differences), error, freedom, runs: fewer, how })
}

fn is_same(one: &Run<'_>, other: &Run<'_>) -> bool {
    one.0.number == other.0.number
}

/// The variance of a run's value and the degrees of freedom from which it is known: by its trainings, else by the number of
/// validation images.
fn variance(report: &Report<'_>, (trial, value): &Run<'_>) -> Option<(f64, f64)> {
    let values: Vec<f64> = trainings(trial).iter().map(|report| report.value).collect();
    match deviation(&values) {
        Some(deviation) => {
            let count = values.len() as f64;
            Some((deviation * deviation / count, count - 1.0))
        }
        None => Some((of_images(report, value.abs())?, f64::INFINITY)),
    }
}

/// All runs of both sides, whatever else they differ in (Welch, 1947).
fn apart(first: &[Run<'_>], second: &[Run<'_>]) -> Difference {
    let values = |side: &[Run<'_>]| side.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
    let (first, second) = (values(first), values(second));
    let part = |values: &[f64]| Some((deviation(values)?.powi(2) / values.len() as f64, values.len() as f64 - 1.0));
    let (error, freedom) = match (part(&first), part(&second)) {
        (Some((a, n)), Some((b, m))) => (Some((a + b).sqrt()), (a + b).powi(2) / (a * a / n + b * b / m)),
        _ => (None, 1.0),
    };
    let how = format!(
        "in the mean of {} and of {} trials of a search, which differ in more than this",
        first.len(),
        second.len()
    );
    Difference { mean: mean(&first) - mean(&second), error, freedom, runs: first.len().min(second.len()), how }
}

fn told(found: &Difference) -> Judgement {
    let Difference { mean, error, freedom, runs, how } = found;
    let Some(error) = error else {
        return Judgement::undecided(format!(
            "{} {how}, but nobody knows how far chance goes: train each run several times (replicates).",
            signed(*mean)
        ));
    };
    let reach = reach(*freedom) * error;
    let (low, high) = (mean - reach, mean + reach);
    let interval = format!("{} (95 %: {} to {}) {how}", signed(*mean), signed(low), signed(high));
    if low > 0.0 {
        return Judgement { verdict: "supported", because: format!("{interval}.") };
    }
    if high < 0.0 {
        return Judgement { verdict: "rejected", because: format!("{interval}.") };
    }
    // An interval shrinks as one over the root of the number of runs.
    let needed = (*runs as f64 * ((reach / mean).powi(2) - 1.0)).ceil();
    let more = match needed {
        1.0..=200.0 => format!("; about {needed:.0} more runs of each side would tell, if the difference is real"),
        _ => "; if there is a difference, it is too small for a few more runs to tell".to_owned(),
    };
    Judgement::undecided(format!("{interval}{more}."))
}

fn signed(value: f64) -> String {
    let text = figure_beside(value, 1.0);
    if value >= 0.0 { format!("+{text}") } else { text }
}

fn rises(report: &Report<'_>, runs: &[Run<'_>], name: &str, up: bool) -> Judgement {
    let mut placed: Vec<(f64, f64, &TrialRecord)> = runs.iter().filter_map(|run| placed_by(run, name, up)).collect();
    if report.is_designed() {
        return match series(&placed, name) {
            Some(series) => steps(report, series),
            None => Judgement::undecided("no two runs differ in this alone."),
        };
    }
    placed.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
    let pairs: Vec<(f64, f64)> = placed.iter().map(|(number, value, _)| (*number, *value)).collect();
    let Some(rank) = rank_correlation(&pairs) else {
        return Judgement::undecided("too few trials have different values of it.");
    };
    let strength = rank * ((pairs.len() - 1) as f64).sqrt();
    let because =
        format!("rank correlation {rank:+.2} in {} trials of a search, which differ in more than this.", pairs.len());
    match strength {
        1.96.. => Judgement { verdict: "supported", because },
        ..-1.96 => Judgement { verdict: "rejected", because },
        _ => Judgement::undecided(because),
    }
}

/// The number of a run's parameter, turned round if smaller ones are to be better, with the run's value. Numbers among choices have
/// an order, too.
fn placed_by<'a>((trial, value): &Run<'a>, name: &str, up: bool) -> Option<(f64, f64, &'a TrialRecord)> {
    let stored = stored(trial, name)?;
    let number = match stored.domain.to_value(stored.internal) {
        Value::Int(number) => number as f64,
        Value::Float(number) => number,
        Value::Null | Value::Bool(_) | Value::Text(_) => return None,
    };
    Some((if up { number } else { -number }, *value, *trial))
}

/// The longest list of runs that differ in this alone, in its order, one for each value.
fn series<'a>(placed: &[(f64, f64, &'a TrialRecord)], name: &str) -> Option<Vec<(f64, f64, &'a TrialRecord)>> {
    let of = |first: &(f64, f64, &'a TrialRecord)| {
        let mut series: Vec<_> =
            placed.iter().filter(|(.., other)| differ_only_in(first.2, other, &[name])).copied().collect();
        series.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
        series.dedup_by(|a, b| a.0 == b.0);
        series
    };
    placed.iter().map(of).max_by_key(Vec::len).filter(|series| series.len() >= 2)
}

/// Whether a series rises from each value to the next, but for what is chance.
fn steps(report: &Report<'_>, series: Vec<(f64, f64, &TrialRecord)>) -> Judgement {
    let told: Vec<String> =
        series.iter().map(|(number, value, _)| format!("{} at {}", figure(value.abs()), number.abs())).collect();
    let because = format!("{}, in runs that differ in nothing else", told.join(", "));
    let errors: Option<Vec<f64>> =
        series.iter().map(|(_, value, trial)| Some(variance(report, &(trial, *value))?.0)).collect();
    let Some(errors) = errors else {
        return Judgement::undecided(format!(
            "{because}; nobody knows how far chance goes: train each run several times."
        ));
    };
    let beyond = |from: usize, to: usize| (series[to].1 - series[from].1) / (1.96 * (errors[from] + errors[to]).sqrt());
    let last = series.len() - 1;
    let falls = (0..last).find(|place| beyond(*place, place + 1) < -1.0);
    match falls {
        Some(place) => Judgement {
            verdict: "rejected",
            because: format!("{because}: from {} on it gets worse.", series[place].0.abs()),
        },
        None if beyond(0, last) > 1.0 => Judgement { verdict: "supported", because: format!("{because}.") },
        None => Judgement::undecided(format!("{because}: first and last are within chance of each other.")),
    }
}

fn interact(report: &Report<'_>, runs: &[Run<'_>], one: &str, other: &str) -> Judgement {
    let place = |run: &Run<'_>| Some((stored(run.0, one)?.internal, stored(run.0, other)?.internal));
    // The largest set of runs that differ in these two alone.
    let sets = runs.iter().map(|(first, _)| {
        runs.iter().filter(|(trial, _)| differ_only_in(first, trial, &[one, other])).collect::<Vec<_>>()
    });
    let Some(set) = sets.max_by_key(Vec::len) else { return Judgement::undecided("no trial is complete.") };
    let distinct = |of: &dyn Fn((f64, f64)) -> f64| {
        let mut values: Vec<f64> = set.iter().filter_map(|run| place(run)).map(of).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    };
    let (rows, columns) = (distinct(&|(a, _)| a), distinct(&|(_, b)| b));
    let at = |row: f64, column: f64| set.iter().find(|run| place(run) == Some((row, column)));
    // Values of one that were tried with all values of the other, whichever way that gives more.
    let whole = |rows: &[f64], columns: &[f64]| -> Vec<Vec<&&Run<'_>>> {
        rows.iter().filter_map(|row| columns.iter().map(|column| at(*row, *column)).collect()).collect()
    };
    let swapped = |rows: &[f64], columns: &[f64]| -> Vec<Vec<&&Run<'_>>> {
        columns.iter().filter_map(|column| rows.iter().map(|row| at(*row, *column)).collect()).collect()
    };
    let tables = [whole(&rows, &columns), swapped(&rows, &columns)];
    let cells = |table: &Vec<Vec<&&Run<'_>>>| table.iter().map(Vec::len).sum::<usize>();
    let table = tables.into_iter().filter(|table| table.len() >= 2 && table[0].len() >= 2).max_by_key(cells);
    let Some(table) = table else {
        return Judgement::undecided(
            "runs with all combinations of their values, and all else the same, are not there.",
        );
    };
    let values: Vec<Vec<f64>> = table.iter().map(|row| row.iter().map(|run| run.1).collect()).collect();
    let variances: Option<Vec<f64>> = table.iter().flatten().map(|run| Some(variance(report, run)?.0)).collect();
    let (largest, squares) = beyond_sums(&values);
    let (rows, columns) = (table.len(), table[0].len());
    let freedom = ((rows - 1) * (columns - 1)) as f64;
    let because = format!(
        "of {rows} x {columns} runs one is up to {} off what the two do each by itself",
        figure_beside(largest, 1.0)
    );
    match variances.map(|variances| squares / mean(&variances)) {
        Some(squares) if squares > most_squares(freedom) => {
            Judgement { verdict: "supported", because: format!("{because}, more than chance.") }
        }
        Some(_) => Judgement::undecided(format!("{because}, which is within chance.")),
        None => {
            Judgement::undecided(format!("{because}; nobody knows how far chance goes: train each run several times."))
        }
    }
}

/// What is left of a table when its rows' and columns' means are taken away: the largest, and the sum of their squares.
fn beyond_sums(values: &[Vec<f64>]) -> (f64, f64) {
    let rows: Vec<f64> = values.iter().map(|row| mean(row)).collect();
    let columns: Vec<f64> =
        (0..values[0].len()).map(|column| mean(&values.iter().map(|row| row[column]).collect::<Vec<f64>>())).collect();
    let all = mean(&rows);
    let rest = values.iter().zip(&rows).flat_map(|(row, of_row)| {
        row.iter().zip(&columns).map(move |(value, of_column)| value - of_row - of_column + all)
    });
    rest.fold((0.0_f64, 0.0), |(largest, squares), rest| (largest.max(rest.abs()), squares + rest * rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_do_each_by_itself_leaves_nothing() {
        let (largest, squares) = beyond_sums(&[vec![0.1, 0.2, 0.4], vec![0.3, 0.4, 0.6]]);
        assert!(largest < 1e-12 && squares < 1e-20);
        let (largest, squares) = beyond_sums(&[vec![0.0, 0.0], vec![0.0, 0.4]]);
        assert!((largest - 0.1).abs() < 1e-12 && (squares - 0.04).abs() < 1e-12);
    }

    #[test]
    fn intervals_decide() {
        let difference = |mean, error, freedom, runs| Difference { mean, error, freedom, runs, how: "here".to_owned() };
        let verdict = |found: Difference| told(&found).verdict;
        assert_eq!(verdict(difference(0.05, Some(0.02), f64::INFINITY, 1)), "supported");
        assert_eq!(verdict(difference(-0.05, Some(0.02), f64::INFINITY, 1)), "rejected");
        assert_eq!(verdict(difference(0.05, Some(0.02), 2.0, 1)), "undecided");
        // (1.96 x 0.02 / 0.02)^2 - 1 is 2.84: three more of one.
        let more = told(&difference(0.02, Some(0.02), f64::INFINITY, 1)).because;
        assert!(more.contains("about 3 more runs of each side would tell"), "{more}");
        assert!(told(&difference(0.05, None, 1.0, 1)).because.contains("replicates"));
    }
}
