//! What a training step launches, at the shapes of the reports' networks, and the group norm that may stand in a batch
//! norm's place: for timings, and to see what launches ask for.
//!
//! Each piece of work has its memory to itself, filled with one small number, so that no piece depends
//! on another. The shapes are those of `studies/networks` and `peers/torch_epoch.py`.

mod layers;
pub mod least;
mod plain;
mod step;
pub mod step_launches;

use std::sync::Arc;

use tunefork_graph::UpdateRule;
use tunefork_kernels::{Conv2d, DeviceError, DeviceMemory, Precision, StepRow, Stream};
use tunefork_networks::{NETWORKS, Network};

use least::Least;

pub use plain::visit_plain;

/// A piece of work.
#[derive(Clone, PartialEq, Debug)]
pub struct Work {
    /// The network: m1 to m4.
    pub network: &'static str,
    /// The launcher and its direction: `conv forward`.
    pub name: &'static str,
    /// Sizes of its tensors: `64x28x28x16`.
    pub shape: String,
    /// How values are stored and multiplied.
    pub precision: Precision,
    /// Multiplications and additions of the products; 0 where only memory counts.
    pub flops: f64,
    /// Bytes that must be read and written at least once.
    pub bytes: f64,
}

/// Is given each piece of work, and a function that launches it once.
pub type Visitor<'a> = dyn FnMut(&Work, &mut dyn FnMut() -> Result<(), DeviceError>) -> Result<(), DeviceError> + 'a;

/// Shows a visitor all work of all networks.
///
/// # Errors
/// The visitor's; a device that fails or has too little memory.
pub fn visit(stream: &Arc<dyn Stream>, precision: Precision, visitor: &mut Visitor<'_>) -> Result<(), DeviceError> {
    // m0 has the shapes of m1, without norms.
    for network in NETWORKS.iter().filter(|network| network.name != "m0") {
        let step = StepRow { rows: network.batch as u32, ..StepRow::update(UpdateRule::ADAM, 1e-3, 0.0, 1) };
        let step = DeviceMemory::of(stream, &[step])?;
        let mut walk = Walk { stream, step: &step, network, precision, visitor: &mut *visitor };
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
        let Network { batch, mut side, colours, classes, ref model, .. } = *self.network;
        let channels: Vec<usize> = std::iter::once(colours).chain(model.channels.iter().copied()).collect();
        let mut parameters = 0;
        self.gather(side, colours)?;
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
            if model.residual && pair[0] != pair[1] {
                let conv = Conv2d { kernel: 1, padding: 0, ..conv };
                self.convolution(conv, number == 0)?;
                parameters += conv.weights_len();
            }
            self.block(side, pair[1])?;
            self.group_norm(side, pair[1])?;
            side /= 2;
        }
        let last = channels[channels.len() - 1];
        let mut inputs = side * side * last;
        if model.global_average() {
            self.average(side * side, last)?;
            inputs = last;
        }
        for (number, &outputs) in model.hidden.iter().chain([&classes]).enumerate() {
            let hidden = number < model.hidden.len();
            self.dense(inputs, outputs, hidden, number > 0 || channels.len() > 1)?;
            parameters += inputs * outputs + outputs;
            inputs = outputs;
        }
        self.loss(classes)?;
        self.update(parameters)
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
        least: Least,
        launch: &mut dyn FnMut(&dyn Stream) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        let work = Work {
            network: self.network.name,
            name,
            shape,
            precision: self.precision,
            flops: least.flops as f64,
            bytes: least.bytes() as f64,
        };
        let stream = self.stream;
        (self.visitor)(&work, &mut || launch(&**stream))
    }
}
