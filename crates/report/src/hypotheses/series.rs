//! Whether runs that differ in one number alone get better as it grows.

use tunefork_study::TrialRecord;

use super::chance::{Chance, reach};
use super::judge::{Judgement, Run, SEVERAL, decided, differ_only_in, number_of};
use crate::Report;
use crate::numbers::figure;

/// From the first to the last of a series, unless it falls on the way by more than chance.
pub(super) fn rises_in_a_series(report: &Report<'_>, runs: &[Run<'_>], name: &str, up: bool) -> Judgement {
    let Some(series) = series(report, runs, name, up) else {
        return Judgement::undecided("no two runs differ in this alone.");
    };
    let told: Vec<String> = series
        .iter()
        .map(|(trial, _)| {
            let value = trial.value.map(figure).unwrap_or_default();
            format!("{value} at {}", number_of(trial, name).unwrap_or(f64::NAN))
        })
        .collect();
    let how = format!("from the first to the last of {}, in runs that differ in nothing else", told.join(", "));
    let error = |from: usize, to: usize| {
        let all = series.iter().enumerate();
        let shares = all.map(|(place, (trial, _))| (*trial, if place == from || place == to { 1.0 } else { 0.0 }));
        Chance::of(shares)
    };
    let last = series.len() - 1;
    let difference = series[last].1 - series[0].1;
    let Some(chance) = error(0, last) else {
        return Judgement::undecided(format!("better by {} {how}; {SEVERAL}.", super::judge::signed(difference)));
    };
    let fall = (0..last).find(|place| {
        let fall = series[*place].1 - series[place + 1].1;
        error(*place, place + 1).is_some_and(|chance| fall > reach(chance.freedom, last) * chance.error)
    });
    match fall {
        Some(place) => {
            let from = number_of(series[place].0, name).unwrap_or(f64::NAN);
            Judgement::new(
                "rejected",
                format!("{}, and from {from} on it gets worse by more than chance.", told.join(", ")),
            )
        }
        None => decided(difference, chance.error, chance.freedom, &how),
    }
}

/// Runs that differ in this alone, in its order: those beside the baseline, else the longest list.
fn series<'a>(report: &Report<'_>, runs: &[Run<'a>], name: &str, up: bool) -> Option<Vec<Run<'a>>> {
    let place = |trial: &TrialRecord| number_of(trial, name).map(|number| if up { number } else { -number });
    let around = |first: &TrialRecord| {
        let alike = runs.iter().filter(|(trial, _)| place(trial).is_some() && differ_only_in(first, trial, &[name]));
        let mut series: Vec<Run<'a>> = alike.copied().collect();
        series.sort_by(|(a, _), (b, _)| place(a).partial_cmp(&place(b)).unwrap_or(std::cmp::Ordering::Equal));
        series.dedup_by(|(a, _), (b, _)| place(a) == place(b));
        Some(series).filter(|series| series.len() >= 2)
    };
    let baseline = report.baseline().and_then(around);
    baseline.or_else(|| runs.iter().filter_map(|(trial, _)| around(trial)).max_by_key(Vec::len))
}
