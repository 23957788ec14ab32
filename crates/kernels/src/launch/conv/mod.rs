//! The three products of a convolution: its result, and the gradients by its input and its weights.
//!
//! Which kernels do the work is decided by shape and precision alone: f32 numbers are multiplied exactly
//! (`exact`; `winograd` with fewer multiplications where it can), everything else on tensor cores (`tensor`), and images of at most four channels have kernels
//! of their own (`first_layer`, also for tf32, and `first_layer_tensor`). All of them see a convolution as one product of
//! matrices whose operands are gathered while they are loaded.

pub(crate) mod exact;
mod first_layer;
mod first_layer_tensor;
mod tensor;
mod winograd;

use super::arrivals::with_arrivals;
use super::loss::LossScale;
use super::statistics::{Statistics, Tiles};
use super::{Grid, of_lanes, run, slices::Slices};
use tunefork_graph::Activation;

use crate::shape::activation_code;
use crate::shared::ConvShape;
use crate::{Arguments, Conv2d, DeviceError, Divisor, Kernel, Precision, Span, StepRow, Stream};

/// Images of at most so many channels are too thin for tiles of channels.
const THIN: usize = 4;

/// y = act(x * w + b), and on the way the statistics of y that batch normalisation needs.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    /// Sizes of input, filters and result.
    pub conv: Conv2d,
    /// How x, w and y are stored, and how they are multiplied.
    pub precision: Precision,
    /// Whether a bias is added.
    pub bias: bool,
    /// What is applied to the sums.
    pub activation: Option<Activation>,
    /// Whether mean and deviation of the values of each filter are wanted.
    pub statistics: bool,
}

impl Forward {
    fn kernels(&self) -> Kernels {
        match Kernels::of(&self.conv, self.precision) {
            Kernels::Exact if winograd::serves_forward(&self.conv) => Kernels::Winograd,
            kernels => kernels,
        }
    }

    fn tiles(&self) -> Tiles {
        let [positions, filters] = match self.kernels() {
            Kernels::Winograd => winograd::tile(),
            Kernels::FirstLayer => first_layer::tile(self),
            Kernels::FirstLayerTensor => first_layer_tensor::tile(self),
            Kernels::Exact => exact::tile(self),
            Kernels::Tensor => tensor::tile(self),
        };
        Tiles {
            channels: self.conv.filters,
            tiles: self.conv.positions().div_ceil(positions),
            positions,
            across: self.conv.filters.div_ceil(filters),
        }
    }

    /// Length of the moments of tiles that the statistics are made of; 0 without statistics.
    pub fn partials_len(&self) -> usize {
        match self.statistics {
            true => self.tiles().partials_len(),
            false => 0,
        }
    }

    /// Runs on the step's rows. `weights` are stored in the precision, `bias` in f32.
    ///
    /// # Errors
    /// A device that fails, or that has no kernel for this precision.
    ///
    /// # Panics
    /// If a buffer does not have the length of its shape, or is there or missing against the fields.
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        x: Span<'_, u8>,
        weights: Span<'_, u8>,
        bias: Option<Span<'_, f32>>,
        y: Span<'_, u8>,
        statistics: Option<Statistics<'_>>,
    ) -> Result<(), DeviceError> {
        check(&self.conv, self.precision, step, x, Some(weights), y);
        assert_eq!(bias.map(Span::len), self.bias.then_some(self.conv.filters), "a bias for each filter, if any");
        assert_eq!(statistics.is_some(), self.statistics, "statistics, if any");
        let product = match self.kernels() {
            Kernels::Winograd => winograd::forward(self),
            Kernels::FirstLayer => first_layer::forward(self),
            Kernels::FirstLayerTensor => first_layer_tensor::forward(self),
            Kernels::Exact => exact::forward(self),
            Kernels::Tensor => tensor::forward(self, stream.architecture()),
        };
        let operands = |arguments: Arguments| {
            let arguments =
                arguments.span(x).span(weights).optional(bias).value(activation_code(self.activation)).span(y);
            self.tiles().add_to(arguments, statistics)
        };
        // SAFETY: the lengths are those of the shape, and there are as many moments as tiles.
        unsafe { product.run(stream, step, operands) }
    }
}

/// dx, the gradient by the input, from dy.
#[derive(Clone, Copy, Debug)]
pub struct DataGradient {
    /// The shape of the forward product.
    pub conv: Conv2d,
    /// How dy, w and dx are stored, and how they are multiplied.
    pub precision: Precision,
}

/// A second product of the same input: 1x1 filters, as many as the first one's and with the same stride. The gradient
/// through it is one more tap.
#[derive(Clone, Copy)]
pub struct Projection<'a> {
    /// The gradient by its result, of the size of the other one.
    pub dy: Span<'a, u8>,
    /// Its filters.
    pub weights: Span<'a, u8>,
}

impl DataGradient {
    /// Rows and columns of the largest phase: pixels of dx that are so many strides apart see the same
    /// taps. All phases are given as many.
    fn phase(&self) -> [usize; 2] {
        [self.conv.height, self.conv.width].map(|pixels| pixels.div_ceil(self.conv.stride))
    }

    fn kernels(&self) -> Kernels {
        match self.precision {
            Precision::F32 if winograd::serves_data_gradient(&self.conv) => Kernels::Winograd,
            Precision::F32 => Kernels::Exact,
            Precision::Tf32 | Precision::F16 | Precision::Bf16 => Kernels::Tensor,
        }
    }

    /// Whether a convolution of the same input is one whose gradient [`run`](Self::run) takes too.
    pub fn takes(&self, projection: &Conv2d) -> bool {
        let Self { conv, .. } = self;
        self.kernels() != Kernels::Winograd
            && conv.padding < conv.kernel
            && *projection == Conv2d { kernel: 1, padding: 0, ..*conv }
            && [projection.output_height(), projection.output_width()] == [conv.output_height(), conv.output_width()]
    }

    /// Writes or, with `accumulate`, adds to `dx`, for the images of the step's rows; with a projection the gradient
    /// through that too.
    ///
    /// # Errors
    /// A device that fails, or that has no kernel for this precision.
    ///
    /// # Panics
    /// If a buffer does not have the length of its shape.
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        dy: Span<'_, u8>,
        weights: Span<'_, u8>,
        dx: Span<'_, u8>,
        accumulate: bool,
        projection: Option<Projection<'_>>,
    ) -> Result<(), DeviceError> {
        check(&self.conv, self.precision, step, dx, Some(weights), dy);
        if let Some(projection) = projection {
            let conv = Conv2d { kernel: 1, padding: 0, ..self.conv };
            assert!(self.takes(&conv), "a projection to the same size");
            check(&conv, self.precision, step, dx, Some(projection.weights), projection.dy);
        }
        let (product, takes_projection) = match self.kernels() {
            Kernels::Winograd => (winograd::data_gradient(self), false),
            Kernels::Tensor => (tensor::data_gradient(self, stream.architecture()), true),
            Kernels::Exact | Kernels::FirstLayer | Kernels::FirstLayerTensor => (exact::data_gradient(self), true),
        };
        let operands = |arguments: Arguments| {
            let arguments = arguments.span(dy).span(weights).span(dx).value(u32::from(accumulate));
            if !takes_projection {
                return arguments;
            }
            arguments.optional(projection.map(|with| with.dy)).optional(projection.map(|with| with.weights))
        };
        // SAFETY: the lengths are those of the shape.
        unsafe { product.run(stream, step, operands) }
    }
}

/// dw, the gradient by the weights, from x and dy.
#[derive(Clone, Copy, Debug)]
pub struct WeightGradient {
    /// The shape of the forward product.
    pub conv: Conv2d,
    /// How x and dy are stored, and how they are multiplied; dw is f32.
    pub precision: Precision,
}

impl WeightGradient {
    /// In which slices of the positions the sum is formed.
    fn slices(&self) -> Slices {
        match Kernels::of(&self.conv, self.precision) {
            Kernels::FirstLayer => first_layer::slices(self),
            Kernels::FirstLayerTensor => first_layer_tensor::slices(self),
            Kernels::Exact | Kernels::Winograd => exact::slices(self),
            Kernels::Tensor => tensor::slices(self),
        }
    }

    /// Values of f32 that the slices need; 0 for one slice.
    pub fn workspace_len(&self) -> usize {
        self.slices().workspace_len(self.conv.weights_len())
    }

    /// Writes `dw`, summed over the images of the step's rows; in [`Precision::F16`] `scale` is told where it is not finite.
    /// The workspace may be longer than [`workspace_len`](Self::workspace_len), and missing if that is 0; `counters` are
    /// [`COUNTERS`](super::COUNTERS) zeros.
    ///
    /// # Errors
    /// A device that fails, or that has no kernel for this precision.
    ///
    /// # Panics
    /// If a buffer does not have the length of its shape, or the workspace is too short.
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        x: Span<'_, u8>,
        dy: Span<'_, u8>,
        dw: Span<'_, f32>,
        scale: Span<'_, LossScale>,
        workspace: Option<Span<'_, f32>>,
        counters: Span<'_, u32>,
    ) -> Result<(), DeviceError> {
        check(&self.conv, self.precision, step, x, None, dy);
        assert_eq!((dw.len(), scale.len()), (self.conv.weights_len(), 1), "a value for each weight, and one scale");
        let slices = self.slices();
        let parts = slices.parts(dw.len(), workspace);
        let kernels = Kernels::of(&self.conv, self.precision);
        let product = match kernels {
            Kernels::FirstLayer => first_layer::weight_gradient(self, slices),
            Kernels::FirstLayerTensor => first_layer_tensor::weight_gradient(self, slices),
            Kernels::Exact | Kernels::Winograd => exact::weight_gradient(self, slices),
            Kernels::Tensor => tensor::weight_gradient(self, slices, stream.architecture()),
        };
        let tiles = product.grid.across();
        let operands = |arguments: Arguments| {
            let arguments = arguments.value(slices.length as u32).span(x).span(dy).optional(parts).span(dw);
            let arguments = with_arrivals(arguments, counters, slices.count, tiles);
            match kernels {
                Kernels::FirstLayerTensor | Kernels::Tensor => arguments.span(scale),
                Kernels::FirstLayer | Kernels::Exact | Kernels::Winograd => arguments,
            }
        };
        // SAFETY: the lengths are those of the shape, and each slice has a part.
        unsafe { product.run(stream, step, operands) }
    }
}

/// A launch without its operands, as one of the three files below wants it.
struct Product {
    kernel: Kernel,
    grid: Grid,
    threads: u32,
    shared_bytes: u32,
    shape: ConvShape,
    /// Depth of a panel, where the kernel works in panels.
    panel: Option<u32>,
}

impl Product {
    /// Launches it; `operands` adds the arguments behind step, shape and panel.
    ///
    /// # Safety
    /// The operands are those of the kernel, with the lengths of the shape.
    unsafe fn run(
        self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        operands: impl FnOnce(Arguments) -> Arguments,
    ) -> Result<(), DeviceError> {
        let mut arguments = of_lanes().span(step).value(self.shape);
        if let Some(panel) = self.panel {
            arguments = arguments.value(panel);
        }
        let (grid, threads, shared) = (self.grid, self.threads, self.shared_bytes);
        // SAFETY: the caller's.
        unsafe { run(stream, self.kernel, grid, threads, shared, operands(arguments)) }
    }
}

/// A convolution as the kernels see it: with so many tiles side by side, rows of the product that are pixels of images of
/// so many rows and columns, and so many pieces of 16 bytes for each tap.
fn shape(conv: &Conv2d, tiles_across: usize, [rows, columns]: [usize; 2], per_tap: usize) -> ConvShape {
    // All dimensions are below 2^31: the numbers of values are.
    assert!(conv.kernel + 2 * conv.padding < 1 << 15, "a small filter");
    // Rows behind the last image are counted until their tile is full.
    assert!(conv.batch * rows * columns < (1 << 31) - 4096, "rows of a product");
    let divisor = |n: usize| Divisor::new(n as u32);
    ConvShape {
        height: conv.height as u32,
        width: conv.width as u32,
        channels: conv.channels as u32,
        out_height: conv.output_height() as u32,
        out_width: conv.output_width() as u32,
        filters: conv.filters as u32,
        kernel: conv.kernel as u32,
        stride: conv.stride as u32,
        padding: conv.padding as u32,
        tiles_across: tiles_across as u32,
        per_tap: divisor(per_tap),
        pixels: divisor(rows * columns),
        columns: divisor(columns),
    }
}

/// The sizes alone, for the plain kernels.
pub(super) fn plain_shape(conv: &Conv2d) -> ConvShape {
    shape(conv, 1, positions(conv), 1)
}

/// Rows and columns of a result, of which each is a row of the forward product.
fn positions(conv: &Conv2d) -> [usize; 2] {
    [conv.output_height(), conv.output_width()]
}

/// Rows of the weight gradient, which are also the depth of the forward product.
fn weight_rows(conv: &Conv2d) -> usize {
    conv.kernel * conv.kernel * conv.channels
}

/// Who does a product.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kernels {
    FirstLayer,
    FirstLayerTensor,
    Exact,
    Winograd,
    Tensor,
}

impl Kernels {
    fn of(conv: &Conv2d, precision: Precision) -> Self {
        match precision {
            Precision::F32 | Precision::Tf32 if conv.channels <= THIN => Self::FirstLayer,
            Precision::F16 | Precision::Bf16 if conv.channels <= THIN => Self::FirstLayerTensor,
            Precision::F32 => Self::Exact,
            Precision::Tf32 | Precision::F16 | Precision::Bf16 => Self::Tensor,
        }
    }
}

/// Lengths of what all three products have: x (or dx), the weights, y (or dy).
fn check(
    conv: &Conv2d,
    precision: Precision,
    step: Span<'_, StepRow>,
    x: Span<'_, u8>,
    weights: Option<Span<'_, u8>>,
    y: Span<'_, u8>,
) {
    let (inputs, outputs, weights_len) = (conv.input_len(), conv.output_len(), conv.weights_len());
    assert_eq!(step.len(), 1, "one row");
    assert_eq!(x.len(), inputs * precision.bytes(), "values of the input");
    assert_eq!(y.len(), outputs * precision.bytes(), "values of the result");
    if let Some(weights) = weights {
        assert_eq!(weights.len(), weights_len * precision.bytes(), "weights");
    }
    for len in [inputs, outputs, weights_len] {
        assert!((1..1 << 31).contains(&len), "{len} values");
    }
}
