//! The figures of an epoch, of one training and of several together.

use std::collections::BTreeMap;

use tunefork_study::{Metrics, Timing};
use tunefork_train::{Confusion, EpochMetrics, Evaluation};

/// Confusion matrices are kept for no more classes than this: they grow with the square.
const MOST_CLASSES_CONFUSED: usize = 32;

/// The figures of an epoch that are equal in equal runs.
pub(super) fn metrics(epoch: &EpochMetrics, classes: &[String]) -> Metrics {
    let confusion = &epoch.validation.confusion;
    let before = [("train_loss", epoch.train_loss), ("train_accuracy", epoch.train_accuracy)];
    let behind = [("gap", epoch.overfitting_gap()), ("last_learning_rate", epoch.learning_rate)];
    let whole = before.into_iter().chain(of_evaluation(&epoch.validation)).chain(behind);
    let mut metrics = Metrics::default();
    metrics.whole.extend(whole.map(|(name, value)| (name.to_string(), value)));
    for (class, name) in classes.iter().enumerate() {
        let figures = of_class(confusion, class);
        metrics.per_class.extend(figures.map(|(figure, value)| ((name.clone(), figure.to_string()), value)));
    }
    if classes.len() > MOST_CLASSES_CONFUSED {
        return metrics;
    }
    for (actual, name) in classes.iter().enumerate() {
        for (taken, other) in classes.iter().enumerate() {
            let count = confusion.count(actual, taken);
            if count > 0 {
                metrics.confusion.push(((name.clone(), other.clone()), count as f64));
            }
        }
    }
    metrics
}

/// What is told of an evaluation, on validation and on test images.
pub(crate) fn of_evaluation(evaluation: &Evaluation) -> [(&'static str, f64); 5] {
    let confusion = &evaluation.confusion;
    [
        ("loss", evaluation.loss),
        ("accuracy", evaluation.accuracy()),
        ("precision", confusion.macro_precision()),
        ("recall", confusion.macro_recall()),
        ("f1", confusion.macro_f1()),
    ]
}

/// What is told of one class.
pub(crate) fn of_class(confusion: &Confusion, class: usize) -> [(&'static str, f64); 3] {
    [("precision", confusion.precision(class)), ("recall", confusion.recall(class)), ("f1", confusion.f1(class))]
}

/// How long the same epoch of several trainings took, one after the other.
pub(super) fn timing(trainings: &[EpochMetrics]) -> Timing {
    let sum = |of: fn(&EpochMetrics) -> f64| trainings.iter().map(of).sum::<f64>();
    let seconds = sum(|metrics| metrics.seconds);
    Timing {
        seconds,
        validation_seconds: sum(|metrics| metrics.validation_seconds),
        images_per_second: sum(|metrics| metrics.images as f64) / seconds,
    }
}

/// What the figures of several trainings are together: means, but counts of a confusion matrix are
/// added up. Folds so give the matrix of all their images.
pub(super) fn together(trainings: &[&Metrics]) -> Metrics {
    let count = trainings.len() as f64;
    let mut all = Metrics {
        whole: sums(trainings.iter().flat_map(|metrics| &metrics.whole)),
        per_class: sums(trainings.iter().flat_map(|metrics| &metrics.per_class)),
        confusion: sums(trainings.iter().flat_map(|metrics| &metrics.confusion)),
    };
    all.whole.iter_mut().for_each(|(_, sum)| *sum /= count);
    all.per_class.iter_mut().for_each(|(_, sum)| *sum /= count);
    all
}

/// Figures of one name added up, in the order of their first appearance.
fn sums<'a, Name: Clone + Ord + 'a>(figures: impl Iterator<Item = &'a (Name, f64)>) -> Vec<(Name, f64)> {
    let mut sums: Vec<(Name, f64)> = Vec::new();
    let mut indices: BTreeMap<&Name, usize> = BTreeMap::new();
    for (name, value) in figures {
        let index = *indices.entry(name).or_insert(sums.len());
        match sums.get_mut(index) {
            Some((_, sum)) => *sum += value,
            None => sums.push((name.clone(), *value)),
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_averaged_and_counts_added() {
        let metrics = |loss, recall, confusion: &[(&str, f64)]| Metrics {
            whole: vec![("loss".to_string(), loss)],
            per_class: vec![(("a".to_string(), "recall".to_string()), recall)],
            confusion: confusion.iter().map(|(taken, count)| (("a".to_string(), taken.to_string()), *count)).collect(),
        };
        let one = metrics(1.0, 0.5, &[("a", 3.0)]);
        let other = metrics(4.0, 1.0, &[("b", 2.0), ("a", 1.0)]);
        let both = metrics(2.5, 0.75, &[("a", 4.0), ("b", 2.0)]);
        assert_eq!(together(&[&one, &other]), both);
        assert_eq!(together(&[&one]), one);
    }
}
