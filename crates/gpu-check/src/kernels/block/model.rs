//! out = pool(activation(norm(y) + r)) and its gradients in f64, by the formulae.

use tunefork_graph::PoolKind;
use tunefork_kernels::launch::block::Block;

use crate::kernels::common::{activate, slope};

/// A block with its values, for the real images only.
pub(super) struct Model<'a> {
    pub block: &'a Block,
    pub rows: usize,
    pub y: &'a [f64],
    pub norm: Option<NormValues<'a>>,
    pub shortcut: Option<&'a [f64]>,
}

/// A norm's values by channel.
pub(super) struct NormValues<'a> {
    pub mean: &'a [f64],
    pub rstd: &'a [f64],
    pub scale: &'a [f64],
    pub shift: &'a [f64],
}

/// All gradients.
pub(super) struct Gradients {
    /// At norm(y) + r.
    pub g: Vec<f64>,
    pub dy: Vec<f64>,
    pub dscale: Vec<f64>,
    pub dshift: Vec<f64>,
}

impl Model<'_> {
    fn len(&self) -> usize {
        self.rows * self.block.height * self.block.width * self.block.channels
    }

    fn xhat(&self, e: usize) -> f64 {
        let c = e % self.block.channels;
        self.norm.as_ref().map_or(0.0, |norm| (self.y[e] - norm.mean[c]) * norm.rstd[c])
    }

    /// norm(y) + r.
    fn sum(&self, e: usize) -> f64 {
        let c = e % self.block.channels;
        let y = match &self.norm {
            Some(norm) => self.xhat(e) * norm.scale[c] + norm.shift[c],
            None => self.y[e],
        };
        y + self.shortcut.map_or(0.0, |r| r[e])
    }

    /// The places under each window, window after window, row after row.
    fn windows(&self) -> Vec<Vec<usize>> {
        let Block { height, width, channels, .. } = *self.block;
        let Some(pool) = self.block.pool else {
            return (0..self.len()).map(|e| vec![e]).collect();
        };
        let span = |at: usize, size: usize| {
            let start = at * pool.window.stride;
            start.saturating_sub(pool.window.padding)
                ..(start + pool.window.kernel).saturating_sub(pool.window.padding).min(size)
        };
        let mut windows = Vec::new();
        for n in 0..self.rows {
            for p in 0..pool.window.positions(height).unwrap_or(0) {
                for q in 0..pool.window.positions(width).unwrap_or(0) {
                    for c in 0..channels {
                        let places = span(p, height)
                            .flat_map(|h| span(q, width).map(move |w| ((n * height + h) * width + w) * channels + c));
                        windows.push(places.collect());
                    }
                }
            }
        }
        windows
    }

    /// Which of a window's places is chosen: the first of the largest, the last NaN.
    fn chosen(values: &[f64], window: &[usize]) -> usize {
        let mut best = window[0];
        for &place in &window[1..] {
            if values[place] > values[best] || values[place].is_nan() {
                best = place;
            }
        }
        best
    }

    fn activated(&self) -> Vec<f64> {
        (0..self.len()).map(|e| activate(self.block.activation, self.sum(e))).collect()
    }

    pub(super) fn forward(&self) -> Vec<f64> {
        let values = self.activated();
        let area = self.block.pool.map_or(1.0, |pool| (pool.window.kernel * pool.window.kernel) as f64);
        self.windows()
            .iter()
            .map(|window| match self.block.pool {
                Some(pool) if pool.kind == PoolKind::Average => window.iter().map(|&e| values[e]).sum::<f64>() / area,
                _ => values[Self::chosen(&values, window)],
            })
            .collect()
    }

    pub(super) fn backward(&self, dout: &[f64]) -> Gradients {
        let k = self.block.channels;
        let values = if self.block.saved_output { self.y[..self.len()].to_vec() } else { self.activated() };
        let mut g = vec![0.0; self.len()];
        for (window, dout) in self.windows().iter().zip(dout) {
            match self.block.pool {
                Some(pool) if pool.kind == PoolKind::Average => {
                    let share = dout / (pool.window.kernel * pool.window.kernel) as f64;
                    window.iter().for_each(|&e| g[e] += share);
                }
                _ => g[Self::chosen(&values, window)] += dout,
            }
        }
        for (g, value) in g.iter_mut().zip(&values) {
            *g *= slope(self.block.activation, *value);
        }
        let (mut dscale, mut dshift) = (vec![0.0; k], vec![0.0; k]);
        for (e, g) in g.iter().enumerate() {
            dscale[e % k] += g * self.xhat(e);
            dshift[e % k] += g;
        }
        let m = (self.len() / k) as f64;
        let dy = (0..self.len()).map(|e| match &self.norm {
            Some(norm) => {
                let c = e % k;
                let inner = g[e] - dshift[c] / m - self.xhat(e) * dscale[c] / m;
                norm.scale[c] * norm.rstd[c] * inner
            }
            None => g[e],
        });
        let dy = dy.collect();
        Gradients { g, dy, dscale, dshift }
    }
}
