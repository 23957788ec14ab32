//! Dense layers: `kernels/dense.cu` and `kernels/dense_tensor.cu`.

use crate::{
    Activation, Arguments, DeviceError, DropoutRow, Kernel, Precision, Source, Span, StepRow,
    Stream, launch::run,
};

/// Rows and columns of a block's tile of a product.
const TILE: [usize; 2] = [64, 32];
const THREADS: usize = 128;
/// Threads of the kernels between products: columns and the shares of their sums.
const COLUMNS: usize = 32;
const SHARES: usize = 8;

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
    /// The activation.
    pub activation: Option<Activation>,
    /// Which of the network's dropouts follows.
    pub dropout: Option<u32>,
    /// How values are stored.
    pub precision: Precision,
}

impl Dense {
    /// Elements of workspace for the forward pass, with `training` also for the backward pass.
    pub fn workspace_len(&self, training: bool) -> usize {
        let _ = training; // the backward pass needs none
        self.slices() * self.batch * self.outputs
    }

    /// Values of a slice of the inner dimension.
    fn slice(&self) -> usize {
        let tiles = self.batch.div_ceil(TILE[0]) * self.outputs.div_ceil(TILE[1]);
        let slices = BLOCKS.div_ceil(tiles).min(SLICES);
        self.inputs.div_ceil(slices).next_multiple_of(SLICE)
    }

    /// A kernel of the products: exact in f32, else on tensor cores.
    fn product(&self, [f32, tf32, f16, bf16]: [&'static str; 4]) -> Kernel {
        match self.precision {
            Precision::F32 => Source::Dense.kernel(f32),
            Precision::Tf32 => Source::DenseTensor.kernel(tf32),
            Precision::F16 => Source::DenseTensor.kernel(f16),
            Precision::Bf16 => Source::DenseTensor.kernel(bf16),
        }
    }

    /// Shared memory of a product's block: some stages of both operands' tiles.
    fn shared_bytes(&self, stream: &dyn Stream) -> u32 {
        let rows = TILE[0] + TILE[1];
        let bytes = match self.precision {
            // 32 values of depth, rows padded by 4 values on each side.
            Precision::F32 => 2 * 32 * (rows + 8) * size_of::<f32>(),
            // 64 bytes of depth for each row, padded by 16; copies fly from sm_80, and need one more.
            _ if stream.architecture() >= 80 => 3 * 80 * rows,
            _ => 2 * 80 * rows,
        };
        bytes as u32
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
        assert_eq!(step.len(), 1, "one row");
        assert!(
            dropout.is_none_or(|row| row.len() == 1),
            "one row of dropout"
        );
        assert!(dropout.is_none() || self.dropout.is_some(), "a dropout");
        assert_eq!(
            [x, weights, y].map(Span::len),
            [input, products, output].map(|len| len * self.precision.bytes()),
            "x, weights, y"
        );
        assert!(
            workspace.map_or(0, Span::len) >= self.workspace_len(training),
            "workspace"
        );
        assert!(
            [input, products, output]
                .iter()
                .all(|len| (1..1 << 31).contains(len)),
            "{self:?}"
        );
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
        let (slices, columns) = (self.slices(), self.outputs.div_ceil(TILE[1]));
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
        let grid = [columns * slices, self.batch.div_ceil(TILE[0])];
        assert!(grid[1] <= 65_535, "{self:?}");
        let kernel = self.product([
            "dense_forward_f32",
            "dense_forward_tf32",
            "dense_forward_f16",
            "dense_forward_bf16",
        ]);
        let shared = self.shared_bytes(stream);
        // SAFETY: buffers hold what the shape says, the workspace a product for each slice.
        unsafe { run(stream, kernel, grid, THREADS as u32, shared, product)? };
        let finish = Arguments::new()
            .span(step)
            .span(workspace)
            .value(slices as u32)
            .value(self.outputs as u32)
            .value(self.batch as u32)
            .optional(bias)
            .optional(dropout)
            .value(self.dropout.unwrap_or(0))
            .value(Activation::code(self.activation))
            .span(y);
        let kernel = Source::Dense.kernel(self.precision.pick(
            "dense_finish_f32",
            "dense_finish_f16",
            "dense_finish_bf16",
        ));
        let (threads, shared) = (COLUMNS * SHARES, COLUMNS * SHARES * size_of::<f32>());
        let blocks = (self.batch * self.outputs).div_ceil(COLUMNS);
        // SAFETY: as above.
        unsafe {
            run(
                stream,
                kernel,
                blocks,
                threads as u32,
                shared as u32,
                finish,
            )
        }
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
        let weight_tiles = self.inputs.div_ceil(TILE[0]) * self.outputs.div_ceil(TILE[1]);
        let data_tiles = match dx {
            Some(_) => self.batch.div_ceil(TILE[0]) * self.inputs.div_ceil(TILE[1]),
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
        let kernel = self.product([
            "dense_backward_f32",
            "dense_backward_tf32",
            "dense_backward_f16",
            "dense_backward_bf16",
        ]);
        let shared = self.shared_bytes(stream);
        let blocks = weight_tiles + data_tiles;
        // SAFETY: buffers hold what the shape says.
        unsafe { run(stream, kernel, blocks, THREADS as u32, shared, arguments) }
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
            .value(Activation::code(self.activation))
            .value(self.outputs as u32)
            .optional(y)
            .span(dy)
            .optional(db);
        let kernel = Source::Dense.kernel(self.precision.pick(
            "dense_derivative_f32",
            "dense_derivative_f16",
            "dense_derivative_bf16",
        ));
        let (threads, shared) = (COLUMNS * SHARES, COLUMNS * SHARES * size_of::<f32>());
        let blocks = self.outputs.div_ceil(COLUMNS);
        // SAFETY: buffers hold what the shape says.
        unsafe {
            run(
                stream,
                kernel,
                blocks,
                threads as u32,
                shared as u32,
                arguments,
            )
        }
    }
}
