//! From a configuration to the way its network is trained.

use tunefork_nn::{Curve, Optimizer, OptimizerKind, Schedule};
use tunefork_space::Value;
use tunefork_train::{At, LastBatch, Objective, TrainSpec};
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
            schedule: Schedule {
                curve: match self.word("schedule") {
                    "cosine" => Curve::Cosine { end: 0.0 },
                    _ => Curve::Constant,
                },
                warmup_epochs: self.number("warmup"),
            },
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
        let kind = match self.word("optimizer") {
            "sgd" => OptimizerKind::Sgd {
                momentum: number("momentum"),
                nesterov: self.flag("nesterov"),
            },
            "rmsprop" => OptimizerKind::RmsProp {
                alpha: number("alpha"),
                epsilon,
                momentum: 0.0,
            },
            "adamw" => OptimizerKind::AdamW {
                beta1,
                beta2,
                epsilon,
            },
            _ => OptimizerKind::Adam {
                beta1,
                beta2,
                epsilon,
            },
        };
        let mut optimizer = Optimizer::new(kind, number("learning_rate"));
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
