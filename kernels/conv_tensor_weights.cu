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
// for each blockIdx.y. How many there are follows from the shape alone. Each slice leaves its sums in a
// buffer of its own; the last one to arrive adds them in order.
#include "device.cuh"
#include "tensor.cuh"
#include "conv_tensor.cuh"
#include "arrivals.cuh"

// a: what the taps see from each position.
template <class T, u32 rows> struct Seen {
    typedef T Number;
    typedef DepthSlow<T, rows> Layout;
    const T* values;
    u32 height, width, channels, stride;
    Divisor pixels, columns;
    u32 begin, end;      // the slice's positions
    int down, right;     // the tap, without the padding: all pieces of a thread stand in one column
    u32 channel, count;  // what this thread takes of each pixel
    u32 first;           // position of the step
};

template <class T, u32 rows> DEVICE void move_to(Seen<T, rows>& a, u32 step) { a.first = a.begin + step * DEPTH<T>; }

template <class T, u32 rows> DEVICE const T* source(const Seen<T, rows>& a, u32 i, u32& count) {
    u32 position = a.first + Seen<T, rows>::Layout::row(threadIdx.x + i * THREADS);
    u32 n = divide(position, a.pixels), rest = position - n * a.pixels.divisor;
    u32 p = divide(rest, a.columns), q = rest - p * a.columns.divisor;
    u32 h = p * a.stride + (u32)a.down, w = q * a.stride + (u32)a.right;
    count = position < a.end && h < a.height && w < a.width ? a.count : 0;
    return a.values + (count ? ((n * a.height + h) * a.width + w) * a.channels + a.channel : 0);
}

// b: the gradient at each position.
template <class T, u32 width> struct Gradient {
    typedef T Number;
    typedef DepthSlow<T, width> Layout;
    const T* values;
    u32 filters, first_filter, begin, end;
    u32 first;
};

template <class T, u32 width> DEVICE void move_to(Gradient<T, width>& b, u32 step) { b.first = b.begin + step * DEPTH<T>; }

template <class T, u32 width> DEVICE const T* source(const Gradient<T, width>& b, u32 i, u32& count) {
    typedef DepthSlow<T, width> Layout;
    u32 at = threadIdx.x + i * THREADS, position = b.first + Layout::row(at);
    u32 k = b.first_filter + Layout::column(at) * PIECE<T>;
    count = position < b.end ? inside<T>(k, b.filters) : 0;
    return b.values + (count ? position * b.filters + k : 0);
}

template <class T, class Tile, bool whole>
DEVICE void weight_gradient(const Lanes& lanes, const StepRow* step, const ConvShape& shape, u32 slice_length,
                            const T* x, const T* dy, float* slices, float* dw, Arrivals by) {
    SHARED(shared);
    if (step->rows == 0) return;
    u32 first = blockIdx.x / shape.tiles_across * Tile::ROWS;
    u32 first_column = blockIdx.x % shape.tiles_across * Tile::COLUMNS;
    u32 positions = step->rows * shape.pixels.divisor, begin = blockIdx.y * slice_length;
    // A slice behind the real positions is 0.
    u32 end = begin >= positions ? begin : positions - begin < slice_length ? positions : begin + slice_length;

    Seen<T, Tile::ROWS> a;
    u32 piece = first / PIECE<T> + threadIdx.x % Seen<T, Tile::ROWS>::Layout::ACROSS;
    u32 tap = divide(piece, shape.per_tap), r = divide_small(tap, reciprocal(shape.kernel));
    a.values = x, a.height = shape.height, a.width = shape.width, a.channels = shape.channels;
    a.stride = shape.stride, a.pixels = shape.pixels, a.columns = shape.columns, a.begin = begin, a.end = end;
    a.down = (int)r - (int)shape.padding, a.right = (int)(tap - r * shape.kernel) - (int)shape.padding;
    a.channel = (piece - tap * shape.per_tap.divisor) * PIECE<T>;
    a.count = tap < shape.kernel * shape.kernel ? inside<T>(a.channel, shape.channels) : 0;

    Gradient<T, Tile::COLUMNS> b;
    b.values = dy, b.filters = shape.filters, b.first_filter = first_column, b.begin = begin, b.end = end;

    float sum[Tile::I][Tile::J][4];
    multiply<Tile, whole>(sum, shared, (end - begin + DEPTH<T> - 1) / DEPTH<T>, a, b);

    in_lane(lanes, slices, dw, by.counters);
    u32 taps = shape.kernel * shape.kernel, slice = blockIdx.y, slices_count = gridDim.y;
    u64 size = (u64)taps * shape.channels * shape.filters;
    // Where neighbours of the tile stand in dw, and how many of them exist.
    auto place = [&](u32 row, u32 column, u32& count) {
        row += first, column += first_column;
        u32 tap = divide(row / PIECE<T>, shape.per_tap), c = row - tap * shape.per_tap.divisor * PIECE<T>;
        count = tap < taps && c < shape.channels && column < shape.filters ? shape.filters - column : 0;
        return (tap * shape.channels + c) * shape.filters + column;
    };
    float* to = slices_count > 1 ? slices + slice * size : dw;
    UNROLL for (u32 i = 0; i < Tile::I; i++) {
        UNROLL for (u32 e = 0; e < 4; e += 2) {
            UNROLL for (u32 j = 0; j < Tile::J; j++) {
                u32 count, at = place(row_of<Tile>(i, e), column_of<Tile>(j, 0), count);
                float left = sum[i][j][e], right = sum[i][j][e + 1];
                if constexpr (whole) {
                    if (count) *(float2*)(to + at) = make_float2(left, right);
                } else {
                    if (count > 0) to[at] = left;
                    if (count > 1) to[at + 1] = right;
                }
            }
        }
    }
    if (slices_count == 1) return;
    add_by_the_last(by, blockIdx.x, slice, slices_count, [&](u32 first, u32 count, u32 stride, bool all) {
        add_tiles<Tile::ROWS, Tile::COLUMNS, THREADS, whole>(slices, size, first, count, stride, all ? dw : nullptr, place);
    });
}

// ---- the kernel

template <class T, class Tile, bool whole>
GLOBAL(TENSOR_THREADS, Tile::BLOCKS)
conv_tensor_weight_gradient(CONSTANT Lanes lanes, const StepRow* step, ConvShape shape, u32 slice_length, const T* x, const T* dy,
                            float* slices, float* dw, Arrivals by) {
    begin(lanes, step, x, dy);
    weight_gradient<T, Tile, whole>(lanes, step, shape, slice_length, x, dy, slices, dw, by);
}

// ---- the kernels by their names
// Channels or filters that do not fill their pieces are rare: one tile, `any`, will do for them.

BLOCKS_OF(TENSOR_THREADS)
INSTANCE(conv_tensor_weight_gradient_128x64_f16, conv_tensor_weight_gradient<f16, Tile128x64, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_f16, conv_tensor_weight_gradient<f16, Tile64x64, true>)
INSTANCE(conv_tensor_weight_gradient_128x32_f16, conv_tensor_weight_gradient<f16, Tile128x32, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_any_f16, conv_tensor_weight_gradient<f16, Tile64x64, false>)

#if ARCH >= 800
INSTANCE(conv_tensor_weight_gradient_128x64_bf16, conv_tensor_weight_gradient<bf16, Tile128x64, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_bf16, conv_tensor_weight_gradient<bf16, Tile64x64, true>)
INSTANCE(conv_tensor_weight_gradient_128x32_bf16, conv_tensor_weight_gradient<bf16, Tile128x32, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_any_bf16, conv_tensor_weight_gradient<bf16, Tile64x64, false>)

INSTANCE(conv_tensor_weight_gradient_128x64_tf32, conv_tensor_weight_gradient<float, Tile128x64, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_tf32, conv_tensor_weight_gradient<float, Tile64x64, true>)
INSTANCE(conv_tensor_weight_gradient_128x32_tf32, conv_tensor_weight_gradient<float, Tile128x32, true>)
INSTANCE(conv_tensor_weight_gradient_64x64_any_tf32, conv_tensor_weight_gradient<float, Tile64x64, false>)
#endif
