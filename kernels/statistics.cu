// The moments of each channel of a tensor that no convolution has made, by tiles of positions, and of
// them the batch's statistics (statistics.cuh).
//
// Memory: a tensor is read once, since a block keeps its tile in registers between the two passes that
// the exact formulae take; its partials are 8 bytes for each tile and channel.
#include "device.cuh"
#include "vectors.cuh"
#include "statistics.cuh"

DEVICE float* shared_floats() {
    SHARED(bytes);
    return (float*)bytes;
}

// ---- moments of the tiles of a stored tensor

// Tile t is block t; tiles behind the real positions are not written.
template <class T, int V>
DEVICE void moments(const StepRow* step, u32 per_image, u32 lanes, Divisor by_groups, const T* x, Statistics& s) {
    u32 channels = s.channels;
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
    if (lane == 0 && active) {
        write<V>(s.partials + blockIdx.x * channels + channel, mean);
        write<V>(s.partials + (s.tiles + blockIdx.x) * channels + channel, squares);
    }
    s.positions = count;
    merge_by_the_last(s, blockIdx.x, blockIdx.y, blockIdx.y * columns, columns, buffer);
}

#define INSTANCE(T, V, name)                                                                                  \
    KERNEL(STREAM_THREADS) name(CONSTANT Lanes lanes, const StepRow* step, u32 per_image, u32 position_lanes, \
                                Divisor by_groups, const T* x, Statistics s) {                                \
        begin(lanes, step, x), in_lane(lanes, s);                                                           \
        moments<T, V>(step, per_image, position_lanes, by_groups, x, s);                                      \
    }                                                                                                         \
    EXPORT(name)

INSTANCE(float, 4, statistics_f32)
INSTANCE(f16, 8, statistics_f16)
INSTANCE(bf16, 8, statistics_bf16)
INSTANCE(float, 1, statistics_scalar_f32)
INSTANCE(f16, 1, statistics_scalar_f16)
INSTANCE(bf16, 1, statistics_scalar_bf16)
