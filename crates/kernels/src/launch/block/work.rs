//! How a block's launches deal out their positions, and to which kernels.

use bytemuck::{Pod, Zeroable};

use super::Block;
use crate::launch::vectors::{BYTES, Threads};
use crate::{Activation, Divisor, Kernel, Pool2d, Precision, Source};

/// Blocks of threads that a launch aims at; positions are dealt out to them in equal chunks.
const BLOCKS: usize = 1024;

/// Sizes and settings for the device: `BlockShape` in `kernels/block.cuh`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct Shape {
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

/// The kernels of one name: rows as [`Work::kernel`] counts them, by what is stored.
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
pub(super) use kernels;

/// How a launch deals out its positions.
pub(super) struct Work {
    kind: Kind,
    pub(super) threads: Threads,
    pub(super) shape: Shape,
    /// Blocks along the positions.
    pub(super) chunks: usize,
}

impl Work {
    pub(super) fn kernel(
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
    pub(super) fn shared_bytes(&self, tables: usize, sums: bool) -> u32 {
        let values = self.threads.channels() * (tables + if sums { self.threads.lanes } else { 0 });
        (values * size_of::<f32>()) as u32
    }

    pub(super) fn grid(&self) -> [usize; 2] {
        [self.chunks, self.threads.across]
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
    pub(super) fn output(&self) -> [usize; 2] {
        let side = |len| self.pool.map_or(len, |pool| pool.output(len));
        [side(self.height), side(self.width)]
    }

    /// Length, in 4-byte words, of the choices of a max pooling: 2 bytes for each result.
    pub(super) fn choices_len(&self) -> usize {
        match self.pool {
            Some(pool) if pool.max && self.kind() == Kind::Window => {
                self.output_len().div_ceil(2).next_multiple_of(4)
            }
            _ => 0,
        }
    }

    /// Whether gradients depend on the values before or after the activation.
    pub(super) fn needs_values(&self) -> bool {
        self.activation.is_some() || self.pool.is_some_and(|pool| pool.max)
    }
}
