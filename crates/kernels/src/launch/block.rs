//! What follows a convolution, forward and backward: `kernels/block.cu`, `kernels/block_backward.cu`.

use bytemuck::{Pod, Zeroable};

use super::run;
use super::vectors::{BYTES, THREADS, Threads};
use crate::{
    Activation, Arguments, DeviceError, Divisor, Kernel, Pool2d, Precision, Source, Span, StepRow,
    Stream,
};

/// Blocks that a launch aims at; positions are dealt out to them in equal chunks.
const BLOCKS: usize = 1024;
/// Columns and rows of a block that adds up partial sums: as in the kernel.
const COLUMNS: usize = 8;

/// out = pool(activation(norm(y) + r)), every part optional.
///
/// `y` and the shortcut r have `batch * height * width * channels` values, `out` as many as the pooling
/// leaves. Only the images of the step's rows are read and written.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Images in a full batch.
    pub batch: usize,
    /// Rows of an image before the pooling.
    pub height: usize,
    /// Columns of an image before the pooling.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Whether values are normalised.
    pub norm: bool,
    /// Whether something is added before the activation.
    pub shortcut: bool,
    /// The activation.
    pub activation: Option<Activation>,
    /// The pooling.
    pub pool: Option<Pool2d>,
    /// Whether what was kept for the gradients, `y` of [`backward`](Self::backward), is the block's
    /// result: only without norm and pooling. The derivative then follows from it, without r.
    pub saved_output: bool,
    /// How values are stored.
    pub precision: Precision,
}

/// A batch norm's values: scale (y - mean) rstd + shift.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// 2 K: mean and rstd.
    pub statistics: Span<'a, f32>,
    /// K, gamma.
    pub scale: Span<'a, f32>,
    /// K, beta.
    pub shift: Span<'a, f32>,
}

/// Gradients of a batch norm's parameters.
#[derive(Clone, Copy, Debug)]
pub struct NormGradients<'a> {
    /// K: sum of g (y - mean) rstd.
    pub scale: Span<'a, f32>,
    /// K: sum of g.
    pub shift: Span<'a, f32>,
}

/// What the backward pass reads and writes. g is the gradient at the sum norm(y) + r.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a> {
    /// What was kept: needed with a norm, an activation or max pooling ([`Block::reads_saved`]).
    pub y: Option<Span<'a, u8>>,
    /// The norm.
    pub norm: Option<Norm<'a>>,
    /// Gradients of the norm's parameters: written by [`Block::backward_sums`], read by
    /// [`Block::backward`].
    pub norm_gradients: Option<NormGradients<'a>>,
    /// r: needed if [`Block::reads_shortcut`].
    pub shortcut: Option<Span<'a, u8>>,
    /// Gradient of the result.
    pub dout: Span<'a, u8>,
    /// Receives the gradient of y. It may be `y` itself.
    pub dy: Option<Span<'a, u8>>,
    /// Receives the gradient of r, g. It may be `shortcut` itself.
    pub dsum: Option<Span<'a, u8>>,
    /// K: receives the sum of the gradient of y over all positions.
    pub bias_gradient: Option<Span<'a, f32>>,
    /// [`Block::workspace_len`] values, at a multiple of 16 bytes. [`Block::backward`] reads what
    /// [`Block::backward_sums`] has left there.
    pub workspace: Span<'a, f32>,
}

/// Sizes and settings for the device: `BlockShape` in `kernels/block.cuh`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Shape {
    height: u32,
    width: u32,
    channels: u32,
    output_height: u32,
    output_width: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    max: u32,
    activation: u32,
    saved_output: u32,
    plane: u32,
    lanes: u32,
    per_thread: u32,
    by_groups: Divisor,
    by_lines: Divisor,
    by_row: Divisor,
    by_stride: Divisor,
}

/// What a thread owns: one value of each channel of its vector, or a window of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// No pooling.
    Plain,
    /// Max pooling of 2x2 pixels at a stride of 2, vectors only: a thread owns a window.
    Max2,
    /// Any other pooling. Forward a thread owns a result, backward a pixel.
    Window,
}

macro_rules! kernels {
    ($name:literal) => {
        [
            [
                concat!($name, "_plain_f32"),
                concat!($name, "_plain_f16"),
                concat!($name, "_plain_bf16"),
            ],
            [
                concat!($name, "_max2_f32"),
                concat!($name, "_max2_f16"),
                concat!($name, "_max2_bf16"),
            ],
            [
                concat!($name, "_window_f32"),
                concat!($name, "_window_f16"),
                concat!($name, "_window_bf16"),
            ],
            [
                concat!($name, "_plain_scalar_f32"),
                concat!($name, "_plain_scalar_f16"),
                concat!($name, "_plain_scalar_bf16"),
            ],
            [
                concat!($name, "_window_scalar_f32"),
                concat!($name, "_window_scalar_f16"),
                concat!($name, "_window_scalar_bf16"),
            ],
        ]
    };
}

/// How a launch deals out its positions.
struct Work {
    kind: Kind,
    threads: Threads,
    shape: Shape,
    chunks: usize,
}

impl Work {
    fn kernel(
        &self,
        source: Source,
        names: [[&'static str; 3]; 5],
        precision: Precision,
    ) -> Kernel {
        let row = match (self.kind, self.threads.vector) {
            (Kind::Plain, 1) => 3,
            (_, 1) => 4,
            (kind, _) => kind as usize,
        };
        let [f32, f16, bf16] = names[row];
        source.kernel(precision.pick(f32, f16, bf16))
    }

    /// Shared memory: `tables` values for each channel of a block, and room for its threads' sums.
    fn shared_bytes(&self, tables: usize, sums: bool) -> u32 {
        let values = self.threads.channels() * (tables + if sums { self.threads.lanes } else { 0 });
        (values * size_of::<f32>()) as u32
    }

    fn grid(&self) -> [usize; 2] {
        [self.chunks, self.threads.across]
    }
}

impl Block {
    /// Values of `y`, the shortcut and their gradients for a full batch.
    pub fn input_len(&self) -> usize {
        self.batch * self.height * self.width * self.channels
    }

    /// Values of the result for a full batch.
    pub fn output_len(&self) -> usize {
        let [height, width] = self.output();
        self.batch * height * width * self.channels
    }

    /// Length of the workspace of the backward pass.
    pub fn workspace_len(&self) -> usize {
        let sums = if self.norm { 2 } else { 1 };
        self.choices_len() + self.backward_work(false).chunks * sums * self.channels
    }

    /// Whether the backward pass needs `y`.
    pub fn reads_saved(&self) -> bool {
        self.norm || self.needs_values()
    }

    /// Whether the backward pass needs the shortcut.
    pub fn reads_shortcut(&self) -> bool {
        self.shortcut && !self.saved_output && self.needs_values()
    }

    /// Writes the result. `out` may be `y` or the shortcut where there is no pooling.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a part is there that the block does not have or the other way round, or if lengths or
    /// alignments are wrong.
    pub fn forward(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        y: Span<'_, u8>,
        norm: Option<Norm<'_>>,
        shortcut: Option<Span<'_, u8>>,
        out: Span<'_, u8>,
    ) -> Result<(), DeviceError> {
        assert_eq!(self.shortcut, shortcut.is_some(), "shortcut");
        self.check_output(out);
        self.values(stream, step, y, norm, shortcut, Some(out), None)
    }

    /// Sums over the batch that the norm's gradients are made of: writes `norm_gradients`.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// Without a norm; otherwise as [`backward`](Self::backward).
    pub fn backward_sums(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        given: &Backward<'_>,
    ) -> Result<(), DeviceError> {
        self.check_backward(given);
        let gradients = given.norm_gradients.expect("a norm");
        self.choose(stream, step, given)?;
        let work = self.backward_work(false);
        let partials = self.partials(given, work.chunks * 2 * self.channels);
        let arguments = self.gradient_arguments(&work, step, given).span(partials);
        // SAFETY: all lengths and alignments were checked.
        unsafe {
            run(
                stream,
                work.kernel(
                    Source::BlockBackward,
                    kernels!("block_sums"),
                    self.precision,
                ),
                work.grid(),
                work.threads.count(),
                work.shared_bytes(3, true),
                arguments,
            )?;
        }
        self.finish(
            stream,
            partials,
            work.chunks,
            [Some(gradients.shift), Some(gradients.scale)],
        )
    }

    /// Writes the gradients of y and r, and the bias gradient. With a norm
    /// [`backward_sums`](Self::backward_sums) was called before with the same values.
    ///
    /// Without pooling, `dy` or `dsum` may also be `dout`.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a part is missing that is needed, or if lengths or alignments are wrong.
    pub fn backward(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        given: &Backward<'_>,
    ) -> Result<(), DeviceError> {
        self.check_backward(given);
        if !self.norm {
            self.choose(stream, step, given)?;
        }
        let flat = !self.norm && self.pool.is_none() && given.bias_gradient.is_none();
        let work = self.backward_work(flat);
        let partials = given
            .bias_gradient
            .map(|_| self.partials(given, work.chunks * self.channels));
        let arguments = self
            .gradient_arguments(&work, step, given)
            .optional(given.norm_gradients.map(|sums| sums.scale))
            .optional(given.norm_gradients.map(|sums| sums.shift))
            .optional(given.dy)
            .optional(given.dsum)
            .optional(partials);
        // SAFETY: all lengths and alignments were checked.
        unsafe {
            run(
                stream,
                work.kernel(
                    Source::BlockBackward,
                    kernels!("block_backward"),
                    self.precision,
                ),
                work.grid(),
                work.threads.count(),
                work.shared_bytes(5, given.bias_gradient.is_some()),
                arguments,
            )?;
        }
        match (partials, given.bias_gradient) {
            (Some(partials), Some(bias)) => {
                self.finish(stream, partials, work.chunks, [Some(bias), None])
            }
            _ => Ok(()),
        }
    }

    /// The forward kernel: the result, or which value each window of a max pooling chooses.
    fn values(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        y: Span<'_, u8>,
        norm: Option<Norm<'_>>,
        shortcut: Option<Span<'_, u8>>,
        out: Option<Span<'_, u8>>,
        choices: Option<Span<'_, f32>>,
    ) -> Result<(), DeviceError> {
        assert_eq!(step.len(), 1, "one row");
        self.check_norm(norm);
        self.check_input(y);
        shortcut.inspect(|&shortcut| self.check_input(shortcut));
        let work = self.forward_work();
        let arguments = Arguments::new()
            .value(work.shape)
            .span(step)
            .span(y)
            .optional(norm.map(|norm| norm.statistics))
            .optional(norm.map(|norm| norm.scale))
            .optional(norm.map(|norm| norm.shift))
            .optional(shortcut)
            .optional(out)
            .optional(choices);
        // SAFETY: all lengths and alignments were checked.
        unsafe {
            run(
                stream,
                work.kernel(Source::Block, kernels!("block_forward"), self.precision),
                work.grid(),
                work.threads.count(),
                work.shared_bytes(3, false),
                arguments,
            )
        }
    }

    /// For max pooling where a thread does not own a window: finds what each window chooses.
    fn choose(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        given: &Backward<'_>,
    ) -> Result<(), DeviceError> {
        match self.choices_len() {
            0 => Ok(()),
            len => {
                let y = given.y.expect("checked: max pooling needs y");
                let choices = given.workspace.part(0..len);
                self.values(
                    stream,
                    step,
                    y,
                    given.norm,
                    given.shortcut,
                    None,
                    Some(choices),
                )
            }
        }
    }

    /// Adds up partial sums, `[chunks][columns]`, in the order of the chunks.
    fn finish(
        &self,
        stream: &dyn Stream,
        partials: Span<'_, f32>,
        chunks: usize,
        to: [Option<Span<'_, f32>>; 2],
    ) -> Result<(), DeviceError> {
        let columns = partials.len() / chunks;
        let arguments = Arguments::new()
            .span(partials)
            .value(chunks as u32)
            .value(columns as u32)
            .value(self.channels as u32)
            .optional(to[0])
            .optional(to[1]);
        // SAFETY: the sums are as long as there are channels.
        unsafe {
            run(
                stream,
                Source::BlockBackward.kernel("block_finish"),
                columns.div_ceil(COLUMNS),
                THREADS as u32,
                (THREADS * size_of::<f32>()) as u32,
                arguments,
            )
        }
    }

    fn gradient_arguments(
        &self,
        work: &Work,
        step: Span<'_, StepRow>,
        given: &Backward<'_>,
    ) -> Arguments {
        let choices = self.choices_len();
        Arguments::new()
            .value(work.shape)
            .span(step)
            .optional(given.y)
            .optional(given.norm.map(|norm| norm.statistics))
            .optional(given.norm.map(|norm| norm.scale))
            .optional(given.norm.map(|norm| norm.shift))
            .optional(given.shortcut.filter(|_| self.reads_shortcut()))
            .span(given.dout)
            .optional((choices > 0).then(|| given.workspace.part(0..choices)))
    }

    /// The partial sums' part of the workspace.
    fn partials<'a>(&self, given: &Backward<'a>, len: usize) -> Span<'a, f32> {
        let start = self.choices_len();
        given.workspace.part(start..start + len)
    }

    fn forward_work(&self) -> Work {
        let flat = !self.norm && self.pool.is_none();
        let block = if flat { self.flattened() } else { *self };
        let [height, width] = block.output();
        block.work(height, width)
    }

    /// `flat`: channels do not matter.
    fn backward_work(&self, flat: bool) -> Work {
        let block = if flat { self.flattened() } else { *self };
        match block.kind() {
            Kind::Max2 => {
                let [height, width] = block.output();
                block.work(height, width)
            }
            _ => block.work(block.height, block.width),
        }
    }

    /// For positions of images of `height` x `width`.
    fn work(&self, height: usize, width: usize) -> Work {
        let threads = Threads::new(self.channels, self.precision);
        let positions = self.batch * height * width;
        let per_thread = positions.div_ceil(threads.lanes * BLOCKS.div_ceil(threads.across));
        let [output_height, output_width] = self.output();
        let pool = self.pool.unwrap_or(Pool2d {
            max: false,
            kernel: 1,
            stride: 1,
            padding: 0,
        });
        let divisor = |by: usize| Divisor::new(by as u32);
        let shape = Shape {
            height: self.height as u32,
            width: self.width as u32,
            channels: self.channels as u32,
            output_height: output_height as u32,
            output_width: output_width as u32,
            kernel: pool.kernel as u32,
            stride: pool.stride as u32,
            padding: pool.padding as u32,
            max: u32::from(pool.max),
            activation: Activation::code(self.activation),
            saved_output: u32::from(self.saved_output),
            plane: (height * width) as u32,
            lanes: threads.lanes as u32,
            per_thread: per_thread as u32,
            by_groups: divisor(threads.groups),
            by_lines: divisor(height),
            by_row: divisor(width),
            by_stride: divisor(pool.stride),
        };
        Work {
            kind: self.kind(),
            threads,
            shape,
            chunks: positions.div_ceil(threads.lanes * per_thread),
        }
    }

    fn kind(&self) -> Kind {
        let two = Pool2d {
            max: true,
            kernel: 2,
            stride: 2,
            padding: 0,
        };
        let vectors = Threads::new(self.channels, self.precision).vector > 1;
        match self.pool {
            None => Kind::Plain,
            Some(pool) if pool == two && vectors => Kind::Max2,
            Some(_) => Kind::Window,
        }
    }

    /// Where each value stands for itself, an image may be looked at as one row of pixels of one
    /// vector, so that vectors serve any number of channels.
    fn flattened(&self) -> Self {
        let len = self.height * self.width * self.channels;
        let vector = BYTES as usize / self.precision.bytes();
        match len % vector {
            0 => Self {
                height: 1,
                width: len / vector,
                channels: vector,
                ..*self
            },
            _ => *self,
        }
    }

    /// Rows and columns of the result.
    fn output(&self) -> [usize; 2] {
        let side = |len| self.pool.map_or(len, |pool| pool.output(len));
        [side(self.height), side(self.width)]
    }

    /// Length, in 4-byte words, of the choices of a max pooling: 2 bytes for each result.
    fn choices_len(&self) -> usize {
        match self.pool {
            Some(pool) if pool.max && self.kind() == Kind::Window => {
                self.output_len().div_ceil(2).next_multiple_of(4)
            }
            _ => 0,
        }
    }

    /// Whether gradients depend on the values before or after the activation.
    fn needs_values(&self) -> bool {
        self.activation.is_some() || self.pool.is_some_and(|pool| pool.max)
    }

    fn check_input(&self, values: Span<'_, u8>) {
        let len = self.input_len();
        assert!(len < 1 << 31, "{len} values");
        assert_eq!(values.len(), len * self.precision.bytes(), "values");
        assert_eq!(values.address() % BYTES, 0, "aligned to 16 bytes");
    }

    fn check_output(&self, values: Span<'_, u8>) {
        let len = self.output_len();
        assert!(len < 1 << 31, "{len} values");
        assert_eq!(values.len(), len * self.precision.bytes(), "results");
        assert_eq!(values.address() % BYTES, 0, "aligned to 16 bytes");
    }

    fn check_norm(&self, norm: Option<Norm<'_>>) {
        assert_eq!(self.norm, norm.is_some(), "norm");
        if let Some(norm) = norm {
            let lens = [&norm.statistics, &norm.scale, &norm.shift].map(|span| span.len());
            let k = self.channels;
            assert_eq!(lens, [2 * k, k, k], "one value for each channel");
        }
    }

    fn check_backward(&self, given: &Backward<'_>) {
        assert!(
            !self.saved_output || (!self.norm && self.pool.is_none()),
            "the output is kept only without norm and pooling"
        );
        self.check_norm(given.norm);
        assert_eq!(self.norm, given.norm_gradients.is_some(), "norm gradients");
        assert!(given.y.is_some() || !self.reads_saved(), "y is needed");
        assert!(
            given.shortcut.is_some() || !self.reads_shortcut(),
            "the shortcut is needed"
        );
        self.check_output(given.dout);
        for values in [given.y, given.shortcut, given.dy, given.dsum] {
            values.inspect(|&values| self.check_input(values));
        }
        let per_channel = [
            given.bias_gradient,
            given.norm_gradients.map(|sums| sums.scale),
            given.norm_gradients.map(|sums| sums.shift),
        ];
        for values in per_channel.into_iter().flatten() {
            assert_eq!(values.len(), self.channels, "one value for each channel");
        }
        assert!(given.workspace.len() >= self.workspace_len(), "workspace");
        assert_eq!(given.workspace.address() % BYTES, 0, "aligned to 16 bytes");
    }
}

/// y = x, or y += x, of stored tensors: for gradients that come together.
#[derive(Clone, Copy, Debug)]
pub struct Add {
    /// Images in a full batch.
    pub batch: usize,
    /// Values of an image.
    pub elements: usize,
    /// How values are stored.
    pub precision: Precision,
}

impl Add {
    /// Writes or, with `accumulate`, adds `x` to `y`.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a tensor does not have `batch * elements` values, or does not start at a multiple of 16 bytes.
    pub fn run(
        &self,
        stream: &dyn Stream,
        step: Span<'_, StepRow>,
        x: Span<'_, u8>,
        y: Span<'_, u8>,
        accumulate: bool,
    ) -> Result<(), DeviceError> {
        let len = self.batch * self.elements;
        let bytes = len * self.precision.bytes();
        assert_eq!(step.len(), 1, "one row");
        assert_eq!((x.len(), y.len()), (bytes, bytes), "values");
        assert!(len < 1 << 31, "{len} values");
        assert_eq!(
            (x.address() % BYTES, y.address() % BYTES),
            (0, 0),
            "aligned"
        );
        let arguments = Arguments::new()
            .span(step)
            .value(self.elements as u32)
            .span(x)
            .span(y)
            .value(u32::from(accumulate));
        let vector = BYTES as usize / self.precision.bytes();
        let name = self.precision.pick("add_f32", "add_f16", "add_bf16");
        // SAFETY: both tensors hold as many values as the kernel addresses.
        unsafe {
            run(
                stream,
                Source::Block.kernel(name),
                len.div_ceil(vector * THREADS),
                THREADS as u32,
                0,
                arguments,
            )
        }
    }
}
