//! Convolution blocks: out = pool(activation(norm(conv(x)) + shortcut(r))), every part optional.
//!
//! A block is a few launches: the convolutions, the statistics, and one pass for all the rest. What
//! lies between them is kept in the step's workspace, in parts whose lengths follow from the shape
//! alone and are therefore the same when the workspace is planned and when it is used.

mod backward;
mod forward;

use std::ops::Range;

pub(crate) use backward::{BackwardParts, backward};
pub(crate) use forward::{ForwardParts, forward};
use tunefork_graph::{Block, Buffer, Image, NormPart, ParameterId, Shortcut, Window};
use tunefork_kernels::launch::block as launch;
use tunefork_kernels::{Conv2d, Precision, Span};

use crate::memory::Memory;
use crate::stored_len;

/// Parts of a workspace start at multiples of so many elements: 256 bytes.
const ALIGNMENT: usize = 64;

/// A block for a batch of some size, stored in some precision.
#[derive(Clone, Copy)]
struct SizedBlock<'a> {
    block: &'a Block,
    batch: usize,
    precision: Precision,
}

impl SizedBlock<'_> {
    fn conv(&self) -> Option<Conv2d> {
        let block = self.block;
        block.conv.map(|part| Conv2d::new(self.batch, block.input, block.convolved.channels, part.window))
    }

    /// The convolution of a projected shortcut, and its weights.
    fn projection(&self) -> Option<(Conv2d, ParameterId)> {
        match self.block.shortcut {
            Shortcut::Projected { weights, stride, input } => {
                let window = Window { kernel: 1, stride, padding: 0 };
                let filters = self.block.convolved.channels;
                Some((Conv2d::new(self.batch, input, filters, window), weights))
            }
            Shortcut::None | Shortcut::Identity => None,
        }
    }

    /// Everything behind the convolutions.
    fn rest(&self) -> launch::Block {
        let (block, image) = (self.block, self.block.convolved);
        launch::Block {
            batch: self.batch,
            height: image.height,
            width: image.width,
            channels: image.channels,
            norm: block.norm.is_some(),
            shortcut: block.shortcut != Shortcut::None,
            activation: block.activation,
            pool: block.pool,
            saved_output: block.saves_output(),
            precision: self.precision,
        }
    }

    /// Whether the convolution does everything: an activation is part of it.
    fn is_convolution_alone(&self) -> bool {
        let block = self.block;
        block.conv.is_some() && block.saves_output() && block.shortcut == Shortcut::None
    }

    /// Values up to the pooling.
    fn values(&self) -> usize {
        self.batch * self.block.convolved.elements()
    }

    /// Elements of the arena that they take.
    fn stored_len(&self) -> usize {
        stored_len(self.values(), self.precision)
    }

    /// Values of the tensor that the shortcut starts from.
    fn shortcut_values(&self) -> usize {
        let image: Image = match self.block.shortcut {
            Shortcut::Projected { input, .. } => input,
            Shortcut::None | Shortcut::Identity => self.block.convolved,
        };
        self.batch * image.elements()
    }
}

/// Cuts a workspace into parts.
#[derive(Default)]
struct Cut {
    len: usize,
}

impl Cut {
    fn take(&mut self, elements: usize) -> Range<usize> {
        let start = self.len;
        self.len = (start + elements).next_multiple_of(ALIGNMENT);
        start..start + elements
    }
}

/// Where in the arena a part of a step's workspace lies.
fn inside(workspace: Option<Buffer>, part: &Range<usize>) -> Range<usize> {
    let start = workspace.expect("planned with this engine's workspace").offset;
    start + part.start..start + part.end
}

/// A norm's parameters with the statistics of the batch, or with the running ones.
fn norm<'a>(memory: &'a Memory, part: &NormPart, statistics: Option<Span<'a, f32>>) -> launch::Norm<'a> {
    let [mean, deviation] = match statistics {
        Some(statistics) => {
            let channels = statistics.len() / 2;
            [statistics.part(0..channels), statistics.part(channels..2 * channels)]
        }
        None => memory.running(part.norm),
    };
    let (scale, shift) = (memory.parameter(part.scale), memory.parameter(part.shift));
    launch::Norm { mean, deviation, running: statistics.is_none(), scale, shift }
}
