// What the kernels of a block share: out = pool(activation(norm(y) + r)), y and r [N, H, W, C].
//
// Nothing but y and the norm's statistics is kept for the gradients. What lies between them and the
// result is computed again, by the same functions as in the forward pass, so that the backward pass
// finds the same largest values.
#pragma once

#include "activation.cuh"
#include "vectors.cuh"

constexpr float EPSILON = 1e-5f;

// Null where there is none. In evaluation the running values stand for the batch's, and with them variances for
// 1 / sqrt(variance + eps).
struct Norm { const float *statistics, *scale, *shift; };

// ---- which positions and channels are a thread's

// A block takes a chunk of thread_rows x per_thread positions; a thread every thread_rows-th of them.
struct Place {
    u32 thread_row, column, columns;  // the thread's first channel among those of the block
    u32 channel;
    bool active;
    u32 first, end;  // positions
};

template <int V> DEVICE Place place(const BlockShape& s, const StepRow* step) {
    Place at;
    u32 groups = s.by_groups.divisor, chunk = s.thread_rows * s.per_thread;
    at.thread_row = divide(threadIdx.x, s.by_groups);
    at.column = (threadIdx.x - at.thread_row * groups) * V;
    at.columns = groups * V;
    at.channel = blockIdx.y * at.columns + at.column;
    at.active = at.channel < s.channels;
    at.first = blockIdx.x * chunk + at.thread_row;
    at.end = at.active ? min(step->rows * s.plane, (blockIdx.x + 1) * chunk) : 0;
    return at;
}

struct Position { u32 n, row, column; };

DEVICE Position position_of(const BlockShape& s, u32 index) {
    u32 line = divide(index, s.by_row), n = divide(line, s.by_lines);
    return {n, line - n * s.by_lines.divisor, index - line * s.by_row.divisor};
}

// The place of a pixel's first channel.
DEVICE u32 pixel(const BlockShape& s, u32 n, u32 h, u32 w) { return ((n * s.height + h) * s.width + w) * s.channels; }

// ---- the norm, as tables in shared memory: one value for each channel of the block

enum Table { MEAN, FACTOR, SHIFT, SLOPE, OFFSET };

// 1 / sqrt(variance + eps) of a channel.
DEVICE float rstd_of(const BlockShape& s, Norm norm, u32 channel) {
    float value = norm.statistics[s.apart + channel];
    return s.running ? 1.0f / sqrtf(value + EPSILON) : value;
}

// norm(y) = (y - mean) factor + shift, with factor = scale rstd. Ends with a barrier.
DEVICE void fill_norm(const BlockShape& s, const Place& at, Norm norm, float* tables) {
    u32 base = blockIdx.y * at.columns;
    for (u32 c = threadIdx.x; c < at.columns && base + c < s.channels; c += blockDim.x) {
        tables[MEAN * at.columns + c] = norm.statistics[base + c];
        tables[FACTOR * at.columns + c] = norm.scale[base + c] * rstd_of(s, norm, base + c);
        tables[SHIFT * at.columns + c] = norm.shift[base + c];
    }
    __syncthreads();
}

template <int V> DEVICE void look_up(const float* tables, const Place& at, Table table, float (&values)[V]) {
    read<V>(tables + table * at.columns + at.column, values);
}

// ---- values before and after the activation

// z = norm(y) + r. Rounded the same way in the forward and the backward pass.
template <class T, int V>
DEVICE void sum(const float* tables, const Place& at, bool norm, bool shortcut, Packed<T, V> y, Packed<T, V> r, float (&z)[V]) {
    unpack(y, z);
    if (norm) {
        float mean[V], factor[V], shift[V];
        look_up<V>(tables, at, MEAN, mean);
        look_up<V>(tables, at, FACTOR, factor);
        look_up<V>(tables, at, SHIFT, shift);
        UNROLL for (int v = 0; v < V; v++) z[v] = fmaf(z[v] - mean[v], factor[v], shift[v]);
    }
    if (shortcut) {
        float values[V];
        unpack(r, values);
        UNROLL for (int v = 0; v < V; v++) z[v] += values[v];
    }
}

// Which activation it is, is asked once for a vector.
template <int V> DEVICE void activate(u32 activation, float (&z)[V]) {
    with_activation(activation, [&](auto code) {
        UNROLL for (int v = 0; v < V; v++) z[v] = activate(code, z[v]);
    });
}

// g times the derivative. Relu takes nothing of g where it is flat, whatever g is.
template <class C> DEVICE float through(C code, float result, float g) { return g * slope(code, result); }
DEVICE float through(Code<RELU>, float result, float g) { return result > 0 ? g : 0; }

// From what was kept of a result, or from z, with `before`.
template <int V> DEVICE void multiply_slope(u32 activation, bool before, const float (&values)[V], float (&g)[V]) {
    with_activation(activation, [&](auto code) {
        UNROLL for (int v = 0; v < V; v++) g[v] = through(code, before ? slope_input(code, values[v]) : values[v], g[v]);
    });
}

// Max pooling: whether a value takes the place of the largest so far, so that the first of equals
// wins, and the last NaN.
DEVICE bool is_larger(float value, float largest) { return value > largest || value != value; }

// The largest of the four z of a 2x2 window and where it was. The activations are monotone, so the
// largest value before one is the largest after it.
template <int V> DEVICE void take_largest(const float (&z)[V], u32 number, float (&largest)[V], u32 (&chosen)[V]) {
    UNROLL for (int v = 0; v < V; v++) {
        bool larger = number == 0 || is_larger(z[v], largest[v]);
        largest[v] = larger ? z[v] : largest[v];
        chosen[v] = larger ? number : chosen[v];
    }
}

// Place of pixel `number` of a 2x2 window behind its first pixel.
DEVICE u32 corner(const BlockShape& s, u32 number) { return (number / 2 * s.width + number % 2) * s.channels; }
