//! Whether runs that differ in one number alone get better as it grows.

use tunefork_study::{TrialRecord, mean};

use super::chance::{Chance, reach};
use super::judge::{Judgement, Run, SEVERAL, Verdict, decided, differ_only_in, difference_in_words, number_of};
use crate::Report;
use crate::numbers::figure;

/// Runs with the same numbers each, which differ in nothing else within a line; in the order of the claim.
struct Lines<'a> {
    numbers: Vec<f64>,
    lines: Vec<Vec<Run<'a>>>,
}

impl Lines<'_> {
    /// How good the runs with a number are in the mean.
    fn value(&self, place: usize) -> f64 {
        mean(&self.lines.iter().map(|line| line[place].1).collect::<Vec<f64>>())
    }

    /// The mean as it was measured, for people.
    fn told(&self, place: usize) -> String {
        let values: Vec<f64> = self.lines.iter().filter_map(|line| line[place].0.value).collect();
        format!("{} at {}", figure(mean(&values)), self.numbers[place])
    }

    /// How far the difference of two means may be off.
    fn chance(&self, from: usize, to: usize) -> Option<Chance> {
        let share = 1.0 / self.lines.len() as f64;
        let runs = self.lines.iter().flat_map(|line| line.iter().enumerate());
        Chance::of(runs.map(|(place, (trial, _))| (*trial, if place == from || place == to { share } else { 0.0 })))
    }
}

/// From the first to the last of a series, unless it falls on the way by more than chance.
pub(super) fn rises_in_a_series(report: &Report<'_>, runs: &[Run<'_>], name: &str, up: bool) -> Judgement {
    let Some(series) = lines(report, runs, name, up) else {
        return Judgement::not_tested("no two runs differ in this alone.");
    };
    let last = series.numbers.len() - 1;
    let told = (0..=last).map(|place| series.told(place)).collect::<Vec<String>>().join(", ");
    let among = match series.lines.len() {
        1 => "in runs that differ in nothing else".to_owned(),
        lines => format!("in the mean of {lines} lines of runs that differ in nothing else"),
    };
    let how = format!("from the first to the last of {told}, {among}");
    let difference = series.value(last) - series.value(0);
    let Some(chance) = series.chance(0, last) else {
        return Judgement::undecided(format!("{} {how}; {SEVERAL}.", difference_in_words(difference)));
    };
    let fall = (0..last).find(|place| {
        let fall = series.value(*place) - series.value(place + 1);
        series.chance(*place, place + 1).is_some_and(|chance| fall > reach(chance.freedom, last) * chance.error)
    });
    match fall {
        Some(place) => {
            let from = series.numbers[place];
            Judgement::new(
                Verdict::Rejected,
                format!("{told}, {among}: from {from} on it gets worse by more than chance."),
            )
        }
        None => decided(difference, chance.error, chance.freedom, &how),
    }
}

/// All lines that have the numbers of the one around the baseline, else of the longest.
fn lines<'a>(report: &Report<'_>, runs: &[Run<'a>], name: &str, up: bool) -> Option<Lines<'a>> {
    let place = |trial: &TrialRecord| number_of(trial, name).map(|number| if up { number } else { -number });
    let around = |first: &TrialRecord| {
        let alike = runs.iter().filter(|(trial, _)| place(trial).is_some() && differ_only_in(first, trial, &[name]));
        let mut line: Vec<Run<'a>> = alike.copied().collect();
        line.sort_by(|(a, _), (b, _)| place(a).partial_cmp(&place(b)).unwrap_or(std::cmp::Ordering::Equal));
        line.dedup_by(|(a, _), (b, _)| place(a) == place(b));
        Some(line).filter(|line| line.len() >= 2)
    };
    let numbers = |line: &[Run<'a>]| line.iter().filter_map(|(trial, _)| number_of(trial, name)).collect::<Vec<f64>>();
    let longest = || runs.iter().filter_map(|(trial, _)| around(trial)).max_by_key(Vec::len);
    let wanted = numbers(&report.baseline().and_then(around).or_else(longest)?);
    let mut lines: Vec<Vec<Run<'a>>> = Vec::new();
    for (trial, _) in runs {
        let is_new = !lines.iter().flatten().any(|(other, _)| other.number == trial.number);
        if let (true, Some(mut line)) = (is_new, around(trial)) {
            line.retain(|(trial, _)| number_of(trial, name).is_some_and(|number| wanted.contains(&number)));
            lines.extend((line.len() == wanted.len()).then_some(line));
        }
    }
    Some(Lines { numbers: wanted, lines })
}
