//! Dense layers: `kernels/dense.cuh`, `kernels/dense.cu` and `kernels/dense_tensor.cu`.

use tunefork_graph::Activation;

use super::arrivals::with_arrivals;
use super::slices::Slices;
use super::{Grid, of_lanes, run, stored};
use crate::shape::activation_code;
use crate::shared::{
    DENSE_COLUMNS, DENSE_DEPTH, DENSE_ROWS, DENSE_THREADS, EXACT_PAD, STREAM_THREADS, TENSOR_PAD, TENSOR_STAGES,
    TENSOR_STEP,
};
use crate::{Arguments, DeviceError, DropoutRow, Kernel, Precision, Source, Span, StepRow, Stream};

/// Blocks that a forward product is split into, if its inner dimension is large enough.
const BLOCKS: usize = 128;
/// Most slices of the inner dimension, and fewest values of a slice, a multiple of what every kind of
/// product takes at once.
const SLICES: usize = 64;
const SLICE: usize = 64;

/// y = dropout(activation(x W + b)) for x `[batch, inputs]` and W `[inputs, outputs]`.
#[derive(Clone, Copy, Debug)]
pub struct Dense {
    /// Images in a full batch.
    pub batch: usize,
    /// Values of an image before the layer.
    pub inputs: usize,
    /// Values of an image after it.
    pub outputs: usize,
    /// The activation: its derivative follows from its result.
    pub activation: Option<Activation>,
    /// Which of the network's dropouts follows.
    pub dropout: Option<u32>,
    /// How values are stored.
    pub precision: Precision,
}

/// What the backward pass of a layer is given.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a> {
    /// What the forward pass was given.
    pub x: Span<'a, u8>,
    /// The gradient before dropout and activation: what [`Dense::derivative`] makes of that of the result.
    pub dz: Span<'a, u8>,
    /// The weights.
    pub weights: Span<'a, u8>,
    /// Receives the gradient of the weights.
    pub dw: Span<'a, f32>,
    /// Receives the gradient of the bias, if there is one.
    pub db: Option<Span<'a, f32>>,
    /// Receives the gradient of x.
    pub dx: Option<InputGradient<'a>>,
}

/// Where the gradient of a layer's input goes.
#[derive(Clone, Copy, Debug)]
pub struct InputGradient<'a> {
    /// As long as x.
    pub to: Span<'a, u8>,
    /// Whether it is added to what is there.
    pub accumulate: bool,
    /// The layer whose result x is, and the row of its dropout: the gradient is then at once the one before *that* layer's
    /// dropout and activation, and nothing is added.
    pub through: Option<(Dense, Option<Span<'a, DropoutRow>>)>,
}

/// A kernel of the products: exact in f32, else on tensor cores.
macro_rules! product {
    ($dense:expr, $name:literal) => {
        match $dense.precision {
            Precision::F32 => Source::Dense.kernel(concat!($name, "_f32")),
            Precision::Tf32 => Source::DenseTensor.kernel(concat!($name, "_tf32")),
            Precision::F16 => Source::DenseTensor.kernel(concat!($name, "_f16")),
            Precision::Bf16 => Source::DenseTensor.kernel(concat!($name, "_bf16")),
        }
    };
}

impl Dense {
    /// Elements of workspace for the forward pass; the backward pass needs none.
    pub fn workspace_len(&self) -> usize {
        self.slices().workspace_len(self.batch * self.outputs)
    }

    /// In which slices of the inner dimension the result is formed.
    fn slices(&self) -> Slices {
        let tiles = self.batch.div_ceil(DENSE_ROWS) * self.outputs.div_ceil(DENSE_COLUMNS);
        let slices = BLOCKS.div_ceil(tiles).min(SLICES);
        let length = self.inputs.div_ceil(slices).next_multiple_of(SLICE);
        Slices { count: self.inputs.div_ceil(length), length }
    }

    /// Runs one of the products.
    ///
    /// # Safety
    /// As [`Stream::launch`].
    unsafe fn multiply(
        &self,
        stream: &dyn Stream,
        kernel: Kernel,
        grid: impl Into<Grid>,
        arguments: Arguments,
    ) -> Result<(), DeviceError> {
        let rows = DENSE_ROWS + DENSE_COLUMNS;
        // Some stages of both operands' tiles.
        let bytes = match self.precision {
            Precision::F32 => 2 * DENSE_DEPTH * (rows + 2 * EXACT_PAD) * size_of::<f32>(),
            // The depth of each row together, whatever the layout: that takes more than all rows of a depth.
            Precision::Tf32 | Precision::F16 | Precision::Bf16 => {
                let stages = if stream.architecture() >= 80 { TENSOR_STAGES } else { 2 };
                stages * (TENSOR_STEP + TENSOR_PAD) * rows
            }
        };
        let (threads, shared) = (DENSE_THREADS as u32, bytes as u32);
        // SAFETY: the caller's.
        unsafe { run(stream, kernel, grid, threads, shared, arguments) }
    }

    fn check(
        &self,
        step: Span<'_, StepRow>,
        dropout: Option<Span<'_, DropoutRow>>,
        [x, weights, y]: [Span<'_, u8>; 3],
    ) {
        let (input, output) = (self.batch * self.inputs, self.batch * self.outputs);
        let products = self.inputs * self.outputs;
        let follows = self.activation.is_none_or(Activation::derivative_follows_from_result);
        assert!(follows, "an activation whose derivative follows from the result");
        assert_eq!(step.len(), 1, "one row");
        assert!(dropout.is_none_or(|row| row.len() == 1), "one row of dropout");
        assert!(dropout.is_none() || self.dropout.is_some(), "a dropout");
        assert_eq!(
            [x, weights, y].map(Span::len),
            [input, products, output].map(|len| len * self.precision.bytes()),
            "x, weights, y"
        );
        assert!([input, products, output].iter().all(|len| (1..1 << 31).contains(len)), "{self:?}");
    }

    /// y for the step's rows. Without a row of `dropout` (in evaluation) nothing is dropped.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong, the workspace is too short, or there are not [`COUNTERS`](super::COUNTERS) `counters`.
    pub fn forward(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        dropout: Option<Span<'_, DropoutRow>>,
        x: Span<'_, u8>,
        weights: Span<'_, u8>,
        bias: Option<Span<'_, f32>>,
        y: Span<'_, u8>,
        workspace: Option<Span<'_, f32>>,
        counters: Span<'_, u32>,
    ) -> Result<(), DeviceError> {
        self.check(step, dropout, [x, weights, y]);
        assert!(bias.is_none_or(|bias| bias.len() == self.outputs), "bias");
        let (slices, columns) = (self.slices(), self.outputs.div_ceil(DENSE_COLUMNS));
        let rows = self.batch.div_ceil(DENSE_ROWS);
        assert!(rows <= 65_535, "{self:?}");
        let arguments = of_lanes()
            .span(step)
            .span(x)
            .span(weights)
            .value(self.inputs as u32)
            .value(self.outputs as u32)
            .value(self.batch as u32)
            .value(slices.length as u32)
            .optional(slices.parts(self.batch * self.outputs, workspace));
        let arguments = with_arrivals(arguments, counters, slices.count, columns * rows).optional(bias);
        let arguments = self.after(arguments, dropout).span(y);
        let kernel = product!(self, "dense_forward");
        // SAFETY: buffers hold what the shape says, the workspace a product for each slice.
        unsafe { self.multiply(stream, kernel, [columns * slices.count, rows], arguments) }
    }

    /// Adds the row of a dropout, its number and the activation.
    fn after(&self, arguments: Arguments, dropout: Option<Span<'_, DropoutRow>>) -> Arguments {
        arguments.optional(dropout).value(self.dropout.unwrap_or(0)).value(activation_code(self.activation))
    }

    /// Turns the gradient `dy` of the result `y` into the one before dropout and activation. Nothing to do where there is
    /// neither.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong, or `y` missing though there is an activation.
    pub fn derivative(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        dropout: Option<Span<'_, DropoutRow>>,
        y: Option<Span<'_, u8>>,
        dy: Span<'_, u8>,
    ) -> Result<(), DeviceError> {
        let values = self.batch * self.outputs;
        assert_eq!(step.len(), 1, "one row");
        assert_eq!(dy.len(), values * self.precision.bytes(), "dy");
        assert!(self.activation.is_none() || y.is_some(), "the result");
        assert!(y.is_none_or(|y| y.len() == dy.len()), "y");
        if self.activation.is_none() && dropout.is_none() {
            return Ok(());
        }
        let arguments = self.after(of_lanes().span(step), dropout).value(self.outputs as u32).optional(y).span(dy);
        let kernel = Source::Dense.kernel(stored!(self.precision, "dense_derivative"));
        // SAFETY: both tensors hold as many values as the kernel addresses.
        unsafe { run(stream, kernel, values.div_ceil(STREAM_THREADS), STREAM_THREADS as u32, 0, arguments) }
    }

    /// Gradients of the weights and the bias (written) and of x (written or added).
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong, or the layer before has not as many outputs as this one inputs.
    pub fn backward(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        given: Backward<'_>,
    ) -> Result<(), DeviceError> {
        let Backward { x, dz, weights, dw, db, dx } = given;
        self.check(step, None, [x, weights, dz]);
        assert_eq!(dw.len(), self.inputs * self.outputs, "weights");
        assert!(db.is_none_or(|db| db.len() == self.outputs), "bias");
        assert!(dx.is_none_or(|dx| dx.to.len() == x.len()), "dx");
        let weight_tiles = self.inputs.div_ceil(DENSE_ROWS) * self.outputs.div_ceil(DENSE_COLUMNS);
        let data_tiles = match dx {
            Some(_) => self.batch.div_ceil(DENSE_ROWS) * self.inputs.div_ceil(DENSE_COLUMNS),
            None => 0,
        };
        let arguments = of_lanes()
            .span(step)
            .span(x)
            .span(dz)
            .span(weights)
            .span(dw)
            .optional(db)
            .optional(dx.map(|dx| dx.to))
            .value(u32::from(dx.is_some_and(|dx| dx.accumulate)))
            .value(self.inputs as u32)
            .value(self.outputs as u32)
            .value(weight_tiles as u32);
        let through = dx.and_then(|dx| dx.through);
        let arguments = arguments.value(u32::from(through.is_some()));
        let arguments = match through {
            Some((layer, dropout)) => {
                assert_eq!((layer.outputs, layer.batch), (self.inputs, self.batch), "the layer before");
                assert!(dx.is_some_and(|dx| !dx.accumulate), "nothing is added to a gradient before an activation");
                layer.after(arguments, dropout)
            }
            None => arguments.optional(None::<Span<'_, DropoutRow>>).value(0_u32).value(activation_code(None)),
        };
        let kernel = product!(self, "dense_backward");
        // SAFETY: buffers hold what the shape says.
        unsafe { self.multiply(stream, kernel, weight_tiles + data_tiles, arguments) }
    }
}
