//! A block's values on the device and for the formulae.

use tunefork_kernels::DeviceMemory;
use tunefork_kernels::launch::block::{Block, Norm};

use super::F32;
use super::model::{BlockModel, NormValues};
use crate::checks::kernels::common::{activate, step_row, tensor};
use crate::checks::kernels::statistics::{merged, moments};
use crate::{Case, Failure, Stored};

/// A block's values on both sides. Behind the real images everything is NaN.
pub(super) struct Setting {
    pub(super) rows: usize,
    pub(super) step: DeviceMemory,
    pub(super) y: Vec<f64>,
    pub(super) shortcut: Option<Vec<f64>>,
    pub(super) dout: Vec<f64>,
    pub(super) on_y: Stored,
    pub(super) on_shortcut: Option<Stored>,
    pub(super) on_dout: Stored,
    pub(super) norm: Option<StoredNorm>,
}

pub(in crate::checks::kernels) struct StoredNorm {
    pub(super) statistics: Vec<f64>,
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
    pub(super) on_statistics: Stored,
    pub(super) on_scale: Stored,
    pub(super) on_shift: Stored,
}

impl StoredNorm {
    pub(in crate::checks::kernels) fn new(case: &mut Case, real: &[f64], channels: usize) -> Result<Self, Failure> {
        let mut statistics = match case.is_whole() {
            // Means and powers of two.
            true => (0..2 * channels)
                .map(|at| if at < channels { case.values(1)[0] } else { case.one_of(&[0.5, 1.0]) })
                .collect(),
            false => merged(&moments(real, channels)),
        };
        let (mut scale, mut shift) = (case.values(channels), case.values(channels));
        Ok(Self {
            on_statistics: Stored::new(case, F32, &mut statistics)?,
            on_scale: Stored::new(case, F32, &mut scale)?,
            on_shift: Stored::new(case, F32, &mut shift)?,
            statistics,
            scale,
            shift,
        })
    }

    pub(in crate::checks::kernels) fn on_device(&self) -> Norm<'_> {
        let statistics = self.on_statistics.span().cast();
        let channels = statistics.len() / 2;
        Norm {
            mean: statistics.part(0..channels),
            deviation: statistics.part(channels..2 * channels),
            running: false,
            scale: self.on_scale.span().cast(),
            shift: self.on_shift.span().cast(),
        }
    }

    pub(super) fn values(&self) -> NormValues {
        let (mean, rstd) = self.statistics.split_at(self.scale.len());
        NormValues::new(mean, rstd, &self.scale, &self.shift)
    }
}

impl Setting {
    pub(super) fn new(case: &mut Case, block: &Block) -> Result<Self, Failure> {
        let rows = case.between(1, block.batch);
        let [mut y, mut r] = [(); 2].map(|()| values(case, block.input_len(), rows, block.batch));
        let mut dout = values(case, block.output_len(), rows, block.batch);
        if block.saved_output {
            y = activate(block.activation, tensor(&[y.len()], &y)).into_iter().collect::<Vec<f64>>();
        }
        let on_y = Stored::new(case, block.precision, &mut y)?;
        let on_shortcut = Stored::new(case, block.precision, &mut r)?;
        let real = &y[..y.len() / block.batch * rows];
        let norm = match block.norm {
            true => Some(StoredNorm::new(case, real, block.channels)?),
            false => None,
        };
        Ok(Self {
            rows,
            step: step_row(case, rows)?,
            on_dout: Stored::new(case, block.precision, &mut dout)?,
            y,
            shortcut: block.shortcut.then_some(r),
            dout,
            on_y,
            on_shortcut: block.shortcut.then_some(on_shortcut),
            norm,
        })
    }

    pub(super) fn model<'a>(&'a self, block: &'a Block) -> BlockModel<'a> {
        BlockModel {
            block,
            rows: self.rows,
            y: &self.y,
            norm: self.norm.as_ref().map(StoredNorm::values),
            shortcut: self.shortcut.as_deref(),
        }
    }

    /// What the norm multiplies the gradient of a value by: scale rstd.
    pub(super) fn factor(&self, block: &Block, e: usize) -> f64 {
        let (k, c) = (block.channels, e % block.channels);
        self.norm.as_ref().map_or(1.0, |norm| norm.scale[c] * norm.statistics[k + c])
    }

    pub(super) fn real<'v>(&self, block: &Block, values: &'v [f64]) -> &'v [f64] {
        &values[..values.len() / block.batch * self.rows]
    }
}

fn values(case: &mut Case, len: usize, rows: usize, batch: usize) -> Vec<f64> {
    let mut values = case.values(len);
    values[len / batch * rows..].fill(f64::NAN);
    values
}
