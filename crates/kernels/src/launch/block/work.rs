//! How a block's launches deal out their positions, and to which kernels.

use tunefork_graph::{Pool, PoolKind};

use super::{Block, Norm};
use crate::launch::run;
use crate::launch::vectors::Threads;
use crate::shape::activation_code;
use crate::shared::{BlockShape, VECTOR_BYTES};
use crate::{Arguments, DeviceError, Divisor, Kernel, Precision, Stream};

/// Blocks of threads that a launch aims at; positions are dealt out to them in equal chunks.
const BLOCKS: usize = 1024;

/// What a thread owns: one value of each channel of its vector, or a window of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owned {
    /// No pooling.
    Plain,
    /// Max pooling of 2x2 pixels at a stride of 2, vectors only: a thread owns a window.
    Max2,
    /// Any other pooling. Forward a thread owns a result, backward a pixel.
    Window,
}

/// The kernel of one name for what a launch's threads own and how values are stored.
macro_rules! kernel {
    ($work:expr, $name:literal) => {
        match $work.owned() {
            (Owned::Plain, true) => stored!($work.precision, $name, "_plain"),
            (Owned::Max2, _) => stored!($work.precision, $name, "_max2"),
            (Owned::Window, true) => stored!($work.precision, $name, "_window"),
            (Owned::Plain, false) => stored!($work.precision, $name, "_plain_scalar"),
            (Owned::Window, false) => stored!($work.precision, $name, "_window_scalar"),
        }
    };
}
pub(super) use kernel;

/// How a launch deals out its positions.
pub(super) struct Work {
    owned: Owned,
    pub(super) precision: Precision,
    threads: Threads,
    pub(super) shape: BlockShape,
    /// Blocks along the positions.
    pub(super) chunks: usize,
}

impl Work {
    /// With the places of a norm's values.
    pub(super) fn with_norm(mut self, norm: Option<Norm<'_>>) -> Self {
        if let Some(norm) = norm {
            let apart = norm.deviation.address().wrapping_sub(norm.mean.address()) / size_of::<f32>() as u64;
            self.shape.apart = u32::try_from(apart).expect("deviations behind the means");
            self.shape.running = u32::from(norm.running);
        }
        self
    }

    /// Blocks along the channels.
    pub(super) fn across(&self) -> usize {
        self.threads.across
    }

    /// What a thread owns, and whether of a vector of channels.
    pub(super) fn owned(&self) -> (Owned, bool) {
        (self.owned, self.threads.vector > 1)
    }

    /// Launches a kernel with shared memory for `tables` values of each channel of a block, and for its
    /// threads' sums.
    ///
    /// # Safety
    /// As [`Stream::launch`].
    pub(super) unsafe fn run(
        &self,
        stream: &dyn Stream,
        kernel: Kernel,
        tables: usize,
        sums: bool,
        arguments: Arguments,
    ) -> Result<(), DeviceError> {
        let threads = &self.threads;
        let values = threads.channels() * (tables + if sums { threads.thread_rows } else { 0 });
        let shared = (values * size_of::<f32>()) as u32;
        let grid = [self.chunks, threads.across];
        // SAFETY: the caller's.
        unsafe { run(stream, kernel, grid, threads.count(), shared, arguments) }
    }
}

impl Block {
    pub(super) fn forward_work(&self) -> Work {
        let flat = !self.norm && self.pool.is_none();
        let block = if flat { self.flattened() } else { *self };
        let [height, width] = block.output();
        block.work(height, width)
    }

    /// `flat`: channels do not matter.
    pub(super) fn backward_work(&self, flat: bool) -> Work {
        let block = if flat { self.flattened() } else { *self };
        match block.owned() {
            Owned::Max2 => {
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
        let per_thread = positions.div_ceil(threads.thread_rows * BLOCKS.div_ceil(threads.across));
        let [output_height, output_width] = self.output();
        let Pool { kind, window } = self.pool.unwrap_or(Pool::average(1));
        let divisor = |by: usize| Divisor::new(by as u32);
        let shape = BlockShape {
            height: self.height as u32,
            width: self.width as u32,
            channels: self.channels as u32,
            output_height: output_height as u32,
            output_width: output_width as u32,
            kernel: window.kernel as u32,
            stride: window.stride as u32,
            padding: window.padding as u32,
            max: u32::from(kind == PoolKind::Max),
            activation: activation_code(self.activation),
            saved_output: u32::from(self.saved_output),
            apart: 0,
            running: 0,
            plane: (height * width) as u32,
            thread_rows: threads.thread_rows as u32,
            per_thread: per_thread as u32,
            by_groups: divisor(threads.groups),
            by_lines: divisor(height),
            by_row: divisor(width),
            by_stride: divisor(window.stride),
        };
        Work {
            owned: self.owned(),
            precision: self.precision,
            threads,
            shape,
            chunks: positions.div_ceil(threads.thread_rows * per_thread),
        }
    }

    /// The sizes alone, for the plain kernels.
    pub(in crate::launch) fn plain_shape(&self) -> BlockShape {
        self.work(self.height, self.width).shape
    }

    fn owned(&self) -> Owned {
        let vectors = Threads::new(self.channels, self.precision).vector > 1;
        match self.pool {
            None => Owned::Plain,
            Some(pool) if pool == Pool::max(2) && vectors => Owned::Max2,
            Some(_) => Owned::Window,
        }
    }

    /// Where each value stands for itself, an image may be looked at as one row of pixels of one
    /// vector, so that vectors serve any number of channels.
    fn flattened(&self) -> Self {
        let len = self.height * self.width * self.channels;
        let vector = VECTOR_BYTES / self.precision.bytes();
        match len % vector {
            0 => Self { height: 1, width: len / vector, channels: vector, ..*self },
            _ => *self,
        }
    }

    /// Rows and columns of the result.
    pub(super) fn output(&self) -> [usize; 2] {
        let side = |len| match self.pool {
            Some(pool) => pool.window.positions(len).expect("a pooling that fits"),
            None => len,
        };
        [side(self.height), side(self.width)]
    }

    /// Length, in 4-byte words, of the choices of a max pooling: 2 bytes for each result.
    pub(super) fn choices_len(&self) -> usize {
        match self.pool.map(|pool| pool.kind) {
            Some(PoolKind::Max) if self.owned() == Owned::Window => self.output_len().div_ceil(2).next_multiple_of(4),
            Some(PoolKind::Max | PoolKind::Average) | None => 0,
        }
    }

    /// Whether gradients depend on the values before or after the activation.
    pub(super) fn needs_values(&self) -> bool {
        self.activation.is_some() || self.pool.is_some_and(|pool| pool.kind == PoolKind::Max)
    }
}
