//! The forward pass of a block.

use std::ops::Range;

use tunefork_graph::{Block, BlockForward};
use tunefork_kernels::launch::conv;
use tunefork_kernels::launch::statistics::{OfTensor, Statistics};
use tunefork_kernels::{DeviceError, Precision, Span};

use super::{Cut, SizedBlock, inside, norm};
use crate::program::Context;

/// The parts of the workspace of a forward pass.
pub(crate) struct ForwardParts {
    /// The convolution's result, where it is kept nowhere else.
    y: Option<Range<usize>>,
    projected: Option<Range<usize>>,
    /// Moments of tiles, for the statistics of a batch.
    partials: Option<Range<usize>>,
    /// Elements of all parts.
    pub len: usize,
}

impl ForwardParts {
    pub(crate) fn new(block: &Block, batch: usize, training: bool, precision: Precision) -> Self {
        let sized = SizedBlock { block, batch, precision };
        let mut cut = Cut::default();
        // Where nothing is kept, y can stand in the result's place, unless that is smaller.
        let needs_y = block.conv.is_some() && block.pool.is_some() && !training;
        let y = needs_y.then(|| cut.take(sized.stored_len()));
        let projected = sized.projection().map(|_| cut.take(sized.stored_len()));
        let needs_partials = block.norm.is_some() && training;
        let partials = needs_partials.then(|| {
            cut.take(match sized.forward(training) {
                Some(conv) => conv.partials_len(),
                None => sized.statistics().partials_len(),
            })
        });
        Self { y, projected, partials, len: cut.len }
    }
}

impl SizedBlock<'_> {
    fn forward(&self, training: bool) -> Option<conv::Forward> {
        let block = self.block;
        let activation = block.activation.filter(|_| self.is_convolution_alone());
        Some(conv::Forward {
            conv: self.conv()?,
            precision: self.precision,
            bias: block.conv?.bias.is_some(),
            activation,
            statistics: block.norm.is_some() && training,
        })
    }

    /// The launcher of the statistics of a tensor that no convolution made.
    fn statistics(&self) -> OfTensor {
        let image = self.block.convolved;
        OfTensor {
            positions: self.batch * image.pixels(),
            per_image: image.pixels(),
            channels: image.channels,
            precision: self.precision,
        }
    }
}

pub(crate) fn forward(context: &Context<'_>, s: &BlockForward) -> Result<(), DeviceError> {
    let (memory, block) = (context.memory, &*s.block);
    let sized = SizedBlock { block, batch: context.batch, precision: context.precision };
    let parts = ForwardParts::new(block, context.batch, context.training, context.precision);
    let x = memory.tensor(s.input, context.batch * block.input.elements());
    let out = memory.tensor(s.output, context.batch * block.output.elements());
    let y = match s.saved {
        _ if block.conv.is_none() => x,
        Some(saved) => memory.tensor(saved, sized.values()),
        None => match &parts.y {
            Some(part) => memory.stored(inside(s.workspace, part), sized.values()),
            None => out,
        },
    };
    // In evaluation the norm has its running values.
    let given = s.statistics.filter(|_| context.training).map(|buffer| memory.floats(buffer.range()));
    let statistics =
        block.norm.zip(given).zip(parts.partials.as_ref()).map(|((part, statistics), partials)| Statistics {
            partials: memory.floats(inside(s.workspace, partials)),
            statistics,
            running: Some(memory.running(part.norm)),
            counters: memory.counters(),
        });
    convolve(context, &sized, x, y, statistics)?;
    if sized.is_convolution_alone() {
        return Ok(());
    }
    let mut shortcut = s.shortcut_input.map(|r| memory.tensor(r, sized.shortcut_values()));
    if let (Some(r), Some(part)) = (shortcut, &parts.projected) {
        let projected = memory.stored(inside(s.workspace, part), sized.values());
        project(context, &sized, r, projected)?;
        shortcut = Some(projected);
    }
    let norm = block.norm.map(|part| norm(memory, &part, given));
    sized.rest().forward(context.stream, context.row(), y, norm, shortcut, out)
}

/// y = conv(x), or x where there is no convolution, with its statistics where they are wanted.
fn convolve(
    context: &Context<'_>,
    sized: &SizedBlock<'_>,
    x: Span<'_, u8>,
    y: Span<'_, u8>,
    statistics: Option<Statistics<'_>>,
) -> Result<(), DeviceError> {
    let (memory, stream, step) = (context.memory, context.stream, context.row());
    match (sized.forward(context.training), sized.block.conv) {
        (Some(forward), Some(part)) => {
            let bias = part.bias.map(|bias| memory.parameter(bias));
            forward.run(stream, step, x, memory.weights(part.weights), bias, y, statistics)
        }
        _ => match statistics {
            Some(statistics) => sized.statistics().run(stream, step, x, statistics),
            None => Ok(()),
        },
    }
}

/// The projected shortcut: a convolution of 1x1 without bias.
pub(super) fn project(
    context: &Context<'_>,
    sized: &SizedBlock<'_>,
    r: Span<'_, u8>,
    to: Span<'_, u8>,
) -> Result<(), DeviceError> {
    let (conv, weights) = sized.projection().expect("a projected shortcut");
    let forward = conv::Forward { conv, precision: sized.precision, bias: false, activation: None, statistics: false };
    let weights = context.memory.weights(weights);
    forward.run(context.stream, context.row(), r, weights, None, to, None)
}
