//! The backward pass of a block.

use std::ops::Range;

use tunefork_graph::{Block, BlockBackward, Gradient, Shortcut};
use tunefork_kernels::launch::block::{Add, Backward, NormGradients};
use tunefork_kernels::launch::conv::{DataGradient, Projection, WeightGradient};
use tunefork_kernels::{Conv2d, DeviceError, Precision, Span};

use super::forward::project;
use super::{Cut, SizedBlock, inside, norm};
use crate::program::Context;

/// The parts of the workspace of a backward pass.
///
/// With g the gradient at the sum norm(y) + r, the convolution needs the gradient of y, and the
/// shortcut g. Without a norm they are the same.
pub(crate) struct BackwardParts {
    /// The gradient of y, where it does not take the place of y.
    dy: Option<Range<usize>>,
    /// The projected shortcut, computed once more.
    projected: Option<Range<usize>>,
    /// g, where it is not the gradient of y; in the place of the projected shortcut, if that is there.
    dsum: Option<Range<usize>>,
    /// Partial sums of one launcher after the other.
    scratch: Range<usize>,
    /// Elements of all parts.
    pub len: usize,
}

impl BackwardParts {
    pub(crate) fn new(
        block: &Block,
        batch: usize,
        input_gradient: bool,
        shortcut_gradient: bool,
        precision: Precision,
    ) -> Self {
        let sized = SizedBlock { block, batch, precision };
        let rest = sized.rest();
        let is_projected = matches!(block.shortcut, Shortcut::Projected { .. });
        let needs_dsum = shortcut_gradient || is_projected;
        let needs_dy = match block.conv {
            Some(_) => !block.backward_reads_saved(),
            None => input_gradient || (needs_dsum && block.norm.is_none()),
        };
        let mut cut = Cut::default();
        let dy = needs_dy.then(|| cut.take(sized.stored_len()));
        let projected = (is_projected && rest.reads_shortcut()).then(|| cut.take(sized.stored_len()));
        let dsum = (needs_dsum && block.norm.is_some())
            .then(|| projected.clone().unwrap_or_else(|| cut.take(sized.stored_len())));
        let weights = |conv: Option<Conv2d>| conv.map_or(0, |conv| WeightGradient { conv, precision }.workspace_len());
        let scratch =
            rest.workspace_len().max(weights(sized.conv())).max(weights(sized.projection().map(|(conv, _)| conv)));
        Self { dy, projected, dsum, scratch: cut.take(scratch), len: cut.len }
    }
}

struct Tensors<'a> {
    /// Gradient of y, unless nobody needs it.
    dy: Option<Span<'a, u8>>,
    /// Gradient at the sum, likewise.
    dsum: Option<Span<'a, u8>>,
    scratch: Span<'a, f32>,
}

/// Launches the backward pass of a block. All that is read of x, r and the gradient of the result is
/// read before the gradients of x and r, which may lie there, are written.
pub(crate) fn backward(context: &Context<'_>, s: &BlockBackward) -> Result<(), DeviceError> {
    let (memory, block) = (context.memory, &*s.block);
    let sized = SizedBlock { block, batch: context.batch, precision: context.precision };
    let parts = BackwardParts::new(
        block,
        context.batch,
        s.input_gradient.is_some(),
        s.shortcut_gradient.is_some(),
        context.precision,
    );
    let stored = |part: &Range<usize>| memory.stored(inside(s.workspace, part), sized.values());
    let saved = s.saved.map(|saved| memory.tensor(saved, sized.values()));
    let direct = direct(&sized, s).map(|to| memory.tensor(to, sized.values()));
    let dy = match block.conv {
        Some(_) => parts.dy.as_ref().map(stored).or(saved),
        None => direct.or(parts.dy.as_ref().map(stored)),
    };
    let needs_dsum = s.shortcut_gradient.is_some() || sized.projection().is_some();
    let tensors = Tensors {
        dy,
        dsum: match (&parts.dsum, block.norm) {
            (Some(part), _) => Some(stored(part)),
            (None, None) if needs_dsum => dy,
            _ => None,
        },
        scratch: memory.floats(inside(s.workspace, &parts.scratch)),
    };
    let r = s.shortcut_input.map(|r| memory.tensor(r, sized.shortcut_values()));
    let shortcut = match (&parts.projected, r) {
        (Some(part), Some(r)) => {
            project(context, &sized, r, stored(part))?;
            Some(stored(part))
        }
        _ => r.filter(|_| block.shortcut == Shortcut::Identity),
    };
    rest(context, &sized, s, saved, shortcut, &tensors)?;
    weight_gradients(context, &sized, s, r, &tensors)?;
    let projection = projection_beside(context, &sized, s, &tensors);
    if let (Some(gradient), None) = (s.input_gradient, direct) {
        let dy = tensors.dy.expect("planned, because x has a gradient");
        let convolution = sized.conv().zip(block.conv.map(|part| part.weights));
        deliver(context, &sized, convolution, dy, gradient, projection)?;
    }
    if let (Some(gradient), None) = (s.shortcut_gradient, projection) {
        let dsum = tensors.dsum.expect("planned, because r has a gradient");
        deliver(context, &sized, sized.projection(), dsum, gradient, None)?;
    }
    Ok(())
}

/// The projection whose gradient the convolution's takes along: of the same x, added to the same gradient.
fn projection_beside<'a>(
    context: &Context<'a>,
    sized: &SizedBlock<'_>,
    s: &BlockBackward,
    tensors: &Tensors<'a>,
) -> Option<Projection<'a>> {
    let (input, shortcut) = s.input_gradient.zip(s.shortcut_gradient)?;
    let (conv, (projection, weights)) = sized.conv().zip(sized.projection())?;
    let is_added = shortcut.accumulate && shortcut.to == input.to;
    let is_taken = DataGradient { conv, precision: sized.precision }.takes(&projection);
    let dy = tensors.dsum.filter(|_| is_added && is_taken)?;
    Some(Projection { dy, weights: context.memory.weights(weights) })
}

/// Where the gradient of y can be written at once as the gradient of x, for want of a convolution:
/// nothing is to be added to, x is not read afterwards, and no other thread needs what lies there.
fn direct(sized: &SizedBlock<'_>, s: &BlockBackward) -> Option<tunefork_graph::Buffer> {
    let gradient = s.input_gradient.filter(|gradient| !gradient.accumulate)?;
    let is_plain = sized.block.pool.is_none() || gradient.to != s.output_gradient;
    let is_alone = sized.block.conv.is_none() && sized.projection().is_none();
    (is_alone && is_plain).then_some(gradient.to)
}

/// Back through pooling, activation, sum and norm: their gradients, and that of the bias.
fn rest(
    context: &Context<'_>,
    sized: &SizedBlock<'_>,
    s: &BlockBackward,
    saved: Option<Span<'_, u8>>,
    shortcut: Option<Span<'_, u8>>,
    tensors: &Tensors<'_>,
) -> Result<(), DeviceError> {
    let (memory, block) = (context.memory, sized.block);
    let rest = sized.rest();
    let has_norm = block.norm.is_some();
    let given = Backward {
        y: saved.filter(|_| rest.reads_saved()),
        norm: block
            .norm
            .zip(s.statistics)
            .map(|(part, statistics)| norm(memory, &part, Some(memory.floats(statistics.range())))),
        norm_gradients: block
            .norm
            .map(|part| NormGradients { scale: memory.gradient(part.scale), shift: memory.gradient(part.shift) }),
        shortcut: shortcut.filter(|_| rest.reads_shortcut()),
        dout: memory.tensor(s.output_gradient, context.batch * block.output.elements()),
        dy: tensors.dy,
        dsum: tensors.dsum.filter(|_| has_norm),
        bias_gradient: block.conv.and_then(|part| part.bias).map(|bias| memory.gradient(bias)),
        workspace: tensors.scratch,
        counters: memory.counters(),
        scale: memory.scale(),
    };
    if has_norm {
        rest.backward_sums(context.stream, context.row(), &given)?;
    }
    match given.dy.or(given.dsum) {
        Some(_) => rest.backward(context.stream, context.row(), &given),
        None => Ok(()),
    }
}

/// Gradients of the weights of the convolution, from x and the gradient of y, and of the projection,
/// from r and the gradient at the sum.
fn weight_gradients(
    context: &Context<'_>,
    sized: &SizedBlock<'_>,
    s: &BlockBackward,
    r: Option<Span<'_, u8>>,
    tensors: &Tensors<'_>,
) -> Result<(), DeviceError> {
    let (memory, block) = (context.memory, sized.block);
    let run = |conv, weights, x, dy| {
        let gradient = WeightGradient { conv, precision: sized.precision };
        let dw = memory.gradient(weights);
        let scratch = Some(tensors.scratch);
        gradient.run(context.stream, context.row(), x, dy, dw, memory.scale(), scratch, memory.counters())
    };
    if let (Some(conv), Some(part), Some(input)) = (sized.conv(), block.conv, s.input) {
        let x = memory.tensor(input, context.batch * block.input.elements());
        let dy = tensors.dy.expect("planned, because there is a convolution");
        run(conv, part.weights, x, dy)?;
    }
    if let (Some((conv, weights)), Some(r), Some(dsum)) = (sized.projection(), r, tensors.dsum) {
        run(conv, weights, r, dsum)?;
    }
    Ok(())
}

/// A gradient back through a convolution, with that through a projection beside it, or, where there is none, as it is.
fn deliver(
    context: &Context<'_>,
    sized: &SizedBlock<'_>,
    convolution: Option<(Conv2d, tunefork_graph::ParameterId)>,
    from: Span<'_, u8>,
    Gradient { to, accumulate }: Gradient,
    projection: Option<Projection<'_>>,
) -> Result<(), DeviceError> {
    let (memory, precision) = (context.memory, sized.precision);
    match convolution {
        Some((conv, weights)) => {
            let (weights, to) = (memory.weights(weights), memory.tensor(to, conv.input_len()));
            let gradient = DataGradient { conv, precision };
            gradient.run(context.stream, context.row(), from, weights, to, accumulate, projection)
        }
        None => {
            let add = Add { batch: sized.batch, elements: sized.block.convolved.elements(), precision };
            let to = memory.tensor(to, sized.values());
            add.run(context.stream, context.row(), from, to, accumulate)
        }
    }
}
