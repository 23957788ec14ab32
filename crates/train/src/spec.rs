//! How a network is trained: everything that is chosen before the first step.

use tunefork_data::Augmentation;
use tunefork_names::named_enum;
use tunefork_nn::{Optimizer, Schedule};

use crate::course::best;
use crate::{Evaluation, Plateau, TrainError};

/// Settings of a training run.
///
/// ```
/// use tunefork_nn::{Optimizer, UpdateRule};
/// use tunefork_train::{At, TrainSpec};
///
/// let spec = TrainSpec { epochs: 5, at: At::Best, ..TrainSpec::new(Optimizer::new(UpdateRule::ADAM, 1e-3)) };
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
    /// Random changes to the training images.
    pub augmentation: Augmentation,
    /// Course of the learning rate, step by step.
    pub schedule: Schedule,
    /// A learning rate that, besides, drops when the value stands still.
    pub plateau: Option<Plateau>,
    /// Epochs without a better value after which the run is over, at least 1; `None`: it never is.
    pub early_stop: Option<u32>,
    /// Most steps of an epoch, at least 1; the images left over are others in each epoch.
    pub train_steps: Option<u64>,
    /// Decay per step, in [0, 1), of averaged weights that are measured and kept in place of the weights
    /// themselves; 0: none.
    pub ema: f64,
    /// How the classes weigh in the loss.
    pub class_weights: ClassWeights,
    /// Mixup's alpha: how much of another image is mixed into each is drawn from Beta(alpha, alpha),
    /// anew for each step; 0: nothing is mixed (Zhang and others, arXiv 1710.09412).
    pub mixup: f64,
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

named_enum! {
    /// What happens to the images of an epoch that do not fill a batch.
    pub enum LastBatch: "way with the last batch" {
        /// They are a smaller batch: the rest of the rows is masked.
        Keep = "keep",
        /// They are left out of this epoch; which ones changes with the shuffle.
        Drop = "drop",
    }
}

named_enum! {
    /// How the classes weigh in the loss.
    pub enum ClassWeights: "weighing of classes" {
        /// Every image weighs the same.
        Equal = "equal",
        /// Every class weighs the same: an image weighs all training images divided by those of its class
        /// and by the number of classes.
        Balanced = "balanced",
    }
}

named_enum! {
    /// Which epoch gives the run's value and weights.
    pub enum At: "epoch that counts" {
        /// The last one, however good.
        Last = "last",
        /// The one with the best value; the first of them where several are equal.
        Best = "best",
    }
}

named_enum! {
    /// What is made as good as possible, measured on the validation images.
    pub enum Objective: "objective" {
        /// Share of correct classifications; the larger the better.
        Accuracy = "accuracy",
        /// Mean cross entropy; the smaller the better.
        Loss = "loss",
        /// Mean F1 over the classes that occur; the larger the better.
        MacroF1 = "f1",
    }
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
        match self {
            Self::Accuracy | Self::MacroF1 => true,
            Self::Loss => false,
        }
    }

    /// Whether `new` is strictly better than `old`.
    pub fn better(self, new: f64, old: f64) -> bool {
        if self.is_maximised() { new > old } else { new < old }
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
            augmentation: Augmentation::default(),
            schedule: Schedule::default(),
            plateau: None,
            early_stop: None,
            train_steps: None,
            ema: 0.0,
            class_weights: ClassWeights::Equal,
            mixup: 0.0,
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
        self.augmentation.check()?;
        self.schedule.check()?;
        let setting = |what, value: f64, allowed, ok: bool| match ok {
            true => Ok(()),
            false => Err(TrainError::Setting { what, value, allowed }),
        };
        setting("epochs", f64::from(self.epochs), "at least 1", self.epochs > 0)?;
        setting("batch_size", self.batch_size as f64, "at least 1", self.batch_size > 0)?;
        let at_least_one = |what, value: Option<f64>| {
            let value = value.unwrap_or(1.0);
            setting(what, value, "at least 1", value >= 1.0)
        };
        at_least_one("early_stop", self.early_stop.map(f64::from))?;
        at_least_one("train_steps", self.train_steps.map(|steps| steps as f64))?;
        let ema = self.ema;
        setting("ema", ema, "at least 0 and below 1", (0.0..1.0).contains(&ema))?;
        let mixup = self.mixup;
        let allowed = "a finite number from 0";
        setting("mixup", mixup, allowed, mixup >= 0.0 && mixup.is_finite())?;
        if let Some(Plateau { factor, .. }) = self.plateau {
            let allowed = "above 0 and below 1";
            setting("plateau factor", factor, allowed, factor > 0.0 && factor < 1.0)?;
        }
        let smoothing = self.label_smoothing;
        let allowed = "at least 0 and below 1";
        setting("label_smoothing", smoothing.into(), allowed, (0.0..1.0).contains(&smoothing))?;
        match self.clip_norm {
            Some(norm) => setting("clip", norm.into(), "a finite number above 0", norm > 0.0 && norm.is_finite()),
            None => Ok(()),
        }
    }

    /// Steps of one epoch over this many training images.
    pub fn steps_per_epoch(&self, images: usize) -> u64 {
        let all = match self.last_batch {
            LastBatch::Keep => images.div_ceil(self.batch_size) as u64,
            LastBatch::Drop => (images / self.batch_size) as u64,
        };
        self.train_steps.map_or(all, |most| all.min(most))
    }

    /// Whether a run is over after epochs with these values, by the number of epochs or by waiting in
    /// vain for a better value.
    ///
    /// ```
    /// # use tunefork_nn::{Optimizer, UpdateRule};
    /// # use tunefork_train::TrainSpec;
    /// let spec = TrainSpec {
    ///     early_stop: Some(2),
    ///     ..TrainSpec::new(Optimizer::new(UpdateRule::ADAM, 1e-3))
    /// };
    /// assert!(!spec.is_over(&[0.7, 0.8, 0.8]));
    /// assert!(spec.is_over(&[0.7, 0.8, 0.8, 0.75]));
    /// ```
    pub fn is_over(&self, values: &[f64]) -> bool {
        let epochs = values.len();
        let waited = best(self.objective, values).map_or(0, |best| epochs - best.epoch as usize);
        let in_vain = self.early_stop.is_some_and(|most| waited >= most as usize);
        epochs >= self.epochs as usize || in_vain
    }
}
