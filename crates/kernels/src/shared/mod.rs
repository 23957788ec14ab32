//! What Rust and CUDA both know: structs, codes and constants, each written down once, here.
//!
//! `kernels/shared.cuh` is made from this file (`cargo xtask shared`), and a test compares it. A struct is an argument
//! or a row in device memory with the same bytes on both sides; a code is the number of an enum's variant; a constant
//! is what a launcher and its kernel must agree on. A comment here is the comment there.

#[macro_use]
mod declare;
#[cfg(test)]
mod header;

use bytemuck::{Pod, Zeroable};

addresses! {
    /// Of numbers of f32.
    Floats as "float*";
    /// Of numbers of u32.
    Counters as "u32*";
}

structs! {
    /// Where the memory of each lane of a launch lies, counted from the first one's and modulo 2^64: a launch may do
    /// the work of many trials at once, each of which has memory of the same layout.
    pub struct Lanes {
        /// Bytes, by `blockIdx.z`.
        pub offset: [u64; 16],
    }

    /// How the parts that a launch's blocks leave are added: in groups, then the groups, each time by the last of the
    /// blocks to arrive.
    pub(crate) struct Arrivals {
        /// One for each group and one for the groups, of each sum.
        pub(crate) counters: Counters,
        /// Parts of a group.
        pub(crate) group: u32,
        /// Groups of a full batch.
        pub(crate) groups: u32,
    }

    /// Where the moments of tiles are left, and what becomes of them.
    pub(crate) struct Statistics {
        /// [tiles][channels] means, then as many sums of squared deviations; null where none are wanted.
        pub(crate) partials: Floats,
        /// [2][channels] means and 1 / sqrt(variance + eps).
        pub(crate) statistics: Floats,
        /// Null where there is none to be moved.
        pub(crate) running_mean: Floats,
        pub(crate) running_variance: Floats,
        pub(crate) by: Arrivals,
        pub(crate) channels: u32,
        /// Of a full batch.
        pub(crate) tiles: u32,
        /// Positions of a tile.
        pub(crate) per_tile: u32,
        /// Real ones: for the kernel to say.
        pub(crate) positions: u32,
    }

    /// The table of the steps to come.
    pub struct Progress {
        /// The step that comes next.
        pub next: u32,
        /// How many there are.
        pub steps: u32,
    }

    /// Divides numbers below 2^31 by one that the host knows: a multiplication and a shift.
    /// Granlund and Montgomery, "Division by invariant integers using multiplication", PLDI 1994.
    pub(crate) struct Divisor {
        pub(crate) divisor: u32,
        pub(crate) magic: u32,
        pub(crate) shift: u32,
    }

    /// The numbers of one step. They lie in device memory, so that one captured graph serves all steps; the host
    /// writes many of them ahead. Behind each stand the rows of the network's dropouts.
    pub struct StepRow {
        /// Real images in the batch; those behind them count for nothing.
        pub rows: u32,
        /// Where the batch starts in the list of image numbers.
        pub first: u32,
        /// Where the step's results go.
        pub record: u32,
        /// Number of the step over the whole run, low and high word.
        pub step: [u32; 2],
        /// Key of the dropout masks.
        pub dropout_key: [u32; 2],
        /// The code of an `OptimizerKind`.
        pub optimizer: u32,
        /// SGD with Nesterov's momentum: 1.
        pub nesterov: u32,
        /// Centred RMSprop: 1.
        pub centered: u32,
        /// 1 if weight decay leaves out the parameters of one axis, norms and biases.
        pub spares_norms_and_biases: u32,
        /// 1 if the images of the batch have transforms.
        pub changed: u32,
        /// Share of the next image, and of its label, in each image of the batch.
        pub mixing: f32,
        /// Label smoothing.
        pub label_smoothing: f32,
        /// Largest global norm of the gradients; 0: they stay as they are.
        pub clip_norm: f32,
        /// What the parameters are multiplied by first.
        pub shrink: f32,
        /// How much of a parameter is added to its gradient.
        pub decay: f32,
        /// What the direction is multiplied by.
        pub rate: f32,
        /// What NAdam multiplies the gradient by.
        pub gradient_rate: f32,
        /// Momentum of SGD and RMSprop, beta1 of the others.
        pub kept1: f32,
        /// alpha of RMSprop, beta2 of the others.
        pub kept2: f32,
        /// How much of what is new comes to the first state.
        pub added1: f32,
        /// How much of what is new comes to the second.
        pub added2: f32,
        /// What a root is divided by.
        pub root: f32,
        /// Added to a root.
        pub epsilon: f32,
    }

    /// The dropout of one layer in one step: elements with a random number below `threshold` become 0, the others are
    /// multiplied by `scale`.
    pub struct DropoutRow {
        /// p in units of 2^-32.
        pub threshold: u32,
        /// 1 / (1 - p), and 0 for p = 1.
        pub scale: f32,
    }

    /// The results of a step.
    pub struct Record {
        /// Sum of the real images' losses.
        pub loss_sum: f64,
        /// How many of them have their largest logit at the label.
        pub correct: u32,
        /// 1 if the optimizer left the parameters alone because a gradient was not finite.
        pub skipped: u32,
    }

    /// What gradients are multiplied by while they are stored in 16 bits; lies in device memory, because the optimizer
    /// changes it.
    pub struct LossScale {
        /// The factor by which the next gradient of a loss is multiplied, a power of two.
        pub scale: f32,
        /// Steps with finite gradients since the factor changed or could have grown.
        pub clean: u32,
        /// The factor of the last gradient of a loss: the gradients in memory carry it.
        pub of_step: f32,
        /// 1 if a gradient of that step is not finite.
        pub overflowed: u32,
    }

    /// How many entries the lists of a loss have: what a number from device memory must not pass.
    pub(crate) struct LossCounts {
        pub(crate) indices: u32,
        pub(crate) labels: u32,
        pub(crate) records: u32,
    }

    /// The same of a gathering: how many images, numbers in the list, transforms.
    pub(crate) struct GatherCounts {
        pub(crate) images: u32,
        pub(crate) indices: u32,
        pub(crate) transforms: u32,
    }

    /// An image as it is divided: its values, the values of a pixel, the pixels of a row, its rows.
    pub(crate) struct Frame {
        pub(crate) image: Divisor,
        pub(crate) channels: Divisor,
        pub(crate) width: Divisor,
        pub(crate) height: u32,
    }

    /// What happens to one image of a batch, in units of 1/65,536 pixel.
    pub struct Transform {
        /// The value at column x and row y is taken from column `[0] x + [1] y + [2]`; what lies outside of the image
        /// is black.
        pub column: [i32; 3],
        /// ... and from row `[0] x + [1] y + [2]`.
        pub row: [i32; 3],
        /// What the distance of a value to the training mean is multiplied by.
        pub gain: f32,
        /// What is then added, as a share of the way from black to white.
        pub offset: f32,
        /// First row, row behind the last, first column, column behind the last of what is set to the training mean.
        pub erased: [u32; 4],
    }

    /// What follows a convolution: out = pool(activation(norm(y) + r)).
    pub(crate) struct BlockShape {
        /// Of an image before the pooling.
        pub(crate) height: u32,
        pub(crate) width: u32,
        pub(crate) channels: u32,
        pub(crate) output_height: u32,
        pub(crate) output_width: u32,
        /// Of the pooling.
        pub(crate) kernel: u32,
        pub(crate) stride: u32,
        pub(crate) padding: u32,
        /// Whether the pooling takes the largest value, or the mean.
        pub(crate) max: u32,
        /// The activation's code.
        pub(crate) activation: u32,
        /// Whether y is the result: no norm, no pooling.
        pub(crate) saved_output: u32,
        /// From the mean of a channel to its deviation.
        pub(crate) apart: u32,
        /// Whether these are running values.
        pub(crate) running: u32,
        /// Positions of an image: pixels or results, `by_lines` rows of `by_row`.
        pub(crate) plane: u32,
        /// Positions that a block takes at once, and one after the other.
        pub(crate) thread_rows: u32,
        pub(crate) per_thread: u32,
        pub(crate) by_groups: Divisor,
        pub(crate) by_lines: Divisor,
        pub(crate) by_row: Divisor,
        pub(crate) by_stride: Divisor,
    }

    /// A convolution as the kernels of its products see it.
    pub(crate) struct ConvShape {
        /// Of x.
        pub(crate) height: u32,
        pub(crate) width: u32,
        pub(crate) channels: u32,
        /// Of y.
        pub(crate) out_height: u32,
        pub(crate) out_width: u32,
        pub(crate) filters: u32,
        pub(crate) kernel: u32,
        pub(crate) stride: u32,
        pub(crate) padding: u32,
        /// Tiles side by side: a tile's neighbours share its rows.
        pub(crate) tiles_across: u32,
        /// On tensor cores: pieces of 16 bytes that the channels or filters of a tap take.
        pub(crate) per_tap: Divisor,
        /// Rows of the product for an image, and for a row of it.
        pub(crate) pixels: Divisor,
        pub(crate) columns: Divisor,
    }
}

constants! {
    /// Bytes that a thread loads or stores at once.
    VECTOR_BYTES = 16;
    /// Threads of a block that streams tensors, at most.
    STREAM_THREADS = 256;
    /// Positions that a thread of a tensor's statistics keeps in registers.
    TILE_ROUNDS = 8;
    /// Neighbouring values of a thread that gathers.
    GATHER_VALUES = 4;
    /// Channels of a block that takes the mean of images, and the shares of the pixels that it sums side by side.
    AVERAGE_CHANNELS = 32;
    AVERAGE_SHARES = 8;
    /// Threads of a block that normalises a group.
    GROUP_NORM_THREADS = 256;
    /// Most warps of the one block of the loss.
    LOSS_WARPS = 32;
    /// Threads of a block of the optimizer, its values, and the most sums of squares: one for each thread that adds them.
    OPTIMIZER_THREADS = 256;
    OPTIMIZER_PART = 4 * OPTIMIZER_THREADS;
    OPTIMIZER_SUMS = OPTIMIZER_THREADS;
    /// Sides of the tile of a dense product, whichever way it lies, and threads of its block; what it takes of the depth where it
    /// is exact.
    DENSE_LONG = 64;
    DENSE_SHORT = 32;
    DENSE_THREADS = 128;
    DENSE_DEPTH = 32;
    /// Numbers between the rows of an exact operand in shared memory, so that they meet other banks.
    EXACT_PAD = 4;
    /// Positions of a step of a first layer's weight gradient, and the sets of threads of a block that share them.
    FIRST_LAYER_DEPTH = 32;
    FIRST_LAYER_SPLITS = 8;
    /// Tiles of 2x2 results and columns of a block that multiplies as Winograd does, channels of a step, threads.
    WINOGRAD_TILES = 32;
    WINOGRAD_COLUMNS = 32;
    WINOGRAD_DEPTH = 8;
    WINOGRAD_THREADS = 256;
    /// On tensor cores: bytes of depth of a step.
    TENSOR_STEP = 64;
    /// In shared memory, for the banks: bytes between rows whose depth lies together, numbers between depths whose rows do.
    TENSOR_PAD = 16;
    TENSOR_SLOW_PAD = 8;
    /// Tiles of each operand in shared memory where pieces fly there by themselves and the tile is not the largest; otherwise 2.
    TENSOR_STAGES = 3;
}

#[cfg(test)]
mod tests {
    use tunefork_graph::{Activation, OptimizerKind};

    use super::header::Header;
    use super::{add_constants, add_structs};
    use crate::launch::conv::exact::{TILES, Tile};

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../kernels/shared.cuh");

    /// An enum's names as C writes them.
    fn codes(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_uppercase()).collect()
    }

    /// With `TUNEFORK_SHARED=write` it writes the file.
    #[test]
    fn the_header_is_current() {
        let mut header = Header::new();
        let activations = codes(&[&["identity"], Activation::NAMES].concat());
        header.codes("Activation", &activations);
        header.each("ACTIVATION", activations.iter());
        let which = |may: fn(Activation) -> bool| Activation::ALL.iter().filter(move |&&activation| may(activation));
        let monotone: Vec<&str> = which(Activation::is_monotone).map(|activation| activation.name()).collect();
        header.each("MONOTONE_ACTIVATION", codes(&[&["identity"], &monotone[..]].concat()));
        let from_x: Vec<&str> = which(|activation| !activation.derivative_follows_from_result())
            .map(|activation| activation.name())
            .collect();
        header.each("ACTIVATION_WITH_SLOPE_FROM_X", codes(&from_x));
        header.codes("Optimizer", &codes(OptimizerKind::NAMES));
        let tiles = TILES.iter().filter(|tile| tile.whole);
        header.each(
            "EXACT_TILE",
            tiles.map(|Tile { rows, columns, groups: [down, across], depth, .. }| {
                format!("{rows}, {columns}, {down}, {across}, {depth}")
            }),
        );
        add_constants(&mut header);
        add_structs(&mut header);
        let text = header.finish();
        if std::env::var("TUNEFORK_SHARED").is_ok_and(|mode| mode == "write") {
            std::fs::write(FILE, &text).expect("the header can be written");
        }
        let found = std::fs::read_to_string(FILE).unwrap_or_default();
        let differs = text.lines().zip(found.lines()).position(|(wanted, found)| wanted != found);
        assert!(text == found, "kernels/shared.cuh: line {differs:?} from 0 differs: run `cargo xtask shared`");
    }
}
