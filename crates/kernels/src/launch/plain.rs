//! The plain kernels of `kernels/plain`: what the fast ones compute, in f32, one thread a result.
//!
//! They are there to be read, to be compared with, and as the first rung of the ladder that leads to the fast ones. No
//! table of steps, no lanes, no workspace: they take `images` images, and write everything.

use super::block::Block;
use super::group_norm::{GroupNorm, Parameters};
use super::run;
use crate::shared::STREAM_THREADS;
use crate::{Arguments, Conv2d, DeviceError, Owner, Source, Span, Stream};

/// Runs a kernel with a thread for each of so many results.
///
/// # Safety
/// As [`Stream::launch`].
unsafe fn each(
    stream: &dyn Stream,
    source: Source,
    name: &'static str,
    results: usize,
    arguments: Arguments,
) -> Result<(), DeviceError> {
    assert!(results < 1 << 31, "{results} results");
    let blocks = results.div_ceil(STREAM_THREADS);
    // SAFETY: the caller's.
    unsafe { run(stream, source.kernel(name), blocks, STREAM_THREADS as u32, 0, arguments) }
}

/// The values of some tensors, with their names, are as many as their shapes say.
fn expect(lengths: &[(&str, usize, usize)]) {
    for (name, found, expected) in lengths {
        assert_eq!(found, expected, "values of {name}");
    }
}

/// y = x * w + bias.
///
/// # Errors
/// A device that fails.
///
/// # Panics
/// If a length is wrong, or there are more images than the batch has.
pub fn conv_forward(
    stream: &dyn Stream,
    conv: &Conv2d,
    images: usize,
    x: Span<'_, f32>,
    w: Span<'_, f32>,
    bias: Option<Span<'_, f32>>,
    y: Span<'_, f32>,
) -> Result<(), DeviceError> {
    check_conv(conv, images, x, w, y);
    assert!(bias.is_none_or(|bias| bias.len() == conv.filters), "a bias for each filter");
    let arguments = of_conv(conv, images).span(x).span(w).optional(bias).span(y);
    let results = y.len() / conv.batch * images;
    // SAFETY: the lengths are those of the shape.
    unsafe { each(stream, Source::PLAIN_CONV, "plain_conv_forward", results, arguments) }
}

/// dx from dy and w.
///
/// # Errors
/// A device that fails.
///
/// # Panics
/// As [`conv_forward`].
pub fn conv_data_gradient(
    stream: &dyn Stream,
    conv: &Conv2d,
    images: usize,
    dy: Span<'_, f32>,
    w: Span<'_, f32>,
    dx: Span<'_, f32>,
) -> Result<(), DeviceError> {
    check_conv(conv, images, dx, w, dy);
    let arguments = of_conv(conv, images).span(dy).span(w).span(dx);
    let results = dx.len() / conv.batch * images;
    // SAFETY: the lengths are those of the shape.
    unsafe { each(stream, Source::PLAIN_CONV, "plain_conv_data_gradient", results, arguments) }
}

/// dw from x and dy.
///
/// # Errors
/// A device that fails.
///
/// # Panics
/// As [`conv_forward`].
pub fn conv_weight_gradient(
    stream: &dyn Stream,
    conv: &Conv2d,
    images: usize,
    x: Span<'_, f32>,
    dy: Span<'_, f32>,
    dw: Span<'_, f32>,
) -> Result<(), DeviceError> {
    check_conv(conv, images, x, dw, dy);
    let arguments = of_conv(conv, images).span(x).span(dy).span(dw);
    // SAFETY: the lengths are those of the shape.
    unsafe { each(stream, Source::PLAIN_CONV, "plain_conv_weight_gradient", dw.len(), arguments) }
}

fn check_conv(conv: &Conv2d, images: usize, x: Span<'_, f32>, w: Span<'_, f32>, y: Span<'_, f32>) {
    expect(&[("x", x.len(), conv.input_len()), ("y", y.len(), conv.output_len()), ("w", w.len(), conv.weights_len())]);
    assert!(images <= conv.batch, "{images} images of a batch of {}", conv.batch);
}

fn of_conv(conv: &Conv2d, images: usize) -> Arguments {
    Arguments::new().value(super::conv::plain_shape(conv)).value(images as u32)
}

/// The sizes of a dense layer.
#[derive(Clone, Copy, Debug)]
pub struct Dense {
    /// Images.
    pub images: usize,
    /// Values of an image before the layer.
    pub inputs: usize,
    /// Values of an image after it.
    pub outputs: usize,
}

impl Dense {
    fn arguments(&self) -> Arguments {
        [self.images, self.inputs, self.outputs].iter().fold(Arguments::new(), |all, n| all.value(*n as u32))
    }

    fn check(&self, x: Span<'_, f32>, w: Span<'_, f32>, y: Span<'_, f32>) {
        let Self { images, inputs, outputs } = *self;
        expect(&[("x", x.len(), images * inputs), ("W", w.len(), inputs * outputs), ("y", y.len(), images * outputs)]);
    }

    /// y = x W + bias.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn forward(
        &self,
        stream: &dyn Stream,
        x: Span<'_, f32>,
        w: Span<'_, f32>,
        bias: Option<Span<'_, f32>>,
        y: Span<'_, f32>,
    ) -> Result<(), DeviceError> {
        self.check(x, w, y);
        assert!(bias.is_none_or(|bias| bias.len() == self.outputs), "a bias for each output");
        let arguments = self.arguments().span(x).span(w).optional(bias).span(y);
        // SAFETY: the lengths are those of the shape.
        unsafe { each(stream, Source::PLAIN_DENSE, "plain_dense_forward", y.len(), arguments) }
    }

    /// dx, dW and db from x, W and dy.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn backward(
        &self,
        stream: &dyn Stream,
        [x, w, dy]: [Span<'_, f32>; 3],
        [dx, dw, db]: [Span<'_, f32>; 3],
    ) -> Result<(), DeviceError> {
        self.check(x, w, dy);
        self.check(dx, dw, dy);
        assert_eq!(db.len(), self.outputs, "a bias for each output");
        let arguments = self.arguments().span(dy).span(w).span(dx);
        // SAFETY: the lengths are those of the shape.
        unsafe { each(stream, Source::PLAIN_DENSE, "plain_dense_data_gradient", dx.len(), arguments)? };
        let (arguments, results) = (self.arguments().span(x).span(dy).span(dw).span(db), dw.len() + db.len());
        // SAFETY: as above.
        unsafe { each(stream, Source::PLAIN_DENSE, "plain_dense_weight_gradient", results, arguments) }
    }
}

/// A batch norm's values, one for each channel.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Means.
    pub mean: Span<'a, f32>,
    /// 1 / sqrt(variance + eps).
    pub rstd: Span<'a, f32>,
    /// Gamma.
    pub scale: Span<'a, f32>,
    /// Beta.
    pub shift: Span<'a, f32>,
}

impl Norm<'_> {
    /// Four addresses, as one struct.
    fn add_to(&self, arguments: Arguments) -> Arguments {
        let all = [self.mean, self.rstd, self.scale, self.shift];
        let arguments = all.iter().fold(arguments, |arguments, span| arguments.leading_to(Owner::Trial, *span));
        arguments.value(all.map(Span::address))
    }
}

/// out = pool(activation(norm(y) + r)) of a block with a norm.
///
/// # Errors
/// A device that fails.
///
/// # Panics
/// If a length is wrong.
pub fn block_forward(
    stream: &dyn Stream,
    block: &Block,
    norm: Norm<'_>,
    y: Span<'_, f32>,
    r: Option<Span<'_, f32>>,
    out: Span<'_, f32>,
) -> Result<(), DeviceError> {
    check_block(block, norm, y, r, out);
    let arguments = Arguments::new().value(block.plain_shape()).value(block.batch as u32);
    let arguments = norm.add_to(arguments).span(y).optional(r).span(out);
    // SAFETY: the lengths are those of the shape.
    unsafe { each(stream, Source::PLAIN_BLOCK, "plain_block_forward", out.len(), arguments) }
}

/// What [`block_backward`] writes.
#[derive(Clone, Copy, Debug)]
pub struct BlockGradients<'a> {
    /// The gradient of r, and at the sum norm(y) + r.
    pub g: Span<'a, f32>,
    /// The gradient of y.
    pub dy: Span<'a, f32>,
    /// The gradient of the norm's scale.
    pub dscale: Span<'a, f32>,
    /// The gradient of the norm's shift.
    pub dshift: Span<'a, f32>,
}

/// The gradients of a block with a norm.
///
/// # Errors
/// A device that fails.
///
/// # Panics
/// If a length is wrong.
pub fn block_backward(
    stream: &dyn Stream,
    block: &Block,
    norm: Norm<'_>,
    y: Span<'_, f32>,
    r: Option<Span<'_, f32>>,
    dout: Span<'_, f32>,
    to: BlockGradients<'_>,
) -> Result<(), DeviceError> {
    check_block(block, norm, y, r, dout);
    let (channels, BlockGradients { g, dy, dscale, dshift }) = (block.channels, to);
    expect(&[("g", g.len(), y.len()), ("dy", dy.len(), y.len())]);
    expect(&[("dscale", dscale.len(), channels), ("dshift", dshift.len(), channels)]);
    let arguments = Arguments::new().value(block.plain_shape()).value(block.batch as u32);
    let arguments = norm.add_to(arguments).span(y).optional(r).span(dout).span(g);
    // SAFETY: the lengths are those of the shape.
    unsafe { each(stream, Source::PLAIN_BLOCK, "plain_block_gradient", y.len(), arguments)? };
    let sizes = || Arguments::new().value((y.len() / channels) as u32).value(channels as u32);
    let arguments = norm.add_to(sizes()).span(y).span(g).span(dscale).span(dshift);
    // SAFETY: as above.
    unsafe { each(stream, Source::PLAIN_BLOCK, "plain_block_sums", channels, arguments)? };
    let arguments = norm.add_to(sizes()).span(y).span(g).span(dscale).span(dshift).span(dy);
    // SAFETY: as above.
    unsafe { each(stream, Source::PLAIN_BLOCK, "plain_block_backward", y.len(), arguments) }
}

fn check_block(block: &Block, norm: Norm<'_>, y: Span<'_, f32>, r: Option<Span<'_, f32>>, out: Span<'_, f32>) {
    assert!(r.is_none_or(|r| r.len() == y.len()), "values of r");
    expect(&[("y", y.len(), block.input_len()), ("out", out.len(), block.output_len())]);
    for values in [norm.mean, norm.rstd, norm.scale, norm.shift] {
        assert_eq!(values.len(), block.channels, "one value for each channel");
    }
}

/// Softmax cross entropy: the share of each image in the mean loss, and the gradient of the mean loss.
///
/// # Errors
/// A device that fails.
///
/// # Panics
/// If a length is wrong.
pub fn loss(
    stream: &dyn Stream,
    smoothing: f32,
    logits: Span<'_, f32>,
    labels: Span<'_, u16>,
    weights: Span<'_, f32>,
    losses: Span<'_, f32>,
    gradient: Span<'_, f32>,
) -> Result<(), DeviceError> {
    let (images, classes) = (labels.len(), weights.len());
    expect(&[("logits", logits.len(), images * classes), ("the gradient", gradient.len(), images * classes)]);
    assert_eq!(losses.len(), images, "a loss for each image");
    let arguments = Arguments::new().value(images as u32).value(classes as u32).value(smoothing);
    let arguments = arguments.span(logits).span(labels).span(weights).span(losses).span(gradient);
    // SAFETY: the lengths were checked; a label is a class.
    unsafe { each(stream, Source::PLAIN_LOSS, "plain_loss", images, arguments) }
}

/// y of a group norm.
///
/// # Errors
/// A device that fails.
///
/// # Panics
/// If a length is wrong.
pub fn group_norm_forward(
    stream: &dyn Stream,
    norm: &GroupNorm,
    x: Span<'_, f32>,
    parameters: Parameters<'_>,
    y: Span<'_, f32>,
) -> Result<(), DeviceError> {
    check_group_norm(norm, &[x, y], &[parameters.scale, parameters.shift]);
    let arguments = of_group_norm(norm).span(x).span(parameters.scale).span(parameters.shift).span(y);
    // SAFETY: the lengths are those of the shape.
    unsafe { each(stream, Source::PLAIN_GROUP_NORM, "plain_group_norm_forward", y.len(), arguments) }
}

/// The gradients of a group norm.
///
/// # Errors
/// A device that fails.
///
/// # Panics
/// If a length is wrong.
pub fn group_norm_backward(
    stream: &dyn Stream,
    norm: &GroupNorm,
    x: Span<'_, f32>,
    scale: Span<'_, f32>,
    dy: Span<'_, f32>,
    dx: Span<'_, f32>,
    gradients: Parameters<'_>,
) -> Result<(), DeviceError> {
    check_group_norm(norm, &[x, dy, dx], &[scale, gradients.scale, gradients.shift]);
    let arguments = of_group_norm(norm).span(x).span(scale).span(dy).span(dx);
    // SAFETY: the lengths are those of the shape.
    unsafe { each(stream, Source::PLAIN_GROUP_NORM, "plain_group_norm_backward", dx.len(), arguments)? };
    let arguments = of_group_norm(norm).span(x).span(dy).span(gradients.scale).span(gradients.shift);
    // SAFETY: as above.
    unsafe { each(stream, Source::PLAIN_GROUP_NORM, "plain_group_norm_parameters", norm.channels, arguments) }
}

/// Images, pixels, channels and the channels of a group, as one struct.
fn of_group_norm(norm: &GroupNorm) -> Arguments {
    let GroupNorm { batch, pixels, channels, groups, .. } = *norm;
    Arguments::new().value([batch, pixels, channels, channels / groups].map(|n| n as u32))
}

fn check_group_norm(norm: &GroupNorm, images: &[Span<'_, f32>], channels: &[Span<'_, f32>]) {
    assert!(norm.channels.is_multiple_of(norm.groups), "{} channels in {} groups", norm.channels, norm.groups);
    let len = norm.batch * norm.pixels * norm.channels;
    images.iter().for_each(|image| assert_eq!(image.len(), len, "images"));
    channels.iter().for_each(|values| assert_eq!(values.len(), norm.channels, "one value for each channel"));
}
