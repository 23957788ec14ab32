// Updates of all parameters at once, whatever the optimizer; the formulae with PyTorch's order of
// operations stand in crates/graph/src/optimizer/mod.rs.
//
// Two launches, or one. The first sums the squares of the gradients, one number for each block, and is there
// only where someone needs them: for clipping by the global norm, and to find a gradient that is not finite when they
// were stored in f16 and so carry the loss scale. The second starts with adding these numbers - every block
// all of them, in the same order - and then updates its part. Without the first, nothing is scaled or clipped.
//
// All of a parameter is read and written once: p, g, the states, and the 16-bit copy of p that products
// read. Gaps between parameters hold zeros everywhere, and zeros stay zeros.
#include "device.cuh"

// Finite steps after which the loss scale doubles, and between which powers of two it stays: beyond them
// the fault is not the scale's.
enum { CLEAN_STEPS = 2000 };
DEVICE float halved(float scale) { return scale > 0x1p-14f ? scale * 0.5f : scale; }
DEVICE float doubled(float scale) { return scale < 0x1p+16f ? scale * 2 : scale; }

// Four neighbours at a time where there are four: the buffers are aligned to 16 bytes.
DEVICE float4 load4(const float* values, u32 at, u32 len) {
    if (at + 4 <= len) return *(const float4*)(values + at);
    return make_float4(at < len ? values[at] : 0, at + 1 < len ? values[at + 1] : 0, at + 2 < len ? values[at + 2] : 0, 0);
}

DEVICE void store4(float* values, u32 at, u32 len, float4 value) {
    if (at + 4 <= len) {
        *(float4*)(values + at) = value;
        return;
    }
    if (at < len) values[at] = value.x;
    if (at + 1 < len) values[at + 1] = value.y;
    if (at + 2 < len) values[at + 2] = value.z;
}

// workspace: OPTIMIZER_SUMS sums of squares, then the loss scale of this step, which the second launch may change
// for the next one.
template <int = 0>
GLOBAL(OPTIMIZER_THREADS) optimizer_squares(CONSTANT Lanes lanes, const StepRow* step, const LossScale* loss_scale,
                                            const float* gradients, float* workspace, u32 len, u32 scaled) {
    begin(lanes, step, loss_scale, gradients, workspace);
    if (step->rows == 0) return;
    if (blockIdx.x == 0 && threadIdx.x == 0) workspace[OPTIMIZER_SUMS] = loss_scale->scale;
    if (!scaled && step->clip_norm == 0) return;
    // A power of two: the division is exact, and keeps squares in range.
    float unscale = 1.0f / loss_scale->scale, sum = 0;
    for (u32 at = (blockIdx.x * OPTIMIZER_THREADS + threadIdx.x) * 4; at < len; at += gridDim.x * OPTIMIZER_PART) {
        float4 g = load4(gradients, at, len);
        float a = g.x * unscale, b = g.y * unscale, c = g.z * unscale, d = g.w * unscale;
        sum += (a * a + b * b) + (c * c + d * d);
    }
    sum = block_sum<OPTIMIZER_THREADS>(sum);
    if (threadIdx.x == 0) workspace[blockIdx.x] = sum;
}

// One parameter p with its gradient g, already unscaled and clipped, and its states in the order in which
// crates/graph/src/optimizer/rules.rs names them.
DEVICE void update_one(const StepRow& row, float& p, float g, float& a, float& b, float& c) {
    p *= row.shrink;
    g += row.decay * p;
    switch (row.optimizer) {
        case SGD:
            if (row.kept1 != 0) {
                a = row.kept1 * a + row.added1 * g;
                g = row.nesterov ? g + row.kept1 * a : a;
            }
            p -= row.rate * g;
            return;
        case RMSPROP: {
            a = row.kept2 * a + row.added2 * g * g;
            float square = a;
            if (row.centered) {
                c = row.kept2 * c + row.added2 * g;
                square = a - c * c;
                // What rounding makes negative counts as 0; what is no number stays none.
                if (square < 0) square = 0;
            }
            // Without momentum the buffer is the direction itself.
            b = row.kept1 * b + g / (sqrtf(square) + row.epsilon);
            p -= row.rate * b;
            return;
        }
        case ADAM:
        case ADAMW:
        case NADAM:
            a += (g - a) * row.added1;
            b = row.kept2 * b + row.added2 * g * g;
            // The gradient's rate is NAdam's alone.
            p -= (row.gradient_rate * g + row.rate * a) / (sqrtf(b) / row.root + row.epsilon);
            return;
        case ADAGRAD:
            a += g * g;
            p -= row.rate * g / (sqrtf(a) + row.epsilon);
            return;
        case LION: {
            float direction = row.kept1 * a + row.added1 * g;
            // Zero moves nothing, and what is no number stays none.
            p -= row.rate * (direction > 0 ? 1 : direction < 0 ? -1 : direction);
            a = row.kept2 * a + row.added2 * g;
            return;
        }
        default: p = unknown_code(row.optimizer);
    }
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

// What the gradients are multiplied by: one over the loss scale, and at most max / (norm + 1e-6). Not a
// number where the norm is none.
DEVICE float clip_scale(const StepRow* step, float squares) {
    float scale = step->clip_norm / (sqrtf(squares) + 1e-6f);
    return scale > 1 ? 1.0f : scale;
}

DEVICE bool is_finite(float x) { return (bits_of(x) & 0x7f800000u) != 0x7f800000u; }

// By one thread of the launch: the loss scale of the next step, and whether this one is skipped.
DEVICE void next_scale(LossScale* loss_scale, Record* record, bool finite) {
    if (!finite) {
        *loss_scale = {halved(loss_scale->scale), 0};
        record->skipped = 1;
    } else if (++loss_scale->clean == CLEAN_STEPS) {
        *loss_scale = {doubled(loss_scale->scale), 0};
    }
}

template <class T>
DEVICE void update(const StepRow* step, LossScale* loss_scale, float* parameters, const float* gradients,
                   float* first, float* second, float* third, T* weights16, const u32* norms_and_biases,
                   const float* workspace, Record* records, u32 len, u32 ranges, u32 sums, u32 scaled,
                   u32 record_count) {
    if (step->rows == 0) return;
    float scale = sums ? 1.0f / workspace[OPTIMIZER_SUMS] : 1.0f;
    if (scaled || step->clip_norm != 0) {
        float squares = block_sum<OPTIMIZER_THREADS>(threadIdx.x < sums ? workspace[threadIdx.x] : 0);
        bool finite = is_finite(squares);
        if (scaled && blockIdx.x == 0 && threadIdx.x == 0)
            next_scale(loss_scale, records + (step->record < record_count ? step->record : record_count - 1), finite);
        if (scaled && !finite) return;
        if (step->clip_norm != 0) scale *= clip_scale(step, squares);
    }
    StepRow row = *step;
    u32 at = blockIdx.x * OPTIMIZER_PART + threadIdx.x * 4;
    if (at >= len) return;
    // Parameters start at multiples of 16 values: four neighbours belong to one of them, or to the gap behind it.
    if (row.spares_norms_and_biases && lies_in(norms_and_biases, ranges, at)) row.shrink = 1, row.decay = 0;
    // States that the plan has no room for are not there.
    float4 p = load4(parameters, at, len), g = load4(gradients, at, len), none = make_float4(0, 0, 0, 0);
    float4 a = first ? load4(first, at, len) : none, b = second ? load4(second, at, len) : none;
    float4 c = third ? load4(third, at, len) : none;
    update_one(row, p.x, g.x * scale, a.x, b.x, c.x);
    update_one(row, p.y, g.y * scale, a.y, b.y, c.y);
    update_one(row, p.z, g.z * scale, a.z, b.z, c.z);
    update_one(row, p.w, g.w * scale, a.w, b.w, c.w);
    store4(parameters, at, len, p);
    if (first) store4(first, at, len, a);
    if (second) store4(second, at, len, b);
    if (third) store4(third, at, len, c);
    if (!weights16) return;
    float values[4] = {p.x, p.y, p.z, p.w};
    UNROLL for (u32 i = 0; i < 4; i++)
        if (at + i < len) store(weights16[at + i], values[i]);
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
                                           const u32* norms_and_biases, const float* workspace, Record* records, u32 len,
                                           u32 ranges, u32 sums, u32 scaled, u32 record_count) {
    begin(lanes, step, scale, parameters, gradients, first, second, third, weights16, norms_and_biases, workspace, records);
    update<T>(step, scale, parameters, gradients, first, second, third, weights16, norms_and_biases, workspace, records, len,
              ranges, sums, scaled, record_count);
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
