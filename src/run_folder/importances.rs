//! Which parameters mattered among the trials so far.

use tunefork_importance::{PedAnova, ped_anova};
use tunefork_report::Row;
use tunefork_trial::{History, TrialState};

use crate::StudySpec;

/// Of fewer completed trials the best tenth are one or two, which lie somewhere.
const LEAST: usize = 20;

/// The share of each parameter, the most important first. Nothing of few trials, where only one parameter varies, or where
/// trials are runs of experiments: those were chosen, and lie where they were put.
pub(super) fn importances(spec: &StudySpec, rows: &[Row]) -> Vec<(String, f64)> {
    let complete = rows.iter().filter(|row| row.state == TrialState::Complete && !row.is_outside);
    let known: Vec<&Row> = complete.collect();
    if known.len() < LEAST || spec.space().len() < 2 || !spec.experiments().is_empty() {
        return Vec::new();
    }
    let mut history = History::new(spec.space().clone(), spec.direction());
    for row in known {
        let number = history.next_number();
        let Ok(point) = spec.space().point(&row.params) else { continue };
        let started = history.start(number, point);
        let ended = started.and_then(|()| history.finish(number, row.state, row.value));
        // A trial that the study has taken is one that a history takes.
        debug_assert!(ended.is_ok(), "{ended:?}");
    }
    let found = ped_anova(&history, PedAnova::default());
    found.into_iter().map(|of| (of.parameter, of.share)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study_file::StudyFile;

    const STUDY: &str = "[data]\nimages = 40\nsize = 12\n[train]\nlearning_rate = { uniform = [0.1, 1.1] }\n\
                         clip = { uniform = [1.0, 2.0] }\n";

    fn spec() -> StudySpec {
        StudySpec::resolve(&StudyFile::parse("study.toml", STUDY).unwrap()).unwrap()
    }

    /// The value follows the learning rate alone.
    fn rows(count: u32) -> Vec<Row> {
        let row = |number: u32| {
            let rate = 0.1 + f64::from(number * 37 % 100) / 100.0;
            let params = [("learning_rate", rate), ("clip", 1.0 + f64::from(number * 59 % 100) / 100.0)];
            Row { value: Some(1.0 - rate), ..Row::new(number, TrialState::Complete, params.into_iter().collect()) }
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn what_the_value_follows_is_important() {
        let spec = spec();
        let found = importances(&spec, &rows(60));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, "learning_rate");
        assert!(found[0].1 > 0.9, "{found:?}");
    }

    #[test]
    fn few_trials_and_those_that_did_not_complete_tell_nothing() {
        let spec = spec();
        assert_eq!(importances(&spec, &rows(19)), []);
        let mut pruned = rows(40);
        pruned.iter_mut().skip(19).for_each(|row| row.state = TrialState::Pruned);
        assert_eq!(importances(&spec, &pruned), []);
    }
}
