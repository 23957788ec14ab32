// Dense layers: y = dropout(activation(x W + b)) and the gradients, for x [N, in] and W [in, out].
//
// Three products of small matrices, by one routine: a block of 128 threads forms a 64 x 32 tile, each
// thread 4 x 4 values of it in registers. Pieces of both operands, 16 deep, pass through shared memory as
// f32 with the inner index slowest, [k][m] and [k][n], where each thread reads its four neighbours at once.
//
// - Forward: a batch of 64 and 10 to 256 outputs are few tiles, but thousands of inputs. So the inputs are
//   cut into slices, a block for each; their sums lie in the workspace until a second kernel adds them in
//   order and finishes the values. How many slices follows from the shape only.
// - Backward: first the gradient before dropout and activation, in place, with its sum for the bias. Then
//   one launch makes the tiles of dw = x' dz and those of dx = dz W', which need nothing of each other.
#include "device.cuh"

enum { ROWS = 64, COLUMNS = 32, DEPTH = 16, THREADS = 128 };
// Shared memory keeps 4 values between rows of a piece: storing along k then meets other banks.
enum { PITCH_A = ROWS + 4, PITCH_B = COLUMNS + 4, PIECES = DEPTH * (PITCH_A + PITCH_B) };
// In the kernels beside the products: neighbouring columns of a block, and shares of their sums.
enum { GROUP = 32, SHARES = 8 };

DEVICE float* shared_floats() {
    SHARED(bytes);
    return (float*)bytes;
}

// ---- what follows the product

DEVICE float activate(u32 activation, float x) {
    switch (activation) {
        case RELU: return x <= 0 ? 0.0f : x;  // in this form NaN stays NaN
        case LEAKY_RELU: return x > 0 ? x : 0.01f * x;
        case TANH: return tanhf(x);
        case SIGMOID: return 1 / (1 + expf(-x));
        default: return x;
    }
}

// The derivative, from the result.
DEVICE float slope(u32 activation, float y) {
    switch (activation) {
        case RELU: return y > 0 ? 1.0f : 0.0f;
        case LEAKY_RELU: return y > 0 ? 1.0f : 0.01f;
        case TANH: return 1 - y * y;
        case SIGMOID: return y * (1 - y);
        default: return 1;
    }
}

// A layer's bias, activation and dropout; null where there is none.
struct After {
    const float* bias;
    const DropoutRow* dropout;
    u32 layer, activation;
};

// Whether dropout lets element e, counted over the whole batch, pass.
DEVICE bool keeps(const StepRow* step, const After& after, u32 e) {
    Bits4 bits = philox(step->dropout_key[0], step->dropout_key[1], e / 4, step->step[0], step->step[1], after.layer);
    u32 lane = e % 4;
    u32 even = lane < 2 ? bits.lane[0] : bits.lane[2], odd = lane < 2 ? bits.lane[1] : bits.lane[3];
    return (lane % 2 ? odd : even) >= after.dropout->threshold;
}

// y at `e` = row * outputs + column, from the sum of products.
DEVICE float finished(const StepRow* step, const After& after, float sum, u32 e, u32 column) {
    float value = activate(after.activation, after.bias ? sum + after.bias[column] : sum);
    if (!after.dropout) return value;
    return keeps(step, after, e) ? value * after.dropout->scale : 0.0f;
}

// ---- a tile of a product

// An operand as it lies in memory: value (outer, inner) at outer * pitch + inner, or the other way round
// where the outer index is `along`. Values beyond the two ends count as 0. `quads`: rows are multiples of
// four values, so four neighbours are whole and aligned, or all outside.
template <class T> struct Operand {
    const T* values;
    u32 pitch, outer_end, inner_end;
    bool quads;
};

template <class T> DEVICE Operand<T> operand(const T* values, u32 pitch, u32 outer_end, u32 inner_end) {
    return {values, pitch, outer_end, inner_end, pitch % 4 == 0};
}

DEVICE float4 load_quad(const float* from) { return *(const float4*)from; }
DEVICE float4 load_quad(const f16* from) {
    uint2 bits = *(const uint2*)from;
    return make_float4(f32_from_f16((u16)bits.x), f32_from_f16((u16)(bits.x >> 16)), f32_from_f16((u16)bits.y),
                       f32_from_f16((u16)(bits.y >> 16)));
}
DEVICE float4 load_quad(const bf16* from) {
    uint2 bits = *(const uint2*)from;
    return make_float4(f32_of(bits.x << 16), f32_of(bits.x & 0xffff0000u), f32_of(bits.y << 16),
                       f32_of(bits.y & 0xffff0000u));
}

// Four neighbours of a row of memory, at `at` of `end` values.
template <class T> DEVICE float4 neighbours(const T* row, u32 at, u32 end, bool quads) {
    if (at >= end) return make_float4(0, 0, 0, 0);
    if (quads) return load_quad(row + at);
    return make_float4(load(row[at]), at + 1 < end ? load(row[at + 1]) : 0, at + 2 < end ? load(row[at + 2]) : 0,
                       at + 3 < end ? load(row[at + 3]) : 0);
}

// Piece number q of four of the WIDTH x DEPTH values that start at (outer, inner).
template <int WIDTH, bool ALONG_OUTER, class T>
DEVICE float4 fetch(const Operand<T>& from, u32 outer, u32 inner, u32 q) {
    const u32 per_row = (ALONG_OUTER ? WIDTH : DEPTH) / 4;
    u32 slow = q / per_row, fast = q % per_row * 4;
    if (ALONG_OUTER) {
        u32 k = inner + slow;
        if (k >= from.inner_end) return make_float4(0, 0, 0, 0);
        return neighbours(from.values + (u64)k * from.pitch, outer + fast, from.outer_end, from.quads);
    }
    u32 o = outer + slow;
    if (o >= from.outer_end) return make_float4(0, 0, 0, 0);
    return neighbours(from.values + (u64)o * from.pitch, inner + fast, from.inner_end, from.quads);
}

// Puts it to its place in shared memory, [k][outer].
template <int WIDTH, bool ALONG_OUTER> DEVICE void put(float* piece, u32 q, float4 value) {
    const u32 per_row = (ALONG_OUTER ? WIDTH : DEPTH) / 4, pitch = WIDTH + 4;
    u32 slow = q / per_row, fast = q % per_row * 4;
    if (ALONG_OUTER) {
        *(float4*)(piece + slow * pitch + fast) = value;
        return;
    }
    piece[fast * pitch + slow] = value.x;
    piece[(fast + 1) * pitch + slow] = value.y;
    piece[(fast + 2) * pitch + slow] = value.z;
    piece[(fast + 3) * pitch + slow] = value.w;
}

// A thread's 4 x 4 values: those from row 4 (thread / 8) and column 4 (thread mod 8) of the tile on.
struct Tile { float value[4][4]; };

// One step of the inner index: an outer product.
DEVICE void outer_product(Tile& sum, float4 a, float4 b) {
    float left[4] = {a.x, a.y, a.z, a.w}, right[4] = {b.x, b.y, b.z, b.w};
    UNROLL for (int i = 0; i < 4; i++)
        UNROLL for (int j = 0; j < 4; j++) sum.value[i][j] = fmaf(left[i], right[j], sum.value[i][j]);
}

// The tile at (row, column) of a b, over the inner indices from `first` to `last`. While a piece is being
// multiplied the next one is on its way to registers; two pieces in shared memory take turns, so one
// barrier for each is enough.
template <bool ALONG_A, bool ALONG_B, class T>
DEVICE Tile product(const Operand<T>& a, const Operand<T>& b, u32 row, u32 column, u32 first, u32 last, float* shared) {
    u32 thread = threadIdx.x;
    const float* left = shared + thread / 8 * 4;
    const float* right = shared + DEPTH * PITCH_A + thread % 8 * 4;
    Tile sum = {};
    float4 a0 = fetch<ROWS, ALONG_A>(a, row, first, thread), a1 = fetch<ROWS, ALONG_A>(a, row, first, thread + THREADS);
    float4 b0 = fetch<COLUMNS, ALONG_B>(b, column, first, thread);
    u32 turn = 0;
    for (u32 k = first; k < last; k += DEPTH, turn = PIECES - turn) {
        float* piece = shared + turn;
        put<ROWS, ALONG_A>(piece, thread, a0);
        put<ROWS, ALONG_A>(piece, thread + THREADS, a1);
        put<COLUMNS, ALONG_B>(piece + DEPTH * PITCH_A, thread, b0);
        __syncthreads();
        if (k + DEPTH < last) {
            a0 = fetch<ROWS, ALONG_A>(a, row, k + DEPTH, thread);
            a1 = fetch<ROWS, ALONG_A>(a, row, k + DEPTH, thread + THREADS);
            b0 = fetch<COLUMNS, ALONG_B>(b, column, k + DEPTH, thread);
        }
        UNROLL for (int i = 0; i < DEPTH; i++)
            outer_product(sum, *(const float4*)(left + turn + i * PITCH_A), *(const float4*)(right + turn + i * PITCH_B));
    }
    return sum;
}

// ---- forward

// Block: (slice and columns, rows). With `partials`, [slice][batch][outputs], the sum of the slice goes
// there; without, there is one slice, and the value is finished here.
template <class T>
DEVICE void forward(const StepRow* step, const T* x, const T* weights, u32 inputs, u32 outputs, u32 batch, u32 slice,
                    float* partials, const After& after, T* y) {
    u32 tiles = (outputs + COLUMNS - 1) / COLUMNS, number = blockIdx.x / tiles, rows = step->rows;
    u32 row = blockIdx.y * ROWS, column = (blockIdx.x - number * tiles) * COLUMNS;
    if (row >= rows) return;
    u32 first = number * slice, last = first + slice < inputs ? first + slice : inputs;
    Tile sum = product<false, true>(operand(x, inputs, rows, last), operand(weights, outputs, outputs, last), row, column,
                                    first, last, shared_floats());
    row += threadIdx.x / 8 * 4, column += threadIdx.x % 8 * 4;
    UNROLL for (u32 i = 0; i < 4; i++)
        UNROLL for (u32 j = 0; j < 4; j++) {
            if (row + i >= rows || column + j >= outputs) continue;
            u32 e = (row + i) * outputs + column + j;
            if (partials) partials[(u64)number * batch * outputs + e] = sum.value[i][j];
            else store(y[e], finished(step, after, sum.value[i][j], e, column + j));
        }
}

// Adds the slices of 32 neighbouring values. Thread (share, value) adds slices share, share + 8, ...; the
// eight sums are added in order.
template <class T>
DEVICE void finish(const StepRow* step, const float* partials, u32 slices, u32 outputs, u32 batch, const After& after,
                   T* y) {
    float* sums = shared_floats();
    u32 e = blockIdx.x * GROUP + threadIdx.x % GROUP, share = threadIdx.x / GROUP;
    bool real = e < step->rows * outputs;
    float sum = 0;
    for (u32 slice = share, end = real ? slices : 0; slice < end; slice += SHARES)
        sum += partials[(u64)slice * batch * outputs + e];
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (!real || share > 0) return;
    for (u32 other = 1; other < SHARES; other++) sum += sums[other * GROUP + threadIdx.x];
    store(y[e], finished(step, after, sum, e, e % outputs));
}

// ---- backward

// dy becomes the gradient before dropout and activation; its sum over the rows goes to db. The result y
// was scaled by dropout, which is undone before the slope is taken. A block owns 32 columns.
template <class T>
DEVICE void derivative(const StepRow* step, const After& after, u32 outputs, const T* y, T* dy, float* db) {
    float* sums = shared_floats();
    u32 column = blockIdx.x * GROUP + threadIdx.x % GROUP, share = threadIdx.x / GROUP, rows = step->rows;
    float scale = after.dropout ? after.dropout->scale : 1.0f, undo = scale > 0 ? 1 / scale : 0.0f, sum = 0;
    for (u32 row = share, end = column < outputs ? rows : 0; row < end; row += SHARES) {
        u32 e = row * outputs + column;
        float g = load(dy[e]) * scale;
        if (after.dropout && !keeps(step, after, e)) g = 0;
        else if (after.activation != IDENTITY) g *= slope(after.activation, load(y[e]) * undo);
        if (after.dropout || after.activation != IDENTITY) store(dy[e], g);
        sum += g;
    }
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (!db || share > 0 || column >= outputs) return;
    for (u32 other = 1; other < SHARES; other++) sum += sums[other * GROUP + threadIdx.x];
    db[column] = sum;
}

// dw = x' dz: the inner index runs over the images.
template <class T>
DEVICE void weight_tile(u32 block, u32 rows, const T* x, const T* dz, float* dw, u32 inputs, u32 outputs, float* shared) {
    u32 tiles = (outputs + COLUMNS - 1) / COLUMNS, row = block / tiles * ROWS, column = block % tiles * COLUMNS;
    Tile sum = product<true, true>(operand(x, inputs, inputs, rows), operand(dz, outputs, outputs, rows), row, column, 0,
                                   rows, shared);
    row += threadIdx.x / 8 * 4, column += threadIdx.x % 8 * 4;
    UNROLL for (u32 i = 0; i < 4; i++)
        UNROLL for (u32 j = 0; j < 4; j++)
            if (row + i < inputs && column + j < outputs) dw[(row + i) * outputs + column + j] = sum.value[i][j];
}

// dx = dz W': the inner index runs over the outputs.
template <class T>
DEVICE void data_tile(u32 block, u32 rows, const T* dz, const T* weights, T* dx, u32 accumulate, u32 inputs, u32 outputs,
                      float* shared) {
    u32 tiles = (inputs + COLUMNS - 1) / COLUMNS, row = block / tiles * ROWS, column = block % tiles * COLUMNS;
    if (row >= rows) return;
    Tile sum = product<false, false>(operand(dz, outputs, rows, outputs), operand(weights, outputs, inputs, outputs), row,
                                     column, 0, outputs, shared);
    row += threadIdx.x / 8 * 4, column += threadIdx.x % 8 * 4;
    UNROLL for (u32 i = 0; i < 4; i++)
        UNROLL for (u32 j = 0; j < 4; j++) {
            if (row + i >= rows || column + j >= inputs) continue;
            T& to = dx[(row + i) * inputs + column + j];
            store(to, accumulate ? load(to) + sum.value[i][j] : sum.value[i][j]);
        }
}

#define INSTANCE(T)                                                                                                  \
    KERNEL(128) dense_forward_##T(const StepRow* step, const T* x, const T* weights, u32 inputs, u32 outputs,        \
                                  u32 batch, u32 slice, float* partials, const float* bias,                          \
                                  const DropoutRow* dropout, u32 layer, u32 activation, T* y) {                      \
        forward<T>(step, x, weights, inputs, outputs, batch, slice, partials, {bias, dropout, layer, activation}, y); \
    }                                                                                                                \
    EXPORT(dense_forward_##T)                                                                                        \
    KERNEL(256) dense_finish_##T(const StepRow* step, const float* partials, u32 slices, u32 outputs, u32 batch,     \
                                 const float* bias, const DropoutRow* dropout, u32 layer, u32 activation, T* y) {    \
        finish<T>(step, partials, slices, outputs, batch, {bias, dropout, layer, activation}, y);                    \
    }                                                                                                                \
    EXPORT(dense_finish_##T)                                                                                         \
    KERNEL(256) dense_derivative_##T(const StepRow* step, const DropoutRow* dropout, u32 layer, u32 activation,      \
                                     u32 outputs, const T* y, T* dy, float* db) {                                    \
        derivative<T>(step, {nullptr, dropout, layer, activation}, outputs, y, dy, db);                              \
    }                                                                                                                \
    EXPORT(dense_derivative_##T)                                                                                     \
    KERNEL(128) dense_backward_##T(const StepRow* step, const T* x, const T* dz, const T* weights, float* dw, T* dx, \
                                   u32 accumulate, u32 inputs, u32 outputs, u32 weight_tiles) {                      \
        u32 rows = step->rows, block = blockIdx.x;                                                                   \
        if (block < weight_tiles) weight_tile<T>(block, rows, x, dz, dw, inputs, outputs, shared_floats());           \
        else data_tile<T>(block - weight_tiles, rows, dz, weights, dx, accumulate, inputs, outputs, shared_floats()); \
    }                                                                                                                \
    EXPORT(dense_backward_##T)

typedef float f32;
INSTANCE(f32)
INSTANCE(f16)
INSTANCE(bf16)
