// Mean and variance of each channel, over all real positions of a batch.
//
// No sum of squares: it loses everything where the mean is large against the deviation. Instead each
// tile of T positions gives its mean and its sum of squared deviations (M2), and tiles are merged by
//     mean = mean_a + delta n_b / n,   M2 = M2_a + M2_b + delta^2 n_a n_b / n,   delta = mean_b - mean_a
// (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
// 1979) in a tree that is fixed by the shape.
//
// Memory: a tensor is read once, since a block keeps its tile in registers between the two passes that
// the exact formulae take; its partials are 8 bytes for each tile and channel.
#include "device.cuh"
#include "vectors.cuh"

constexpr float EPSILON = 1e-5f;
constexpr float MOMENTUM = 0.1f;

DEVICE float* shared_floats() {
    SHARED(bytes);
    return (float*)bytes;
}

// ---- moments of the tiles of a stored tensor

// partials: [tiles][channels] means, then as many M2. Tile t is block t; tiles behind the real positions
// are not written.
template <class T, int V>
DEVICE void tile_moments(const StepRow* step, u32 per_image, u32 channels, u32 lanes, Divisor by_groups,
                         u32 tiles, const T* x, float* partials) {
    u32 lane = divide(threadIdx.x, by_groups), columns = by_groups.divisor * V;
    u32 column = (threadIdx.x - lane * by_groups.divisor) * V, channel = blockIdx.y * columns + column;
    u32 count = step->rows * per_image, start = blockIdx.x * lanes * TILE_ROUNDS;
    if (start >= count) return;  // the whole block
    u32 end = min(start + lanes * TILE_ROUNDS, count);
    float* buffer = shared_floats();
    float* means = buffer + lanes * columns;
    bool active = channel < channels;
    u32 first = start + lane, left = active && first < end ? (end - first + lanes - 1) / lanes : 0;  // positions

    Packed<T, V> packed[TILE_ROUNDS];
    UNROLL for (int i = 0; i < TILE_ROUNDS; i++) {
        if (i < left) packed[i] = fetch<V>(x + (first + i * lanes) * channels + channel);
    }
    float sum[V] = {}, mean[V], squares[V] = {};
    UNROLL for (int i = 0; i < TILE_ROUNDS; i++) {
        if (i >= left) continue;
        float values[V];
        unpack(packed[i], values);
        UNROLL for (int v = 0; v < V; v++) sum[v] += values[v];
    }
    add_lanes<V>(buffer, lane, lanes, column, columns, sum);
    if (lane == 0) {
        UNROLL for (int v = 0; v < V; v++) sum[v] /= (float)(end - start);
        write<V>(means + column, sum);
    }
    __syncthreads();
    read<V>(means + column, mean);
    UNROLL for (int i = 0; i < TILE_ROUNDS; i++) {
        if (i >= left) continue;
        float values[V];
        unpack(packed[i], values);
        UNROLL for (int v = 0; v < V; v++) squares[v] = fmaf(values[v] - mean[v], values[v] - mean[v], squares[v]);
    }
    add_lanes<V>(buffer, lane, lanes, column, columns, squares);
    if (lane > 0 || !active) return;
    write<V>(partials + blockIdx.x * channels + channel, mean);
    write<V>(partials + (tiles + blockIdx.x) * channels + channel, squares);
}

#define INSTANCE(T, V, name)                                                                                   \
    KERNEL(STREAM_THREADS) name(const StepRow* step, u32 per_image, u32 channels, u32 lanes, Divisor by_groups, u32 tiles, \
                     const T* x, float* partials) {                                                            \
        tile_moments<T, V>(step, per_image, channels, lanes, by_groups, tiles, x, partials);                   \
    }                                                                                                          \
    EXPORT(name)

INSTANCE(float, 4, partials_f32)
INSTANCE(f16, 8, partials_f16)
INSTANCE(bf16, 8, partials_bf16)
INSTANCE(float, 1, partials_scalar_f32)
INSTANCE(f16, 1, partials_scalar_f16)
INSTANCE(bf16, 1, partials_scalar_bf16)

// ---- merging

struct Moments { float count, mean, m2; };

DEVICE void merge(Moments& a, Moments b) {
    if (b.count == 0) return;
    float count = a.count + b.count, share = b.count / count, delta = b.mean - a.mean;
    a.mean = fmaf(delta, share, a.mean);
    a.m2 = fmaf(delta * delta, a.count * share, a.m2 + b.m2);
    a.count = count;
}

constexpr u32 ROWS = STREAM_THREADS / SUM_COLUMNS;  // tiles that a block reads at once

// Block (i, j) merges the tiles j MERGE_SPAN to (j + 1) MERGE_SPAN of some channels. With more than MERGE_SPAN tiles the
// moments go where the first of them were, and the next launch sees tiles of `stride` times as many
// positions; the last launch has one block for each group of channels and writes the statistics.
KERNEL(STREAM_THREADS) merge_statistics(const StepRow* step, u32 per_image, u32 channels, u32 per_tile, u32 tiles, u32 stride,
                             u32 last, float* partials, float* statistics, float* running_mean,
                             float* running_variance) {
    u32 column = threadIdx.x % SUM_COLUMNS, row = threadIdx.x / SUM_COLUMNS, channel = blockIdx.x * SUM_COLUMNS + column;
    u32 first = blockIdx.y * MERGE_SPAN, left = (tiles + stride - 1) / stride, end = min(first + MERGE_SPAN, left);
    u64 count = (u64)step->rows * per_image, positions = (u64)per_tile * stride;
    Moments all = {0, 0, 0};
    if (channel < channels) {
        for (u32 tile = first + row; tile < end; tile += ROWS) {
            u64 start = tile * positions;
            if (start >= count) break;
            u32 at = tile * stride * channels + channel;
            u64 real = min(positions, count - start);
            merge(all, {(float)real, partials[at], partials[tiles * channels + at]});
        }
    }
    float* counts = shared_floats();
    float* means = counts + STREAM_THREADS;
    float* m2s = means + STREAM_THREADS;
    for (u32 half = ROWS / 2;; half /= 2) {
        counts[threadIdx.x] = all.count, means[threadIdx.x] = all.mean, m2s[threadIdx.x] = all.m2;
        __syncthreads();
        u32 other = threadIdx.x + half * SUM_COLUMNS;
        Moments from = row < half ? Moments{counts[other], means[other], m2s[other]} : Moments{0, 0, 0};
        __syncthreads();
        merge(all, from);
        if (half == 1) break;
    }
    if (row > 0 || channel >= channels || all.count == 0) return;
    if (!last) {
        u32 at = first * stride * channels + channel;
        partials[at] = all.mean, partials[tiles * channels + at] = all.m2;
        return;
    }
    float variance = all.m2 / all.count;
    statistics[channel] = all.mean;
    statistics[channels + channel] = 1.0f / sqrtf(variance + EPSILON);
    if (running_mean) {
        float unbiased = all.count > 1 ? all.m2 / (all.count - 1) : variance;
        running_mean[channel] = fmaf(MOMENTUM, all.mean, (1 - MOMENTUM) * running_mean[channel]);
        running_variance[channel] = fmaf(MOMENTUM, unbiased, (1 - MOMENTUM) * running_variance[channel]);
    }
}
EXPORT(merge_statistics)

// ---- evaluation: the running values stand for the batch's

KERNEL(STREAM_THREADS) running_statistics(u32 channels, const float* mean, const float* variance, float* statistics) {
    u32 channel = blockIdx.x * blockDim.x + threadIdx.x;
    if (channel >= channels) return;
    statistics[channel] = mean[channel];
    statistics[channels + channel] = 1.0f / sqrtf(variance[channel] + EPSILON);
}
EXPORT(running_statistics)
