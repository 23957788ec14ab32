//! The figures of an epoch that are tracked.

use std::collections::BTreeSet;

use tunefork_study::{EpochReport, Timing};

/// Under which name the value of a trial stands.
pub(crate) const VALUE: &str = "value";

/// Figures of single classes are tracked for no more classes than this: each is a curve of its own for each trial.
const MOST_CLASSES: usize = 20;

/// More figures than this of an epoch are not tracked; a batch for MLflow takes 1,000.
const MOST_FIGURES: usize = 500;

/// All but the confusion matrix, under the names that storage and tables have for them.
pub(crate) fn figures(report: &EpochReport) -> Vec<(String, f64)> {
    let metrics = &report.metrics;
    let classes: BTreeSet<&str> = metrics.per_class.iter().map(|((class, _), _)| class.as_str()).collect();
    let shown = if classes.len() <= MOST_CLASSES { &metrics.per_class[..] } else { &[] };
    let whole = metrics.whole.iter().cloned();
    let per_class = shown.iter().map(|((class, name), value)| (format!("{name}/{class}"), *value));
    let members = report.members.iter().map(|member| (format!("{VALUE}/{}", member.member), member.value));
    let timing = report.timing.iter().flat_map(Timing::named).map(|(name, value)| (name.to_owned(), value));
    whole.chain(timing).chain(members).chain(per_class).take(MOST_FIGURES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunefork_study::{Member, MemberReport, Metrics};

    fn report(classes: usize) -> EpochReport {
        let mut metrics = Metrics::default();
        metrics.insert("loss".to_owned(), 0.5);
        (0..classes).for_each(|class| metrics.insert(format!("recall/{class}"), 1.0));
        metrics.insert("confusion/0/0".to_owned(), 7.0);
        let timing = Some(Timing { seconds: 2.0, ..Timing::default() });
        let member =
            MemberReport { member: Member { replicate: 0, fold: 1 }, value: 0.25, metrics: Metrics::default() };
        EpochReport { value: 0.5, metrics, timing, members: vec![member] }
    }

    #[test]
    fn all_but_the_confusion_matrix_is_tracked() {
        let names: Vec<String> = figures(&report(2)).into_iter().map(|(name, _)| name).collect();
        let expected = [
            "loss",
            "seconds",
            "validation_seconds",
            "images_per_second",
            "value/replicate 0 fold 1",
            "recall/0",
            "recall/1",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn many_classes_have_no_curves_of_their_own() {
        assert_eq!(figures(&report(20)).len(), 25);
        assert_eq!(figures(&report(21)).len(), 5);
    }
}
