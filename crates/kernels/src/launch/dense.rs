//! Dense layers: `kernels/dense.cuh`, `kernels/dense.cu` and `kernels/dense_tensor.cu`.

use tunefork_graph::Activation;

use super::arrivals::with_arrivals;
use super::loss::LossScale;
use super::optimizer::Updated;
use super::slices::Slices;
use super::{Grid, of_lanes, run, stored};
use crate::shape::activation_code;
use crate::shared::{
    DENSE_DEPTH, DENSE_LONG, DENSE_SHORT, DENSE_THREADS, EXACT_PAD, STREAM_THREADS, TENSOR_PAD, TENSOR_STAGES,
    TENSOR_STEP,
};
use crate::{Arguments, DeviceError, DropoutRow, Kernel, Precision, Source, Span, StepRow, Stream};

/// Blocks that a forward product is split into, if its inner dimension is large enough: on tensor cores, and where it is exact. The
/// plain units are what an exact product waits for, and 40 or 28 multiprocessors share more blocks more evenly.
const BLOCKS: [usize; 2] = [128, 256];
/// Most slices of the inner dimension, and fewest values of a slice, a multiple of what every kind of
/// product takes at once.
const SLICES: usize = 128;
const SLICE: usize = 64;
/// Strips of the weights from which on blocks that make all tiles of one are enough for a card, and most terms of such a
/// block's dx, all tiles together: the strip's work is done one after the other.
const STRIPS: usize = 96;
const STRIP_TERMS: usize = 512;

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
    /// What becomes of their gradient.
    pub dw: WeightGradient<'a>,
    /// Receives the gradient of the bias, if there is one.
    pub db: Option<Span<'a, f32>>,
    /// Receives the gradient of x.
    pub dx: Option<InputGradient<'a>>,
    /// Told in [`Precision::F16`] if a gradient of weights or bias is not finite.
    pub scale: Span<'a, LossScale>,
}

/// What becomes of the gradient of the weights.
#[derive(Clone, Copy, Debug)]
pub enum WeightGradient<'a> {
    /// It is stored.
    Stored(Span<'a, f32>),
    /// The weights are updated by it, and it is not stored: for layers and gradients that [`Dense::updates`] names, in steps
    /// that do not clip. The bits are those of [`Update`](super::optimizer::Update).
    Applied(Updated<'a>),
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

/// Rows and columns of a tile.
type Form = [usize; 2];
const HIGH: Form = [DENSE_LONG, DENSE_SHORT];
const WIDE: Form = [DENSE_SHORT, DENSE_LONG];

/// A kernel of the products: exact in f32, else on tensor cores.
macro_rules! product {
    ($dense:expr, $form:expr, $name:literal) => {
        match $form {
            HIGH => product!($dense, concat $name, "_64x32"),
            _ => product!($dense, concat $name, "_32x64"),
        }
    };
    ($dense:expr, concat $name:literal, $form:literal) => {
        match $dense.precision {
            Precision::F32 => Source::Dense.kernel(concat!($name, $form, "_f32")),
            Precision::Tf32 => Source::DenseTensor.kernel(concat!($name, $form, "_tf32")),
            Precision::F16 => Source::DenseTensor.kernel(concat!($name, $form, "_f16")),
            Precision::Bf16 => Source::DenseTensor.kernel(concat!($name, $form, "_bf16")),
        }
    };
}

impl Dense {
    /// Elements of workspace for the forward pass; the backward pass needs none.
    pub fn workspace_len(&self) -> usize {
        self.slices().workspace_len(self.batch * self.outputs)
    }

    /// The tiles of the result.
    fn result_form(&self) -> Form {
        if self.batch <= DENSE_SHORT && self.outputs > DENSE_SHORT { WIDE } else { HIGH }
    }

    /// The tiles of the gradient of x. Its columns are a strip of the weights.
    fn data_form(&self) -> Form {
        if self.batch <= DENSE_SHORT && self.inputs >= STRIPS * DENSE_LONG { WIDE } else { HIGH }
    }

    /// Strips of the weights.
    fn strips(&self) -> usize {
        self.inputs.div_ceil(self.data_form()[1])
    }

    /// Whether the backward pass can apply the gradient of the weights at once, if the gradient of x is wanted from it or not.
    /// Without, any tile may; with it, only blocks that make whole strips. In [`Precision::F16`] gradients have to be looked at
    /// before they are applied.
    pub fn updates(&self, with_input_gradient: bool) -> bool {
        let [rows, _] = self.data_form();
        let is_short = self.batch.div_ceil(rows) * self.outputs <= STRIP_TERMS;
        let is_safe = !with_input_gradient || (self.strips() >= STRIPS && is_short);
        self.precision != Precision::F16 && self.outputs.is_multiple_of(4) && is_safe
    }

    /// In which slices of the inner dimension the result is formed.
    fn slices(&self) -> Slices {
        let [rows, columns] = self.result_form();
        let tiles = self.batch.div_ceil(rows) * self.outputs.div_ceil(columns);
        let blocks = BLOCKS[usize::from(self.precision == Precision::F32)];
        let slices = blocks.div_ceil(tiles).min(SLICES);
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
        let rows = DENSE_LONG + DENSE_SHORT;
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
        let (slices, form) = (self.slices(), self.result_form());
        let (rows, columns) = (self.batch.div_ceil(form[0]), self.outputs.div_ceil(form[1]));
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
        let kernel = product!(self, form, "dense_forward");
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

    /// Gradients of the weights (written or applied), of the bias (written) and of x (written or added).
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a length is wrong, the layer before has not as many outputs as this one inputs, or a gradient is applied that
    /// [`updates`](Self::updates) does not allow.
    pub fn backward(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        given: Backward<'_>,
    ) -> Result<(), DeviceError> {
        let Backward { x, dz, weights, dw, db, dx, scale } = given;
        self.check(step, None, [x, weights, dz]);
        let (dw, updated) = match dw {
            WeightGradient::Stored(dw) => (Some(dw), None),
            WeightGradient::Applied(updated) => (None, Some(updated)),
        };
        assert!(dw.is_none_or(|dw| dw.len() == self.inputs * self.outputs), "weights");
        assert!(updated.is_none() || self.updates(dx.is_some()), "weights that may be updated: {self:?}");
        assert!(db.is_none_or(|db| db.len() == self.outputs), "bias");
        assert!(dx.is_none_or(|dx| dx.to.len() == x.len()), "dx");
        assert_eq!(scale.len(), 1, "one scale");
        let form = self.data_form();
        let data_tiles = if dx.is_some() { self.batch.div_ceil(form[0]) } else { 0 };
        let tiles = data_tiles + form[1] / WIDE[0] * self.outputs.div_ceil(WIDE[1]);
        let shares = if updated.is_some() && dx.is_some() { 1 } else { tiles };
        let arguments = of_lanes()
            .span(step)
            .span(x)
            .span(dz)
            .span(weights)
            .optional(dw)
            .optional(db)
            .optional(dx.map(|dx| dx.to))
            .span(scale)
            .value(u32::from(dx.is_some_and(|dx| dx.accumulate)))
            .value(self.inputs as u32)
            .value(self.outputs as u32)
            .value(data_tiles as u32)
            .value(shares as u32);
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
        let arguments = Updated::arguments(updated, arguments, self.inputs * self.outputs, self.precision);
        let kernel = product!(self, form, "dense_backward");
        // SAFETY: buffers hold what the shape says.
        unsafe { self.multiply(stream, kernel, self.strips() * shares, arguments) }
    }
}
