//! When two configurations are the same training, though they are not written alike.

use std::fmt::Write as _;

use tunefork_space::Value;

use crate::study_file::table::{
    ACTIVATION, BATCH_NORM, CHANNELS, DECAY_NORMS_AND_BIASES, DROPOUT, HIDDEN, KERNEL, NORM, NORM_GROUPS, PADDING,
    WEIGHT_DECAY,
};
use crate::study_file::{Key, NormKind};

use super::{Config, Constant};

impl Config {
    /// A text that configurations share if they are the same training: what they say, but for keys that do nothing in them, and with what
    /// is said in several ways said in one. Those that only come to the same by chance, such as batches larger than the set, differ.
    pub(super) fn meaning(&self) -> String {
        let mut text = String::new();
        for (layer, norm) in self.norms().into_iter().enumerate() {
            // A layer norm is a group norm of one group.
            let groups = match norm {
                Some(NormKind::Group) => Some(NORM_GROUPS.of(self)[layer]),
                Some(NormKind::Layer) => Some(1),
                Some(NormKind::Batch) | None => None,
            };
            let is_batch = norm == Some(NormKind::Batch);
            write!(text, " norm.{layer} {is_batch} {groups:?}").expect("a String takes all text");
        }
        for (layer, (padding, kernel)) in PADDING.of(self).into_iter().zip(KERNEL.of(self)).enumerate() {
            write!(text, " padding.{layer} {}", padding.unwrap_or(kernel / 2)).expect("a String takes all text");
        }
        write!(text, " decay {:?}", self.train_spec().optimizer.weight_decay + 0.0).expect("a String takes all text");
        let said = [NORM.key(), BATCH_NORM.key(), NORM_GROUPS.key(), PADDING.key(), WEIGHT_DECAY.key()];
        let is_said = |key: &Key| said.contains(&key);
        for (key, constant) in self.iter().filter(|(key, _)| !key.is_for_a_search() && !is_said(key)) {
            let values = match constant {
                Constant::One(value) => std::slice::from_ref(value),
                Constant::List(values) => values,
            };
            for (layer, value) in values.iter().enumerate().filter(|(layer, _)| self.has_effect(key, *layer)) {
                let value = match value {
                    // The two zeros are one number.
                    Value::Float(number) => Value::Float(number + 0.0),
                    other => other.clone(),
                };
                write!(text, " {}.{layer} {value:?}", key.name).expect("a String takes all text");
            }
        }
        text
    }

    /// Whether a key does anything beside what the others say.
    fn has_effect(&self, key: &Key, layer: usize) -> bool {
        let has_hidden = !HIDDEN.of(self).is_empty();
        let idle = [
            (DROPOUT.key(), !has_hidden),
            (ACTIVATION.key(), !has_hidden && CHANNELS.of(self).is_empty()),
            (DECAY_NORMS_AND_BIASES.key(), self.train_spec().optimizer.weight_decay == 0.0),
        ];
        if idle.iter().any(|(other, is_idle)| *other == key && *is_idle) {
            return false;
        }
        let Some(only) = key.only else { return true };
        let other = Key::find(only.key).expect("the table names one of its keys");
        let value = match self.get(other) {
            Some(Constant::One(value)) => Some(value),
            Some(Constant::List(values)) => values.get(layer),
            None => None,
        };
        match value {
            Some(value) => only.words.is_empty() || only.names(value),
            None => false,
        }
    }
}
