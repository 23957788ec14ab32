//! This study against others.

use tunefork_study::StudyRecord;
use tunefork_trial::TrialState;

use super::about::settings_of;
use super::overview::{Saved, search};
use crate::Report;
use crate::document::{Section, Table};
use crate::figures;
use crate::numbers::{duration, figure, percent};

/// A row for each study; nothing where there is no other.
pub(super) fn comparison(report: &Report<'_>) -> Section {
    let mut section = Section::new("Comparison");
    if report.compared.is_empty() {
        return section;
    }
    let header = ["study", "search", "trials", "stopped", "epochs", "epochs saved", "time", "best", "in trial", "test"];
    let studies = [report.study].into_iter().chain(report.compared.iter());
    section.table(Table::new(header).with_rows(studies.map(row)));
    let differing = differing(report);
    if !differing.is_empty() {
        let names = [report.study].into_iter().chain(report.compared.iter()).map(|study| study.header.name.as_str());
        let header: Vec<&str> = ["setting that differs"].into_iter().chain(names).collect();
        section.table(Table::new(header).with_rows(differing));
    }
    let metric = &report.study.header.metric;
    let others = report.compared.iter().filter(|study| study.header.metric != *metric);
    let others: Vec<String> = others.map(|study| study.header.name.clone()).collect();
    if !others.is_empty() {
        section.text(format!("Not all measure {}: {} look at something else.", metric_of(report), others.join(", ")));
    }
    section.figure(figures::comparison(report));
    section
}

fn metric_of<'a>(report: &Report<'a>) -> &'a str {
    report.study.header.metric.as_deref().unwrap_or("the same value")
}

/// Settings that are not the same in all studies; one that a study varies is told as such.
fn differing(report: &Report<'_>) -> Vec<Vec<String>> {
    let studies: Vec<&StudyRecord> = [report.study].into_iter().chain(report.compared.iter()).collect();
    let varies =
        |study: &StudyRecord, name: &str| study.trials.iter().flat_map(|trial| &trial.params).any(|of| of.name == name);
    let cell = |study: &StudyRecord, name: &str| match varies(study, name) {
        true => "varies".to_owned(),
        false => settings_of(study).find(|(other, _)| *other == name).map(|(_, value)| value).unwrap_or_default(),
    };
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in studies.iter().flat_map(|study| settings_of(study)) {
        // The name stands above.
        if !names.contains(&name) && name != "name" {
            names.push(name);
        }
    }
    let rows = names.into_iter().map(|name| {
        let cells: Vec<String> = studies.iter().map(|study| cell(study, name)).collect();
        [name.to_owned()].into_iter().chain(cells).collect::<Vec<String>>()
    });
    rows.filter(|row| row[2..].iter().any(|cell| *cell != row[1])).collect()
}

fn row(study: &StudyRecord) -> Vec<String> {
    let header = &study.header;
    let own: Vec<_> = study.trials.iter().filter(|trial| study.is_own(trial)).collect();
    let stopped = own.iter().filter(|trial| trial.state == TrialState::Pruned).count();
    let best = study.best();
    let tested = best.and_then(|best| best.attributes.iter().find(|(name, _)| name == "test_accuracy"));
    let elapsed = study.elapsed.as_secs_f64();
    vec![
        header.name.clone(),
        search(header),
        own.len().to_string(),
        stopped.to_string(),
        own.iter().map(|trial| trial.epochs.len()).sum::<usize>().to_string(),
        Saved::of(&Report::new(study)).map(|saved| percent(saved.share())).unwrap_or_default(),
        if elapsed > 0.0 { duration(elapsed) } else { String::new() },
        best.and_then(|best| best.value).map(figure).unwrap_or_default(),
        best.map(|best| best.number.to_string()).unwrap_or_default(),
        tested.and_then(|(_, value)| value.as_f64()).map(figure).unwrap_or_default(),
    ]
}
