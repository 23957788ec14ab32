// A convolution and its gradient by the input on tensor cores, as products of matrices whose left
// operand is gathered from images while it is loaded (implicit GEMM): nothing is copied out first.
//
// Forward: row m of the product is a position (n, p, q) of y, a column is a filter k, and the depth
// runs over the taps (r, s) of the filter and the channels c of the pixel that each of them sees:
//     y[m, k] = sum over (r, s, c) of x[n, p u - o + r, q u - o + s, c] w[r, s, c, k]
// with stride u and padding o. Channels are walked in pieces of 16 bytes; the last piece of a tap is
// filled up with zeros, so that no piece has channels of two taps.
//
// Gradient by the input: a row is a pixel (n, h, w) of dx, a column is a channel c, and the depth runs
// over taps and filters. Tap r of the filter has multiplied pixel h at position p = (h + o - r) / u, if
// that is a whole number. So the pixels with h mod u = a have seen only the taps r = r0 + u j with
// r0 = (a + o) mod u, from the positions p = (h - a) / u + (a + o - r0) / u - j. Each of these u x u
// phases is a product of its own with stride 1, whose taps go backwards (blockIdx.y). Phases have as
// many rows as the largest of them; rows beyond the image are left out when results are written.
//
// A residual block's projection multiplies the same x with 1x1 filters. The gradient through it is one more tap,
// behind the others, of the phase (0, 0): with filters and a gradient of its own, from position p = h / u.
//
// A block's tile, for f16 and Tile128x64 (only 128x128 has more columns), with the operands of one step around it:
//
//                                      b: DepthSlow, a depth with its filters together
//                                        k   0 . . . . . . . . . 63
//                                           +-----------------------+
//                                  32 deep  |  (r, s, c) by filters |   4,608 bytes in shared memory
//                                           +-----------------------+
//     a: DepthFast, a row with               d: the sums, f32 in registers
//        its depth together                 +-----------+-----------+
//     m     (r, s, c)                       |  warp 0   |  warp 1   |
//      0  +-----------+                     |  64 x 32  |  64 x 32  |    a warp: 4 x 4 products (i, j)
//         | positions |                     |           |           |    of m16n8k16 (sm_75: two of m16n8k8),
//         |    by     |                     +-----------+-----------+    and two of those a step: 16 of the depth each
//         | 32 deep,  |                     |  warp 2   |  warp 3   |
//         | 64 bytes  |                     |           |           |
//    127  +-----------+                     +-----------+-----------+
//          10,240 bytes
//
// A product: lane 4 g + t of the warp has of d the numbers e = 0 .. 3, of a four pairs and of b two pairs of neighbours in
// the depth. `ldmatrix` brings them so, a matrix of 8 x 8 for each pair.
//
//          d, 16 x 8                       a, 16 x 16                          b, 16 x 8
//          columns                         depth                               columns
//          2t   2t+1                       2t, 2t+1     2t+8, 2t+9             g
//     row +-----------+               row +------------+------------+         +------------+
//      g  | e=0   e=1 |                g  |  a[0]      |  a[2]      |  2t, +1 |  b[0]      |  depth
//    g+8  | e=2   e=3 |              g+8  |  a[1]      |  a[3]      |  2t + 8 |  b[1]      |
//         +-----------+                   +------------+------------+         +------------+
//
// The steps take turns in three places of shared memory (in two with the largest tile and, through registers, before sm_80):
//
//         | step s: a, b      | step s + 1: a, b    | step s + 2: a, b           |
//           is multiplied       on its way            begins to fly when s - 1 has been read by all
#include "device.cuh"
#include "tensor.cuh"
#include "conv_tensor.cuh"

// ---- operands

// a: the pixels that the taps see from the product's rows. `direction` is 1 forward, -1 backward.
template <class T, class Tile, int direction> struct Pixels {
    typedef T Number;
    typedef DepthFast<T, Tile::ROWS> Layout;
    static constexpr u32 THREADS = Tile::THREADS, COUNT = Layout::PIECES / THREADS;
    static constexpr bool IN_PIECES = true, THROUGH_L1 = true;  // nine taps see a pixel
    const T* values;
    const T* projected;  // backward, of the tap behind the others
    u32 height, width, channels;
    u32 taps, taps_across, by_across;
    Divisor per_tap;
    Taps walk;
    u32 image[COUNT];          // number of the image's first row of pixels
    int top[COUNT], left[COUNT];  // the pixel that tap (0, 0) sees
    int projected_down;           // from there to the pixel that the projection's tap sees, down and to the right
    // of a step: all pieces of a thread stand in the same column, that is, have the same tap
    const T* from;
    int down, right;
    u32 channel, count;
};

// Sets a row: position (n, p, q) sees the pixel (n, top, left) through tap (0, 0).
template <class A> DEVICE void set_row(A& a, u32 i, u32 n, int top, int left) {
    a.image[i] = n * a.height, a.top[i] = top, a.left[i] = left;
}

// A row that sees nothing but zeros.
template <class A> DEVICE void set_empty(A& a, u32 i) { set_row(a, i, 0, -(1 << 30), 0); }

template <class T, class Tile, int direction> DEVICE void move_to(Pixels<T, Tile, direction>& a, u32) {
    u32 tap, piece;
    next_step(a.walk);
    bool real = find(a.walk, a.per_tap, threadIdx.x % STEP_PIECES, tap, piece);
    u32 r = divide_small(tap, a.by_across);
    a.from = a.values, a.down = direction * (int)r, a.right = direction * (int)(tap - r * a.taps_across);
    if (direction < 0 && tap == a.taps) a.from = a.projected, a.down = a.right = a.projected_down;
    a.channel = piece * PIECE<T>;
    a.count = real ? inside<T>(a.channel, a.channels) : 0;
}

template <class T, class Tile, int direction>
DEVICE const T* source(const Pixels<T, Tile, direction>& a, u32 i, u32& count) {
    u32 h = (u32)(a.top[i] + a.down), w = (u32)(a.left[i] + a.right);
    count = h < a.height && w < a.width ? a.count : 0;
    return a.from + (count ? ((a.image[i] + h) * a.width + w) * a.channels + a.channel : 0);
}

// b, forward: w[r, s, c, k] as it is, a depth (r, s, c) with all its filters k together.
template <class T, class Tile> struct Filters {
    typedef T Number;
    typedef DepthSlow<T, Tile::COLUMNS> Layout;
    static constexpr u32 THREADS = Tile::THREADS;
    static constexpr bool IN_PIECES = true, THROUGH_L1 = false;
    const T* values;
    u32 channels, filters, first;
    Divisor per_tap;
    Taps walk;
};

template <class T, class Tile> DEVICE void move_to(Filters<T, Tile>& b, u32) { next_step(b.walk); }

template <class T, class Tile> DEVICE const T* source(const Filters<T, Tile>& b, u32 i, u32& count) {
    typedef typename Filters<T, Tile>::Layout Layout;
    u32 at = threadIdx.x + i * Tile::THREADS, depth = Layout::row(at), tap, piece;
    bool real = find(b.walk, b.per_tap, depth / PIECE<T>, tap, piece);
    u32 c = piece * PIECE<T> + depth % PIECE<T>, k = b.first + Layout::column(at) * PIECE<T>;
    count = real && c < b.channels ? inside<T>(k, b.filters) : 0;
    return b.values + (count ? (tap * b.channels + c) * b.filters + k : 0);
}

// b, backward: the same filters with the depth (j, l, k) of a phase fast, tap r = r0 + u j, s = s0 + u l.
template <class T, class Tile> struct FiltersBack {
    typedef T Number;
    typedef DepthFast<T, Tile::COLUMNS> Layout;
    static constexpr u32 THREADS = Tile::THREADS;
    static constexpr bool IN_PIECES = true, THROUGH_L1 = false;
    const T *values, *projection;
    u32 channels, filters, first;
    u32 taps, taps_across, by_across;
    u32 kernel, stride, r0, s0;
    Divisor per_tap;
    Taps walk;
    const T* from;  // of a step
    u32 tap, k, count;
};

template <class T, class Tile> DEVICE void move_to(FiltersBack<T, Tile>& b, u32) {
    u32 tap, piece;
    next_step(b.walk);
    bool real = find(b.walk, b.per_tap, threadIdx.x % STEP_PIECES, tap, piece);
    u32 j = divide_small(tap, b.by_across), l = tap - j * b.taps_across;
    b.from = b.values, b.tap = (b.r0 + b.stride * j) * b.kernel + b.s0 + b.stride * l;
    if (tap == b.taps) b.from = b.projection, b.tap = 0;
    b.k = piece * PIECE<T>;
    b.count = real ? inside<T>(b.k, b.filters) : 0;
}

template <class T, class Tile> DEVICE const T* source(const FiltersBack<T, Tile>& b, u32 i, u32& count) {
    u32 c = b.first + (threadIdx.x + i * Tile::THREADS) / STEP_PIECES;
    count = c < b.channels ? b.count : 0;
    return b.from + (count ? (b.tap * b.channels + c) * b.filters + b.k : 0);
}

// ---- the products

template <class T, class Tile, bool whole>
DEVICE void forward(const StepRow* step, const ConvShape& shape, const T* x, const T* w, const float* bias,
                    u32 activation, T* y, Statistics& s) {
    SHARED(shared);
    u32 tile = blockIdx.x / shape.tiles_across;
    u32 first = tile * Tile::ROWS, first_column = blockIdx.x % shape.tiles_across * Tile::COLUMNS;
    u32 positions = step->rows * shape.pixels.divisor;
    if (first >= positions) return;

    Taps walk = walk_of(shape.kernel * shape.kernel, shape.per_tap.divisor);
    Pixels<T, Tile, 1> a;
    a.values = x, a.height = shape.height, a.width = shape.width, a.channels = shape.channels;
    a.taps_across = shape.kernel, a.by_across = reciprocal(shape.kernel), a.per_tap = shape.per_tap, a.walk = walk;
    UNROLL for (u32 i = 0; i < a.COUNT; i++) {
        u32 m = first + (threadIdx.x + i * Tile::THREADS) / STEP_PIECES;
        u32 n = divide(m, shape.pixels), rest = m - n * shape.pixels.divisor;
        u32 p = divide(rest, shape.columns), q = rest - p * shape.columns.divisor;
        if (m < positions) set_row(a, i, n, (int)(p * shape.stride) - (int)shape.padding, (int)(q * shape.stride) - (int)shape.padding);
        else set_empty(a, i);
    }
    Filters<T, Tile> b;
    b.values = w, b.channels = shape.channels, b.filters = shape.filters, b.first = first_column;
    b.per_tap = shape.per_tap, b.walk = walk;

    float sum[Tile::I][Tile::J][4];
    multiply<Tile, whole>(sum, shared, steps_of(walk), a, b);
    finish<T, Tile, whole>(sum, shared, shape, positions, tile, first_column, bias, activation, y, s);
}

template <class T, class Tile, bool whole>
DEVICE void data_gradient(const StepRow* step, const ConvShape& shape, const T* dy, const T* w, T* dx, u32 accumulate,
                          const T* projected_dy, const T* projection) {
    SHARED(shared);
    u32 tile = blockIdx.x / shape.tiles_across;
    u32 first = tile * Tile::ROWS, first_column = blockIdx.x % shape.tiles_across * Tile::COLUMNS;
    u32 rows = step->rows * shape.pixels.divisor, stride = shape.stride;
    if (first >= rows) return;

    // The phase (a, b) of the pixels, its first tap, and how many taps it has.
    u32 phase_h = blockIdx.y / stride, phase_w = blockIdx.y % stride;
    u32 from_h = phase_h + shape.padding, from_w = phase_w + shape.padding;
    u32 r0 = from_h % stride, s0 = from_w % stride;
    u32 taps_down = r0 < shape.kernel ? (shape.kernel - r0 + stride - 1) / stride : 0;
    u32 taps_across = s0 < shape.kernel ? (shape.kernel - s0 + stride - 1) / stride : 0;
    u32 taps = taps_down * taps_across, projects = projection && phase_h == 0 && phase_w == 0;
    Taps walk = walk_of(taps + projects, shape.per_tap.divisor);
    // Row m of the product as a pixel of dx.
    auto pixel = [&](u32 m, u32& n, u32& i, u32& j) {
        n = divide(m, shape.pixels);
        u32 rest = m - n * shape.pixels.divisor;
        i = divide(rest, shape.columns), j = rest - i * shape.columns.divisor;
        return m < rows && phase_h + i * stride < shape.height && phase_w + j * stride < shape.width;
    };
    auto target = [&](u32 row, u32& at) {
        u32 n, i, j;
        bool real = pixel(first + row, n, i, j);
        at = (n * shape.height + phase_h + i * stride) * shape.width + phase_w + j * stride;
        return real;
    };

    Pixels<T, Tile, -1> a;
    a.values = dy, a.height = shape.out_height, a.width = shape.out_width, a.channels = shape.filters;
    a.taps = taps, a.taps_across = taps_across, a.by_across = taps_across ? reciprocal(taps_across) : 0;
    a.per_tap = shape.per_tap, a.walk = walk;
    a.projected = projected_dy, a.projected_down = -(int)(shape.padding / stride);
    UNROLL for (u32 row = 0; row < a.COUNT; row++) {
        u32 n, i, j;
        bool real = pixel(first + (threadIdx.x + row * Tile::THREADS) / STEP_PIECES, n, i, j);
        if (real) set_row(a, row, n, (int)(i + from_h / stride), (int)(j + from_w / stride));
        else set_empty(a, row);
    }
    FiltersBack<T, Tile> b;
    b.values = w, b.channels = shape.channels, b.filters = shape.filters, b.first = first_column;
    b.taps = taps, b.taps_across = taps_across, b.by_across = a.by_across, b.per_tap = shape.per_tap, b.walk = walk;
    b.projection = projection;
    b.kernel = shape.kernel, b.stride = stride, b.r0 = r0, b.s0 = s0;

    float sum[Tile::I][Tile::J][4];
    multiply<Tile, whole>(sum, shared, steps_of(walk), a, b);

    if (accumulate) {
        UNROLL for (u32 i = 0; i < Tile::I; i++) {
            UNROLL for (u32 e = 0; e < 4; e += 2) {
                u32 at;
                if (!target(row_of<Tile>(i, e), at)) continue;
                UNROLL for (u32 j = 0; j < Tile::J; j++) {
                    UNROLL for (u32 side = 0; side < 2; side++) {
                        u32 c = first_column + column_of<Tile>(j, side);
                        if (c < shape.channels) sum[i][j][e + side] += load(dx[at * shape.channels + c]);
                    }
                }
            }
        }
    }
    write<T, Tile, whole>(sum, shared, dx, first_column, shape.channels, target);
}

// ---- the kernels

template <class T, class Tile, bool whole>
GLOBAL(Tile::THREADS, BLOCKS<T, Tile>)
conv_tensor_forward(CONSTANT Lanes lanes, const StepRow* step, ConvShape shape, const T* x, const T* w, const float* bias,
                    u32 activation, T* y, Statistics s) {
    begin(lanes, step, x, w, bias, y), in_lane(lanes, s);
    forward<T, Tile, whole>(step, shape, x, w, bias, activation, y, s);
}

template <class T, class Tile, bool whole>
GLOBAL(Tile::THREADS, BLOCKS<T, Tile>)
conv_tensor_data_gradient(CONSTANT Lanes lanes, const StepRow* step, ConvShape shape, const T* dy, const T* w, T* dx,
                          u32 accumulate, const T* projected_dy, const T* projection) {
    begin(lanes, step, dy, w, dx, projected_dy, projection);
    data_gradient<T, Tile, whole>(step, shape, dy, w, dx, accumulate, projected_dy, projection);
}

// ---- the kernels by their names
// Channels or filters that do not fill their pieces are rare: one tile, `any`, will do for them.

BLOCKS_OF(Tile128x128::THREADS)
INSTANCE(conv_tensor_forward_128x128_f16, conv_tensor_forward<f16, Tile128x128, true>)
INSTANCE(conv_tensor_data_gradient_128x128_f16, conv_tensor_data_gradient<f16, Tile128x128, true>)

BLOCKS_OF(Tile128x64::THREADS)
INSTANCE(conv_tensor_forward_128x64_f16, conv_tensor_forward<f16, Tile128x64, true>)
INSTANCE(conv_tensor_forward_64x64_f16, conv_tensor_forward<f16, Tile64x64, true>)
INSTANCE(conv_tensor_forward_128x32_f16, conv_tensor_forward<f16, Tile128x32, true>)
INSTANCE(conv_tensor_forward_64x64_any_f16, conv_tensor_forward<f16, Tile64x64, false>)
INSTANCE(conv_tensor_data_gradient_128x64_f16, conv_tensor_data_gradient<f16, Tile128x64, true>)
INSTANCE(conv_tensor_data_gradient_64x64_f16, conv_tensor_data_gradient<f16, Tile64x64, true>)
INSTANCE(conv_tensor_data_gradient_128x32_f16, conv_tensor_data_gradient<f16, Tile128x32, true>)
INSTANCE(conv_tensor_data_gradient_64x64_any_f16, conv_tensor_data_gradient<f16, Tile64x64, false>)

#if ARCH >= 800
BLOCKS_OF(Tile128x128::THREADS)
INSTANCE(conv_tensor_forward_128x128_bf16, conv_tensor_forward<bf16, Tile128x128, true>)
INSTANCE(conv_tensor_data_gradient_128x128_bf16, conv_tensor_data_gradient<bf16, Tile128x128, true>)

BLOCKS_OF(Tile128x64::THREADS)
INSTANCE(conv_tensor_forward_128x64_bf16, conv_tensor_forward<bf16, Tile128x64, true>)
INSTANCE(conv_tensor_forward_64x64_bf16, conv_tensor_forward<bf16, Tile64x64, true>)
INSTANCE(conv_tensor_forward_128x32_bf16, conv_tensor_forward<bf16, Tile128x32, true>)
INSTANCE(conv_tensor_forward_64x64_any_bf16, conv_tensor_forward<bf16, Tile64x64, false>)
INSTANCE(conv_tensor_data_gradient_128x64_bf16, conv_tensor_data_gradient<bf16, Tile128x64, true>)
INSTANCE(conv_tensor_data_gradient_64x64_bf16, conv_tensor_data_gradient<bf16, Tile64x64, true>)
INSTANCE(conv_tensor_data_gradient_128x32_bf16, conv_tensor_data_gradient<bf16, Tile128x32, true>)
INSTANCE(conv_tensor_data_gradient_64x64_any_bf16, conv_tensor_data_gradient<bf16, Tile64x64, false>)

BLOCKS_OF(Tile128x128::THREADS)
INSTANCE(conv_tensor_forward_128x128_tf32, conv_tensor_forward<float, Tile128x128, true>)
INSTANCE(conv_tensor_data_gradient_128x128_tf32, conv_tensor_data_gradient<float, Tile128x128, true>)

BLOCKS_OF(Tile128x64::THREADS)
INSTANCE(conv_tensor_forward_128x64_tf32, conv_tensor_forward<float, Tile128x64, true>)
INSTANCE(conv_tensor_forward_64x64_tf32, conv_tensor_forward<float, Tile64x64, true>)
INSTANCE(conv_tensor_forward_128x32_tf32, conv_tensor_forward<float, Tile128x32, true>)
INSTANCE(conv_tensor_forward_64x64_any_tf32, conv_tensor_forward<float, Tile64x64, false>)
INSTANCE(conv_tensor_data_gradient_128x64_tf32, conv_tensor_data_gradient<float, Tile128x64, true>)
INSTANCE(conv_tensor_data_gradient_64x64_tf32, conv_tensor_data_gradient<float, Tile64x64, true>)
INSTANCE(conv_tensor_data_gradient_128x32_tf32, conv_tensor_data_gradient<float, Tile128x32, true>)
INSTANCE(conv_tensor_data_gradient_64x64_any_tf32, conv_tensor_data_gradient<float, Tile64x64, false>)
#endif
