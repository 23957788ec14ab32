// What follows a convolution, backward: gradients of out = pool(activation(norm(y) + r)).
//
// With g the gradient at the sum norm(y) + r, m the number of real positions and
// xhat = (y - mean) rstd:
//     dshift = sum(g),  dscale = sum(g xhat),  dr = g,
//     dy = scale rstd (g - dshift / m - xhat dscale / m),  or g without a norm.
// g is never stored for that: `block_sums` forms it for the two sums, and `block_backward` again.
//
// Sums over positions have two stages: a block adds up its chunk, each thread over its positions and
// then the rows of threads in a tree; the last block to arrive adds the chunks. Chunks are fixed by the shape.
//
// Memory: each of the two passes reads y, r (if an activation or a max pooling follows) and dout once;
// the second writes dy and dr (where they are wanted) once. With b bytes a value, a norm and 2x2 windows
// that is 1.25 b for each value of y in the first pass and 2.25 b in the second; without pooling 2 b and
// 3 b; r and dr b each on top. Partial sums are at most 1024 for each channel and sum.
//
// What a thread owns, it has read before it writes, and nobody else reads it: so dy may lie on y and dr
// on r. `plain`: a vector of a position. `max2`: a window of 2x2 pixels, its largest value found again;
// the last windows also own the rows and columns behind them, where g is zero. `window`: a pixel; it
// collects what the windows around it send: of a mean the same for all, of a largest value what
// choices (forward_window) say. Pixels add windows by increasing row and column.
#include "device.cuh"
#include "block.cuh"
#include "arrivals.cuh"

// ---- what becomes of g at a pixel

// The first pass: sums of g and of g (y - mean).
template <class T, int V> struct Sums {
    static constexpr bool WANTS_ZEROS = false;  // where g is zero there is nothing to add
    float g[V] = {}, product[V] = {};
};

template <class T, int V>
DEVICE void visit(Sums<T, V>& sums, const float* tables, const Place& at, u32, Packed<T, V> y, const float (&g)[V]) {
    float values[V], mean[V];
    unpack(y, values);
    look_up<V>(tables, at, MEAN, mean);
    UNROLL for (int v = 0; v < V; v++) {
        sums.g[v] += g[v];
        sums.product[v] = fmaf(g[v], values[v] - mean[v], sums.product[v]);
    }
}

// The second pass: dy, dr and the sum of dy.
template <class T, int V> struct Apply {
    static constexpr bool WANTS_ZEROS = true;
    T *dy, *dr;
    bool norm;
    float sum[V] = {};
};

template <class T, int V>
DEVICE void visit(Apply<T, V>& apply, const float* tables, const Place& at, u32 e, Packed<T, V> y, const float (&g)[V]) {
    if (apply.dr) put(apply.dr + e, pack<T, V>(g));
    float values[V];
    if (apply.norm) {
        float mean[V], factor[V], slope[V], offset[V];
        unpack(y, values);
        look_up<V>(tables, at, MEAN, mean);
        look_up<V>(tables, at, FACTOR, factor);
        look_up<V>(tables, at, SLOPE, slope);
        look_up<V>(tables, at, OFFSET, offset);
        UNROLL for (int v = 0; v < V; v++) values[v] = fmaf(g[v], factor[v], fmaf(values[v] - mean[v], slope[v], offset[v]));
    } else {
        UNROLL for (int v = 0; v < V; v++) values[v] = g[v];
    }
    if (apply.dy) put(apply.dy + e, pack<T, V>(values));
    UNROLL for (int v = 0; v < V; v++) apply.sum[v] += values[v];
}

// ---- g at the pixels of a thread, for either pass

template <class T> struct Inputs {
    const T *y, *r, *dout;  // y and r are null where nothing needs them
    const u16* choices;
    bool norm;
};

constexpr int AHEAD = 2;  // positions whose loads are under way at once

template <class T, int V, class Pass>
DEVICE void each_plain(const BlockShape& s, const Place& at, const float* tables, const Inputs<T>& inputs, Pass& pass) {
    for (u32 index = at.first; index < at.end; index += AHEAD * s.thread_rows) {
        Packed<T, V> ys[AHEAD], rs[AHEAD], douts[AHEAD];
        UNROLL for (int i = 0; i < AHEAD; i++) {
            u32 position = index + i * s.thread_rows, e = position * s.channels + at.channel;
            if (position >= at.end) continue;
            douts[i] = fetch<V>(inputs.dout + e);
            if (inputs.y) ys[i] = fetch<V>(inputs.y + e);
            if (inputs.r) rs[i] = fetch<V>(inputs.r + e);
        }
        UNROLL for (int i = 0; i < AHEAD; i++) {
            u32 position = index + i * s.thread_rows;
            if (position >= at.end) continue;
            float g[V], z[V];
            unpack(douts[i], g);
            if (s.activation != IDENTITY) {
                sum(tables, at, inputs.norm, inputs.r, ys[i], rs[i], z);
                multiply_slope(s.activation, !s.saved_output, z, g);
            }
            visit(pass, tables, at, position * s.channels + at.channel, ys[i], g);
        }
    }
}

template <class T, int V, class Pass>
DEVICE void each_max2(const BlockShape& s, const Place& at, const float* tables, const Inputs<T>& inputs, Pass& pass) {
    for (u32 index = at.first; index < at.end; index += s.thread_rows) {
        Position p = position_of(s, index);
        u32 e = pixel(s, p.n, 2 * p.row, 2 * p.column) + at.channel;
        Packed<T, V> ys[4], rs[4], dout = fetch<V>(inputs.dout + index * s.channels + at.channel);
        UNROLL for (int i = 0; i < 4; i++) {
            ys[i] = fetch<V>(inputs.y + e + corner(s, i));
            if (inputs.r) rs[i] = fetch<V>(inputs.r + e + corner(s, i));
        }
        float largest[V], g[V];
        u32 chosen[V];
        UNROLL for (int i = 0; i < 4; i++) {
            float z[V];
            sum(tables, at, inputs.norm, inputs.r, ys[i], rs[i], z);
            take_largest(z, i, largest, chosen);
        }
        unpack(dout, g);
        with_monotone_activation(s.activation, [&](auto code) {
            UNROLL for (int v = 0; v < V; v++) g[v] = through(code, activate(code, largest[v]), g[v]);
        });
        UNROLL for (int i = 0; i < 4; i++) {
            float here[V];
            UNROLL for (int v = 0; v < V; v++) here[v] = chosen[v] == i ? g[v] : 0;
            visit(pass, tables, at, e + corner(s, i), ys[i], here);
        }
        if (!Pass::WANTS_ZEROS) continue;
        // Odd sizes: pixels that no window reaches.
        u32 h1 = p.row + 1 == s.output_height ? s.height : 2 * p.row + 2;
        u32 w1 = p.column + 1 == s.output_width ? s.width : 2 * p.column + 2;
        for (u32 h = 2 * p.row; h < h1; h++) {
            for (u32 w = h < 2 * p.row + 2 ? 2 * p.column + 2 : 2 * p.column; w < w1; w++) {
                float zero[V] = {};
                u32 rest = pixel(s, p.n, h, w) + at.channel;
                visit(pass, tables, at, rest, fetch<V>(inputs.y + rest), zero);
            }
        }
    }
}

template <class T, int V, class Pass>
DEVICE void each_window(const BlockShape& s, const Place& at, const float* tables, const Inputs<T>& inputs, Pass& pass) {
    float share = 1.0f / (float)(s.kernel * s.kernel);
    for (u32 index = at.first; index < at.end; index += s.thread_rows) {
        Position p = position_of(s, index);
        u32 e = index * s.channels + at.channel;
        Packed<T, V> y, r;
        if (inputs.y) y = fetch<V>(inputs.y + e);
        if (inputs.r) r = fetch<V>(inputs.r + e);
        // Windows q with q stride <= h + padding < q stride + kernel.
        u32 h = p.row + s.padding, w = p.column + s.padding;
        u32 p0 = h < s.kernel ? 0 : divide(h - s.kernel, s.by_stride) + 1, p1 = min(divide(h, s.by_stride) + 1, s.output_height);
        u32 q0 = w < s.kernel ? 0 : divide(w - s.kernel, s.by_stride) + 1, q1 = min(divide(w, s.by_stride) + 1, s.output_width);
        float g[V] = {}, z[V];
        for (u32 row = p0; row < p1; row++) {
            for (u32 column = q0; column < q1; column++) {
                u32 from = ((p.n * s.output_height + row) * s.output_width + column) * s.channels + at.channel;
                u32 number = (h - row * s.stride) * s.kernel + w - column * s.stride;
                float dout[V];
                unpack(fetch<V>(inputs.dout + from), dout);
                if (s.max) {
                    u32 chosen[V];
                    read_numbers<V>(inputs.choices + from, chosen);
                    UNROLL for (int v = 0; v < V; v++) g[v] += chosen[v] == number ? dout[v] : 0;
                } else {
                    UNROLL for (int v = 0; v < V; v++) g[v] = fmaf(dout[v], share, g[v]);
                }
            }
        }
        if (s.activation != IDENTITY) {
            sum(tables, at, inputs.norm, inputs.r, y, r, z);
            multiply_slope(s.activation, true, z, g);
        }
        visit(pass, tables, at, e, y, g);
    }
}

enum Kind { PLAIN, MAX2, WINDOW };

template <Kind kind, class T, int V, class Pass>
DEVICE void each_pixel(const BlockShape& s, const Place& at, const float* tables, const Inputs<T>& inputs, Pass& pass) {
    if constexpr (kind == PLAIN) each_plain<T, V>(s, at, tables, inputs, pass);
    else if constexpr (kind == MAX2) each_max2<T, V>(s, at, tables, inputs, pass);
    else each_window<T, V>(s, at, tables, inputs, pass);
}

// ---- the first pass: partials [chunks][2 C], the sums of g and of g xhat, and of them the gradients of shift and scale

template <class T, int V>
DEVICE void write_sums(const BlockShape& s, const Place& at, const float* statistics, float* tables, Sums<T, V>& sums,
                       float* partials, Arrivals by, float* dshift, float* dscale, Watch<T> watch) {
    float* buffer = tables + 3 * at.columns;
    add_thread_rows<V>(buffer, at.thread_row, s.thread_rows, at.column, at.columns, sums.g);
    add_thread_rows<V>(buffer, at.thread_row, s.thread_rows, at.column, at.columns, sums.product);
    if (at.thread_row == 0 && at.active) {
        float rstd[V];
        read<V>(statistics + s.apart + at.channel, rstd);
        UNROLL for (int v = 0; v < V; v++) sums.product[v] *= rstd[v];
        float* to = partials + blockIdx.x * 2 * s.channels + at.channel;
        write<V>(to, sums.g);
        write<V>(to + s.channels, sums.product);
    }
    u32 base = blockIdx.y * at.columns, width = min(at.columns, s.channels - base);
    add_by_the_last(by, blockIdx.y, blockIdx.x, gridDim.x, [&](u32 first, u32 count, u32 stride, bool all) {
        add_rows(partials, 2 * s.channels, base, width, first, count, stride, all ? dshift : nullptr, watch, buffer);
        add_rows(partials + s.channels, 2 * s.channels, base, width, first, count, stride, all ? dscale : nullptr, watch, buffer);
    });
}

template <class T, int V, Kind kind>
GLOBAL(STREAM_THREADS, 2) block_sums(CONSTANT Lanes lanes, BlockShape s, const StepRow* step, const T* y, const float* statistics,
                                     const float* scale, const float* shift, const T* r, const T* dout, const u16* choices,
                                     float* partials, Arrivals by, float* dshift, float* dscale, Watch<T> watch) {
    begin(lanes, step, y, statistics, scale, shift, r, dout, choices);
    if (step->rows == 0) return;
    Place at = place<V>(s, step);
    float* tables = shared_floats();
    fill_norm(s, at, {statistics, scale, shift}, tables);
    Sums<T, V> sums;
    each_pixel<kind, T, V>(s, at, tables, {y, r, dout, choices, true}, sums);
    in_lane(lanes, partials, by.counters, dshift, dscale), in_lane(lanes, watch);
    write_sums(s, at, statistics, tables, sums, partials, by, dshift, dscale, watch);
}

// ---- the second pass; with a bias partials [chunks][C], the sums of dy

// dy = g factor + (y - mean) slope + offset
DEVICE void fill_gradient(const BlockShape& s, const StepRow* step, const Place& at, Norm norm, const float* dscale,
                          const float* dshift, float* tables) {
    float m = (float)(step->rows * s.height * s.width);
    u32 base = blockIdx.y * at.columns;
    for (u32 c = threadIdx.x; c < at.columns && base + c < s.channels; c += blockDim.x) {
        float rstd = norm.statistics[s.apart + base + c], factor = norm.scale[base + c] * rstd;
        tables[SLOPE * at.columns + c] = -factor * rstd * (dscale[base + c] / m);
        tables[OFFSET * at.columns + c] = -factor * (dshift[base + c] / m);
    }
    fill_norm(s, at, norm, tables);
}

template <class T, int V>
DEVICE void write_bias(const BlockShape& s, const Place& at, float* tables, Apply<T, V>& apply, float* partials,
                       Arrivals by, float* dbias, Watch<T> watch) {
    float* buffer = tables + 5 * at.columns;
    add_thread_rows<V>(buffer, at.thread_row, s.thread_rows, at.column, at.columns, apply.sum);
    if (at.thread_row == 0 && at.active) write<V>(partials + blockIdx.x * s.channels + at.channel, apply.sum);
    u32 base = blockIdx.y * at.columns, width = min(at.columns, s.channels - base);
    add_by_the_last(by, blockIdx.y, blockIdx.x, gridDim.x, [&](u32 first, u32 count, u32 stride, bool all) {
        add_rows(partials, s.channels, base, width, first, count, stride, all ? dbias : nullptr, watch, buffer);
    });
}

template <class T, int V, Kind kind>
GLOBAL(STREAM_THREADS, 2) block_backward(CONSTANT Lanes lanes, BlockShape s, const StepRow* step, const T* y,
                                         const float* statistics, const float* scale, const float* shift, const T* r,
                                         const T* dout, const u16* choices, const float* dscale, const float* dshift, T* dy,
                                         T* dr, float* partials, Arrivals by, float* dbias, Watch<T> watch) {
    begin(lanes, step, y, statistics, scale, shift, r, dout, choices, dscale, dshift, dy, dr);
    if (step->rows == 0) return;
    Place at = place<V>(s, step);
    float* tables = shared_floats();
    if (statistics) fill_gradient(s, step, at, {statistics, scale, shift}, dscale, dshift, tables);
    Apply<T, V> apply = {dy, dr, statistics != nullptr};
    each_pixel<kind, T, V>(s, at, tables, {y, r, dout, choices, statistics != nullptr}, apply);
    in_lane(lanes, partials, by.counters, dbias), in_lane(lanes, watch);
    if (partials) write_bias(s, at, tables, apply, partials, by, dbias, watch);
}

// ---- the kernels by their names

BLOCKS_OF(STREAM_THREADS)
INSTANCE(block_sums_plain_f32, block_sums<float, 4, PLAIN>)
INSTANCE(block_sums_plain_f16, block_sums<f16, 8, PLAIN>)
INSTANCE(block_sums_plain_bf16, block_sums<bf16, 8, PLAIN>)
INSTANCE(block_sums_max2_f32, block_sums<float, 4, MAX2>)
INSTANCE(block_sums_max2_f16, block_sums<f16, 8, MAX2>)
INSTANCE(block_sums_max2_bf16, block_sums<bf16, 8, MAX2>)
INSTANCE(block_sums_window_f32, block_sums<float, 4, WINDOW>)
INSTANCE(block_sums_window_f16, block_sums<f16, 8, WINDOW>)
INSTANCE(block_sums_window_bf16, block_sums<bf16, 8, WINDOW>)
INSTANCE(block_backward_plain_f32, block_backward<float, 4, PLAIN>)
INSTANCE(block_backward_plain_f16, block_backward<f16, 8, PLAIN>)
INSTANCE(block_backward_plain_bf16, block_backward<bf16, 8, PLAIN>)
INSTANCE(block_backward_max2_f32, block_backward<float, 4, MAX2>)
INSTANCE(block_backward_max2_f16, block_backward<f16, 8, MAX2>)
INSTANCE(block_backward_max2_bf16, block_backward<bf16, 8, MAX2>)
INSTANCE(block_backward_window_f32, block_backward<float, 4, WINDOW>)
INSTANCE(block_backward_window_f16, block_backward<f16, 8, WINDOW>)
INSTANCE(block_backward_window_bf16, block_backward<bf16, 8, WINDOW>)

// Where the channels are no multiple of a vector.
INSTANCE(block_sums_plain_scalar_f32, block_sums<float, 1, PLAIN>)
INSTANCE(block_sums_plain_scalar_f16, block_sums<f16, 1, PLAIN>)
INSTANCE(block_sums_plain_scalar_bf16, block_sums<bf16, 1, PLAIN>)
INSTANCE(block_sums_window_scalar_f32, block_sums<float, 1, WINDOW>)
INSTANCE(block_sums_window_scalar_f16, block_sums<f16, 1, WINDOW>)
INSTANCE(block_sums_window_scalar_bf16, block_sums<bf16, 1, WINDOW>)
INSTANCE(block_backward_plain_scalar_f32, block_backward<float, 1, PLAIN>)
INSTANCE(block_backward_plain_scalar_f16, block_backward<f16, 1, PLAIN>)
INSTANCE(block_backward_plain_scalar_bf16, block_backward<bf16, 1, PLAIN>)
INSTANCE(block_backward_window_scalar_f32, block_backward<float, 1, WINDOW>)
INSTANCE(block_backward_window_scalar_f16, block_backward<f16, 1, WINDOW>)
INSTANCE(block_backward_window_scalar_bf16, block_backward<bf16, 1, WINDOW>)
