//! The least that each launcher has to do: the operations of its products, and the bytes of its tensors, each read
//! once and written once. Statistics, sums over channels and the numbers of a step are too few to count.

use std::ops::Add;

use tunefork_kernels::launch::average::Average;
use tunefork_kernels::launch::block::{self, Block};
use tunefork_kernels::launch::dense::Dense;
use tunefork_kernels::launch::gather::Gather;
use tunefork_kernels::launch::group_norm::GroupNorm;
use tunefork_kernels::launch::loss::Loss;
use tunefork_kernels::launch::optimizer::{Cast, Update};
use tunefork_kernels::{Conv2d, Precision};

/// Operations and bytes of a launch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Least {
    /// Multiplications and additions of products; 0 where only memory counts.
    pub flops: usize,
    /// Bytes that are read.
    pub read: usize,
    /// Bytes that are written.
    pub written: usize,
}

impl Least {
    /// Bytes that are moved.
    pub fn bytes(&self) -> usize {
        self.read + self.written
    }

    /// So many values read and written, stored in a precision.
    fn moved(precision: Precision, read: usize, written: usize) -> Self {
        Self { flops: 0, read: read * precision.bytes(), written: written * precision.bytes() }
    }

    /// With a product of so many rows, columns and terms of each sum.
    fn multiplied(self, products: &[[usize; 3]]) -> Self {
        Self { flops: products.iter().map(|[rows, columns, depth]| 2 * rows * columns * depth).sum(), ..self }
    }

    /// Where the result is added to what is there, that is read too.
    fn added_to(self, accumulate: bool) -> Self {
        Self { read: self.read + if accumulate { self.written } else { 0 }, ..self }
    }
}

impl Add for Least {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { flops: self.flops + other.flops, read: self.read + other.read, written: self.written + other.written }
    }
}

/// Rows, columns and depth of a convolution's result as a product of matrices.
pub fn forward_product(conv: &Conv2d) -> [usize; 3] {
    [conv.positions(), conv.filters, conv.kernel * conv.kernel * conv.channels]
}

/// The same of the gradient of its input: each pixel of x sees as many taps as there are terms in the result.
pub fn data_product(conv: &Conv2d) -> [usize; 3] {
    let pixels = conv.batch * conv.height * conv.width;
    [pixels, conv.channels, conv.positions() * conv.kernel * conv.kernel * conv.filters / pixels]
}

/// The same of the gradient of its weights.
pub fn weight_product(conv: &Conv2d) -> [usize; 3] {
    let [positions, filters, depth] = forward_product(conv);
    [depth, filters, positions]
}

/// y = x * w.
pub fn conv_forward(conv: &Conv2d, precision: Precision) -> Least {
    let moved = Least::moved(precision, conv.input_len() + conv.weights_len(), conv.output_len());
    moved.multiplied(&[forward_product(conv)])
}

/// dx, written or added.
pub fn conv_data_gradient(conv: &Conv2d, precision: Precision, accumulate: bool) -> Least {
    let moved = Least::moved(precision, conv.output_len() + conv.weights_len(), conv.input_len());
    moved.added_to(accumulate).multiplied(&[data_product(conv)])
}

/// dw, in f32.
pub fn conv_weight_gradient(conv: &Conv2d, precision: Precision) -> Least {
    let moved = Least::moved(precision, conv.input_len() + conv.output_len(), 0);
    (moved + Least::moved(Precision::F32, 0, conv.weights_len())).multiplied(&[weight_product(conv)])
}

/// Norm, shortcut, activation and pooling.
pub fn block_forward(block: &Block) -> Least {
    Least::moved(block.precision, block.input_len() * (1 + usize::from(block.shortcut)), block.output_len())
}

/// The statistics of a tensor that no convolution made.
pub fn statistics(values: usize, precision: Precision) -> Least {
    Least::moved(precision, values, 0)
}

/// Values that the gradients of a block are made of: y, the shortcut, the gradient of the result.
fn block_given(block: &Block) -> usize {
    let inputs = usize::from(block.reads_saved()) + usize::from(block.reads_shortcut());
    block.input_len() * inputs + block.output_len()
}

/// The sums of a norm's gradients.
pub fn block_sums(block: &Block) -> Least {
    Least::moved(block.precision, block_given(block), 0)
}

/// The gradient of y, that of the shortcut, or both.
pub fn block_backward(block: &Block, gradients: usize) -> Least {
    Least::moved(block.precision, block_given(block), gradients * block.input_len())
}

/// A sum of tensors, or a copy.
pub fn add(add: &block::Add, accumulate: bool) -> Least {
    let values = add.batch * add.elements;
    Least::moved(add.precision, values, values).added_to(accumulate)
}

/// y = x W.
pub fn dense_forward(dense: &Dense) -> Least {
    let Dense { batch, inputs, outputs, precision, .. } = *dense;
    let moved = Least::moved(precision, batch * inputs + inputs * outputs, batch * outputs);
    moved.multiplied(&[[batch, outputs, inputs]])
}

/// Back through the activation and the dropout of a dense layer, in place.
pub fn dense_derivative(dense: &Dense) -> Least {
    let values = dense.batch * dense.outputs;
    Least::moved(dense.precision, values * (1 + usize::from(dense.activation.is_some())), values)
}

/// Rows, columns and depth of the gradients of a dense layer: of its weights and, if it is wanted, of its input.
pub fn dense_products(dense: &Dense, data: bool) -> Vec<[usize; 3]> {
    let Dense { batch, inputs, outputs, .. } = *dense;
    let products = [[inputs, outputs, batch], [batch, inputs, outputs]];
    products[..1 + usize::from(data)].to_vec()
}

/// dW in f32 and, if it is wanted, dx; `accumulate`: it is added.
pub fn dense_backward(dense: &Dense, data: Option<bool>) -> Least {
    let Dense { batch, inputs, outputs, precision, .. } = *dense;
    let (x, weights) = (batch * inputs, inputs * outputs);
    let of_weights = Least::moved(precision, x + batch * outputs, 0) + Least::moved(Precision::F32, 0, weights);
    let of_data = data.map_or(Least::default(), |add| Least::moved(precision, weights, x).added_to(add));
    (of_weights + of_data).multiplied(&dense_products(dense, data.is_some()))
}

/// The same where the weights are updated at once, by a rule with so many states: their gradient is not stored, and what is
/// read for dx is read for the update.
pub fn dense_applied(dense: &Dense, data: Option<bool>, states: usize) -> Least {
    let Dense { inputs, outputs, precision, .. } = *dense;
    let len = inputs * outputs;
    let gradient = Least::moved(Precision::F32, 0, len).bytes();
    let again = if data.is_some() && precision.bytes() == 4 { gradient } else { 0 };
    let sum = dense_backward(dense, data) + update(&Update { len, precision, clips: false }, states);
    Least { read: sum.read - gradient - again, written: sum.written - gradient, ..sum }
}

/// The images of a batch, bytes that become numbers.
pub fn gather(gather: &Gather) -> Least {
    let values = gather.batch * gather.height * gather.width * gather.channels;
    Least { read: values, ..Least::moved(gather.precision, 0, values) }
}

/// The mean over all pixels.
pub fn average_forward(average: &Average) -> Least {
    let outputs = average.batch * average.channels;
    Least::moved(average.precision, outputs * average.pixels, outputs)
}

/// Its gradient.
pub fn average_backward(average: &Average, accumulate: bool) -> Least {
    let outputs = average.batch * average.channels;
    Least::moved(average.precision, outputs, outputs * average.pixels).added_to(accumulate)
}

/// A group norm's result.
pub fn group_norm_forward(norm: &GroupNorm) -> Least {
    let values = norm.batch * norm.pixels * norm.channels;
    Least::moved(norm.precision, values, values)
}

/// Its gradients.
pub fn group_norm_backward(norm: &GroupNorm) -> Least {
    let values = norm.batch * norm.pixels * norm.channels;
    Least::moved(norm.precision, 2 * values, values)
}

/// The gradient of the logits.
pub fn loss(loss: &Loss) -> Least {
    let logits = loss.batch * loss.classes;
    Least::moved(loss.precision, logits, logits)
}

/// The sum of all squares of the gradients.
pub fn squares(update: &Update) -> Least {
    Least::moved(Precision::F32, update.len, 0)
}

/// The update of all parameters by a rule with so many states.
pub fn update(update: &Update, states: usize) -> Least {
    let values = Least::moved(Precision::F32, (2 + states) * update.len, (1 + states) * update.len);
    match update.precision {
        Precision::F32 | Precision::Tf32 => values,
        precision @ (Precision::F16 | Precision::Bf16) => values + Least::moved(precision, 0, update.len),
    }
}

/// The copy of all weights in 16 bits.
pub fn cast(cast: &Cast) -> Least {
    Least::moved(Precision::F32, cast.len, 0) + Least::moved(cast.precision, 0, cast.len)
}
