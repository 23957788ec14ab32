//! How a network is trained: everything that is chosen before the first step.

use serde::{Deserialize, Serialize};
use tunefork_nn::{Optimizer, Schedule};

use crate::{Evaluation, TrainError};

/// Settings of a training run.
///
/// ```
/// use tunefork_nn::{Optimizer, OptimizerKind};
/// use tunefork_train::{At, TrainSpec};
///
/// let spec = TrainSpec { epochs: 5, at: At::Best, ..TrainSpec::new(Optimizer::new(OptimizerKind::ADAM, 1e-3)) };
/// assert!(spec.check().is_ok());
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct TrainSpec {
    /// Passes over the training images, at least 1.
    pub epochs: u32,
    /// Images in a step, at least 1.
    pub batch_size: usize,
    /// Optimizer with learning rate and weight decay.
    pub optimizer: Optimizer,
    /// Course of the learning rate, step by step.
    pub schedule: Schedule,
    /// Largest global norm of the gradients; larger ones are scaled down to it.
    pub clip_norm: Option<f32>,
    /// Share of the target that is spread evenly over all classes, in [0, 1).
    pub label_smoothing: f32,
    /// What happens to the images left over at the end of an epoch.
    pub last_batch: LastBatch,
    /// Which epoch gives the value and the weights.
    pub at: At,
    /// What the value is.
    pub objective: Objective,
}

/// What happens to the images of an epoch that do not fill a batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastBatch {
    /// They are a smaller batch: the rest of the rows is masked.
    Keep,
    /// They are left out of this epoch; which ones changes with the shuffle.
    Drop,
}

/// Which epoch gives the run's value and weights.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// The last one.
    Last,
    /// The one with the best value; the first of them where several are equal.
    Best,
}

/// What is made as good as possible, measured on the validation images.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Objective {
    /// Share of correct classifications; the larger the better.
    Accuracy,
    /// Mean cross entropy; the smaller the better.
    Loss,
    /// Mean F1 over the classes; the larger the better.
    MacroF1,
}

impl Objective {
    /// The value of an evaluation.
    pub fn of(self, evaluation: &Evaluation) -> f64 {
        match self {
            Self::Accuracy => evaluation.accuracy(),
            Self::Loss => evaluation.loss,
            Self::MacroF1 => evaluation.confusion.macro_f1(),
        }
    }

    /// Whether larger values are better.
    pub fn is_maximised(self) -> bool {
        !matches!(self, Self::Loss)
    }

    /// Whether `new` is strictly better than `old`.
    pub fn better(self, new: f64, old: f64) -> bool {
        if self.is_maximised() {
            new > old
        } else {
            new < old
        }
    }
}

impl TrainSpec {
    /// 10 epochs in batches of 64 with a constant learning rate; the last batch is kept and the last
    /// epoch's validation accuracy counts.
    pub fn new(optimizer: Optimizer) -> Self {
        Self {
            epochs: 10,
            batch_size: 64,
            optimizer,
            schedule: Schedule::default(),
            clip_norm: None,
            label_smoothing: 0.0,
            last_batch: LastBatch::Keep,
            at: At::Last,
            objective: Objective::Accuracy,
        }
    }

    /// Checks every setting against its bounds.
    ///
    /// # Errors
    /// The first that is outside, with its name, value and bounds.
    pub fn check(&self) -> Result<(), TrainError> {
        self.optimizer.check()?;
        self.schedule.check()?;
        let setting = |what, value: f64, allowed, ok: bool| match ok {
            true => Ok(()),
            false => Err(TrainError::Setting {
                what,
                value,
                allowed,
            }),
        };
        setting(
            "epochs",
            f64::from(self.epochs),
            "at least 1",
            self.epochs > 0,
        )?;
        setting(
            "batch_size",
            self.batch_size as f64,
            "at least 1",
            self.batch_size > 0,
        )?;
        let smoothing = self.label_smoothing;
        let allowed = "at least 0 and below 1";
        setting(
            "label_smoothing",
            smoothing.into(),
            allowed,
            (0.0..1.0).contains(&smoothing),
        )?;
        match self.clip_norm {
            Some(norm) => setting(
                "clip_norm",
                norm.into(),
                "a finite number above 0",
                norm > 0.0 && norm.is_finite(),
            ),
            None => Ok(()),
        }
    }

    /// Steps of one epoch over this many training images.
    pub fn steps_per_epoch(&self, images: usize) -> u64 {
        match self.last_batch {
            LastBatch::Keep => images.div_ceil(self.batch_size) as u64,
            LastBatch::Drop => (images / self.batch_size) as u64,
        }
    }
}
