// Structs, codes and constants that the host knows too. Written by `cargo xtask shared` from
// crates/kernels/src/shared/mod.rs; a test compares.
#pragma once

enum Activation { IDENTITY = 0, RELU = 1, LEAKY_RELU = 2, TANH = 3, SIGMOID = 4, GELU = 5, GELU_TANH = 6, SILU = 7, MISH = 8, ELU = 9, HARD_SWISH = 10 };

#define EACH_ACTIVATION(each) \
    each(IDENTITY) \
    each(RELU) \
    each(LEAKY_RELU) \
    each(TANH) \
    each(SIGMOID) \
    each(GELU) \
    each(GELU_TANH) \
    each(SILU) \
    each(MISH) \
    each(ELU) \
    each(HARD_SWISH)

#define EACH_MONOTONE_ACTIVATION(each) \
    each(IDENTITY) \
    each(RELU) \
    each(LEAKY_RELU) \
    each(TANH) \
    each(SIGMOID) \
    each(ELU)

#define EACH_ACTIVATION_WITH_SLOPE_FROM_X(each) \
    each(GELU) \
    each(GELU_TANH) \
    each(SILU) \
    each(MISH) \
    each(HARD_SWISH)

enum Optimizer { SGD = 0, ADAM = 1, ADAMW = 2, RMSPROP = 3, LION = 4, NADAM = 5, ADAGRAD = 6 };

#define EACH_EXACT_TILE(each) \
    each(128, 64, 2, 2, 8) \
    each(96, 64, 2, 2, 8) \
    each(64, 64, 2, 2, 8) \
    each(128, 32, 2, 2, 8) \
    each(32, 32, 2, 1, 8)

constexpr u32 VECTOR_BYTES = 16;  // Bytes that a thread loads or stores at once.
constexpr u32 STREAM_THREADS = 256;  // Threads of a block that streams tensors, at most.
constexpr u32 TILE_ROUNDS = 8;  // Positions that a thread of a tensor's statistics keeps in registers.
constexpr u32 GATHER_VALUES = 4;  // Neighbouring values of a thread that gathers.
// Channels of a block that takes the mean of images, and the shares of the pixels that it sums side by side.
constexpr u32 AVERAGE_CHANNELS = 32;
constexpr u32 AVERAGE_SHARES = 8;
constexpr u32 GROUP_NORM_THREADS = 256;  // Threads of a block that normalises a group.
constexpr u32 LOSS_WARPS = 32;  // Most warps of the one block of the loss.
// Threads of a block of the optimizer, its values, and the most sums of squares: one for each thread that adds them.
constexpr u32 OPTIMIZER_THREADS = 256;
constexpr u32 OPTIMIZER_PART = 1024;
constexpr u32 OPTIMIZER_SUMS = 256;
// Sides of the tile of a dense product, whichever way it lies, and threads of its block; what it takes of the depth where it
// is exact.
constexpr u32 DENSE_LONG = 64;
constexpr u32 DENSE_SHORT = 32;
constexpr u32 DENSE_THREADS = 128;
constexpr u32 DENSE_DEPTH = 32;
// Numbers between the rows of an exact operand in shared memory, so that they meet other banks.
constexpr u32 EXACT_PAD = 4;
// Positions of a step of a first layer's weight gradient, and the sets of threads of a block that share them.
constexpr u32 FIRST_LAYER_DEPTH = 32;
constexpr u32 FIRST_LAYER_SPLITS = 8;
// Tiles of 2x2 results and columns of a block that multiplies as Winograd does, channels of a step, threads.
constexpr u32 WINOGRAD_TILES = 32;
constexpr u32 WINOGRAD_COLUMNS = 32;
constexpr u32 WINOGRAD_DEPTH = 8;
constexpr u32 WINOGRAD_THREADS = 256;
constexpr u32 TENSOR_STEP = 64;  // On tensor cores: bytes of depth of a step.
// In shared memory, for the banks: bytes between rows whose depth lies together, numbers between depths whose rows do.
constexpr u32 TENSOR_PAD = 16;
constexpr u32 TENSOR_SLOW_PAD = 8;
// Tiles of each operand in shared memory where pieces fly there by themselves and the tile is not the largest; otherwise 2.
constexpr u32 TENSOR_STAGES = 3;

// Where the memory of each lane of a launch lies, counted from the first one's and modulo 2^64: a launch may do
// the work of many trials at once, each of which has memory of the same layout.
struct Lanes {
    u64 offset[16];  // Bytes, by `blockIdx.z`.
};

// How the parts that a launch's blocks leave are added: in groups, then the groups, each time by the last of the
// blocks to arrive.
struct Arrivals {
    u32* counters;  // One for each group and one for the groups, of each sum.
    u32 group;  // Parts of a group.
    u32 groups;  // Groups of a full batch.
};

// Where the moments of tiles are left, and what becomes of them.
struct Statistics {
    float* partials;  // [tiles][channels] means, then as many sums of squared deviations; null where none are wanted.
    float* statistics;  // [2][channels] means and 1 / sqrt(variance + eps).
    float* running_mean;  // Null where there is none to be moved.
    float* running_variance;
    Arrivals by;
    u32 channels;
    u32 tiles;  // Of a full batch.
    u32 per_tile;  // Positions of a tile.
    u32 positions;  // Real ones: for the kernel to say.
};

// The table of the steps to come.
struct Progress {
    u32 next;  // The step that comes next.
    u32 steps;  // How many there are.
};

// Divides numbers below 2^31 by one that the host knows: a multiplication and a shift.
// Granlund and Montgomery, "Division by invariant integers using multiplication", PLDI 1994.
struct Divisor {
    u32 divisor;
    u32 magic;
    u32 shift;
};

// The numbers of one step. They lie in device memory, so that one captured graph serves all steps; the host
// writes many of them ahead. Behind each stand the rows of the network's dropouts.
struct StepRow {
    u32 rows;  // Real images in the batch; those behind them count for nothing.
    u32 first;  // Where the batch starts in the list of image numbers.
    u32 record;  // Where the step's results go.
    u32 step[2];  // Number of the step over the whole run, low and high word.
    u32 dropout_key[2];  // Key of the dropout masks.
    u32 optimizer;  // The code of an `OptimizerKind`.
    u32 nesterov;  // SGD with Nesterov's momentum: 1.
    u32 centered;  // Centred RMSprop: 1.
    u32 spares_norms_and_biases;  // 1 if weight decay leaves out the parameters of one axis, norms and biases.
    u32 changed;  // 1 if the images of the batch have transforms.
    float mixing;  // Share of the next image, and of its label, in each image of the batch.
    float label_smoothing;  // Label smoothing.
    float clip_norm;  // Largest global norm of the gradients; 0: they stay as they are.
    float shrink;  // What the parameters are multiplied by first.
    float decay;  // How much of a parameter is added to its gradient.
    float rate;  // What the direction is multiplied by.
    float gradient_rate;  // What NAdam multiplies the gradient by.
    float kept1;  // Momentum of SGD and RMSprop, beta1 of the others.
    float kept2;  // alpha of RMSprop, beta2 of the others.
    float added1;  // How much of what is new comes to the first state.
    float added2;  // How much of what is new comes to the second.
    float root;  // What a root is divided by.
    float epsilon;  // Added to a root.
};

// The dropout of one layer in one step: elements with a random number below `threshold` become 0, the others are
// multiplied by `scale`.
struct DropoutRow {
    u32 threshold;  // p in units of 2^-32.
    float scale;  // 1 / (1 - p), and 0 for p = 1.
};

// The results of a step.
struct Record {
    double loss_sum;  // Sum of the real images' losses.
    u32 correct;  // How many of them have their largest logit at the label.
    u32 skipped;  // 1 if the optimizer left the parameters alone because a gradient was not finite.
};

// What gradients are multiplied by while they are stored in 16 bits; lies in device memory, because the optimizer
// changes it.
struct LossScale {
    float scale;  // The factor by which the next gradient of a loss is multiplied, a power of two.
    u32 clean;  // Steps with finite gradients since the factor changed or could have grown.
    float of_step;  // The factor of the last gradient of a loss: the gradients in memory carry it.
    u32 overflowed;  // 1 if a gradient of that step is not finite.
};

// How many entries the lists of a loss have: what a number from device memory must not pass.
struct LossCounts {
    u32 indices;
    u32 labels;
    u32 records;
};

// The same of a gathering: how many images, numbers in the list, transforms.
struct GatherCounts {
    u32 images;
    u32 indices;
    u32 transforms;
};

// An image as it is divided: its values, the values of a pixel, the pixels of a row, its rows.
struct Frame {
    Divisor image;
    Divisor channels;
    Divisor width;
    u32 height;
};

// What happens to one image of a batch, in units of 1/65,536 pixel.
struct Transform {
    // The value at column x and row y is taken from column `[0] x + [1] y + [2]`; what lies outside of the image
    // is black.
    int column[3];
    int row[3];  // ... and from row `[0] x + [1] y + [2]`.
    float gain;  // What the distance of a value to the training mean is multiplied by.
    float offset;  // What is then added, as a share of the way from black to white.
    // First row, row behind the last, first column, column behind the last of what is set to the training mean.
    u32 erased[4];
};

// What follows a convolution: out = pool(activation(norm(y) + r)).
struct BlockShape {
    u32 height;  // Of an image before the pooling.
    u32 width;
    u32 channels;
    u32 output_height;
    u32 output_width;
    u32 kernel;  // Of the pooling.
    u32 stride;
    u32 padding;
    u32 max;  // Whether the pooling takes the largest value, or the mean.
    u32 activation;  // The activation's code.
    u32 saved_output;  // Whether y is the result: no norm, no pooling.
    u32 apart;  // From the mean of a channel to its deviation.
    u32 running;  // Whether these are running values.
    u32 plane;  // Positions of an image: pixels or results, `by_lines` rows of `by_row`.
    u32 thread_rows;  // Positions that a block takes at once, and one after the other.
    u32 per_thread;
    Divisor by_groups;
    Divisor by_lines;
    Divisor by_row;
    Divisor by_stride;
};

// A convolution as the kernels of its products see it.
struct ConvShape {
    u32 height;  // Of x.
    u32 width;
    u32 channels;
    u32 out_height;  // Of y.
    u32 out_width;
    u32 filters;
    u32 kernel;
    u32 stride;
    u32 padding;
    u32 tiles_across;  // Tiles side by side: a tile's neighbours share its rows.
    Divisor per_tap;  // On tensor cores: pieces of 16 bytes that the channels or filters of a tap take.
    Divisor pixels;  // Rows of the product for an image, and for a row of it.
    Divisor columns;
};
