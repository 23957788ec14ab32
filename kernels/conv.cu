// The products of a convolution in f32, exact but for the rounding of sums.
//
// x is [N, H, W, C], a filter bank w [R, S, C, K], y [N, P, Q, K]. As products of matrices:
//
//   forward          y  = a b    rows: positions (n, p, q), columns: filters, depth: (r, s, c)
//   data gradient    dx = a b    rows: pixels (n, h, v), columns: channels, depth: (r, s, k)
//   weight gradient  dw = a b    rows: weights (r, s, c), columns: filters, depth: positions
//
// Forward, row (n, p, q) of a at tap (r, s) of the filters is pixel (p u - o + r, q u - o + s) of x
// with stride u and padding o. Backward, row (n, h, v) is the value of dy at the position whose tap
// (r, s) lies on that pixel: p = (h + o - r) / u where that is whole. Pixels with the same h mod u and
// v mod u, a phase, have the same taps, u apart, and with them p goes down by one from tap to
// tap. So each phase (blockIdx.y) is a product without holes, and the rows of both products come by
// one loader that walks up or down. The weight gradient, which the first layer shares, stands in conv.cuh.
//
// A residual block's projection multiplies the same x with 1x1 filters. The gradient through it is one more tap,
// behind the others, of the phase (0, 0): with filters and a gradient of its own, from position p = h / u.
#include "device.cuh"
#include "activation.cuh"
#include "conv.cuh"

// Where in the depth a step is: place (a, b) among those of the phase, first of its channels. Forward
// the places are all those of the filters.
struct Places {
    u32 across;            // places side by side
    u32 channels;          // of a place: C forward, K backward
    u32 first;             // place of the filters that (0, 0) is
    u32 kernel, apart;     // places in a row of the filters, and from one of the phase to the next
    u32 a, b, c;
    // Backward: rows of places; whether the place of a projection follows, and where that lies; whether it is now.
    u32 down, projects, shift, projected;
};

DEVICE void advance(Places& walk, u32 depth) {
    walk.c += depth;
    if (walk.c < walk.channels) return;
    walk.c = 0;
    if (++walk.b < walk.across) return;
    walk.b = 0, walk.a++;
    if (walk.a == walk.down && walk.projects) walk.projected = 1, walk.a = walk.b = walk.shift;
}

DEVICE u32 filter_place(const Places& walk) {
    return walk.projected ? 0 : walk.first + (walk.a * walk.kernel + walk.b) * walk.apart;
}

// Loads, for each row, four channels of the pixel that lies under it at a place; the pieces go across
// the rows in shared memory. Neighbouring threads load neighbouring pieces of one pixel.
template <class Tile, bool whole, int direction> struct Pixels {
    static constexpr u32 QUADS = Tile::DEPTH / 4, COUNT = Tile::ROWS * QUADS / Tile::THREADS;
    static_assert(COUNT * Tile::THREADS == Tile::ROWS * QUADS && Tile::THREADS % QUADS == 0, "as many pieces a thread");
    const float *values, *projected;
    u32 height, width;
    int h[COUNT], v[COUNT];  // pixel at place (0, 0); it may lie outside
    u32 at[COUNT];           // its first number, counted modulo 2^32
    float4 pieces[COUNT];
};

// The tile's row of piece i.
template <class Tile, bool whole, int direction>
DEVICE u32 piece_row(const Pixels<Tile, whole, direction>& a, u32 i) {
    return threadIdx.x / a.QUADS + i * (Tile::THREADS / a.QUADS);
}

template <class Tile, bool whole, int direction>
DEVICE void fetch(Pixels<Tile, whole, direction>& a, const Places& walk) {
    u32 c = walk.c + threadIdx.x % a.QUADS * 4, channels = left(c, walk.channels);
    u32 move = (walk.a * a.width + walk.b) * walk.channels;
    const float* values = direction < 0 && walk.projected ? a.projected : a.values;
    UNROLL for (u32 i = 0; i < a.COUNT; i++) {
        u32 h = a.h[i] + direction * (int)walk.a, v = a.v[i] + direction * (int)walk.b;
        bool inside = h < a.height && v < a.width;
        a.pieces[i] = load4<whole>(values + ((direction > 0 ? a.at[i] + move : a.at[i] - move) + c), inside ? channels : 0);
    }
}

template <class Tile, bool whole, int direction>
DEVICE void put(const Pixels<Tile, whole, direction>& a, float* to) {
    float* column = to + threadIdx.x % a.QUADS * 4 * Tile::PITCH_A;
    UNROLL for (u32 i = 0; i < a.COUNT; i++) {
        u32 row = piece_row(a, i);
        column[row] = a.pieces[i].x;
        column[Tile::PITCH_A + row] = a.pieces[i].y;
        column[2 * Tile::PITCH_A + row] = a.pieces[i].z;
        column[3 * Tile::PITCH_A + row] = a.pieces[i].w;
    }
}

// Forward, w lies as b does: a row for each channel of a place.
template <class Tile, bool whole> DEVICE void fetch(Rows<Tile, whole>& b, const Places& walk) {
    u32 first = filter_place(walk) * walk.channels;
    fetch_rows(b, first + walk.c, first + walk.channels);
}

// Backward, w lies across: four filters of one channel are a piece.
template <class Tile, bool whole> struct Columns {
    static constexpr u32 QUADS = Tile::DEPTH / 4, ALL = Tile::COLUMNS * QUADS;
    static constexpr u32 COUNT = (ALL + Tile::THREADS - 1) / Tile::THREADS;
    const float *w, *projection;
    u32 first_column, columns;
    float4 pieces[COUNT];
};

template <class Tile, bool whole> DEVICE void fetch(Columns<Tile, whole>& b, const Places& walk) {
    const float* w = walk.projected ? b.projection : b.w;
    u32 k = walk.c + threadIdx.x % b.QUADS * 4, filters = left(k, walk.channels);
    u32 place = filter_place(walk) * b.columns;
    UNROLL for (u32 i = 0; i < b.COUNT; i++) {
        u32 index = threadIdx.x + i * Tile::THREADS, c = b.first_column + index / b.QUADS;
        if (b.ALL % Tile::THREADS != 0 && index >= b.ALL) break;
        b.pieces[i] = load4<whole>(w + ((place + c) * walk.channels + k), c < b.columns ? filters : 0);
    }
}

template <class Tile, bool whole> DEVICE void put(const Columns<Tile, whole>& b, float* to) {
    UNROLL for (u32 i = 0; i < b.COUNT; i++) {
        u32 index = threadIdx.x + i * Tile::THREADS, column = index / b.QUADS;
        if (b.ALL % Tile::THREADS != 0 && index >= b.ALL) break;
        float* at = to + index % b.QUADS * 4 * Tile::PITCH_B + column;
        at[0] = b.pieces[i].x;
        at[Tile::PITCH_B] = b.pieces[i].y;
        at[2 * Tile::PITCH_B] = b.pieces[i].z;
        at[3 * Tile::PITCH_B] = b.pieces[i].w;
    }
}

constexpr u32 NOWHERE = ~0u;  // a row of the product that is no pixel

template <class Tile> DEVICE u32 steps_of(const Places& walk, u32 places) {
    return places * ((walk.channels + Tile::DEPTH - 1) / Tile::DEPTH);
}

template <class Tile, bool whole>
DEVICE void forward(const StepRow* step, const ConvShape& shape, const float* x, const float* w, const float* bias,
                    u32 activation, float* y, Statistics& s) {
    SHARED(shared);
    u32 tile = blockIdx.x / shape.tiles_across;
    u32 first = tile * Tile::ROWS, first_column = blockIdx.x % shape.tiles_across * Tile::COLUMNS;
    u32 positions = step->rows * shape.pixels.divisor;
    if (first >= positions) return;

    Pixels<Tile, whole, 1> a;
    a.values = x, a.height = shape.height, a.width = shape.width;
    UNROLL for (u32 i = 0; i < a.COUNT; i++) {
        u32 m = first + piece_row(a, i), n = divide(m, shape.pixels), rest = m - n * shape.pixels.divisor;
        u32 p = divide(rest, shape.columns), q = rest - p * shape.columns.divisor;
        a.h[i] = (int)(p * shape.stride) - (int)shape.padding, a.v[i] = (int)(q * shape.stride) - (int)shape.padding;
        a.at[i] = ((n * shape.height + a.h[i]) * shape.width + a.v[i]) * shape.channels;
        if (m >= positions) a.h[i] = OUTSIDE;
    }
    Rows<Tile, whole> b;
    b.values = w, b.first_column = first_column, b.columns = shape.filters;
    Places walk = {shape.kernel, shape.channels, 0, shape.kernel, 1, 0, 0, 0, 0, 0, 0, 0};
    float sum[Tile::I][Tile::J];
    multiply<Tile>(sum, (float*)shared, steps_of<Tile>(walk, shape.kernel * shape.kernel), walk, a, b);
    finish<Tile, whole>(sum, (float*)shared, shape, positions, tile, first_column, bias, activation, y, s);
}

template <class Tile, bool whole>
DEVICE void data_gradient(const StepRow* step, const ConvShape& shape, const float* dy, const float* w, float* dx,
                          u32 accumulate, const float* projected_dy, const float* projection) {
    SHARED(shared);
    u32 first = blockIdx.x / shape.tiles_across * Tile::ROWS;
    u32 first_column = blockIdx.x % shape.tiles_across * Tile::COLUMNS;
    u32 rows = step->rows * shape.pixels.divisor, stride = shape.stride;
    if (first >= rows) return;

    // Phase (i, j): pixels (i + u h, j + u v); its first place, and how many there are.
    u32 phase_h = blockIdx.y / stride, phase_v = blockIdx.y % stride;
    u32 from_h = phase_h + shape.padding, from_v = phase_v + shape.padding;
    u32 r = from_h % stride, s = from_v % stride;
    u32 down = r < shape.kernel ? (shape.kernel - r + stride - 1) / stride : 0;
    u32 across = s < shape.kernel ? (shape.kernel - s + stride - 1) / stride : 0;
    // Row m as a pixel of the phase. All phases have the rows of the largest one.
    auto pixel = [&](u32 m, u32& n, u32& h, u32& v) {
        n = divide(m, shape.pixels);
        u32 rest = m - n * shape.pixels.divisor;
        h = divide(rest, shape.columns), v = rest - h * shape.columns.divisor;
        return m < rows && phase_h + h * stride < shape.height && phase_v + v * stride < shape.width;
    };

    Pixels<Tile, whole, -1> a;
    a.values = dy, a.projected = projected_dy, a.height = shape.out_height, a.width = shape.out_width;
    UNROLL for (u32 i = 0; i < a.COUNT; i++) {
        u32 n, h, v;
        bool real = pixel(first + piece_row(a, i), n, h, v);
        u32 p = h + from_h / stride, q = v + from_v / stride;
        a.h[i] = real ? (int)p : OUTSIDE, a.v[i] = q;
        a.at[i] = ((n * shape.out_height + p) * shape.out_width + q) * shape.filters;
    }
    Columns<Tile, whole> b;
    b.w = w, b.projection = projection, b.first_column = first_column, b.columns = shape.channels;
    u32 projects = projection && phase_h == 0 && phase_v == 0;
    Places walk = {across, shape.filters, r * shape.kernel + s, shape.kernel, stride, 0, 0, 0,
                   down, projects, shape.padding / stride, 0};
    float sum[Tile::I][Tile::J];
    multiply<Tile>(sum, (float*)shared, steps_of<Tile>(walk, down * across + projects), walk, a, b);

    // Where each row goes, worked out once for all threads that have values of it.
    u32* targets = (u32*)shared;
    __syncthreads();
    for (u32 row = threadIdx.x; row < Tile::ROWS; row += Tile::THREADS) {
        u32 n, h, v;
        bool real = pixel(first + row, n, h, v);
        u32 target = (n * shape.height + phase_h + h * stride) * shape.width + phase_v + v * stride;
        targets[row] = real ? target * shape.channels : NOWHERE;
    }
    __syncthreads();
    UNROLL for (u32 i = 0; i < Tile::I; i++) {
        u32 target = targets[row_of<Tile>(i)];
        UNROLL for (u32 j = 0; j < Tile::J; j += 4) {
            u32 c = first_column + column_of<Tile>(j), count = target != NOWHERE ? left(c, shape.channels) : 0;
            float* at = dx + (target + c);
            float4 old = make_float4(0, 0, 0, 0);
            if (accumulate) old = load4<whole>(at, count);
            store4<whole>(at, count, make_float4(old.x + sum[i][j], old.y + sum[i][j + 1], old.z + sum[i][j + 2], old.w + sum[i][j + 3]));
        }
    }
}

// ---- the kernels

// 512 threads of a multiprocessor have 128 registers each. With 8x8 values of the product a thread wants some more: 384
// have 168, and up to 167 are taken (RESOURCES.md).
template <class Tile> constexpr u32 BLOCKS = (Tile::I * Tile::J == 64 ? 384 : 512) / Tile::THREADS;

template <class Tile, bool whole>
GLOBAL(Tile::THREADS, BLOCKS<Tile>)
conv_forward(CONSTANT Lanes lanes, const StepRow* step, ConvShape shape, const float* x, const float* w, const float* bias,
             u32 activation, float* y, Statistics s) {
    begin(lanes, step, x, w, bias, y), in_lane(lanes, s);
    forward<Tile, whole>(step, shape, x, w, bias, activation, y, s);
}

template <class Tile, bool whole>
GLOBAL(Tile::THREADS, BLOCKS<Tile>)
conv_data_gradient(CONSTANT Lanes lanes, const StepRow* step, ConvShape shape, const float* dy, const float* w, float* dx,
                   u32 accumulate, const float* projected_dy, const float* projection) {
    begin(lanes, step, dy, w, dx, projected_dy, projection);
    data_gradient<Tile, whole>(step, shape, dy, w, dx, accumulate, projected_dy, projection);
}

template <class Tile, bool whole>
GLOBAL(Tile::THREADS, BLOCKS<Tile>)
conv_weight_gradient(CONSTANT Lanes lanes, const StepRow* step, ConvShape shape, u32 per_slice, const float* x, const float* dy,
                     float* slices, float* dw, Arrivals by) {
    begin(lanes, step, x, dy);
    weight_gradient<Tile, whole, whole>(lanes, step, shape, per_slice, x, dy, slices, dw, by);
}

// ---- the kernels by their names

BLOCKS_OF(Tile128x64::THREADS)
INSTANCE(conv_forward_128x64_whole, conv_forward<Tile128x64, true>)
INSTANCE(conv_data_gradient_128x64_whole, conv_data_gradient<Tile128x64, true>)
INSTANCE(conv_weight_gradient_128x64_whole, conv_weight_gradient<Tile128x64, true>)

// Of 288 rows of filters, three tiles.
BLOCKS_OF(Tile96x64::THREADS)
INSTANCE(conv_weight_gradient_96x64_whole, conv_weight_gradient<Tile96x64, true>)

BLOCKS_OF(Tile64x64::THREADS)
INSTANCE(conv_forward_64x64_whole, conv_forward<Tile64x64, true>)
INSTANCE(conv_data_gradient_64x64_whole, conv_data_gradient<Tile64x64, true>)
INSTANCE(conv_weight_gradient_64x64_whole, conv_weight_gradient<Tile64x64, true>)

BLOCKS_OF(Tile128x32::THREADS)
INSTANCE(conv_forward_128x32_whole, conv_forward<Tile128x32, true>)
INSTANCE(conv_data_gradient_128x32_whole, conv_data_gradient<Tile128x32, true>)
INSTANCE(conv_weight_gradient_128x32_whole, conv_weight_gradient<Tile128x32, true>)

BLOCKS_OF(Tile32x32::THREADS)
INSTANCE(conv_forward_32x32_whole, conv_forward<Tile32x32, true>)
INSTANCE(conv_data_gradient_32x32_whole, conv_data_gradient<Tile32x32, true>)
INSTANCE(conv_weight_gradient_32x32_whole, conv_weight_gradient<Tile32x32, true>)

// Channels that are no multiples of four are rare: two tiles will do.
BLOCKS_OF(Tile64x64::THREADS)
INSTANCE(conv_forward_64x64_any, conv_forward<Tile64x64, false>)
INSTANCE(conv_data_gradient_64x64_any, conv_data_gradient<Tile64x64, false>)
INSTANCE(conv_weight_gradient_64x64_any, conv_weight_gradient<Tile64x64, false>)

BLOCKS_OF(Tile32x32::THREADS)
INSTANCE(conv_forward_32x32_any, conv_forward<Tile32x32, false>)
INSTANCE(conv_data_gradient_32x32_any, conv_data_gradient<Tile32x32, false>)
INSTANCE(conv_weight_gradient_32x32_any, conv_weight_gradient<Tile32x32, false>)
