// Softmax cross entropy of some images with its gradient: what loss.cu does with a warp an image, without the mixing of
// labels. A thread makes the loss of one image and the gradient of its logits.
//
// With labels y, class weights w, label smoothing e and p = softmax(logits):
//
//     t[i, c]        = w[c] ((1 - e) [c = y_i] + e / C),   W = sum over i of w[y_i]
//     losses[i]      = sum over c of t[i, c] (-log p[i, c]) / W
//     gradient[i, c] = (p[i, c] sum over d of t[i, d] - t[i, c]) / W
#include "device.cuh"

GLOBAL(STREAM_THREADS) plain_loss(u32 images, u32 classes, float smoothing, const float* logits, const u16* labels,
                                  const float* weights, float* losses, float* gradient) {
    wait_for_launches_before();
    u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= images) return;
    const float* z = logits + i * classes;
    float all = 0, largest = z[0], total = 0, targets = 0, loss = 0;
    for (u32 j = 0; j < images; j++) all += weights[labels[j]];
    for (u32 c = 1; c < classes; c++) largest = max(largest, z[c]);
    for (u32 c = 0; c < classes; c++) total += expf(z[c] - largest);
    auto target = [&](u32 c) { return weights[c] * ((c == labels[i] ? 1 - smoothing : 0) + smoothing / (float)classes); };
    for (u32 c = 0; c < classes; c++) {
        targets += target(c);
        loss += target(c) * (logf(total) - (z[c] - largest));
    }
    losses[i] = loss / all;
    for (u32 c = 0; c < classes; c++)
        gradient[i * classes + c] = (expf(z[c] - largest) / total * targets - target(c)) / all;
}

// ---- the kernels by their names

BLOCKS_OF(STREAM_THREADS)
INSTANCE(plain_loss, plain_loss)
