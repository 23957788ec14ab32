// What follows a convolution, forward: out = pool(activation(norm(y) + r)), every part optional.
//
// Memory: y and r are read once, out is written once. With b bytes a value that is 2 b for each value of
// y without pooling and 1.25 b with 2x2 windows, plus b for each value of r. Where windows overlap, what
// is read again mostly lies in a cache. Loads of several positions or pixels are started before the
// first is used.
//
// Three kernels by what a thread owns: `plain`, a vector of a position without pooling; `max2`, a window
// of 2x2 pixels with its result, all eight loads at once; `window`, the result of any other pooling.
#include "device.cuh"
#include "block.cuh"

// ---- no pooling. `out` may be y or r: a thread has read a place before it writes it.

constexpr int AHEAD = 4;  // positions whose loads are under way at once

template <class T, int V>
GLOBAL(STREAM_THREADS, 3) block_forward_plain(CONSTANT Lanes lanes, BlockShape s, const StepRow* step, const T* y,
                                              const float* statistics, const float* scale, const float* shift,
                                              const T* r, T* out, u16*) {
    begin(lanes, step, y, statistics, scale, shift, r, out);
    Norm norm = {statistics, scale, shift};
    Place at = place<V>(s, step);
    float* tables = shared_floats();
    if (norm.statistics) fill_norm(s, at, norm, tables);
    for (u32 index = at.first; index < at.end; index += AHEAD * s.thread_rows) {
        Packed<T, V> ys[AHEAD], rs[AHEAD];
        UNROLL for (int i = 0; i < AHEAD; i++) {
            u32 position = index + i * s.thread_rows, e = position * s.channels + at.channel;
            if (position < at.end) ys[i] = fetch<V>(y + e);
            if (position < at.end && r) rs[i] = fetch<V>(r + e);
        }
        UNROLL for (int i = 0; i < AHEAD; i++) {
            u32 position = index + i * s.thread_rows;
            if (position >= at.end) continue;
            float z[V];
            sum(tables, at, norm.statistics, r, ys[i], rs[i], z);
            activate(s.activation, z);
            put(out + position * s.channels + at.channel, pack<T, V>(z));
        }
    }
}

// ---- max pooling of 2x2 pixels

template <class T, int V>
GLOBAL(STREAM_THREADS, 3) block_forward_max2(CONSTANT Lanes lanes, BlockShape s, const StepRow* step, const T* y,
                                             const float* statistics, const float* scale, const float* shift,
                                             const T* r, T* out, u16*) {
    begin(lanes, step, y, statistics, scale, shift, r, out);
    Norm norm = {statistics, scale, shift};
    Place at = place<V>(s, step);
    float* tables = shared_floats();
    if (norm.statistics) fill_norm(s, at, norm, tables);
    for (u32 index = at.first; index < at.end; index += s.thread_rows) {
        Position p = position_of(s, index);
        u32 e = pixel(s, p.n, 2 * p.row, 2 * p.column) + at.channel;
        Packed<T, V> ys[4], rs[4];
        UNROLL for (int i = 0; i < 4; i++) {
            ys[i] = fetch<V>(y + e + corner(s, i));
            if (r) rs[i] = fetch<V>(r + e + corner(s, i));
        }
        float largest[V];
        u32 chosen[V];
        UNROLL for (int i = 0; i < 4; i++) {
            float z[V];
            sum(tables, at, norm.statistics, r, ys[i], rs[i], z);
            take_largest(z, i, largest, chosen);
        }
        activate(s.activation, largest);
        put(out + index * s.channels + at.channel, pack<T, V>(largest));
    }
}

// ---- any pooling. For the backward pass of max pooling it writes instead of the result which place
// (row x kernel + column) of its window each result came from.

template <class T, int V>
GLOBAL(STREAM_THREADS, 3) block_forward_window(CONSTANT Lanes lanes, BlockShape s, const StepRow* step, const T* y,
                                               const float* statistics, const float* scale, const float* shift,
                                               const T* r, T* out, u16* choices) {
    begin(lanes, step, y, statistics, scale, shift, r, out, choices);
    Norm norm = {statistics, scale, shift};
    Place at = place<V>(s, step);
    float* tables = shared_floats();
    if (norm.statistics) fill_norm(s, at, norm, tables);
    for (u32 index = at.first; index < at.end; index += s.thread_rows) {
        Position p = position_of(s, index);
        u32 top = p.row * s.stride, left = p.column * s.stride;  // counted from the padding's corner
        u32 h0 = max(top, s.padding), h1 = min(top + s.kernel, s.height + s.padding);
        u32 w0 = max(left, s.padding), w1 = min(left + s.kernel, s.width + s.padding);
        float result[V] = {};
        u32 chosen[V];
        for (u32 h = h0; h < h1; h++) {
            for (u32 w = w0; w < w1; w++) {
                u32 e = pixel(s, p.n, h - s.padding, w - s.padding) + at.channel;
                Packed<T, V> packed = fetch<V>(y + e), added;
                if (r) added = fetch<V>(r + e);
                float z[V];
                sum(tables, at, norm.statistics, r, packed, added, z);
                if (s.max) {
                    u32 number = (h - top) * s.kernel + w - left;
                    bool first = h == h0 && w == w0;
                    UNROLL for (int v = 0; v < V; v++) {
                        bool larger = first || is_larger(z[v], result[v]);
                        result[v] = larger ? z[v] : result[v];
                        chosen[v] = larger ? number : chosen[v];
                    }
                } else {
                    activate(s.activation, z);
                    UNROLL for (int v = 0; v < V; v++) result[v] += z[v];
                }
            }
        }
        u32 e = index * s.channels + at.channel;
        if (choices) {
            write_numbers<V>(choices + e, chosen);
            continue;
        }
        if (s.max) {
            activate(s.activation, result);
        } else {
            float share = 1.0f / (float)(s.kernel * s.kernel);  // padding counts as zeros
            UNROLL for (int v = 0; v < V; v++) result[v] *= share;
        }
        put(out + e, pack<T, V>(result));
    }
}

// ---- y = x or y += x: gradients that come together

template <class T>
GLOBAL(STREAM_THREADS) add(CONSTANT Lanes lanes, const StepRow* step, u32 elements, const T* x, T* y, u32 accumulate) {
    begin(lanes, step, x, y);
    constexpr int V = VECTOR<T>;
    u32 e = (blockIdx.x * blockDim.x + threadIdx.x) * V, count = step->rows * elements;
    if (e + V <= count) {
        float values[V], old[V];
        unpack(fetch<V>(x + e), values);
        if (accumulate) {
            unpack(fetch<V>(y + e), old);
            UNROLL for (int v = 0; v < V; v++) values[v] += old[v];
        }
        put(y + e, pack<T, V>(values));
        return;
    }
    for (; e < count; e++) store(y[e], accumulate ? load(y[e]) + load(x[e]) : load(x[e]));
}

// ---- the kernels by their names

BLOCKS_OF(STREAM_THREADS)
INSTANCE(block_forward_plain_f32, block_forward_plain<float, 4>)
INSTANCE(block_forward_plain_f16, block_forward_plain<f16, 8>)
INSTANCE(block_forward_plain_bf16, block_forward_plain<bf16, 8>)
INSTANCE(block_forward_max2_f32, block_forward_max2<float, 4>)
INSTANCE(block_forward_max2_f16, block_forward_max2<f16, 8>)
INSTANCE(block_forward_max2_bf16, block_forward_max2<bf16, 8>)
INSTANCE(block_forward_window_f32, block_forward_window<float, 4>)
INSTANCE(block_forward_window_f16, block_forward_window<f16, 8>)
INSTANCE(block_forward_window_bf16, block_forward_window<bf16, 8>)

// Where the channels are no multiple of a vector.
INSTANCE(block_forward_plain_scalar_f32, block_forward_plain<float, 1>)
INSTANCE(block_forward_plain_scalar_f16, block_forward_plain<f16, 1>)
INSTANCE(block_forward_plain_scalar_bf16, block_forward_plain<bf16, 1>)
INSTANCE(block_forward_window_scalar_f32, block_forward_window<float, 1>)
INSTANCE(block_forward_window_scalar_f16, block_forward_window<f16, 1>)
INSTANCE(block_forward_window_scalar_bf16, block_forward_window<bf16, 1>)

INSTANCE(add_f32, add<float>)
INSTANCE(add_f16, add<f16>)
INSTANCE(add_bf16, add<bf16>)
