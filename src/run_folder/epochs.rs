//! The tables of a trial's epochs.

use std::collections::HashMap;

use tunefork_report::csv_line;
use tunefork_study::{EpochRecord, Member, Members, Metrics, Timing};

/// Their files, each with what it holds; none before the first epoch.
pub(crate) fn epoch_tables(
    epochs: &[EpochRecord],
    members: Members,
) -> impl Iterator<Item = (&'static str, String)> + use<> {
    let tables = epochs.last().map(|last| {
        [
            ("progress.csv", progress_csv(epochs, members)),
            ("classes.csv", classes_csv(epochs)),
            ("confusion.csv", confusion_csv(&last.report.metrics)),
        ]
    });
    tables.into_iter().flatten()
}

/// One row per epoch: its number, the figures of the whole validation part, the value of each training
/// where these are several, and the times.
fn progress_csv(epochs: &[EpochRecord], of: Members) -> String {
    let (Some(first), Some(last)) = (epochs.first(), epochs.last()) else {
        return String::new();
    };
    let metrics: Vec<&str> = first.report.metrics.whole.iter().map(|(name, _)| name.as_str()).collect();
    let timed: Vec<&str> = first.report.timing.iter().flat_map(Timing::named).map(|(name, _)| name).collect();
    // Folds in sequence begin one after another: the last epoch knows them all.
    let members: Vec<Member> = last.report.members.iter().map(|report| report.member).collect();
    let named: Vec<String> = members.iter().map(|member| of.name(*member)).collect();
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let mut text = csv_line(&[&["epoch", "value"], &metrics[..], &named[..], &timed[..]].concat());
    for EpochRecord { step, report, .. } in epochs {
        let mut cells = vec![step.to_string(), report.value.to_string()];
        cells.extend(metrics.iter().map(|name| cell(report.metrics.whole.iter().find(|(other, _)| other == name))));
        cells.extend(members.iter().map(|member| {
            let report = report.members.iter().find(|report| report.member == *member);
            report.map(|report| report.value.to_string()).unwrap_or_default()
        }));
        let timing = report.timing.as_ref().map(Timing::named);
        cells.extend(timed.iter().map(|name| cell(timing.iter().flatten().find(|(other, _)| other == name))));
        text.push_str(&csv_line(&cells));
    }
    text
}

/// One row per epoch and class: the figures of each class.
fn classes_csv(epochs: &[EpochRecord]) -> String {
    let first = epochs.first().and_then(|first| classes(&first.report.metrics).next()).unwrap_or_default();
    let figures: Vec<&str> = first.iter().map(|((_, figure), _)| figure.as_str()).collect();
    let mut text = csv_line(&[&["epoch", "class"], &figures[..]].concat());
    for EpochRecord { step, report, .. } in epochs {
        for of_class in classes(&report.metrics) {
            let mut cells = vec![step.to_string(), of_class[0].0.0.clone()];
            cells.extend(figures.iter().map(|figure| cell(of_class.iter().find(|((_, name), _)| name == figure))));
            text.push_str(&csv_line(&cells));
        }
    }
    text
}

/// How many images of each class (rows) were taken for each class (columns).
fn confusion_csv(metrics: &Metrics) -> String {
    let classes: Vec<&str> = classes(metrics).map(|of_class| of_class[0].0.0.as_str()).collect();
    // Of 200 classes there are 40,000 pairs, and thousands of them have a count.
    let pairs = metrics.confusion.iter().map(|((actual, taken), count)| ((actual.as_str(), taken.as_str()), count));
    let counts: HashMap<(&str, &str), &f64> = pairs.collect();
    let mut text = csv_line(&[&["actual"], &classes[..]].concat());
    for actual in &classes {
        let counts =
            classes.iter().map(|taken| counts.get(&(*actual, *taken)).map_or(0.0, |count| **count).to_string());
        let cells: Vec<String> = std::iter::once(actual.to_string()).chain(counts).collect();
        text.push_str(&csv_line(&cells));
    }
    text
}

fn classes(metrics: &Metrics) -> impl Iterator<Item = &[((String, String), f64)]> {
    metrics.per_class.chunk_by(|((one, _), _), ((other, _), _)| one == other)
}

/// A figure; nothing where there is none.
fn cell<Name>(figure: Option<&(Name, f64)>) -> String {
    figure.map(|(_, value)| value.to_string()).unwrap_or_default()
}
