// The gradient of a convolution by its weights on tensor cores, as a product of matrices whose left
// operand is gathered from images while it is loaded (see conv_tensor.cu).
//
// Row m of the product is a tap (r, s) of the filter and a channel c, a column is a filter k, and the
// depth runs over all positions of the batch:
//     dw[r, s, c, k] = sum over (n, p, q) of x[n, p u - o + r, q u - o + s, c] dy[n, p, q, k]
// Channels are counted in pieces of 16 bytes, the last of a tap filled up with zeros, so that a piece
// of a row has channels of one tap. Both operands lie with the depth slow, as x and dy do in memory.
//
// The result is small and the depth is long, so the positions are cut into slices of equal length, one
// for each blockIdx.y. How many there are follows from the shape alone.
#include "device.cuh"
#include "tensor.cuh"
#include "conv_tensor.cuh"
#include "conv_tensor_weights.cuh"

// a: what the taps see from each position.
template <class T, class Tile> struct Seen {
    typedef T Number;
    typedef DepthSlow<T, Tile::ROWS> Layout;
    static constexpr u32 THREADS = Tile::THREADS;
    static constexpr bool IN_PIECES = true, THROUGH_L1 = true;  // neighbouring taps see nearly the same pixels
    static_assert(THREADS % Layout::ACROSS == 0, "all pieces of a thread stand in one column");
    const T* values;
    u32 height, width, channels, stride;
    Divisor pixels, columns;
    u32 begin, end;      // the slice's positions
    int down, right;     // the tap, without the padding: all pieces of a thread stand in one column
    u32 channel, count;  // what this thread takes of each pixel
    u32 first;           // position of the step
};

template <class T, class Tile> DEVICE void move_to(Seen<T, Tile>& a, u32 step) { a.first = a.begin + step * DEPTH<T>; }

template <class T, class Tile> DEVICE const T* source(const Seen<T, Tile>& a, u32 i, u32& count) {
    u32 position = a.first + Seen<T, Tile>::Layout::row(threadIdx.x + i * Tile::THREADS);
    u32 n = divide(position, a.pixels), rest = position - n * a.pixels.divisor;
    u32 p = divide(rest, a.columns), q = rest - p * a.columns.divisor;
    u32 h = p * a.stride + (u32)a.down, w = q * a.stride + (u32)a.right;
    count = position < a.end && h < a.height && w < a.width ? a.count : 0;
    return a.values + (count ? ((n * a.height + h) * a.width + w) * a.channels + a.channel : 0);
}

template <class T, class Tile, bool whole>
DEVICE void weight_gradient(const Lanes& lanes, const StepRow* step, const ConvShape& shape, u32 slice_length,
                            const T* x, const T* dy, float* slices, float* dw, Arrivals by, Watch<T> watch) {
    SHARED(shared);
    if (step->rows == 0) return;
    u32 first = blockIdx.x / shape.tiles_across * Tile::ROWS;
    u32 first_column = blockIdx.x % shape.tiles_across * Tile::COLUMNS;
    u32 positions = step->rows * shape.pixels.divisor, begin = blockIdx.y * slice_length;
    u32 end = end_of_slice(begin, slice_length, positions);

    Seen<T, Tile> a;
    u32 piece = first / PIECE<T> + threadIdx.x % Seen<T, Tile>::Layout::ACROSS;
    u32 tap = divide(piece, shape.per_tap), r = divide_small(tap, reciprocal(shape.kernel));
    a.values = x, a.height = shape.height, a.width = shape.width, a.channels = shape.channels;
    a.stride = shape.stride, a.pixels = shape.pixels, a.columns = shape.columns, a.begin = begin, a.end = end;
    a.down = (int)r - (int)shape.padding, a.right = (int)(tap - r * shape.kernel) - (int)shape.padding;
    a.channel = (piece - tap * shape.per_tap.divisor) * PIECE<T>;
    a.count = tap < shape.kernel * shape.kernel ? inside<T>(a.channel, shape.channels) : 0;

    // Where neighbours of the tile stand in dw, and how many of them exist.
    auto place = [&](u32 row, u32 column, u32& count) {
        row += first, column += first_column;
        u32 tap = divide(row / PIECE<T>, shape.per_tap), c = row - tap * shape.per_tap.divisor * PIECE<T>;
        bool real = tap < shape.kernel * shape.kernel && c < shape.channels && column < shape.filters;
        count = real ? shape.filters - column : 0;
        return (tap * shape.channels + c) * shape.filters + column;
    };
    multiply_slice<Tile, whole>(lanes, shape, a, dy, first_column, begin, end, slices, dw, by, watch, place);
}

// ---- the kernel

template <class T, class Tile, bool whole>
GLOBAL(Tile::THREADS, BLOCKS<T, Tile>)
conv_tensor_weight_gradient(CONSTANT Lanes lanes, const StepRow* step, ConvShape shape, u32 slice_length, const T* x, const T* dy,
                            float* slices, float* dw, Arrivals by, Watch<T> watch) {
    begin(lanes, step, x, dy);
    weight_gradient<T, Tile, whole>(lanes, step, shape, slice_length, x, dy, slices, dw, by, watch);
}

// ---- the kernels by their names
// Channels or filters that do not fill their pieces are rare: one tile, `any`, will do for them.

BLOCKS_OF(Tile128x128::THREADS)
INSTANCE(conv_tensor_weight_gradient_128x128_f16, conv_tensor_weight_gradient<f16, Tile128x128, true>)

BLOCKS_OF(Tile96x64::THREADS)
INSTANCE(conv_tensor_weight_gradient_96x64_f16, conv_tensor_weight_gradient<f16, Tile96x64, true>)

BLOCKS_OF(Tile128x64::THREADS)
INSTANCE(conv_tensor_weight_gradient_128x64_f16, conv_tensor_weight_gradient<f16, Tile128x64, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_f16, conv_tensor_weight_gradient<f16, Tile64x64, true>)
INSTANCE(conv_tensor_weight_gradient_128x32_f16, conv_tensor_weight_gradient<f16, Tile128x32, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_any_f16, conv_tensor_weight_gradient<f16, Tile64x64, false>)

#if ARCH >= 800
BLOCKS_OF(Tile128x128::THREADS)
INSTANCE(conv_tensor_weight_gradient_128x128_bf16, conv_tensor_weight_gradient<bf16, Tile128x128, true>)

BLOCKS_OF(Tile96x64::THREADS)
INSTANCE(conv_tensor_weight_gradient_96x64_bf16, conv_tensor_weight_gradient<bf16, Tile96x64, true>)

BLOCKS_OF(Tile128x64::THREADS)
INSTANCE(conv_tensor_weight_gradient_128x64_bf16, conv_tensor_weight_gradient<bf16, Tile128x64, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_bf16, conv_tensor_weight_gradient<bf16, Tile64x64, true>)
INSTANCE(conv_tensor_weight_gradient_128x32_bf16, conv_tensor_weight_gradient<bf16, Tile128x32, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_any_bf16, conv_tensor_weight_gradient<bf16, Tile64x64, false>)

BLOCKS_OF(Tile128x128::THREADS)
INSTANCE(conv_tensor_weight_gradient_128x128_tf32, conv_tensor_weight_gradient<float, Tile128x128, true>)

BLOCKS_OF(Tile96x64::THREADS)
INSTANCE(conv_tensor_weight_gradient_96x64_tf32, conv_tensor_weight_gradient<float, Tile96x64, true>)

BLOCKS_OF(Tile128x64::THREADS)
INSTANCE(conv_tensor_weight_gradient_128x64_tf32, conv_tensor_weight_gradient<float, Tile128x64, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_tf32, conv_tensor_weight_gradient<float, Tile64x64, true>)
INSTANCE(conv_tensor_weight_gradient_128x32_tf32, conv_tensor_weight_gradient<float, Tile128x32, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_any_tf32, conv_tensor_weight_gradient<float, Tile64x64, false>)
#endif
