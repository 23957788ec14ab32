// Softmax cross entropy with label smoothing e, class weights w and labels mixed at share m with those of
// the next image (z_i; after the last the first), hits, and the gradient of the logits:
//
//     loss = sum_i sum_c t[i, c] (-log p[i, c]) / W,   W = sum_i w[y_i] over the real images
//     t[i, c] = (1 - e) w[c] ((1 - m) [c = y_i] + m [c = z_i]) + e/C w[c]
//     gradient[i, c] = (p[i, c] sum_d t[i, d] - t[i, c]) / W * loss scale
//
// A warp owns an image at a time, its lanes the classes lane, lane + 32, ... A lane reads and writes the
// same classes, so the gradient may lie on the logits. There is one block: the sum over the images then
// has one order and needs no second launch, and few batches are so large that one block would be slow.
#include "device.cuh"

// The largest value with its class. A NaN is larger than every number, and of equal values the first
// counts; the order is total, so every tree finds the same one.
struct Best { float value; u32 at; };

DEVICE bool better(Best a, Best b) {
    bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    if (a_nan != b_nan) return a_nan;
    if (a.value != b.value && !a_nan) return a.value > b.value;
    return a.at < b.at;
}

DEVICE Best warp_best(Best best) {
    UNROLL for (int distance = 16; distance > 0; distance /= 2) {
        Best other = {__shfl_xor_sync(~0u, best.value, distance), __shfl_xor_sync(~0u, best.at, distance)};
        if (better(other, best)) best = other;
    }
    return best;
}

// What the logits of an image should say: two classes with their targets, and all classes with `share` of
// their weights.
struct Target { u32 label, next; float own, other, share; };

// One image, by a warp: its loss, and where its largest logit is. All lanes return the same.
template <class T>
DEVICE Best image_loss(const T* logits, T* gradient, const float* weights, u32 classes, Target target,
                       float scale) {
    u32 lane = threadIdx.x % 32;
    // A lane without classes brings what loses against every class.
    Best best = {f32_of(0xff800000u), ~0u};
    for (u32 c = lane; c < classes; c += 32) {
        Best found = {load(logits[c]), c};
        if (better(found, best)) best = found;
    }
    best = warp_best(best);
    // With a NaN among the logits everything below becomes NaN: loss, gradient.
    float largest = best.value, total = 0, others = 0, weight = 0, own = 0, next = 0;
    for (u32 c = lane; c < classes; c += 32) {
        float shifted = load(logits[c]) - largest;
        total += expf(shifted);
        others += weights[c] * shifted;
        weight += weights[c];
        if (c == target.label) own = shifted;
        if (c == target.next) next = shifted;
    }
    total = warp_sum(total), others = warp_sum(others), weight = warp_sum(weight);
    own = warp_sum(own), next = warp_sum(next);
    // -log p of a class is log_total - shifted.
    float log_total = logf(total), share = target.share;
    float loss = target.own * (log_total - own) + target.other * (log_total - next) +
                 share * (weight * log_total - others);
    float targets = target.own + target.other + share * weight;
    if (gradient)
        for (u32 c = lane; c < classes; c += 32) {
            float wanted = share * weights[c] + (c == target.label ? target.own : 0.0f) +
                           (c == target.next ? target.other : 0.0f);
            store(gradient[c], (expf(load(logits[c]) - largest) / total * targets - wanted) * scale);
        }
    return {loss, best.at};
}

// The label of an image of the batch.
DEVICE u32 label_of(const StepRow* step, const u32* indices, const u16* labels, LossCounts counts, u32 row) {
    u32 entry = step->first + row;
    u32 number = indices[entry < counts.indices ? entry : counts.indices - 1];
    return labels[number < counts.labels ? number : counts.labels - 1];
}

template <class T>
GLOBAL(32 * LOSS_WARPS) loss(CONSTANT Lanes lanes, CONSTANT Lanes image_lanes, const StepRow* step,
                             LossScale* loss_scale, const T* logits, const u32* indices, const u16* labels,
                             const float* weights, T* gradient, Record* records, u32 classes, LossCounts counts) {
    SHARED(shared);
    begin(lanes, step, loss_scale, logits, indices, weights, gradient, records), in_lane(image_lanes, labels);
    if (step->rows == 0) return;
    Record* sums = (Record*)shared;
    u32 warp = threadIdx.x / 32, warps = blockDim.x / 32, rows = step->rows;
    // Every warp sums all weights, in the same order.
    float weight = 0;
    for (u32 row = threadIdx.x % 32; row < rows; row += 32)
        weight += weights[label_of(step, indices, labels, counts, row)];
    weight = warp_sum(weight);
    float scale = 1.0f / weight * loss_scale->scale;
    float smoothing = step->label_smoothing, mixing = step->mixing;
    Record sum = {0, 0, 0};
    for (u32 row = warp; row < rows; row += warps) {
        u32 label = label_of(step, indices, labels, counts, row);
        u32 next = label_of(step, indices, labels, counts, row + 1 == rows ? 0 : row + 1);
        Target target = {label, next, (1 - smoothing) * (1 - mixing) * weights[label],
                         (1 - smoothing) * mixing * weights[next], smoothing / (float)classes};
        u64 start = (u64)row * classes;
        Best image = image_loss<T>(logits + start, gradient ? gradient + start : gradient, weights, classes,
                                   target, scale);
        sum.loss_sum += image.value;
        sum.correct += image.at == label;
    }
    if (threadIdx.x % 32 == 0) sums[warp] = sum;
    __syncthreads();
    if (threadIdx.x > 0) return;
    // The factor that these gradients carry, since the update changes that of the next step; and nothing is known against
    // them yet. An evaluation has no gradients.
    if (gradient) loss_scale->of_step = loss_scale->scale, loss_scale->overflowed = 0;
    for (u32 other = 1; other < warps; other++) sum.loss_sum += sums[other].loss_sum, sum.correct += sums[other].correct;
    // The sum whose mean over the images is the weighted mean.
    sum.loss_sum *= (double)rows / weight;
    records[step->record < counts.records ? step->record : counts.records - 1] = sum;
}

// ---- the kernels by their names

BLOCKS_OF(32 * LOSS_WARPS)
INSTANCE(loss_f32, loss<float>)
INSTANCE(loss_f16, loss<f16>)
INSTANCE(loss_bf16, loss<bf16>)
