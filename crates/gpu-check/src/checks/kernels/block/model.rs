//! out = pool(activation(norm(y) + r)) and its gradients, by the reference's operations.

use tunefork_graph::{Activation, BatchNorm, Pool, PoolKind};
use tunefork_kernels::launch::block::Block;
use tunefork_reference::{Running, Tensor, ops};

use crate::checks::kernels::common::{activate, tensor, through};

/// A block with its values, for the real images only.
pub(super) struct BlockModel<'a> {
    pub block: &'a Block,
    pub rows: usize,
    pub y: &'a [f64],
    pub norm: Option<NormValues>,
    pub shortcut: Option<&'a [f64]>,
}

/// A norm's values by channel.
pub(super) struct NormValues {
    statistics: Running,
    scale: Tensor,
    shift: Tensor,
}

impl NormValues {
    /// From mean and rstd as kernels have them, and the parameters.
    pub(super) fn new(mean: &[f64], rstd: &[f64], scale: &[f64], shift: &[f64]) -> Self {
        let variance = rstd.iter().map(|rstd| 1.0 / (rstd * rstd) - BatchNorm::EPSILON);
        let statistics = Running { mean: mean.to_vec().into(), variance: variance.collect() };
        Self { statistics, scale: tensor(&[scale.len()], scale), shift: tensor(&[shift.len()], shift) }
    }
}

pub(super) struct Gradients {
    /// At norm(y) + r.
    pub g: Vec<f64>,
    pub dy: Vec<f64>,
    pub dscale: Vec<f64>,
    pub dshift: Vec<f64>,
}

fn values(tensor: Tensor) -> Vec<f64> {
    tensor.into_iter().collect::<Vec<f64>>()
}

impl BlockModel<'_> {
    fn images(&self, values: &[f64]) -> Tensor {
        let Block { height, width, channels, .. } = *self.block;
        tensor(&[self.rows, height, width, channels], values)
    }

    /// norm(y) + r.
    fn sum(&self) -> Tensor {
        let mut sum = self.images(self.y);
        if let Some(norm) = &self.norm {
            sum = ops::norm::forward(&sum, &norm.scale, &norm.shift, &norm.statistics);
        }
        if let Some(shortcut) = self.shortcut {
            sum += &self.images(shortcut);
        }
        sum
    }

    pub(super) fn forward(&self) -> Vec<f64> {
        let activated = activate(self.block.activation, self.sum());
        values(match self.block.pool {
            None => activated,
            Some(Pool { kind: PoolKind::Max, window }) => ops::pool::max(window, &activated),
            Some(Pool { kind: PoolKind::Average, window }) => ops::pool::average(window, &activated),
        })
    }

    pub(super) fn backward(&self, dout: &[f64]) -> Gradients {
        let Block { height, width, channels, .. } = *self.block;
        let y = self.images(self.y);
        let sum = if self.block.saved_output { None } else { Some(self.sum()) };
        let activated = sum.clone().map_or_else(|| y.clone(), |sum| activate(self.block.activation, sum));
        let side = |size| match self.block.pool {
            Some(pool) => pool.window.positions(size).expect("a pooling that fits"),
            None => size,
        };
        let dout = tensor(&[self.rows, side(height), side(width), channels], dout);
        let pooled = match self.block.pool {
            None => dout,
            Some(Pool { kind: PoolKind::Max, window }) => ops::pool::max_gradient(window, &activated, &dout),
            Some(Pool { kind: PoolKind::Average, window }) => {
                ops::pool::average_gradient(window, [height, width], &dout)
            }
        };
        let from_result = self.block.activation.is_none_or(Activation::derivative_follows_from_result);
        let given = sum.as_ref().filter(|_| !from_result).unwrap_or(&activated);
        let g = through(self.block.activation, given, pooled);
        let (dy, dscale) = match &self.norm {
            Some(NormValues { statistics, scale, .. }) => (
                ops::norm::input_gradient(&y, scale, &g, statistics),
                values(ops::norm::scale_gradient(&y, &g, statistics)),
            ),
            None => (g.clone(), Vec::new()),
        };
        let dshift = values(ops::bias_gradient(&g));
        Gradients { g: values(g), dy: values(dy), dscale, dshift }
    }
}
