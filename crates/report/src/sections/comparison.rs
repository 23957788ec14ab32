//! This study against others.

use tunefork_study::StudyRecord;
use tunefork_trial::TrialState;

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
    let header = ["study", "search", "trials", "stopped", "epochs", "epochs saved", "time", "best", "in trial"];
    let studies = [report.study].into_iter().chain(report.compared.iter());
    section.table(Table::new(header).with_rows(studies.map(row)));
    let metric = &report.study.header.metric;
    let others = report.compared.iter().filter(|study| study.header.metric != *metric);
    let others: Vec<String> = others.map(|study| study.header.name.clone()).collect();
    if !others.is_empty() {
        section.text(format!("What is measured is not the same: {} measure something else.", others.join(", ")));
    }
    section.figure(figures::comparison(report));
    section
}

fn row(study: &StudyRecord) -> Vec<String> {
    let header = &study.header;
    let own: Vec<_> = study.trials.iter().filter(|trial| study.is_own(trial)).collect();
    let stopped = own.iter().filter(|trial| trial.state == TrialState::Pruned).count();
    let best = study.best();
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
    ]
}
