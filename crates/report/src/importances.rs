//! Which parameters mattered.

use tunefork_importance::{Effects, Fanova, Importance, PedAnova, fanova, ped_anova};
use tunefork_space::{Parameter, Point, Space};
use tunefork_trial::{History, HistoryError, TrialState};

use crate::Report;
use crate::domains::internal;

/// Of fewer completed trials the best tenth are one to three, which lie somewhere.
pub(crate) const LEAST_TRIALS: usize = 40;

/// Of more trials the forest is grown on so many, which lie evenly in the order of their values: they tell as much, and a report is
/// written often.
const MOST_IN_FOREST: usize = 500;

/// What has to do with being among the best, and what moves the results.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mattered {
    /// The share of each parameter, the most important first.
    pub importances: Vec<Importance>,
    /// What each explains of the variance, alone and with each other one.
    pub effects: Effects,
}

/// Both. Nothing of few trials, where only one parameter varies, or where trials are runs of experiments: those were chosen, and lie
/// where they were put.
pub(crate) fn mattered<'r>(report: &'r Report<'_>) -> &'r Mattered {
    report.mattered.get_or_init(|| worked_out(report))
}

/// The share of each parameter in being among the best, the most important first.
pub(crate) fn importances<'r>(report: &'r Report<'_>) -> &'r [Importance] {
    &mattered(report).importances
}

fn worked_out(report: &Report<'_>) -> Mattered {
    if report.is_designed() || report.complete().len() < LEAST_TRIALS || report.parameters().len() < 2 {
        return Mattered::default();
    }
    // A parameter that a database describes in two ways is one that nobody can compare.
    let Ok(history) = history(report) else { return Mattered::default() };
    Mattered {
        importances: ped_anova(&history, PedAnova::default()),
        effects: fanova(&history, Fanova { trials: MOST_IN_FOREST, ..Fanova::default() }),
    }
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
