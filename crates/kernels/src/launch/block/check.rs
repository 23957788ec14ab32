//! What a block's launchers ask of lengths and alignments.

use tunefork_graph::{Activation, PoolKind};

use super::{Backward, Block, Norm};
use crate::Span;
use crate::shared::VECTOR_BYTES;

impl Block {
    pub(super) fn check_input(&self, values: Span<'_, u8>) {
        let len = self.input_len();
        assert!(len < 1 << 31, "{len} values");
        assert_eq!(values.len(), len * self.precision.bytes(), "values");
        assert_eq!(values.address() % VECTOR_BYTES as u64, 0, "aligned to 16 bytes");
    }

    pub(super) fn check_output(&self, values: Span<'_, u8>) {
        let len = self.output_len();
        assert!(len < 1 << 31, "{len} values");
        assert_eq!(values.len(), len * self.precision.bytes(), "results");
        assert_eq!(values.address() % VECTOR_BYTES as u64, 0, "aligned to 16 bytes");
    }

    /// The largest value of a window is found before the activation.
    pub(super) fn check_pool(&self) {
        let is_max = self.pool.is_some_and(|pool| pool.kind == PoolKind::Max);
        assert!(
            !is_max || self.activation.is_none_or(Activation::is_monotone),
            "max pooling behind a monotone function"
        );
    }

    pub(super) fn check_norm(&self, norm: Option<Norm<'_>>) {
        assert_eq!(self.norm, norm.is_some(), "norm");
        if let Some(norm) = norm {
            let spans = [norm.mean, norm.deviation, norm.scale, norm.shift];
            assert_eq!(spans.map(Span::len), [self.channels; 4], "one value for each channel");
            assert_eq!(norm.mean.address() % VECTOR_BYTES as u64, 0, "aligned to 16 bytes");
        }
    }

    pub(super) fn check_backward(&self, given: &Backward<'_>) {
        let follows = self.activation.is_none_or(Activation::derivative_follows_from_result);
        assert!(
            !self.saved_output || (!self.norm && self.pool.is_none() && follows),
            "the output is kept only without norm and pooling, and where the derivative follows from it"
        );
        self.check_norm(given.norm);
        assert!(given.norm.is_none_or(|norm| !norm.running), "the batch's own statistics");
        assert_eq!(self.norm, given.norm_gradients.is_some(), "norm gradients");
        assert!(given.y.is_some() || !self.reads_saved(), "y is needed");
        assert!(given.shortcut.is_some() || !self.reads_shortcut(), "the shortcut is needed");
        self.check_output(given.dout);
        for values in [given.y, given.shortcut, given.dy, given.dsum] {
            values.inspect(|&values| self.check_input(values));
        }
        let per_channel = [
            given.bias_gradient,
            given.norm_gradients.map(|sums| sums.scale),
            given.norm_gradients.map(|sums| sums.shift),
        ];
        for values in per_channel.into_iter().flatten() {
            assert_eq!(values.len(), self.channels, "one value for each channel");
        }
        assert_eq!(given.scale.len(), 1, "one scale");
        assert!(given.workspace.len() >= self.workspace_len(), "workspace");
        assert_eq!(given.workspace.address() % VECTOR_BYTES as u64, 0, "aligned to 16 bytes");
    }
}
