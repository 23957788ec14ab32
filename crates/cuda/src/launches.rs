//! Steps that are one launcher each, and what stands before and behind the plan's steps.

use std::ops::Range;

use tunefork_graph::{
    Dense, DenseBackward, DenseForward, DropoutBackward, DropoutForward, GlobalAverageBackward, GlobalAverageForward,
    Gradient, GroupNorm, GroupNormBackward, GroupNormForward, Image, Loss, Plan, Program, Step,
};
use tunefork_kernels::launch::optimizer::Update;
use tunefork_kernels::launch::{average, dense, dropout, gather, group_norm, loss};
use tunefork_kernels::{DeviceError, DropoutRow, Precision, Span};

use crate::images::Pictures;
use crate::program::Context;

/// The next row of the table, and its images.
pub(crate) fn gather(context: &Context<'_>, program: &Program, images: &Pictures<'_>) -> Result<(), DeviceError> {
    let (image, memory) = (context.plan.image, context.memory);
    let gather = gather::Gather {
        batch: context.batch,
        height: image.height,
        width: image.width,
        channels: image.channels,
        precision: context.precision,
    };
    let table = gather::Table {
        rows: memory.table(),
        progress: memory.progress(),
        row: memory.row(),
        counters: memory.counters(),
    };
    gather.run(
        context.stream,
        table,
        images.pixels,
        memory.indices(),
        images.tables,
        memory.transforms(),
        memory.tensor(program.input, context.batch * image.elements()),
    )
}

pub(crate) fn dense_launcher(layer: &Dense, batch: usize, precision: Precision) -> dense::Dense {
    dense::Dense {
        batch,
        inputs: layer.inputs,
        outputs: layer.outputs,
        activation: layer.activation,
        dropout: layer.dropout.map(|layer| layer as u32),
        precision,
    }
}

/// The row of a dropout; none in evaluation.
fn mask<'a>(context: &Context<'a>, layer: Option<usize>) -> Option<Span<'a, DropoutRow>> {
    layer.filter(|_| context.training).map(|layer| context.memory.dropout(layer))
}

pub(crate) fn dense_forward(context: &Context<'_>, s: &DenseForward) -> Result<(), DeviceError> {
    let (layer, memory) = (&s.dense, context.memory);
    dense_launcher(layer, context.batch, context.precision).forward(
        context.stream,
        context.row(),
        mask(context, layer.dropout),
        memory.tensor(s.input, context.batch * layer.inputs),
        memory.weights(layer.weights),
        layer.bias.map(|bias| memory.parameter(bias)),
        memory.tensor(s.output, context.batch * layer.outputs),
        s.workspace.map(|buffer| memory.floats(buffer.range())),
        memory.counters(),
    )
}

/// Whether a step leaves the gradient of its input as the step behind it wants that of its output: both are dense layers,
/// one upon the other, and nothing is added.
pub(crate) fn folds(step: &Step, next: &Step) -> bool {
    let (Step::DenseBackward(s), Step::DenseBackward(next)) = (step, next) else {
        return false;
    };
    let is_its_gradient = |gradient: Gradient| !gradient.accumulate && gradient.to == next.output_gradient;
    s.input_gradient.is_some_and(is_its_gradient) && next.output.is_none_or(|output| output == s.input)
}

/// Whether a dense layer's backward pass can update its weights, in steps that do not clip.
fn updates(s: &DenseBackward, batch: usize, precision: Precision) -> bool {
    dense_launcher(&s.dense, batch, precision).updates(s.input_gradient.is_some())
}

/// The parameters that dense layers update so, in order.
pub(crate) fn updated_by_layers(plan: &Plan, precision: Precision) -> Vec<Range<usize>> {
    let updated = |step: &Step| match step {
        Step::DenseBackward(s) if updates(s, plan.training.batch, precision) => Some(s.dense.weights),
        _ => None,
    };
    let ranges = plan.training.steps.iter().filter_map(updated).map(|weights| plan.slab.parameter(weights).range());
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort_by_key(|range| range.start);
    ranges
}

/// The gradients of a dense layer. `is_folded`: the step before has taken the gradient through this layer's activation;
/// `before`: this one does so for the layer before.
pub(crate) fn dense_backward(
    context: &Context<'_>,
    s: &DenseBackward,
    is_folded: bool,
    before: Option<&DenseBackward>,
) -> Result<(), DeviceError> {
    let (layer, memory, plan) = (&s.dense, context.memory, context.plan);
    let (inputs, outputs) = (context.batch * layer.inputs, context.batch * layer.outputs);
    let launcher = dense_launcher(layer, context.batch, context.precision);
    let dz = memory.tensor(s.output_gradient, outputs);
    if !is_folded {
        let y = s.output.map(|output| memory.tensor(output, outputs));
        launcher.derivative(context.stream, context.row(), mask(context, layer.dropout), y, dz)?;
    }
    let through = before.map(|before| {
        let layer = &before.dense;
        (dense_launcher(layer, context.batch, context.precision), mask(context, layer.dropout))
    });
    let given = dense::Backward {
        x: memory.tensor(s.input, inputs),
        dz,
        weights: memory.weights(layer.weights),
        dw: match updates(s, context.batch, context.precision) && !context.clips {
            true => dense::WeightGradient::Applied(memory.updated(plan.slab.parameter(layer.weights).range())),
            false => dense::WeightGradient::Stored(memory.gradient(layer.weights)),
        },
        db: layer.bias.map(|bias| memory.gradient(bias)),
        dx: s.input_gradient.map(|Gradient { to, accumulate }| dense::InputGradient {
            to: memory.tensor(to, inputs),
            accumulate,
            through,
        }),
        scale: memory.scale(),
    };
    launcher.backward(context.stream, context.row(), given)
}

pub(crate) fn group_norm_launcher(norm: &GroupNorm, batch: usize, precision: Precision) -> group_norm::GroupNorm {
    let GroupNorm { image, groups, .. } = *norm;
    group_norm::GroupNorm { batch, pixels: image.pixels(), channels: image.channels, groups, precision }
}

pub(crate) fn group_norm_forward(context: &Context<'_>, s: &GroupNormForward) -> Result<(), DeviceError> {
    let (norm, memory) = (&s.norm, context.memory);
    let values = context.batch * norm.image.elements();
    group_norm_launcher(norm, context.batch, context.precision).forward(
        context.stream,
        context.row(),
        memory.tensor(s.input, values),
        group_norm::Parameters { scale: memory.parameter(norm.scale), shift: memory.parameter(norm.shift) },
        memory.tensor(s.output, values),
        memory.floats(s.statistics.range()),
    )
}

pub(crate) fn group_norm_backward(context: &Context<'_>, s: &GroupNormBackward) -> Result<(), DeviceError> {
    let (norm, memory) = (&s.norm, context.memory);
    let values = context.batch * norm.image.elements();
    let sums = s.workspace.expect("the workspace was asked for");
    group_norm_launcher(norm, context.batch, context.precision).backward(
        context.stream,
        context.row(),
        memory.tensor(s.input, values),
        memory.tensor(s.output_gradient, values),
        memory.parameter(norm.scale),
        memory.floats(s.statistics.range()),
        memory.floats(sums.range()),
        group_norm::Parameters { scale: memory.gradient(norm.scale), shift: memory.gradient(norm.shift) },
        memory.scale(),
        s.input_gradient.map(|gradient| (memory.tensor(gradient.to, values), gradient.accumulate)),
    )
}

fn average(context: &Context<'_>, image: Image) -> average::Average {
    average::Average {
        batch: context.batch,
        pixels: image.pixels(),
        channels: image.channels,
        precision: context.precision,
    }
}

pub(crate) fn average_forward(context: &Context<'_>, s: &GlobalAverageForward) -> Result<(), DeviceError> {
    let (batch, memory) = (context.batch, context.memory);
    average(context, s.image).forward(
        context.stream,
        context.row(),
        memory.tensor(s.input, batch * s.image.elements()),
        memory.tensor(s.output, batch * s.image.channels),
    )
}

pub(crate) fn average_backward(context: &Context<'_>, s: &GlobalAverageBackward) -> Result<(), DeviceError> {
    let (batch, memory) = (context.batch, context.memory);
    let Gradient { to, accumulate } = s.input_gradient;
    average(context, s.image).backward(
        context.stream,
        context.row(),
        memory.tensor(s.output_gradient, batch * s.image.channels),
        memory.tensor(to, batch * s.image.elements()),
        accumulate,
    )
}

fn dropout(context: &Context<'_>, layer: usize, image: Image) -> dropout::Dropout {
    dropout::Dropout {
        layer: layer as u32,
        batch: context.batch,
        elements: image.elements(),
        precision: context.precision,
    }
}

pub(crate) fn dropout_forward(context: &Context<'_>, s: &DropoutForward) -> Result<(), DeviceError> {
    let (values, memory) = (context.batch * s.image.elements(), context.memory);
    dropout(context, s.layer, s.image).run(
        context.stream,
        context.row(),
        memory.dropout(s.layer),
        memory.tensor(s.input, values),
        memory.tensor(s.output, values),
        false,
    )
}

pub(crate) fn dropout_backward(context: &Context<'_>, s: &DropoutBackward) -> Result<(), DeviceError> {
    let (values, memory) = (context.batch * s.image.elements(), context.memory);
    let Gradient { to, accumulate } = s.input_gradient;
    dropout(context, s.layer, s.image).run(
        context.stream,
        context.row(),
        memory.dropout(s.layer),
        memory.tensor(s.output_gradient, values),
        memory.tensor(to, values),
        accumulate,
    )
}

pub(crate) fn loss(context: &Context<'_>, s: &Loss, images: &Pictures<'_>) -> Result<(), DeviceError> {
    let (values, memory) = (context.batch * s.classes, context.memory);
    let loss = loss::Loss { batch: context.batch, classes: s.classes, precision: context.precision };
    loss.run(
        context.stream,
        context.row(),
        memory.scale(),
        memory.tensor(s.logits, values),
        memory.indices(),
        images.labels,
        memory.class_weights(),
        s.gradient.map(|gradient| memory.tensor(gradient, values)),
        memory.records(),
    )
}

pub(crate) fn update(context: &Context<'_>) -> Result<(), DeviceError> {
    let (memory, len) = (context.memory, context.plan.slab.trainable_len);
    let update = Update { len, precision: context.precision, clips: context.clips };
    update.run(
        context.stream,
        context.row(),
        memory.scale(),
        memory.gradients(),
        memory.updated(0..len),
        memory.norms_and_biases(),
        memory.parts().filter(|_| !context.clips),
        memory.update(),
        memory.records(),
    )
}
