//! From a configuration to the way its network is trained.

use tunefork_data::Augmentation;
use tunefork_nn::{Curve, GivenScalars, Optimizer, Schedule, ScheduleKind};
use tunefork_train::{Objective, Plateau, Precision, TrainSpec};
use tunefork_trial::Direction;

use crate::study_file::table::*;

use super::{Config, StudySpec};

impl Config {
    /// How the network is trained.
    ///
    /// Whether the numbers go together is for [`TrainSpec::check`] to say.
    pub fn train_spec(&self) -> TrainSpec {
        TrainSpec {
            epochs: EPOCHS.of(self),
            batch_size: BATCH_SIZE.of(self),
            schedule: Schedule { curve: self.curve(), warmup_epochs: WARMUP.of(self) },
            augmentation: self.augmentation(),
            plateau: (SCHEDULE.of(self) == ScheduleKind::Plateau)
                .then(|| Plateau { patience: PATIENCE.of(self), factor: DROP_FACTOR.of(self) }),
            early_stop: EARLY_STOP.of(self),
            ema: EMA.of(self),
            mixup: MIXUP.of(self),
            class_weights: CLASS_WEIGHTS.of(self),
            train_steps: TRAIN_STEPS.of(self),
            clip_norm: Some(CLIP.of(self) as f32).filter(|norm| *norm > 0.0),
            label_smoothing: LABEL_SMOOTHING.of(self) as f32,
            last_batch: LAST_BATCH.of(self),
            at: AT.of(self),
            objective: OBJECTIVE.of(self),
            ..TrainSpec::new(self.optimizer())
        }
    }

    fn augmentation(&self) -> Augmentation {
        Augmentation {
            flip: FLIP.of(self),
            crop: CROP.of(self),
            rotate: ROTATE.of(self),
            cutout: CUTOUT.of(self),
            brightness: BRIGHTNESS.of(self),
            contrast: CONTRAST.of(self),
        }
    }

    fn curve(&self) -> Curve {
        match SCHEDULE.of(self) {
            ScheduleKind::Constant | ScheduleKind::Plateau => Curve::Constant,
            ScheduleKind::Cosine => Curve::Cosine { end: 0.0 },
            ScheduleKind::Step => Curve::Step { every: DROP_EVERY.of(self), factor: DROP_FACTOR.of(self) },
            ScheduleKind::OneCycle => Curve::one_cycle(RISE.of(self)),
        }
    }

    /// How the engine stores and multiplies numbers.
    pub fn precision(&self) -> Precision {
        PRECISION.of(self)
    }

    fn optimizer(&self) -> Optimizer {
        let rule = OPTIMIZER.of(self).rule(&GivenScalars {
            momentum: Some(MOMENTUM.of(self)),
            dampening: Some(DAMPENING.of(self)),
            nesterov: Some(NESTEROV.of(self)),
            beta1: Some(BETA1.of(self)),
            beta2: BETA2.of(self),
            momentum_decay: Some(MOMENTUM_DECAY.of(self)),
            alpha: Some(ALPHA.of(self)),
            centered: Some(CENTERED.of(self)),
            rmsprop_momentum: Some(RMSPROP_MOMENTUM.of(self)),
            lr_decay: Some(LR_DECAY.of(self)),
            epsilon: EPSILON.of(self),
        });
        let mut optimizer = Optimizer::new(rule, LEARNING_RATE.of(self));
        optimizer.decay_norms_and_biases = DECAY_NORMS_AND_BIASES.of(self);
        if let Some(decay) = WEIGHT_DECAY.of(self) {
            optimizer.weight_decay = decay;
        }
        optimizer
    }
}

impl StudySpec {
    /// What the value of a trial is, measured on the validation images.
    pub fn objective(&self) -> Objective {
        OBJECTIVE.of(self.fixed())
    }

    /// Whether more or less of it is better.
    pub(crate) fn direction(&self) -> Direction {
        match self.objective().is_maximised() {
            true => Direction::Maximize,
            false => Direction::Minimize,
        }
    }
}
