//! What a training step launches, at the shapes of the reports' networks: for timings, and to see what
//! launches ask for.
//!
//! Each piece of work has its memory to itself, filled with one small number, so that no piece depends
//! on another. The shapes are those of `studies/networks` and `peers/torch_epoch.py`.

use std::sync::Arc;

use bytemuck::Zeroable;
use tunefork_kernels::launch::average::Average;
use tunefork_kernels::launch::block::{Backward, Block, Norm, NormGradients};
use tunefork_kernels::launch::conv::{DataGradient, Forward, WeightGradient};
use tunefork_kernels::launch::dense::Dense;
use tunefork_kernels::launch::gather::Gather;
use tunefork_kernels::launch::loss::{Loss, LossScale, Record};
use tunefork_kernels::launch::optimizer::{Cast, Update};
use tunefork_kernels::launch::statistics::Merge;
use tunefork_kernels::launch::step::Begin;
use tunefork_kernels::{
    Activation, Conv2d, DeviceError, DeviceMemory, DropoutRow, Pool2d, Precision, StepRow, Stream,
};

/// A piece of work.
#[derive(Clone, PartialEq, Debug)]
pub struct Work {
    /// The network: m1 to m4.
    pub network: &'static str,
    /// What is done.
    pub name: &'static str,
    /// On how much.
    pub shape: String,
    /// How values are stored and multiplied.
    pub precision: Precision,
    /// Multiplications and additions of the products; 0 where only memory counts.
    pub flops: f64,
    /// Bytes that must be read and written at least once.
    pub bytes: f64,
}

/// Is given each piece of work, and a function that launches it once.
pub type Visitor<'a> =
    dyn FnMut(&Work, &mut dyn FnMut() -> Result<(), DeviceError>) -> Result<(), DeviceError> + 'a;

/// A network as far as shapes go: 3x3 convolutions with batch norm, relu and 2x2 pooling, then dense layers.
struct Network {
    name: &'static str,
    batch: usize,
    /// Rows and columns of an image.
    side: usize,
    /// Channels of an image, then of each block.
    channels: &'static [usize],
    residual: bool,
    /// Outputs of the dense layers; the last are the classes.
    dense: &'static [usize],
}

const NETWORKS: &[Network] = &[
    Network {
        name: "m1",
        batch: 64,
        side: 28,
        channels: &[1, 32, 64],
        residual: false,
        dense: &[128, 10],
    },
    Network {
        name: "m2",
        batch: 32,
        side: 224,
        channels: &[3, 32, 64, 128],
        residual: false,
        dense: &[128, 5],
    },
    Network {
        name: "m3",
        batch: 64,
        side: 64,
        channels: &[3, 64, 128, 256, 256],
        residual: true,
        dense: &[512, 200],
    },
    Network {
        name: "m4",
        batch: 64,
        side: 28,
        channels: &[1],
        residual: false,
        dense: &[256, 256, 10],
    },
];

/// Shows a visitor all work of all networks.
///
/// # Errors
/// The visitor's; a device that fails or has too little memory.
pub fn visit(
    stream: &Arc<dyn Stream>,
    precision: Precision,
    visitor: &mut Visitor<'_>,
) -> Result<(), DeviceError> {
    for network in NETWORKS {
        let step = StepRow {
            rows: network.batch as u32,
            learning_rate: 1e-3,
            decay1: 0.9,
            decay2: 0.999,
            epsilon: 1e-8,
            correction1: 0.1,
            correction2: 0.001,
            optimizer: 2,
            ..StepRow::zeroed()
        };
        let step = DeviceMemory::of(stream, &[step])?;
        let mut walk = Walk {
            stream,
            step: &step,
            network,
            precision,
            visitor: &mut *visitor,
        };
        walk.network()?;
    }
    Ok(())
}

struct Walk<'a, 'v> {
    stream: &'a Arc<dyn Stream>,
    step: &'a DeviceMemory,
    network: &'static Network,
    precision: Precision,
    visitor: &'a mut Visitor<'v>,
}

impl Walk<'_, '_> {
    fn network(&mut self) -> Result<(), DeviceError> {
        let Network {
            batch,
            channels,
            residual,
            dense,
            ..
        } = *self.network;
        let mut side = self.network.side;
        let mut parameters = 0;
        self.gather(side * side, channels[0])?;
        for (number, pair) in channels.windows(2).enumerate() {
            let conv = Conv2d {
                batch,
                height: side,
                width: side,
                channels: pair[0],
                filters: pair[1],
                kernel: 3,
                stride: 1,
                padding: 1,
            };
            self.convolution(conv, number == 0)?;
            parameters += conv.weights_len() + 3 * conv.filters;
            if residual && pair[0] != pair[1] {
                let conv = Conv2d {
                    kernel: 1,
                    padding: 0,
                    ..conv
                };
                self.convolution(conv, number == 0)?;
                parameters += conv.weights_len();
            }
            self.block(side, pair[1])?;
            side /= 2;
        }
        let last = channels[channels.len() - 1];
        let mut inputs = side * side * last;
        if residual {
            self.average(side * side, last)?;
            inputs = last;
        }
        for (number, &outputs) in dense.iter().enumerate() {
            let hidden = number + 1 < dense.len();
            self.dense(inputs, outputs, hidden, number > 0 || channels.len() > 1)?;
            parameters += inputs * outputs + outputs;
            inputs = outputs;
        }
        self.loss(dense[dense.len() - 1])?;
        self.update(parameters)?;
        self.begin()
    }

    /// Memory that holds bytes 0x3c: 0.0115 in f32 and bf16, 1.06 in f16.
    fn stored(&self, values: usize) -> Result<DeviceMemory, DeviceError> {
        let memory = DeviceMemory::new(self.stream, values * self.precision.bytes())?;
        memory.all::<u8>().fill(&**self.stream, 0x3c)?;
        Ok(memory)
    }

    fn f32(&self, values: usize) -> Result<DeviceMemory, DeviceError> {
        let memory = DeviceMemory::new(self.stream, values * size_of::<f32>())?;
        memory.all::<u8>().fill(&**self.stream, 0x3c)?;
        Ok(memory)
    }

    fn work(
        &mut self,
        name: &'static str,
        shape: String,
        flops: usize,
        bytes: usize,
        launch: &mut dyn FnMut(&dyn Stream) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        let work = Work {
            network: self.network.name,
            name,
            shape,
            precision: self.precision,
            flops: flops as f64,
            bytes: bytes as f64,
        };
        let stream = self.stream;
        (self.visitor)(&work, &mut || launch(&**stream))
    }

    fn convolution(&mut self, conv: Conv2d, first: bool) -> Result<(), DeviceError> {
        let (precision, step) = (self.precision, self.step);
        let (x, y) = (
            self.stored(conv.input_len())?,
            self.stored(conv.output_len())?,
        );
        let weights = self.stored(conv.weights_len())?;
        let bias = self.f32(conv.filters)?;
        let size = precision.bytes();
        let flops = 2 * conv.positions() * conv.weights_len();
        let bytes = (conv.input_len() + conv.output_len() + conv.weights_len()) * size;
        let shape = format!(
            "{}x{}x{}x{} * {}x{}x{}",
            conv.batch,
            conv.height,
            conv.width,
            conv.channels,
            conv.kernel,
            conv.kernel,
            conv.filters
        );

        let forward = Forward {
            conv,
            precision,
            bias: true,
            activation: None,
            statistics: true,
        };
        let partials = self.f32(forward.partials_len())?;
        self.work("conv forward", shape.clone(), flops, bytes, &mut |stream| {
            let (bias, partials) = (Some(bias.all()), Some(partials.all()));
            forward.run(
                stream,
                step.all(),
                x.all(),
                weights.all(),
                bias,
                y.all(),
                partials,
            )
        })?;
        let merge = Merge {
            channels: conv.filters,
            per_image: conv.output_height() * conv.output_width(),
            batch: conv.batch,
            positions_per_tile: forward.positions_per_tile(),
        };
        let statistics = self.f32(2 * conv.filters)?;
        let read = merge.partials_len() * size_of::<f32>();
        self.work("statistics", shape.clone(), 0, read, &mut |stream| {
            merge.run(stream, step.all(), partials.all(), statistics.all(), None)
        })?;
        if !first {
            self.work(
                "conv data gradient",
                shape.clone(),
                flops,
                bytes,
                &mut |stream| {
                    let data = DataGradient { conv, precision };
                    data.run(stream, step.all(), y.all(), weights.all(), x.all(), false)
                },
            )?;
        }
        let gradient = WeightGradient { conv, precision };
        let dw = self.f32(conv.weights_len())?;
        let workspace = self.f32(gradient.workspace_len().max(1))?;
        self.work("conv weight gradient", shape, flops, bytes, &mut |stream| {
            gradient.run(
                stream,
                step.all(),
                x.all(),
                y.all(),
                dw.all(),
                Some(workspace.all()),
            )
        })
    }

    /// Batch norm, in a residual network a shortcut, relu, and max pooling of 2x2.
    fn block(&mut self, side: usize, channels: usize) -> Result<(), DeviceError> {
        let (precision, step) = (self.precision, self.step);
        let block = Block {
            batch: self.network.batch,
            height: side,
            width: side,
            channels,
            norm: true,
            shortcut: self.network.residual,
            activation: Some(Activation::Relu),
            pool: Some(Pool2d {
                max: true,
                kernel: 2,
                stride: 2,
                padding: 0,
            }),
            saved_output: false,
            precision,
        };
        let (y, dy) = (
            self.stored(block.input_len())?,
            self.stored(block.input_len())?,
        );
        let shortcut = if block.shortcut {
            Some(self.stored(block.input_len())?)
        } else {
            None
        };
        let out = self.stored(block.output_len())?;
        let (statistics, parameters) = (self.f32(2 * channels)?, self.f32(4 * channels)?);
        let bias = self.f32(channels)?;
        let workspace = self.f32(block.workspace_len())?;
        let part = |number: usize| {
            parameters
                .all::<f32>()
                .part(number * channels..(number + 1) * channels)
        };
        let norm = Norm {
            statistics: statistics.all(),
            scale: part(0),
            shift: part(1),
        };
        let read = block.input_len() * (1 + usize::from(block.shortcut));
        let written = block.output_len();
        let shape = format!("{}x{side}x{side}x{channels}", block.batch);
        let bytes = |values: usize| values * precision.bytes();
        self.work(
            "block forward",
            shape.clone(),
            0,
            bytes(read + written),
            &mut |stream| {
                let shortcut = shortcut.as_ref().map(DeviceMemory::all);
                block.forward(stream, step.all(), y.all(), Some(norm), shortcut, out.all())
            },
        )?;
        let given = Backward {
            y: Some(y.all()),
            norm: Some(norm),
            norm_gradients: Some(NormGradients {
                scale: part(2),
                shift: part(3),
            }),
            shortcut: shortcut.as_ref().map(DeviceMemory::all),
            dout: out.all(),
            dy: Some(dy.all()),
            dsum: None,
            bias_gradient: Some(bias.all()),
            workspace: workspace.all(),
        };
        self.work(
            "block sums",
            shape.clone(),
            0,
            bytes(read + written),
            &mut |stream| block.backward_sums(stream, step.all(), &given),
        )?;
        let moved = bytes(read + written + block.input_len());
        self.work("block backward", shape, 0, moved, &mut |stream| {
            block.backward(stream, step.all(), &given)
        })
    }

    fn dense(
        &mut self,
        inputs: usize,
        outputs: usize,
        hidden: bool,
        dx: bool,
    ) -> Result<(), DeviceError> {
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
        let workspace = self.f32(dense.workspace_len(true).max(1))?;
        let row = DeviceMemory::of(self.stream, &[DropoutRow::new(0.3)])?;
        let row = || hidden.then(|| row.all());
        let flops = 2 * batch * inputs * outputs;
        let values = batch * (inputs + outputs) + inputs * outputs;
        let shape = format!("{batch}x{inputs} * {outputs}");
        let bytes = values * precision.bytes();
        self.work(
            "dense forward",
            shape.clone(),
            flops,
            bytes,
            &mut |stream| {
                let (x, weights, y) = (x.all(), weights.all(), y.all());
                dense.forward(
                    stream,
                    step.all(),
                    row(),
                    x,
                    weights,
                    Some(bias.all()),
                    y,
                    Some(workspace.all()),
                )
            },
        )?;
        let (flops, bytes) = (
            if dx { 2 * flops } else { flops },
            bytes + 4 * inputs * outputs,
        );
        self.work("dense backward", shape, flops, bytes, &mut |stream| {
            dense.backward(
                stream,
                step.all(),
                row(),
                x.all(),
                Some(y.all()),
                dy.all(),
                weights.all(),
                dw.all(),
                Some(bias.all()),
                dx.then(|| (other.all(), false)),
                Some(workspace.all()),
            )
        })
    }

    fn average(&mut self, pixels: usize, channels: usize) -> Result<(), DeviceError> {
        let (step, batch) = (self.step, self.network.batch);
        let average = Average {
            batch,
            pixels,
            channels,
            precision: self.precision,
        };
        let (x, y) = (
            self.stored(batch * pixels * channels)?,
            self.stored(batch * channels)?,
        );
        let shape = format!("{batch}x{pixels}x{channels}");
        let bytes = batch * (pixels + 1) * channels * self.precision.bytes();
        self.work("average forward", shape.clone(), 0, bytes, &mut |stream| {
            average.forward(stream, step.all(), x.all(), y.all())
        })?;
        self.work("average backward", shape, 0, bytes, &mut |stream| {
            average.backward(stream, step.all(), y.all(), x.all(), false)
        })
    }

    fn gather(&mut self, pixels: usize, channels: usize) -> Result<(), DeviceError> {
        let (step, batch) = (self.step, self.network.batch);
        let gather = Gather {
            batch,
            pixels,
            channels,
            precision: self.precision,
        };
        let values = batch * pixels * channels;
        let images = DeviceMemory::of(self.stream, &vec![7u8; values])?;
        let numbers: Vec<u32> = (0..batch as u32).rev().collect();
        let indices = DeviceMemory::of(self.stream, &numbers)?;
        let tables = self.f32(256 * channels)?;
        let out = self.stored(values)?;
        let bytes = values * (1 + self.precision.bytes());
        self.work(
            "gather",
            format!("{batch}x{pixels}x{channels}"),
            0,
            bytes,
            &mut |stream| {
                gather.run(
                    stream,
                    step.all(),
                    images.all(),
                    indices.all(),
                    tables.all(),
                    out.all(),
                )
            },
        )
    }

    fn loss(&mut self, classes: usize) -> Result<(), DeviceError> {
        let (step, batch, precision) = (self.step, self.network.batch, self.precision);
        let loss = Loss {
            batch,
            classes,
            precision,
        };
        let logits = self.stored(batch * classes)?;
        let gradient = self.stored(batch * classes)?;
        let numbers: Vec<u32> = (0..batch as u32).collect();
        let indices = DeviceMemory::of(self.stream, &numbers)?;
        let labels = DeviceMemory::of(self.stream, &vec![1u16; batch])?;
        let records = DeviceMemory::of(self.stream, &[Record::zeroed()])?;
        let scale = DeviceMemory::of(self.stream, &[LossScale::initial(precision)])?;
        let bytes = 2 * batch * classes * precision.bytes();
        self.work(
            "loss",
            format!("{batch}x{classes}"),
            0,
            bytes,
            &mut |stream| {
                let (indices, labels) = (indices.all(), labels.all());
                let gradient = Some(gradient.all());
                loss.run(
                    stream,
                    step.all(),
                    scale.all(),
                    logits.all(),
                    indices,
                    labels,
                    gradient,
                    records.all(),
                )
            },
        )
    }

    fn update(&mut self, len: usize) -> Result<(), DeviceError> {
        let (step, precision) = (self.step, self.precision);
        let update = Update { len, precision };
        let (parameters, gradients) = (self.f32(len)?, self.f32(len)?);
        let states = [self.f32(len)?, self.f32(len)?];
        let half = precision.bytes() == 2;
        let weights16 = if half { Some(self.stored(len)?) } else { None };
        let workspace = self.f32(update.workspace_len())?;
        let records = DeviceMemory::of(self.stream, &[Record::zeroed()])?;
        let scale = DeviceMemory::of(self.stream, &[LossScale::initial(precision)])?;
        let bytes = len * (7 * size_of::<f32>() + if half { 2 } else { 0 });
        self.work("update (Adam)", len.to_string(), 0, bytes, &mut |stream| {
            let states = [states[0].all(), states[1].all()];
            let weights16 = weights16.as_ref().map(DeviceMemory::all);
            let (parameters, gradients) = (parameters.all(), gradients.all());
            let (workspace, records) = (workspace.all(), records.all());
            update.run(
                stream,
                step.all(),
                scale.all(),
                parameters,
                gradients,
                states,
                weights16,
                workspace,
                records,
            )
        })?;
        if let Some(weights16) = &weights16 {
            self.work("cast", len.to_string(), 0, 6 * len, &mut |stream| {
                Cast { len, precision }.run(stream, parameters.all(), weights16.all())
            })?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), DeviceError> {
        let words = size_of::<StepRow>() / size_of::<u32>();
        let table = DeviceMemory::of(self.stream, &vec![0u32; 4 * words])?;
        let row = DeviceMemory::of(self.stream, &vec![0u32; words])?;
        let counter = DeviceMemory::of(self.stream, &[0u32])?;
        self.work("begin", "1 row".into(), 0, 8 * words, &mut |stream| {
            Begin { words }.run(stream, table.all(), counter.all(), row.all())
        })
    }
}
