//! Layers, forward and backward.

use tunefork_graph::{Activation, Pool};
use tunefork_kernels::launch::COUNTERS;
use tunefork_kernels::launch::average::Average;
use tunefork_kernels::launch::block::{Backward, Block, Norm, NormGradients};
use tunefork_kernels::launch::conv::{DataGradient, Forward, WeightGradient};
use tunefork_kernels::launch::dense::{self, Dense, InputGradient};
use tunefork_kernels::launch::group_norm::{GroupNorm, Parameters};
use tunefork_kernels::launch::loss::LossScale;
use tunefork_kernels::launch::statistics::Statistics;
use tunefork_kernels::{Conv2d, DeviceError, DeviceMemory, DropoutRow};

use super::Walk;
use super::least::{self, Least};

/// The sizes of a convolution.
pub(super) fn shape(conv: &Conv2d) -> String {
    let Conv2d { batch, height, width, channels, filters, kernel, .. } = *conv;
    format!("{batch}x{height}x{width}x{channels} * {kernel}x{kernel}x{filters}")
}

impl Walk<'_, '_> {
    /// A convolution's products; nobody wants the gradient of the first one's images.
    pub(super) fn convolution(&mut self, conv: Conv2d, first: bool) -> Result<(), DeviceError> {
        self.conv_forward(conv)?;
        self.conv_gradients(conv, first)
    }

    fn operands(&self, conv: &Conv2d) -> Result<[DeviceMemory; 3], DeviceError> {
        Ok([self.stored(conv.input_len())?, self.stored(conv.weights_len())?, self.stored(conv.output_len())?])
    }

    /// The product of a convolution, and the statistics of its result.
    fn conv_forward(&mut self, conv: Conv2d) -> Result<(), DeviceError> {
        let (precision, step) = (self.precision, self.step);
        let [x, weights, y] = self.operands(&conv)?;
        let bias = self.f32(conv.filters)?;
        let forward = Forward { conv, precision, bias: true, activation: None, statistics: true };
        let partials = self.f32(forward.partials_len())?;
        let (statistics, counters) = (self.f32(2 * conv.filters)?, self.counters()?);
        self.work("conv forward", shape(&conv), least::conv_forward(&conv, precision), &mut |stream| {
            let (x, weights, y) = (x.all(), weights.all(), y.all());
            let statistics = Statistics {
                partials: partials.all(),
                statistics: statistics.all(),
                running: None,
                counters: counters.all(),
            };
            forward.run(stream, step.all(), x, weights, Some(bias.all()), y, Some(statistics))
        })
    }

    fn counters(&self) -> Result<DeviceMemory, DeviceError> {
        DeviceMemory::of(self.stream, &[0u32; COUNTERS])
    }

    pub(super) fn scale(&self) -> Result<DeviceMemory, DeviceError> {
        DeviceMemory::of(self.stream, &[LossScale::initial(self.precision)])
    }

    fn conv_gradients(&mut self, conv: Conv2d, first: bool) -> Result<(), DeviceError> {
        let (precision, step) = (self.precision, self.step);
        let [x, weights, dy] = self.operands(&conv)?;
        if !first {
            let gradient = DataGradient { conv, precision };
            let least = least::conv_data_gradient(&conv, precision, false);
            self.work("conv data gradient", shape(&conv), least, &mut |stream| {
                let (dy, weights, dx) = (dy.all(), weights.all(), x.all());
                gradient.run(stream, step.all(), dy, weights, dx, false, None)
            })?;
        }
        let gradient = WeightGradient { conv, precision };
        let dw = self.f32(conv.weights_len())?;
        let (workspace, counters) = (self.f32(gradient.workspace_len().max(1))?, self.counters()?);
        let scale = self.scale()?;
        let least = least::conv_weight_gradient(&conv, precision);
        self.work("conv weight gradient", shape(&conv), least, &mut |stream| {
            let workspace = Some(workspace.all());
            gradient.run(stream, step.all(), x.all(), dy.all(), dw.all(), scale.all(), workspace, counters.all())
        })
    }

    /// Batch norm, in a residual network a shortcut, relu, and max pooling of 2x2.
    fn block_of(&self, side: usize, channels: usize) -> Block {
        Block {
            batch: self.network.batch,
            height: side,
            width: side,
            channels,
            norm: true,
            shortcut: self.network.model.residual,
            activation: Some(Activation::Relu),
            pool: Some(Pool::max(2)),
            saved_output: false,
            precision: self.precision,
        }
    }

    pub(super) fn block(&mut self, side: usize, channels: usize) -> Result<(), DeviceError> {
        let (step, block) = (self.step, self.block_of(side, channels));
        let input = || self.stored(block.input_len());
        let (y, dy) = (input()?, input()?);
        let shortcut = block.shortcut.then(input).transpose()?;
        let out = self.stored(block.output_len())?;
        let (statistics, parameters) = (self.f32(2 * channels)?, self.f32(4 * channels)?);
        let bias = self.f32(channels)?;
        let workspace = self.f32(block.workspace_len())?;
        let part = |number: usize| parameters.all::<f32>().part(number * channels..(number + 1) * channels);
        let (statistics, counters, scale) = (statistics.all(), self.counters()?, self.scale()?);
        let norm = Norm {
            mean: statistics.part(0..channels),
            deviation: statistics.part(channels..2 * channels),
            running: false,
            scale: part(0),
            shift: part(1),
        };
        let shape = format!("{}x{side}x{side}x{channels}", block.batch);
        self.work("block forward", shape.clone(), least::block_forward(&block), &mut |stream| {
            let shortcut = shortcut.as_ref().map(DeviceMemory::all);
            block.forward(stream, step.all(), y.all(), Some(norm), shortcut, out.all())
        })?;
        let given = Backward {
            y: Some(y.all()),
            norm: Some(norm),
            norm_gradients: Some(NormGradients { scale: part(2), shift: part(3) }),
            shortcut: shortcut.as_ref().map(DeviceMemory::all),
            dout: out.all(),
            dy: Some(dy.all()),
            dsum: None,
            bias_gradient: Some(bias.all()),
            workspace: workspace.all(),
            counters: counters.all(),
            scale: scale.all(),
        };
        self.work("block sums", shape.clone(), least::block_sums(&block), &mut |stream| {
            block.backward_sums(stream, step.all(), &given)
        })?;
        let least = least::block_backward(&block, 1);
        self.work("block backward", shape, least, &mut |stream| block.backward(stream, step.all(), &given))
    }

    /// A group norm where the network has a batch norm.
    pub(super) fn group_norm(&mut self, side: usize, channels: usize) -> Result<(), DeviceError> {
        let (precision, step, batch) = (self.precision, self.step, self.network.batch);
        let norm = GroupNorm { batch, pixels: side * side, channels, groups: 8, precision };
        let values = batch * norm.pixels * channels;
        let (x, y, dy) = (self.stored(values)?, self.stored(values)?, self.stored(values)?);
        let (statistics, sums) = (self.f32(norm.statistics_len())?, self.f32(norm.sums_len())?);
        let parameters = self.f32(4 * channels)?;
        let part = |number: usize| parameters.all::<f32>().part(number * channels..(number + 1) * channels);
        let given = Parameters { scale: part(0), shift: part(1) };
        let gradients = Parameters { scale: part(2), shift: part(3) };
        let shape = format!("{batch}x{side}x{side}x{channels} / 8");
        self.work("group norm forward", shape.clone(), least::group_norm_forward(&norm), &mut |stream| {
            norm.forward(stream, step.all(), x.all(), given, y.all(), statistics.all())
        })?;
        let (loss_scale, dx) = (self.scale()?, Some((dy.all(), false)));
        self.work("group norm backward", shape, least::group_norm_backward(&norm), &mut |stream| {
            let (statistics, sums) = (statistics.all(), sums.all());
            let (x, dy, loss_scale) = (x.all(), dy.all(), loss_scale.all());
            norm.backward(stream, step.all(), x, dy, given.scale, statistics, sums, gradients, loss_scale, dx)
        })
    }

    pub(super) fn dense(&mut self, inputs: usize, outputs: usize, hidden: bool, dx: bool) -> Result<(), DeviceError> {
        let (precision, step, batch) = (self.precision, self.step, self.network.batch);
        let dense = Dense {
            batch,
            inputs,
            outputs,
            activation: hidden.then_some(Activation::Relu),
            dropout: hidden.then_some(0),
            precision,
        };
        let (x, y) = (self.stored(batch * inputs)?, self.stored(batch * outputs)?);
        let (dy, other) = (self.stored(batch * outputs)?, self.stored(batch * inputs)?);
        let weights = self.stored(inputs * outputs)?;
        let (dw, bias) = (self.f32(inputs * outputs)?, self.f32(outputs)?);
        let (workspace, counters) = (self.f32(dense.workspace_len().max(1))?, self.counters()?);
        let (row, scale) = (DeviceMemory::of(self.stream, &[DropoutRow::new(0.3)])?, self.scale()?);
        let row = || hidden.then(|| row.all());
        let shape = format!("{batch}x{inputs} * {outputs}");
        let forward = shape.clone();
        self.work("dense forward", forward, least::dense_forward(&dense), &mut |stream| {
            let (x, weights, y) = (x.all(), weights.all(), y.all());
            let (bias, workspace) = (Some(bias.all()), Some(workspace.all()));
            dense.forward(stream, step.all(), row(), x, weights, bias, y, workspace, counters.all())
        })?;
        let derivative = if hidden { least::dense_derivative(&dense) } else { Least::default() };
        let least = least::dense_backward(&dense, dx.then_some(false)) + derivative;
        self.work("dense backward", shape, least, &mut |stream| {
            let given = dense::Backward {
                x: x.all(),
                dz: dy.all(),
                weights: weights.all(),
                dw: dense::WeightGradient::Stored(dw.all()),
                db: Some(bias.all()),
                dx: dx.then(|| InputGradient { to: other.all(), accumulate: false, through: None }),
                scale: scale.all(),
            };
            dense.derivative(stream, step.all(), row(), Some(y.all()), dy.all())?;
            dense.backward(stream, step.all(), given)
        })
    }

    pub(super) fn average(&mut self, pixels: usize, channels: usize) -> Result<(), DeviceError> {
        let (step, batch) = (self.step, self.network.batch);
        let average = Average { batch, pixels, channels, precision: self.precision };
        let (x, y) = (self.stored(batch * pixels * channels)?, self.stored(batch * channels)?);
        let shape = format!("{batch}x{pixels}x{channels}");
        self.work("average forward", shape.clone(), least::average_forward(&average), &mut |stream| {
            average.forward(stream, step.all(), x.all(), y.all())
        })?;
        self.work("average backward", shape, least::average_backward(&average, false), &mut |stream| {
            average.backward(stream, step.all(), y.all(), x.all(), false)
        })
    }
}
