// Updates of all parameters at once. How one is updated stands in optimizer.cuh.
//
// Two launches, or one. The first sums the squares of the gradients, one number for each block, and is there
// only where steps may clip by the global norm. The second starts with adding these numbers - every block
// all of them, in the same order - and then updates its part. Without the first, nothing is clipped.
//
// In f16 gradients carry the loss scale. The update divides by it, leaves everything alone if one of them is not finite
// (overflow.cuh), and says what the scale of the next step is.
//
// All of a parameter is read and written once: p, g, the states, and the 16-bit copy of p that products
// read. Gaps between parameters hold zeros everywhere, and zeros stay zeros. A block has OPTIMIZER_PART
// values, one behind the other or, where dense layers have updated their weights, one of the `parts` between.
#include "device.cuh"
#include "optimizer.cuh"
#include "overflow.cuh"

// Finite steps after which the loss scale doubles. It stays between two powers of two: beyond them the fault is not the
// scale's.
enum { CLEAN_STEPS = 2000 };
DEVICE float halved(float scale) { return scale > 0x1p-14f ? scale * 0.5f : scale; }
DEVICE float doubled(float scale) { return scale < 0x1p+16f ? scale * 2 : scale; }

// workspace: OPTIMIZER_SUMS sums of squares.
template <int = 0>
GLOBAL(OPTIMIZER_THREADS) optimizer_squares(CONSTANT Lanes lanes, const StepRow* step, const LossScale* loss_scale,
                                            const float* gradients, float* workspace, u32 len) {
    begin(lanes, step, loss_scale, gradients, workspace);
    if (step->rows == 0 || step->clip_norm == 0) return;
    // A power of two: the division is exact, and keeps squares in range.
    float unscale = 1.0f / loss_scale->of_step, sum = 0;
    for (u32 at = (blockIdx.x * OPTIMIZER_THREADS + threadIdx.x) * 4; at < len; at += gridDim.x * OPTIMIZER_PART) {
        float4 g = load4(gradients, at, len);
        float a = g.x * unscale, b = g.y * unscale, c = g.z * unscale, d = g.w * unscale;
        sum += (a * a + b * b) + (c * c + d * d);
    }
    sum = block_sum<OPTIMIZER_THREADS>(sum);
    if (threadIdx.x == 0) workspace[blockIdx.x] = sum;
}

// Whether a parameter lies in one of `count` ranges, each a start and an end, in order.
DEVICE bool lies_in(const u32* ranges, u32 count, u32 at) {
    u32 low = 0, high = count;
    while (low < high) {
        u32 middle = (low + high) / 2;
        if (ranges[2 * middle + 1] <= at) low = middle + 1;
        else high = middle;
    }
    return low < count && ranges[2 * low] <= at;
}

// What clipping multiplies gradients by that carry no loss scale: max / (norm + 1e-6), and at most 1. Not a
// number where the norm is none.
DEVICE float clip_scale(const StepRow* step, float squares) {
    float scale = step->clip_norm / (sqrtf(squares) + 1e-6f);
    return scale > 1 ? 1.0f : scale;
}

// By one thread of the launch: the loss scale of the next step, and whether this one is skipped. The others read `of_step`
// and `overflowed`, which stay.
DEVICE void next_scale(LossScale* loss_scale, Record* record) {
    if (loss_scale->overflowed) {
        loss_scale->scale = halved(loss_scale->scale), loss_scale->clean = 0;
        record->skipped = 1;
    } else if (++loss_scale->clean == CLEAN_STEPS) {
        loss_scale->scale = doubled(loss_scale->scale), loss_scale->clean = 0;
    }
}

template <class T>
DEVICE void update(const StepRow* step, LossScale* loss_scale, const float* gradients, const Updated<T>& updated,
                   const u32* norms_and_biases, const u32* parts, const float* workspace, Record* records, u32 len,
                   u32 ranges, u32 sums, u32 record_count) {
    if (step->rows == 0) return;
    float scale = 1;
    if constexpr (SCALED<T>) {
        if (blockIdx.x == 0 && threadIdx.x == 0)
            next_scale(loss_scale, records + (step->record < record_count ? step->record : record_count - 1));
        if (loss_scale->overflowed) return;
        scale = 1.0f / loss_scale->of_step;
    }
    if (step->clip_norm != 0)
        scale *= clip_scale(step, block_sum<OPTIMIZER_THREADS>(threadIdx.x < sums ? workspace[threadIdx.x] : 0));
    StepRow row = *step;
    u32 at = (parts ? parts[2 * blockIdx.x] : blockIdx.x * OPTIMIZER_PART) + threadIdx.x * 4;
    u32 end = parts ? parts[2 * blockIdx.x + 1] : len;
    if (at >= end) return;
    // Parameters start at multiples of 16 values: four neighbours belong to one of them, or to the gap behind it.
    if (row.spares_norms_and_biases && lies_in(norms_and_biases, ranges, at)) row.shrink = 1, row.decay = 0;
    Quad quad = load_quad(updated, at, end);
    float4 g = load4(gradients, at, end);
    g.x = multiply_rounded(g.x, scale), g.y = multiply_rounded(g.y, scale);
    g.z = multiply_rounded(g.z, scale), g.w = multiply_rounded(g.w, scale);
    update_quad(row, quad, g);
    store_quad(updated, at, end, quad);
}

template <class T> DEVICE void cast(const float* parameters, T* weights16, u32 len) {
    u32 start = blockIdx.x * OPTIMIZER_PART + threadIdx.x;
    UNROLL for (u32 i = 0; i < 4; i++) {
        u32 at = start + i * OPTIMIZER_THREADS;
        if (at < len) store(weights16[at], parameters[at]);
    }
}

template <class T>
GLOBAL(OPTIMIZER_THREADS) optimizer_update(CONSTANT Lanes lanes, const StepRow* step, LossScale* scale, float* parameters,
                                           const float* gradients, float* first, float* second, float* third, T* weights16,
                                           const u32* norms_and_biases, const u32* parts, const float* workspace,
                                           Record* records, u32 len, u32 ranges, u32 sums, u32 record_count) {
    begin(lanes, step, scale, parameters, gradients, first, second, third, weights16, norms_and_biases, parts, workspace,
          records);
    update<T>(step, scale, gradients, {parameters, first, second, third, weights16}, norms_and_biases, parts, workspace,
              records, len, ranges, sums, record_count);
}

template <class T>
GLOBAL(OPTIMIZER_THREADS) optimizer_cast(CONSTANT Lanes lanes, const float* parameters, T* weights16, u32 len) {
    begin(lanes, parameters, weights16);
    cast<T>(parameters, weights16, len);
}

// ---- the kernels by their names

BLOCKS_OF(OPTIMIZER_THREADS)
INSTANCE(optimizer_squares, optimizer_squares<>)
INSTANCE(optimizer_update_f32, optimizer_update<float>)
INSTANCE(optimizer_update_f16, optimizer_update<f16>)
INSTANCE(optimizer_update_bf16, optimizer_update<bf16>)
INSTANCE(optimizer_cast_f16, optimizer_cast<f16>)
INSTANCE(optimizer_cast_bf16, optimizer_cast<bf16>)
