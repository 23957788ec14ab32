//! Which parameters mattered.

use tunefork_importance::{Importance, PedAnova, ped_anova};
use tunefork_space::{Parameter, Point, Space};
use tunefork_trial::{History, HistoryError, TrialState};

use crate::Report;
use crate::domains::internal;

/// Of fewer completed trials the best tenth are one to three, which lie somewhere.
const LEAST: usize = 40;

/// The share of each parameter, the most important first. Nothing of few trials, where only one parameter varies, or where
/// trials are runs of experiments: those were chosen, and lie where they were put.
pub(crate) fn importances<'r>(report: &'r Report<'_>) -> &'r [Importance] {
    report.importances.get_or_init(|| worked_out(report))
}

fn worked_out(report: &Report<'_>) -> Vec<Importance> {
    if report.is_designed() || report.complete().len() < LEAST || report.parameters().len() < 2 {
        return Vec::new();
    }
    // A parameter that a database describes in two ways is one that nobody can compare.
    history(report).map(|history| ped_anova(&history, PedAnova::default())).unwrap_or_default()
}

/// The completed trials, numbered anew. Parameters come one by one: which of them exist under which conditions is seen
/// from the trials that have them.
fn history(report: &Report<'_>) -> Result<History, HistoryError> {
    let mut history = History::new(Space::default(), report.study.header.direction);
    let complete = report.complete();
    let numbered: Vec<_> = complete.iter().map(|(trial, value)| (history.next_number(), *trial, *value)).collect();
    let mut started = Vec::with_capacity(numbered.len());
    for (_, trial, value) in numbered {
        let number = history.next_number();
        history.start(number, Point::default())?;
        started.push((number, trial, value));
    }
    let mut indices = Vec::new();
    for (name, domain) in report.parameters() {
        let index = history.add_parameter(Parameter::new(name, domain.clone()))?;
        indices.push((name, domain, index));
    }
    for (number, trial, value) in started {
        for (name, domain, index) in &indices {
            if let Some(value) = internal(trial, name, domain) {
                history.set(number, *index, value)?;
            }
        }
        history.finish(number, TrialState::Complete, Some(value))?;
    }
    Ok(history)
}
