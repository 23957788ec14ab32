//! The table of all trials.

use tunefork_space::Value;

use crate::Report;
use crate::document::{Section, Table, TableRow};
use crate::experiments::experiments_of;
use crate::numbers::{value_text, with_deviation};
use crate::report::{deviation_of, epochs, reason};

pub(super) fn trials(report: &Report<'_>) -> Section {
    let mut section = Section::new("Trials");
    let study = report.study;
    if study.trials.is_empty() {
        return section;
    }
    let parameters = report.parameters();
    let is_grouped = study.trials.iter().any(|trial| !experiments_of(trial).is_empty());
    let mut table = Table::new(["trial", "state", report.objective(), "epochs"]);
    table.header.extend(is_grouped.then(|| "experiments".to_string()));
    table.header.extend(parameters.iter().map(|(name, _)| name.to_string()));
    let best = study.best().map(|best| best.number);
    table.rows = study
        .trials
        .iter()
        .map(|trial| {
            let state = match reason(study, trial).as_str() {
                "" => trial.state.to_string(),
                reason => format!("{}: {reason}", trial.state),
            };
            let value = trial.value.map(|value| with_deviation(value, deviation_of(trial)));
            let mut cells = vec![trial.number.to_string(), state, value.unwrap_or_default(), epochs(trial).to_string()];
            let mut names = experiments_of(trial);
            names.dedup();
            cells.extend(is_grouped.then(|| names.join(", ")));
            let params = trial.params();
            cells.extend(parameters.iter().map(|(name, _)| match params.get(name) {
                None => String::new(),
                Some(Value::Null) if is_grouped => String::new(),
                Some(value) => value_text(value),
            }));
            TableRow { trial: Some(trial.number.0), is_marked: Some(trial.number) == best, cells }
        })
        .collect();
    section.table(table);
    section
}
