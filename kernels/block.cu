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
DEVICE void forward_plain(const BlockShape& s, const StepRow* step, const T* y, Norm norm, const T* r, T* out, u16*) {
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
            activate_all(s.activation, z);
            put(out + position * s.channels + at.channel, pack<T, V>(z));
        }
    }
}

// ---- max pooling of 2x2 pixels

template <class T, int V>
DEVICE void forward_max2(const BlockShape& s, const StepRow* step, const T* y, Norm norm, const T* r, T* out, u16*) {
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
        activate_all(s.activation, largest);
        put(out + index * s.channels + at.channel, pack<T, V>(largest));
    }
}

// ---- any pooling. For the backward pass of max pooling it writes instead of the result which place
// (row x kernel + column) of its window each result came from.

template <class T, int V>
DEVICE void forward_window(const BlockShape& s, const StepRow* step, const T* y, Norm norm, const T* r, T* out, u16* choices) {
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
                    activate_all(s.activation, z);
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
            activate_all(s.activation, result);
        } else {
            float share = 1.0f / (float)(s.kernel * s.kernel);  // padding counts as zeros
            UNROLL for (int v = 0; v < V; v++) result[v] *= share;
        }
        put(out + e, pack<T, V>(result));
    }
}

#define INSTANCE(T, V, kind, name)                                                                                      \
    KERNEL(STREAM_THREADS, 3) block_forward_##name(CONSTANT Lanes lanes, BlockShape s, const StepRow* step, const T* y, \
                                                   const float* statistics, const float* scale, const float* shift,     \
                                                   const T* r, T* out, u16* choices) {                                  \
        begin(lanes, step, y, statistics, scale, shift, r, out, choices);                                             \
        forward_##kind<T, V>(s, step, y, {statistics, scale, shift}, r, out, choices);                                  \
    }                                                                                                                   \
    EXPORT(block_forward_##name)

#define INSTANCES(T, name)                        \
    INSTANCE(T, VECTOR<T>, plain, plain_##name)   \
    INSTANCE(T, VECTOR<T>, max2, max2_##name)     \
    INSTANCE(T, VECTOR<T>, window, window_##name) \
    INSTANCE(T, 1, plain, plain_scalar_##name)    \
    INSTANCE(T, 1, window, window_scalar_##name)

INSTANCES(float, f32)
INSTANCES(f16, f16)
INSTANCES(bf16, bf16)

// ---- y = x or y += x: gradients that come together

template <class T> DEVICE void add(const StepRow* step, u32 elements, const T* x, T* y, u32 accumulate) {
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

#define ADD(T, name)                                                                                             \
    KERNEL(STREAM_THREADS) add_##name(CONSTANT Lanes lanes, const StepRow* step, u32 elements, const T* x, T* y, \
                                      u32 accumulate) {                                                          \
        begin(lanes, step, x, y);                                                                              \
        add<T>(step, elements, x, y, accumulate);                                                                \
    }                                                                                                            \
    EXPORT(add_##name)

ADD(float, f32)
ADD(f16, f16)
ADD(bf16, bf16)
