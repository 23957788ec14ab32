// Convolutions of thin images, of at most four channels: the first layer of a network, forward and by
// the weights, in f32 (first_layer_tensor.cu is the same in 16 bits).
//
// With so few channels a filter is a short row of numbers (27 for 3x3 filters on colour images), and
// the work is mostly reading and writing of y. Forward, a block therefore lays whole rows of the
// operands in shared memory, up to `panel` of the depth (r, s, c) at a time, and multiplies them
// without further steps. Each thread gathers one position's patch: r, s and c are the same for all
// threads, and neighbours load neighbouring pixels. Tiles are 32 filters wide for all: gathering a patch
// once more for the next 32 costs little beside what is stored.
//
// The weight gradient is the one of conv.cuh, on tiles as low as the filters are short: reading dy is most of the work,
// and of 32 rows of products for the 9 weights of a grey image's filter 23 would be for nothing. So low a tile has work for
// 8 or 16 threads only, so eight sets of them share each step: the slices are eight times as few as with a block for each
// set, and so is what is written and added of them. 32 rows with 8x8 values a thread read 16 numbers from shared memory
// for 64 products (with 4x4 values 32), which is what keeps up with dy: a T4's memory gives 1.75e9 positions of 32 filters
// a second, 3.6 TFLOP/s of 32 rows.
#include "device.cuh"
#include "activation.cuh"
#include "conv.cuh"

typedef Tile<128, 32, 2, 1, 16> ForwardTile;
// Of the weight gradient.
typedef Tile<32, 32, 2, 2, FIRST_LAYER_DEPTH, FIRST_LAYER_SPLITS> Tall;
typedef Tile<16, 32, 1, 2, FIRST_LAYER_DEPTH, FIRST_LAYER_SPLITS> Middle;
typedef Tile<8, 32, 1, 2, FIRST_LAYER_DEPTH, FIRST_LAYER_SPLITS> Low;

template <class Tile, bool whole>
DEVICE void forward(const StepRow* step, const ConvShape& shape, u32 panel, const float* x, const float* w, const float* bias,
                    u32 activation, float* y, Statistics& s) {
    SHARED(shared);
    static_assert(Tile::THREADS == Tile::ROWS, "a thread for each position");
    float* a = (float*)shared;                  // [panel][positions]
    float* b = a + panel * Tile::PITCH_A;       // [panel][filters]
    u32 tile = blockIdx.x / shape.tiles_across;
    u32 first = tile * Tile::ROWS, first_column = blockIdx.x % shape.tiles_across * Tile::COLUMNS;
    u32 positions = step->rows * shape.pixels.divisor;
    if (first >= positions) return;

    // The thread's own position: its first pixel may lie outside, its offset is counted modulo 2^32.
    u32 t = threadIdx.x, m = first + t, n = divide(m, shape.pixels), rest = m - n * shape.pixels.divisor;
    u32 p = divide(rest, shape.columns), q = rest - p * shape.columns.divisor;
    int top = m < positions ? (int)(p * shape.stride) - (int)shape.padding : OUTSIDE;
    int side = (int)(q * shape.stride) - (int)shape.padding;
    u32 pixel = ((n * shape.height + top) * shape.width + side) * shape.channels;

    float sum[Tile::I][Tile::J];
    clear<Tile>(sum);
    u32 depth = shape.kernel * shape.kernel * shape.channels, r = 0, v = 0, c = 0;
    for (u32 from = 0; from < depth; from += panel) {
        u32 count = depth - from < panel ? depth - from : panel;
        if (from > 0) __syncthreads();
        for (u32 d = 0; d < count; d++) {
            bool inside = (u32)(top + (int)r) < shape.height && (u32)(side + (int)v) < shape.width;
            a[d * Tile::PITCH_A + t] = inside ? x[pixel + (r * shape.width + v) * shape.channels + c] : 0;
            if (++c < shape.channels) continue;
            c = 0;
            if (++v < shape.kernel) continue;
            v = 0, r++;
        }
        for (u32 index = t; index < count * Tile::COLUMNS; index += Tile::THREADS) {
            u32 d = index / Tile::COLUMNS, column = index % Tile::COLUMNS, k = first_column + column;
            b[d * Tile::PITCH_B + column] = k < shape.filters ? w[(from + d) * shape.filters + k] : 0;
        }
        __syncthreads();
        for (u32 d = 0; d < count; d++) add_products<Tile>(sum, a + d * Tile::PITCH_A, b + d * Tile::PITCH_B);
    }
    finish<Tile, whole>(sum, a, shape, positions, tile, first_column, bias, activation, y, s);
}

// ---- the kernels

template <bool whole>
GLOBAL(ForwardTile::THREADS)
first_layer_forward(CONSTANT Lanes lanes, const StepRow* step, ConvShape shape, u32 panel, const float* x, const float* w,
                    const float* bias, u32 activation, float* y, Statistics s) {
    begin(lanes, step, x, w, bias, y), in_lane(lanes, s);
    forward<ForwardTile, whole>(step, shape, panel, x, w, bias, activation, y, s);
}

// 384 threads of a multiprocessor have 168 registers each: what the tall tile wants, with bytes enough on their way.
template <class Tile, bool whole>
GLOBAL(Tile::THREADS, 384 / Tile::THREADS)
first_layer_weight_gradient(CONSTANT Lanes lanes, const StepRow* step, ConvShape shape, u32 per_slice, const float* x, const float* dy,
                            float* slices, float* dw, Arrivals by) {
    begin(lanes, step, x, dy);
    weight_gradient<Tile, false, whole>(lanes, step, shape, per_slice, x, dy, slices, dw, by);
}

// ---- the kernels by their names
// Filters in whole pieces of four, or any number of them.

BLOCKS_OF(ForwardTile::THREADS)
INSTANCE(first_layer_forward_whole_f32, first_layer_forward<true>)
INSTANCE(first_layer_forward_any_f32, first_layer_forward<false>)

BLOCKS_OF(Tall::THREADS)
INSTANCE(first_layer_weight_gradient_32x32_whole_f32, first_layer_weight_gradient<Tall, true>)
INSTANCE(first_layer_weight_gradient_32x32_any_f32, first_layer_weight_gradient<Tall, false>)

BLOCKS_OF(Middle::THREADS)
INSTANCE(first_layer_weight_gradient_16x32_whole_f32, first_layer_weight_gradient<Middle, true>)
INSTANCE(first_layer_weight_gradient_16x32_any_f32, first_layer_weight_gradient<Middle, false>)

BLOCKS_OF(Low::THREADS)
INSTANCE(first_layer_weight_gradient_8x32_whole_f32, first_layer_weight_gradient<Low, true>)
INSTANCE(first_layer_weight_gradient_8x32_any_f32, first_layer_weight_gradient<Low, false>)
