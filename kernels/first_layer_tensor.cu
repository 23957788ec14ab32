// Convolutions of thin images, of at most four channels, on tensor cores: the first layer of a network in 16 bits,
// forward and by the weights (see conv_tensor.cu; first_layer.cu is the same in f32).
//
// So few channels would fill a piece of 16 bytes to a half at most. Here the rows (r, s, c) of the filters are counted
// without gaps, 27 for 3x3 filters on colour images, and the numbers of a piece are gathered one by one: a thread has
// the same eight of them in all of its pieces, and its neighbours load neighbouring pixels. That costs little beside
// y, which is many times as large as x. The other operand lies in memory as it is wanted.
#include "device.cuh"
#include "tensor.cuh"
#include "conv_tensor.cuh"
#include "conv_tensor_weights.cuh"

// Low tiles for the gradient by the weights: 9 rows of filters on grey images, 27 on colour, 1 to 4 of projections.
typedef Tile<32, 64, 16, 32> Tile32x64;
typedef Tile<16, 64, 16, 16> Tile16x64;

// Neighbouring rows (r, s, c) of the filters: which pixel each sees, counted from the first of a position, and which number.
template <class T> struct FilterRows {
    int down[PIECE<T>], right[PIECE<T>];
    u32 at[PIECE<T>];
};

constexpr int OUTSIDE = -(1 << 30);  // a pixel that is in no image, whatever is added

template <class T> DEVICE void find(FilterRows<T>& rows, const ConvShape& shape, u32 first) {
    u32 count = shape.kernel * shape.kernel * shape.channels;
    UNROLL for (u32 e = 0; e < PIECE<T>; e++) {
        u32 row = first + e, tap = divide_small(row, reciprocal(shape.channels)), c = row - tap * shape.channels;
        u32 r = divide_small(tap, reciprocal(shape.kernel)), s = tap - r * shape.kernel;
        rows.down[e] = row < count ? (int)r : OUTSIDE, rows.right[e] = (int)s;
        rows.at[e] = (r * shape.width + s) * shape.channels + c;
    }
}

// The image and the pixel that row (0, 0) of the filters sees from a position; it may lie outside.
struct Corner { int top, left; u32 at; };

DEVICE Corner corner_of(const ConvShape& shape, u32 position, bool real) {
    u32 n = divide(position, shape.pixels), rest = position - n * shape.pixels.divisor;
    u32 p = divide(rest, shape.columns), q = rest - p * shape.columns.divisor;
    int top = (int)(p * shape.stride) - (int)shape.padding, left = (int)(q * shape.stride) - (int)shape.padding;
    return {real ? top : OUTSIDE, left, ((n * shape.height + top) * shape.width + left) * shape.channels};
}

// A piece of what a position's filter sees.
template <class T> DEVICE uint4 gather(const T* x, const ConvShape& shape, const FilterRows<T>& rows, const Corner& from) {
    u32 words[4];
    UNROLL for (u32 i = 0; i < 4; i++) {
        u32 halves[2];
        UNROLL for (u32 e = 0; e < 2; e++) {
            u32 h = (u32)(from.top + rows.down[2 * i + e]), w = (u32)(from.left + rows.right[2 * i + e]);
            halves[e] = h < shape.height && w < shape.width ? x[from.at + rows.at[2 * i + e]].bits : 0;
        }
        words[i] = halves[0] | halves[1] << 16;
    }
    return make_uint4(words[0], words[1], words[2], words[3]);
}

// ---- forward: rows are positions, columns filters, the depth rows of the filters

template <class T, class Tile> struct Patches {
    typedef T Number;
    typedef DepthFast<T, Tile::ROWS> Layout;
    static constexpr u32 THREADS = Tile::THREADS, COUNT = Layout::PIECES / THREADS;
    static constexpr bool IN_PIECES = false;
    const T* x;
    const ConvShape* shape;
    Corner corners[COUNT];
    FilterRows<T> rows;  // of a step: the same in all pieces of a thread
};

template <class T, class Tile> DEVICE void move_to(Patches<T, Tile>& a, u32 step) {
    find(a.rows, *a.shape, (step * STEP_PIECES + threadIdx.x % STEP_PIECES) * PIECE<T>);
}

template <bool whole, class T, class Tile> DEVICE uint4 piece(const Patches<T, Tile>& a, u32 i) {
    return gather(a.x, *a.shape, a.rows, a.corners[i]);
}

template <class T, class Tile, bool whole>
DEVICE void forward(const StepRow* step, const ConvShape& shape, const T* x, const T* w, const float* bias,
                    u32 activation, T* y, Statistics& s) {
    SHARED(shared);
    u32 tile = blockIdx.x / shape.tiles_across, first = tile * Tile::ROWS;
    u32 first_column = blockIdx.x % shape.tiles_across * Tile::COLUMNS;
    u32 positions = step->rows * shape.pixels.divisor, depth = shape.kernel * shape.kernel * shape.channels;
    if (first >= positions) return;

    Patches<T, Tile> a;
    a.x = x, a.shape = &shape;
    UNROLL for (u32 i = 0; i < a.COUNT; i++) {
        u32 m = first + (threadIdx.x + i * Tile::THREADS) / STEP_PIECES;
        a.corners[i] = corner_of(shape, m, m < positions);
    }
    Rows<T, Tile> b;
    b.values = w, b.columns = shape.filters, b.first_column = first_column, b.begin = 0, b.end = depth;
    float sum[Tile::I][Tile::J][4];
    multiply<Tile, whole>(sum, shared, (depth + DEPTH<T> - 1) / DEPTH<T>, a, b);
    finish<T, Tile, whole>(sum, shared, shape, positions, tile, first_column, bias, activation, y, s);
}

// ---- the gradient by the weights: rows are rows of the filters, columns filters, the depth positions

template <class T, class Tile> struct Seen {
    typedef T Number;
    typedef DepthSlow<T, Tile::ROWS> Layout;
    static constexpr u32 THREADS = Tile::THREADS;
    static_assert(THREADS % Layout::ACROSS == 0, "all pieces of a thread stand in one column");
    static constexpr bool IN_PIECES = false;
    const T* x;
    const ConvShape* shape;
    FilterRows<T> rows;  // the same in all pieces of a thread
    u32 begin, end;      // the slice's positions
    u32 first;           // of the step
};

template <class T, class Tile> DEVICE void move_to(Seen<T, Tile>& a, u32 step) { a.first = a.begin + step * DEPTH<T>; }

template <bool whole, class T, class Tile> DEVICE uint4 piece(const Seen<T, Tile>& a, u32 i) {
    u32 position = a.first + Seen<T, Tile>::Layout::row(threadIdx.x + i * Tile::THREADS);
    return gather(a.x, *a.shape, a.rows, corner_of(*a.shape, position, position < a.end));
}

template <class T, class Tile, bool whole>
DEVICE void weight_gradient(const Lanes& lanes, const StepRow* step, const ConvShape& shape, u32 slice_length,
                            const T* x, const T* dy, float* slices, float* dw, Arrivals by, Watch<T> watch) {
    if (step->rows == 0) return;
    u32 first = blockIdx.x / shape.tiles_across * Tile::ROWS;
    u32 first_column = blockIdx.x % shape.tiles_across * Tile::COLUMNS;
    u32 begin = blockIdx.y * slice_length;
    Seen<T, Tile> a;
    a.x = x, a.shape = &shape;
    a.begin = begin, a.end = end_of_slice(begin, slice_length, step->rows * shape.pixels.divisor);
    find(a.rows, shape, first + threadIdx.x % Seen<T, Tile>::Layout::ACROSS * PIECE<T>);
    auto place = [&](u32 row, u32 column, u32& count) {
        row += first, column += first_column;
        bool real = row < shape.kernel * shape.kernel * shape.channels && column < shape.filters;
        count = real ? shape.filters - column : 0;
        return row * shape.filters + column;
    };
    multiply_slice<Tile, whole>(lanes, shape, a, dy, first_column, begin, a.end, slices, dw, by, watch, place);
}

// ---- the kernels

template <class T, class Tile, bool whole>
GLOBAL(Tile::THREADS, BLOCKS<T, Tile>)
first_layer_tensor_forward(CONSTANT Lanes lanes, const StepRow* step, CONSTANT ConvShape shape, const T* x, const T* w,
                           const float* bias, u32 activation, T* y, Statistics s) {
    begin(lanes, step, x, w, bias, y), in_lane(lanes, s);
    forward<T, Tile, whole>(step, shape, x, w, bias, activation, y, s);
}

template <class T, class Tile, bool whole>
GLOBAL(Tile::THREADS, BLOCKS<T, Tile>)
first_layer_tensor_weight_gradient(CONSTANT Lanes lanes, const StepRow* step, CONSTANT ConvShape shape, u32 slice_length,
                                   const T* x, const T* dy, float* slices, float* dw, Arrivals by, Watch<T> watch) {
    begin(lanes, step, x, dy);
    weight_gradient<T, Tile, whole>(lanes, step, shape, slice_length, x, dy, slices, dw, by, watch);
}

// ---- the kernels by their names
// Filters that do not fill their pieces are rare: one tile, `any`, will do for them.

BLOCKS_OF(Tile64x64::THREADS)
INSTANCE(first_layer_tensor_forward_128x32_f16, first_layer_tensor_forward<f16, Tile128x32, true>)
INSTANCE(first_layer_tensor_forward_64x64_f16, first_layer_tensor_forward<f16, Tile64x64, true>)
INSTANCE(first_layer_tensor_forward_64x64_any_f16, first_layer_tensor_forward<f16, Tile64x64, false>)
INSTANCE(first_layer_tensor_weight_gradient_16x64_f16, first_layer_tensor_weight_gradient<f16, Tile16x64, true>)
INSTANCE(first_layer_tensor_weight_gradient_32x64_f16, first_layer_tensor_weight_gradient<f16, Tile32x64, true>)
INSTANCE(first_layer_tensor_weight_gradient_64x64_f16, first_layer_tensor_weight_gradient<f16, Tile64x64, true>)
INSTANCE(first_layer_tensor_weight_gradient_64x64_any_f16, first_layer_tensor_weight_gradient<f16, Tile64x64, false>)

#if ARCH >= 800
INSTANCE(first_layer_tensor_forward_128x32_bf16, first_layer_tensor_forward<bf16, Tile128x32, true>)
INSTANCE(first_layer_tensor_forward_64x64_bf16, first_layer_tensor_forward<bf16, Tile64x64, true>)
INSTANCE(first_layer_tensor_forward_64x64_any_bf16, first_layer_tensor_forward<bf16, Tile64x64, false>)
INSTANCE(first_layer_tensor_weight_gradient_16x64_bf16, first_layer_tensor_weight_gradient<bf16, Tile16x64, true>)
INSTANCE(first_layer_tensor_weight_gradient_32x64_bf16, first_layer_tensor_weight_gradient<bf16, Tile32x64, true>)
INSTANCE(first_layer_tensor_weight_gradient_64x64_bf16, first_layer_tensor_weight_gradient<bf16, Tile64x64, true>)
INSTANCE(first_layer_tensor_weight_gradient_64x64_any_bf16, first_layer_tensor_weight_gradient<bf16, Tile64x64, false>)
#endif
