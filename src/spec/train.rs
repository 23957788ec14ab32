//! From a configuration to the way its network is trained.

use std::fmt::Debug;
use std::str::FromStr;

use tunefork_data::Augmentation;
use tunefork_nn::{Curve, Optimizer, OptimizerKind, Schedule, ScheduleKind, UpdateRule};
use tunefork_space::Value;
use tunefork_train::{At, ClassWeights, LastBatch, Objective, Plateau, Precision, TrainSpec};
use tunefork_trial::Direction;

use super::{Config, StudySpec};

impl Config {
    /// How the network is trained.
    ///
    /// Whether the numbers go together is for [`TrainSpec::check`] to say.
    pub fn train_spec(&self) -> TrainSpec {
        TrainSpec {
            epochs: self.whole("epochs") as u32,
            batch_size: self.whole("batch_size") as usize,
            schedule: Schedule { curve: self.curve(), warmup_epochs: self.number("warmup") },
            augmentation: self.augmentation(),
            plateau: (self.schedule_kind() == ScheduleKind::Plateau)
                .then(|| Plateau { patience: self.whole("patience") as u32, factor: self.number("drop_factor") }),
            early_stop: self.optional("early_stop").map(|epochs| epochs as u32),
            ema: self.number("ema"),
            mixup: self.number("mixup"),
            class_weights: match self.word("class_weights") {
                "balanced" => ClassWeights::Balanced,
                _ => ClassWeights::Equal,
            },
            train_steps: self.optional("train_steps").map(i64::unsigned_abs),
            clip_norm: Some(self.number("clip") as f32).filter(|norm| *norm > 0.0),
            label_smoothing: self.number("label_smoothing") as f32,
            last_batch: match self.word("last_batch") {
                "drop" => LastBatch::Drop,
                _ => LastBatch::Keep,
            },
            at: match self.word("at") {
                "best" => At::Best,
                _ => At::Last,
            },
            objective: self.objective(),
            ..TrainSpec::new(self.optimizer())
        }
    }

    fn augmentation(&self) -> Augmentation {
        Augmentation {
            flip: self.number("flip"),
            crop: self.whole("crop") as u32,
            rotate: self.number("rotate"),
            cutout: self.whole("cutout") as u32,
            brightness: self.number("brightness"),
            contrast: self.number("contrast"),
        }
    }

    fn curve(&self) -> Curve {
        match self.schedule_kind() {
            ScheduleKind::Constant | ScheduleKind::Plateau => Curve::Constant,
            ScheduleKind::Cosine => Curve::Cosine { end: 0.0 },
            ScheduleKind::Step => Curve::Step { every: self.number("drop_every"), factor: self.number("drop_factor") },
            ScheduleKind::OneCycle => Curve::one_cycle(self.number("rise")),
        }
    }

    fn schedule_kind(&self) -> ScheduleKind {
        self.named("schedule")
    }

    /// How the engine stores and multiplies numbers.
    pub fn precision(&self) -> Precision {
        self.named("precision")
    }

    /// A word that the table takes from the names of an enum.
    pub(super) fn named<T: FromStr<Err: Debug>>(&self, key: &str) -> T {
        self.word(key).parse().expect("the table has the names of the enum")
    }

    /// A whole number, if it is given.
    fn optional(&self, key: &str) -> Option<i64> {
        self.value(key).and_then(Value::as_i64)
    }

    /// The figure that is tuned.
    pub fn objective(&self) -> Objective {
        match self.word("objective") {
            "loss" => Objective::Loss,
            "f1" => Objective::MacroF1,
            _ => Objective::Accuracy,
        }
    }

    fn optimizer(&self) -> Optimizer {
        let number = |key: &str| self.number(key);
        let (beta1, beta2, epsilon) = (number("beta1"), number("beta2"), number("epsilon"));
        let rule = match self.named("optimizer") {
            OptimizerKind::Sgd => UpdateRule::Sgd { momentum: number("momentum"), nesterov: self.flag("nesterov") },
            OptimizerKind::RmsProp => UpdateRule::RmsProp { alpha: number("alpha"), epsilon, momentum: 0.0 },
            OptimizerKind::AdamW => UpdateRule::AdamW { beta1, beta2, epsilon },
            OptimizerKind::Adam => UpdateRule::Adam { beta1, beta2, epsilon },
        };
        let mut optimizer = Optimizer::new(rule, number("learning_rate"));
        if let Some(decay) = self.value("weight_decay").and_then(Value::as_f64) {
            optimizer.weight_decay = decay;
        }
        optimizer
    }
}

impl StudySpec {
    /// What is tuned.
    pub fn objective(&self) -> Objective {
        self.fixed().objective()
    }

    /// Whether more or less of it is better.
    pub fn direction(&self) -> Direction {
        match self.objective().is_maximised() {
            true => Direction::Maximize,
            false => Direction::Minimize,
        }
    }
}
