//! What an epoch or an evaluation is judged by.
//!
//! All figures of a classifier follow from its confusion matrix, so that is what is kept.

use serde::{Deserialize, Serialize};
use tunefork_graph::{Batch, Evaluated};

/// How often images of each class were taken for each class.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    /// An empty matrix for this many classes.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts one image.
    ///
    /// # Panics
    /// If either class is not below the number of classes.
    pub fn add(&mut self, actual: usize, predicted: usize) {
        assert!(actual < self.classes && predicted < self.classes, "class out of range");
        self.counts[actual * self.classes + predicted] += 1;
    }

    /// How many classes are told apart.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Images of class `actual` that were taken for class `predicted`.
    ///
    /// # Panics
    /// If either class is not below the number of classes.
    pub fn count(&self, actual: usize, predicted: usize) -> u64 {
        self.row(actual)[predicted]
    }

    /// What images of class `actual` were taken for, by class.
    ///
    /// # Panics
    /// If the class is not below the number of classes.
    pub fn row(&self, actual: usize) -> &[u64] {
        &self.counts[actual * self.classes..][..self.classes]
    }

    /// Images that were counted, right or wrong.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Share of images that were taken for what they are; 0 without images.
    pub fn accuracy(&self) -> f64 {
        share((0..self.classes).map(|class| self.count(class, class)).sum(), self.total())
    }

    /// Share of images taken for `class` that are of this class; 0 where none was taken for it.
    ///
    /// # Panics
    /// If the class is not below the number of classes.
    pub fn precision(&self, class: usize) -> f64 {
        share(self.count(class, class), (0..self.classes).map(|actual| self.count(actual, class)).sum())
    }

    /// Share of images of `class` that were taken for it; 0 where there is none.
    ///
    /// # Panics
    /// If the class is not below the number of classes.
    pub fn recall(&self, class: usize) -> f64 {
        share(self.count(class, class), self.row(class).iter().sum())
    }

    /// Harmonic mean of precision and recall; 0 where both are.
    ///
    /// # Panics
    /// If the class is not below the number of classes.
    pub fn f1(&self, class: usize) -> f64 {
        let hits = self.count(class, class);
        let taken: u64 = (0..self.classes).map(|actual| self.count(actual, class)).sum();
        share(2 * hits, taken + self.row(class).iter().sum::<u64>())
    }

    /// Mean precision over the classes that [occur](Self::occurs), each with equal weight.
    pub fn macro_precision(&self) -> f64 {
        self.mean(Self::precision)
    }

    /// Mean recall over the classes that [occur](Self::occurs), each with equal weight.
    pub fn macro_recall(&self) -> f64 {
        self.mean(Self::recall)
    }

    /// Mean F1 over the classes that [occur](Self::occurs), each with equal weight: scikit-learn's `f1_score(average="macro")`.
    pub fn macro_f1(&self) -> f64 {
        self.mean(Self::f1)
    }

    /// Whether any image is of `class` or was taken for it. A class that is neither says nothing of a classifier, and counts in no mean.
    ///
    /// # Panics
    /// If the class is not below the number of classes.
    pub fn occurs(&self, class: usize) -> bool {
        (0..self.classes).any(|other| self.count(class, other) + self.count(other, class) > 0)
    }

    fn mean(&self, figure: impl Fn(&Self, usize) -> f64) -> f64 {
        let there: Vec<usize> = (0..self.classes).filter(|class| self.occurs(*class)).collect();
        there.iter().map(|class| figure(self, *class)).sum::<f64>() / there.len().max(1) as f64
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A pass over a set of images without training.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean cross entropy per image, without label smoothing.
    pub loss: f64,
    /// Every image's class and what it was taken for.
    pub confusion: Confusion,
}

impl Evaluation {
    /// Share of images that were classified correctly.
    pub fn accuracy(&self) -> f64 {
        self.confusion.accuracy()
    }
}

/// An evaluation that goes on from batch to batch.
pub(crate) struct Tally {
    loss_sum: f64,
    confusion: Confusion,
}

impl Tally {
    pub(crate) fn new(classes: usize) -> Self {
        Self { loss_sum: 0.0, confusion: Confusion::new(classes) }
    }

    pub(crate) fn add(&mut self, batch: &Batch<'_>, evaluated: &Evaluated<'_>) {
        self.loss_sum += evaluated.loss_sum;
        let rows = evaluated.logits.chunks_exact(self.confusion.classes());
        for (label, logits) in batch.labels().iter().zip(rows) {
            self.confusion.add(usize::from(*label), argmax(logits));
        }
    }

    /// What the batches were together: at least one image.
    pub(crate) fn evaluation(self) -> Evaluation {
        Evaluation { loss: self.loss_sum / self.confusion.total() as f64, confusion: self.confusion }
    }
}

/// What one epoch brought. Equal runs give equal numbers, but for [`EpochMetrics::seconds`] and what
/// follows from it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// The epoch, from 1.
    pub epoch: u32,
    /// Mean training loss (with label smoothing and dropout, as it was minimised). It is a running
    /// mean: every batch counts with the weights that it met, so it lags behind the validation loss.
    pub train_loss: f64,
    /// Share of training images classified correctly, as running as the loss.
    pub train_accuracy: f64,
    /// The validation images with the weights at the end of the epoch.
    pub validation: Evaluation,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Training images seen, validation not counted.
    pub images: u64,
    /// Seconds of training, validation not counted; not reproducible.
    pub seconds: f64,
    /// Seconds of validation; not reproducible.
    pub validation_seconds: f64,
}

impl EpochMetrics {
    /// How much better the training images are known than the validation images: the difference of
    /// the two accuracies.
    pub fn overfitting_gap(&self) -> f64 {
        self.train_accuracy - self.validation.accuracy()
    }

    /// Training images per second; not reproducible.
    pub fn images_per_second(&self) -> f64 {
        self.images as f64 / self.seconds.max(1e-9)
    }
}

/// Index of the largest value; the lowest index where several are equal. NaN is never the largest.
fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] || (values[best].is_nan() && !value.is_nan()) {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sklearn.metrics.precision_recall_fscore_support(
    ///     [0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 1, 0, 1, 1, 2, 0, 2, 1], zero_division=0)
    #[test]
    fn figures_follow_scikit_learn() {
        let mut confusion = Confusion::new(3);
        let actual = [0, 0, 0, 1, 1, 2, 2, 2, 2];
        let predicted = [0, 1, 0, 1, 1, 2, 0, 2, 1];
        for (a, p) in actual.into_iter().zip(predicted) {
            confusion.add(a, p);
        }
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} instead of {b}");
        close(confusion.accuracy(), 6.0 / 9.0);
        for (class, [precision, recall, f1]) in
            [[2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0], [0.5, 1.0, 2.0 / 3.0], [1.0, 0.5, 2.0 / 3.0]].into_iter().enumerate()
        {
            close(confusion.precision(class), precision);
            close(confusion.recall(class), recall);
            close(confusion.f1(class), f1);
        }
        close(confusion.macro_precision(), (2.0 / 3.0 + 0.5 + 1.0) / 3.0);
        close(confusion.macro_recall(), (2.0 / 3.0 + 1.0 + 0.5) / 3.0);
        close(confusion.macro_f1(), 2.0 / 3.0);
        assert_eq!(confusion.row(2), [1, 1, 2]);
        assert_eq!(confusion.total(), 9);
    }

    #[test]
    fn classes_that_never_occur_count_as_zero() {
        let mut confusion = Confusion::new(3);
        assert_eq!(confusion.accuracy(), 0.0);
        confusion.add(0, 0);
        assert_eq!((confusion.precision(2), confusion.recall(2), confusion.f1(2)), (0.0, 0.0, 0.0));
        assert_eq!((confusion.macro_precision(), confusion.macro_recall(), confusion.macro_f1()), (1.0, 1.0, 1.0));
        assert_eq!(Confusion::new(3).macro_f1(), 0.0);
    }

    /// f1_score, precision_score and recall_score of scikit-learn 1.9, average="macro", zero_division=0: where validation lacks classes, and
    /// where one that it lacks is taken for another by mistake.
    #[test]
    fn means_are_over_the_classes_that_occur() {
        let images = |class: usize, taken: usize, count: usize| std::iter::repeat_n((class, taken), count);
        let lacking: Vec<_> = images(0, 0, 6).chain(images(1, 1, 5)).chain(images(1, 0, 1)).collect();
        let mistaken: Vec<_> = images(0, 0, 3)
            .chain(images(0, 4, 1))
            .chain(images(1, 1, 3))
            .chain(images(3, 3, 2))
            .chain(images(3, 1, 1))
            .collect();
        let cases = [
            (lacking, [0.916_083_916_083_916, 0.928_571_428_571_428_6, 0.916_666_666_666_666_7]),
            (mistaken, [0.628_571_428_571_428_6, 0.6875, 0.604_166_666_666_666_6]),
        ];
        for (pairs, wanted) in cases {
            let mut confusion = Confusion::new(5);
            pairs.into_iter().for_each(|(class, taken)| confusion.add(class, taken));
            let found = [confusion.macro_f1(), confusion.macro_precision(), confusion.macro_recall()];
            assert!(found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-12), "{found:?}");
        }
    }

    #[test]
    fn speed_and_gap_follow_from_what_was_measured() {
        let mut confusion = Confusion::new(2);
        [(0, 0), (1, 1), (1, 1), (1, 0)].into_iter().for_each(|(actual, taken)| confusion.add(actual, taken));
        let mut epoch = EpochMetrics {
            epoch: 1,
            train_loss: 0.5,
            train_accuracy: 0.875,
            validation: Evaluation { loss: 0.6, confusion },
            learning_rate: 0.1,
            images: 100,
            seconds: 4.0,
            validation_seconds: 1.0,
        };
        assert_eq!((epoch.overfitting_gap(), epoch.images_per_second()), (0.125, 25.0));
        epoch.seconds = 0.0;
        assert!(epoch.images_per_second().is_finite(), "a clock may stand still");
    }

    #[test]
    fn the_largest_value_with_the_lowest_index_wins() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax(&[-1.0, -3.0]), 0);
        assert_eq!(argmax(&[f32::NAN, 1.0, f32::NAN]), 1);
        assert_eq!(argmax(&[f32::NAN, f32::NAN]), 0);
    }
}
