// Dropout: values are kept and scaled, or become 0, by random numbers that belong to their place.
//
// The number of element e (counted over the whole batch) is a lane of the Philox block e / 4, so a
// mask needs no memory: forward and backward draw the same one. A thread owns one block, four
// neighbouring elements.
#include "device.cuh"

template <class T>
GLOBAL(STREAM_THREADS) dropout(CONSTANT Lanes lanes, const StepRow* step, const DropoutRow* row, u32 layer, u32 elements,
                               const T* x, T* y, u32 accumulate) {
    begin(lanes, step, row, x, y);
    u32 quad = blockIdx.x * blockDim.x + threadIdx.x, count = step->rows * elements;
    if (quad * 4 >= count) return;
    u32 threshold = row->threshold;
    float scale = row->scale;
    Bits4 bits = philox(step->dropout_key[0], step->dropout_key[1], quad, step->step[0], step->step[1], layer);
    UNROLL for (u32 lane = 0; lane < 4; lane++) {
        u32 e = quad * 4 + lane;
        if (e >= count) break;
        float value = bits.lane[lane] < threshold ? 0.0f : load(x[e]) * scale;
        store(y[e], accumulate ? load(y[e]) + value : value);
    }
}

// ---- the kernels by their names

BLOCKS_OF(STREAM_THREADS)
INSTANCE(dropout_f32, dropout<float>)
INSTANCE(dropout_f16, dropout<f16>)
INSTANCE(dropout_bf16, dropout<bf16>)
