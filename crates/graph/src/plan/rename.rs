//! A step with other names for its tensors.

use std::sync::Arc;

use crate::step::{
    BlockBackward, BlockForward, DenseBackward, DenseForward, DropoutBackward, DropoutForward, GlobalAverageBackward,
    GlobalAverageForward, Gradient, GroupNormBackward, GroupNormForward, Loss, Step,
};

impl<B> Step<B> {
    /// The same step with other names for its tensors.
    pub(super) fn map<C>(&self, f: &impl Fn(&B) -> C) -> Step<C> {
        let some = |b: &Option<B>| b.as_ref().map(f);
        let gradient = |g: &Gradient<B>| Gradient { to: f(&g.to), accumulate: g.accumulate };
        match self {
            Self::BlockForward(s) => Step::BlockForward(BlockForward {
                block: Arc::clone(&s.block),
                input: f(&s.input),
                shortcut_input: some(&s.shortcut_input),
                saved: some(&s.saved),
                output: f(&s.output),
                statistics: some(&s.statistics),
                workspace: some(&s.workspace),
            }),
            Self::BlockBackward(s) => Step::BlockBackward(BlockBackward {
                block: Arc::clone(&s.block),
                input: some(&s.input),
                shortcut_input: some(&s.shortcut_input),
                saved: some(&s.saved),
                output_gradient: f(&s.output_gradient),
                input_gradient: s.input_gradient.as_ref().map(gradient),
                shortcut_gradient: s.shortcut_gradient.as_ref().map(gradient),
                statistics: some(&s.statistics),
                workspace: some(&s.workspace),
            }),
            Self::DenseForward(s) => Step::DenseForward(DenseForward {
                dense: Arc::clone(&s.dense),
                input: f(&s.input),
                output: f(&s.output),
                workspace: some(&s.workspace),
            }),
            Self::DenseBackward(s) => Step::DenseBackward(DenseBackward {
                dense: Arc::clone(&s.dense),
                input: f(&s.input),
                output: some(&s.output),
                output_gradient: f(&s.output_gradient),
                input_gradient: s.input_gradient.as_ref().map(gradient),
                workspace: some(&s.workspace),
            }),
            Self::GroupNormForward(s) => Step::GroupNormForward(GroupNormForward {
                norm: Arc::clone(&s.norm),
                input: f(&s.input),
                output: f(&s.output),
                statistics: f(&s.statistics),
            }),
            Self::GroupNormBackward(s) => Step::GroupNormBackward(GroupNormBackward {
                norm: Arc::clone(&s.norm),
                input: f(&s.input),
                output_gradient: f(&s.output_gradient),
                input_gradient: s.input_gradient.as_ref().map(gradient),
                statistics: f(&s.statistics),
                workspace: some(&s.workspace),
            }),
            Self::GlobalAverageForward(s) => Step::GlobalAverageForward(GlobalAverageForward {
                image: s.image,
                input: f(&s.input),
                output: f(&s.output),
            }),
            Self::GlobalAverageBackward(s) => Step::GlobalAverageBackward(GlobalAverageBackward {
                image: s.image,
                output_gradient: f(&s.output_gradient),
                input_gradient: gradient(&s.input_gradient),
            }),
            Self::DropoutForward(s) => Step::DropoutForward(DropoutForward {
                layer: s.layer,
                image: s.image,
                input: f(&s.input),
                output: f(&s.output),
            }),
            Self::DropoutBackward(s) => Step::DropoutBackward(DropoutBackward {
                layer: s.layer,
                image: s.image,
                output_gradient: f(&s.output_gradient),
                input_gradient: gradient(&s.input_gradient),
            }),
            Self::Loss(s) => Step::Loss(Loss { classes: s.classes, logits: f(&s.logits), gradient: some(&s.gradient) }),
        }
    }
}
