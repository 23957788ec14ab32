// The moments of each channel of a tensor that no convolution has made, by tiles of positions, and of
// them the batch's statistics (statistics.cuh).
//
// Memory: a tensor is read once, since a block keeps its tile in registers between the two passes that
// the exact formulae take; its partials are 8 bytes for each tile and channel.
#include "device.cuh"
#include "vectors.cuh"
#include "statistics.cuh"

// Tile t is block t; tiles behind the real positions are not written.
template <class T, int V>
GLOBAL(STREAM_THREADS) statistics(CONSTANT Lanes lanes, const StepRow* step, u32 per_image, u32 rows, Divisor by_groups,
                                  const T* x, Statistics s) {
    begin(lanes, step, x), in_lane(lanes, s);
    u32 channels = s.channels;
    u32 row = divide(threadIdx.x, by_groups), columns = by_groups.divisor * V;
    u32 column = (threadIdx.x - row * by_groups.divisor) * V, channel = blockIdx.y * columns + column;
    u32 count = step->rows * per_image, start = blockIdx.x * rows * TILE_ROUNDS;
    if (start >= count) return;  // the whole block
    u32 end = min(start + rows * TILE_ROUNDS, count);
    float* buffer = shared_floats();
    float* means = buffer + rows * columns;
    bool active = channel < channels;
    u32 first = start + row, left = active && first < end ? (end - first + rows - 1) / rows : 0;  // positions

    Packed<T, V> packed[TILE_ROUNDS];
    UNROLL for (int i = 0; i < TILE_ROUNDS; i++) {
        if (i < left) packed[i] = fetch<V>(x + (first + i * rows) * channels + channel);
    }
    float sum[V] = {}, mean[V], squares[V] = {};
    UNROLL for (int i = 0; i < TILE_ROUNDS; i++) {
        if (i >= left) continue;
        float values[V];
        unpack(packed[i], values);
        UNROLL for (int v = 0; v < V; v++) sum[v] += values[v];
    }
    add_thread_rows<V>(buffer, row, rows, column, columns, sum);
    if (row == 0) {
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
    add_thread_rows<V>(buffer, row, rows, column, columns, squares);
    if (row == 0 && active) {
        write<V>(s.partials + blockIdx.x * channels + channel, mean);
        write<V>(s.partials + (s.tiles + blockIdx.x) * channels + channel, squares);
    }
    s.positions = count;
    merge_by_the_last(s, blockIdx.x, blockIdx.y, blockIdx.y * columns, columns, buffer);
}

// ---- the kernels by their names

BLOCKS_OF(STREAM_THREADS)
INSTANCE(statistics_f32, statistics<float, 4>)
INSTANCE(statistics_f16, statistics<f16, 8>)
INSTANCE(statistics_bf16, statistics<bf16, 8>)
INSTANCE(statistics_scalar_f32, statistics<float, 1>)
INSTANCE(statistics_scalar_f16, statistics<f16, 1>)
INSTANCE(statistics_scalar_bf16, statistics<bf16, 1>)
