//! The tables of a trial's epochs.

use std::collections::HashMap;
use std::path::Path;

use tunefork_report::csv_line;
use tunefork_study::{EpochRecord, Member};

use crate::files::write_atomically;
use crate::{Error, Members};

/// Writes them into a folder; nothing before the first epoch.
pub(crate) fn write_epochs(folder: &Path, epochs: &[EpochRecord], members: Members) -> Result<(), Error> {
    let Some(last) = epochs.last() else {
        return Ok(());
    };
    let tables = [
        ("progress.csv", progress_csv(epochs, members)),
        ("classes.csv", classes_csv(epochs)),
        ("confusion.csv", confusion_csv(last)),
    ];
    for (name, table) in tables {
        write_atomically(&folder.join(name), table.as_bytes())?;
    }
    Ok(())
}

/// One row per epoch: its number, the figures of the whole validation part, the value of each training
/// where these are several, and the times.
fn progress_csv(epochs: &[EpochRecord], of: Members) -> String {
    let (Some(first), Some(last)) = (epochs.first(), epochs.last()) else {
        return String::new();
    };
    let whole = |name: &&str| !name.contains('/');
    let metrics: Vec<&str> = names(&first.metrics).filter(whole).collect();
    let observed: Vec<&str> = names(&first.observed).collect();
    // Folds in sequence begin one after another: the last epoch knows them all.
    let members: Vec<Member> = last.members.iter().map(|report| report.member).collect();
    let named: Vec<String> = members.iter().map(|member| of.name(*member)).collect();
    let header: Vec<&str> = ["epoch", "value"]
        .into_iter()
        .chain(metrics.iter().copied())
        .chain(named.iter().map(String::as_str))
        .chain(observed.iter().copied())
        .collect();
    let mut text = csv_line(&header);
    for epoch in epochs {
        let mut cells = vec![epoch.step.to_string(), epoch.value.to_string()];
        let (measured, timed) = (by_name(&epoch.metrics), by_name(&epoch.observed));
        cells.extend(metrics.iter().map(|name| cell(&measured, name)));
        cells.extend(members.iter().map(|member| {
            let mut reports = epoch.members.iter();
            let report = reports.find(|report| report.member == *member);
            report.map(|report| report.value.to_string()).unwrap_or_default()
        }));
        cells.extend(observed.iter().map(|name| cell(&timed, name)));
        text.push_str(&csv_line(&cells));
    }
    text
}

/// One row per epoch and class: precision, recall and F1.
fn classes_csv(epochs: &[EpochRecord]) -> String {
    let mut text = csv_line(&["epoch", "class", "precision", "recall", "f1"]);
    for epoch in epochs {
        let figures = by_name(&epoch.metrics);
        for class in classes(epoch) {
            let figure = |name: &str| cell(&figures, &format!("{name}/{class}"));
            let cells =
                [epoch.step.to_string(), class.to_string(), figure("precision"), figure("recall"), figure("f1")];
            text.push_str(&csv_line(&cells));
        }
    }
    text
}

/// How many images of each class (rows) were taken for each class (columns).
fn confusion_csv(epoch: &EpochRecord) -> String {
    let classes: Vec<&str> = classes(epoch).collect();
    let figures = by_name(&epoch.metrics);
    let mut text = csv_line(&[&["actual"], &classes[..]].concat());
    for actual in &classes {
        let counts = classes.iter().map(|predicted| {
            let count = cell(&figures, &format!("confusion/{actual}/{predicted}"));
            if count.is_empty() { "0".to_string() } else { count }
        });
        let cells: Vec<String> = std::iter::once(actual.to_string()).chain(counts).collect();
        text.push_str(&csv_line(&cells));
    }
    text
}

/// Names of the classes of which an epoch has figures.
fn classes(epoch: &EpochRecord) -> impl Iterator<Item = &str> {
    names(&epoch.metrics).filter_map(|name| name.strip_prefix("recall/"))
}

fn names(figures: &[(String, f64)]) -> impl Iterator<Item = &str> {
    figures.iter().map(|(name, _)| name.as_str())
}

/// Figures to look up: of 200 classes there are 40,000 pairs, and thousands of them have one.
fn by_name(figures: &[(String, f64)]) -> HashMap<&str, f64> {
    let figures = figures.iter();
    figures.map(|(name, value)| (name.as_str(), *value)).collect()
}

/// The figure of this name; nothing where there is none.
fn cell(figures: &HashMap<&str, f64>, name: &str) -> String {
    let figure = figures.get(name);
    figure.map(|value| value.to_string()).unwrap_or_default()
}
