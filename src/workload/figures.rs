//! The figures of an epoch, of one training and of several together.

use std::collections::BTreeMap;

use tunefork_train::EpochMetrics;

/// Confusion matrices are kept for no more classes than this: they grow with the square.
const MOST_CLASSES_CONFUSED: usize = 32;

/// The figures of an epoch that are equal in equal runs, by name; those of single classes have the
/// class after a slash: `recall/cat`.
pub fn figures(metrics: &EpochMetrics, classes: &[String]) -> Vec<(String, f64)> {
    let confusion = &metrics.validation.confusion;
    let named = |name: &str, value: f64| (name.to_string(), value);
    let mut figures = vec![
        named("train_loss", metrics.train_loss),
        named("train_accuracy", metrics.train_accuracy),
        named("loss", metrics.validation.loss),
        named("accuracy", metrics.validation.accuracy()),
        named("precision", confusion.macro_precision()),
        named("recall", confusion.macro_recall()),
        named("f1", confusion.macro_f1()),
        named("gap", metrics.overfitting_gap()),
        named("last_learning_rate", metrics.learning_rate),
    ];
    for (class, name) in classes.iter().enumerate() {
        figures.push((format!("precision/{name}"), confusion.precision(class)));
        figures.push((format!("recall/{name}"), confusion.recall(class)));
        figures.push((format!("f1/{name}"), confusion.f1(class)));
    }
    if classes.len() > MOST_CLASSES_CONFUSED {
        return figures;
    }
    for (actual, name) in classes.iter().enumerate() {
        for (predicted, other) in classes.iter().enumerate() {
            let count = confusion.count(actual, predicted);
            if count > 0 {
                figures.push((format!("confusion/{name}/{other}"), count as f64));
            }
        }
    }
    figures
}

/// The figures of an epoch that differ from run to run; of several trainings together, one after the
/// other.
pub fn timings(trainings: &[EpochMetrics]) -> Vec<(String, f64)> {
    let sum = |of: fn(&EpochMetrics) -> f64| trainings.iter().map(of).sum::<f64>();
    let seconds = sum(|metrics| metrics.seconds);
    let images = sum(|metrics| metrics.images as f64);
    vec![
        ("seconds".to_string(), seconds),
        ("validation_seconds".to_string(), sum(|metrics| metrics.validation_seconds)),
        ("images_per_second".to_string(), images / seconds),
    ]
}

/// What the same figures of several trainings are together: means, but counts of a confusion matrix are
/// added up. Folds so give the matrix of all their images.
pub(super) fn together<'a>(trainings: impl ExactSizeIterator<Item = &'a [(String, f64)]>) -> Vec<(String, f64)> {
    let count = trainings.len() as f64;
    let mut order: Vec<(String, f64)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, value) in trainings.flatten() {
        let place = *places.entry(name).or_insert(order.len());
        match order.get_mut(place) {
            Some((_, sum)) => *sum += value,
            None => order.push((name.clone(), *value)),
        }
    }
    for (name, sum) in &mut order {
        if !name.starts_with("confusion/") {
            *sum /= count;
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_averaged_and_counts_added() {
        let named = |pairs: &[(&str, f64)]| -> Vec<(String, f64)> {
            let pairs = pairs.iter();
            pairs.map(|(name, value)| (name.to_string(), *value)).collect()
        };
        let one = named(&[("loss", 1.0), ("confusion/a/a", 3.0)]);
        let other = named(&[("loss", 4.0), ("confusion/a/b", 2.0), ("confusion/a/a", 1.0)]);
        let both = named(&[("loss", 2.5), ("confusion/a/a", 4.0), ("confusion/a/b", 2.0)]);
        assert_eq!(together([&one[..], &other[..]].into_iter()), both);
        assert_eq!(together([&one[..]].into_iter()), one);
    }
}
