//! Dense layers: `kernels/dense.cu` and `kernels/dense_tensor.cu`.

use tunefork_graph::Activation;

use super::{Grid, run, stored};
use crate::shape::activation_code;
use crate::shared::{
    DENSE_COLUMNS, DENSE_DEPTH, DENSE_GROUP, DENSE_ROWS, DENSE_SHARES, DENSE_THREADS, EXACT_PAD, TENSOR_PAD,
    TENSOR_STAGES, TENSOR_STEP,
};
use crate::{Arguments, DeviceError, DropoutRow, Kernel, Precision, Source, Span, StepRow, Stream};

/// Blocks that a forward product is split into, if its inner dimension is large enough.
const BLOCKS: usize = 256;
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
    /// Elements of workspace for the forward pass, with `training` also for the backward pass.
    pub fn workspace_len(&self, training: bool) -> usize {
        let _ = training; // the backward pass needs none
        self.slices() * self.batch * self.outputs
    }

    /// Values of a slice of the inner dimension.
    fn slice(&self) -> usize {
        let tiles = self.batch.div_ceil(DENSE_ROWS) * self.outputs.div_ceil(DENSE_COLUMNS);
        let slices = BLOCKS.div_ceil(tiles).min(SLICES);
        self.inputs.div_ceil(slices).next_multiple_of(SLICE)
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

    fn slices(&self) -> usize {
        self.inputs.div_ceil(self.slice())
    }

    fn check(
        &self,
        step: Span<'_, StepRow>,
        dropout: Option<Span<'_, DropoutRow>>,
        [x, weights, y]: [Span<'_, u8>; 3],
        workspace: Option<Span<'_, f32>>,
        training: bool,
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
        assert!(workspace.map_or(0, Span::len) >= self.workspace_len(training), "workspace");
        assert!([input, products, output].iter().all(|len| (1..1 << 31).contains(len)), "{self:?}");
    }

    /// y for the step's rows. Without a row of `dropout` (in evaluation) nothing is dropped.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong.
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
    ) -> Result<(), DeviceError> {
        self.check(step, dropout, [x, weights, y], workspace, false);
        assert!(bias.is_none_or(|bias| bias.len() == self.outputs), "bias");
        let (slices, columns) = (self.slices(), self.outputs.div_ceil(DENSE_COLUMNS));
        let workspace = workspace.expect("checked: there are slices");
        let product = Arguments::new()
            .span(step)
            .span(x)
            .span(weights)
            .value(self.inputs as u32)
            .value(self.outputs as u32)
            .value(self.batch as u32)
            .value(self.slice() as u32)
            .span(workspace);
        let grid = [columns * slices, self.batch.div_ceil(DENSE_ROWS)];
        assert!(grid[1] <= 65_535, "{self:?}");
        let kernel = product!(self, "dense_forward");
        // SAFETY: buffers hold what the shape says, the workspace a product for each slice.
        unsafe { self.multiply(stream, kernel, grid, product)? };
        let finish = Arguments::new()
            .span(step)
            .span(workspace)
            .value(slices as u32)
            .value(self.outputs as u32)
            .value(self.batch as u32)
            .optional(bias)
            .optional(dropout)
            .value(self.dropout.unwrap_or(0))
            .value(activation_code(self.activation))
            .span(y);
        let kernel = stored!(self.precision, "dense_finish");
        // SAFETY: as above.
        unsafe { sum(stream, kernel, self.batch * self.outputs, finish) }
    }

    /// Gradients of the weights and the bias (written) and of x (written, or added where its flag is
    /// set). `dy` becomes the gradient before dropout and activation. `y` is the result of the forward
    /// pass, needed with an activation.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong, or `y` missing.
    pub fn backward(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        dropout: Option<Span<'_, DropoutRow>>,
        x: Span<'_, u8>,
        y: Option<Span<'_, u8>>,
        dy: Span<'_, u8>,
        weights: Span<'_, u8>,
        dw: Span<'_, f32>,
        db: Option<Span<'_, f32>>,
        dx: Option<(Span<'_, u8>, bool)>,
        workspace: Option<Span<'_, f32>>,
    ) -> Result<(), DeviceError> {
        self.check(step, dropout, [x, weights, dy], workspace, true);
        assert!(self.activation.is_none() || y.is_some(), "the result");
        assert!(y.is_none_or(|y| y.len() == dy.len()), "y");
        assert_eq!(dw.len(), self.inputs * self.outputs, "weights");
        assert!(db.is_none_or(|db| db.len() == self.outputs), "bias");
        assert!(dx.is_none_or(|(dx, _)| dx.len() == x.len()), "dx");
        if self.activation.is_some() || dropout.is_some() || db.is_some() {
            self.derivative(stream, step, dropout, y, dy, db)?;
        }
        let weight_tiles = self.inputs.div_ceil(DENSE_ROWS) * self.outputs.div_ceil(DENSE_COLUMNS);
        let data_tiles = match dx {
            Some(_) => self.batch.div_ceil(DENSE_ROWS) * self.inputs.div_ceil(DENSE_COLUMNS),
            None => 0,
        };
        let arguments = Arguments::new()
            .span(step)
            .span(x)
            .span(dy)
            .span(weights)
            .span(dw)
            .optional(dx.map(|(dx, _)| dx))
            .value(u32::from(dx.is_some_and(|(_, accumulate)| accumulate)))
            .value(self.inputs as u32)
            .value(self.outputs as u32)
            .value(weight_tiles as u32);
        let kernel = product!(self, "dense_backward");
        // SAFETY: buffers hold what the shape says.
        unsafe { self.multiply(stream, kernel, weight_tiles + data_tiles, arguments) }
    }

    /// Turns `dy` into the gradient before dropout and activation and sums it over the images.
    fn derivative(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        dropout: Option<Span<'_, DropoutRow>>,
        y: Option<Span<'_, u8>>,
        dy: Span<'_, u8>,
        db: Option<Span<'_, f32>>,
    ) -> Result<(), DeviceError> {
        let arguments = Arguments::new()
            .span(step)
            .optional(dropout)
            .value(self.dropout.unwrap_or(0))
            .value(activation_code(self.activation))
            .value(self.outputs as u32)
            .optional(y)
            .span(dy)
            .optional(db);
        let kernel = stored!(self.precision, "dense_derivative");
        // SAFETY: buffers hold what the shape says.
        unsafe { sum(stream, kernel, self.outputs, arguments) }
    }
}

/// Runs one of the kernels between products, whose blocks form some of its sums each.
///
/// # Safety
/// As [`Stream::launch`].
unsafe fn sum(stream: &dyn Stream, name: &'static str, sums: usize, arguments: Arguments) -> Result<(), DeviceError> {
    const THREADS: usize = DENSE_GROUP * DENSE_SHARES;
    let (kernel, blocks) = (Source::Dense.kernel(name), sums.div_ceil(DENSE_GROUP));
    let shared = (THREADS * size_of::<f32>()) as u32;
    // SAFETY: the caller's.
    unsafe { run(stream, kernel, blocks, THREADS as u32, shared, arguments) }
}
