// The mean of each channel over the pixels of an image, and its gradient.
#include "device.cuh"

// A block owns 32 channels of one image. Thread (share, channel) sums pixels share, share + 8, ...; the
// eight sums are added in order.
template <class T>
GLOBAL(AVERAGE_CHANNELS * AVERAGE_SHARES)
average_forward(CONSTANT Lanes lanes, const StepRow* step, const T* x, T* y, u32 pixels, u32 channels) {
    begin(lanes, step, x, y);
    SHARED(shared);
    float* sums = (float*)shared;
    u32 image = blockIdx.x, channel = blockIdx.y * AVERAGE_CHANNELS + threadIdx.x % AVERAGE_CHANNELS;
    u32 share = threadIdx.x / AVERAGE_CHANNELS;
    bool real = image < step->rows && channel < channels;
    float sum = 0;
    for (u32 pixel = share, end = real ? pixels : 0; pixel < end; pixel += AVERAGE_SHARES)
        sum += load(x[((u64)image * pixels + pixel) * channels + channel]);
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (!real || share > 0) return;
    for (u32 other = 1; other < AVERAGE_SHARES; other++) sum += sums[other * AVERAGE_CHANNELS + threadIdx.x];
    store(y[image * channels + channel], sum / (float)pixels);
}

// A thread writes four neighbouring values; `image` divides by the values of an image.
template <class T>
GLOBAL(AVERAGE_CHANNELS * AVERAGE_SHARES)
average_backward(CONSTANT Lanes lanes, const StepRow* step, const T* dy, T* dx, u32 pixels, Divisor image, Divisor channels,
                 u32 accumulate) {
    begin(lanes, step, dy, dx);
    u32 start = (blockIdx.x * blockDim.x + threadIdx.x) * 4, count = step->rows * image.divisor;
    UNROLL for (u32 i = 0; i < 4; i++) {
        u32 e = start + i;
        if (e >= count) return;
        u32 channel = e - divide(e, channels) * channels.divisor;
        float value = load(dy[divide(e, image) * channels.divisor + channel]) / (float)pixels;
        store(dx[e], accumulate ? load(dx[e]) + value : value);
    }
}

// ---- the kernels by their names

BLOCKS_OF(AVERAGE_CHANNELS * AVERAGE_SHARES)
INSTANCE(average_forward_f32, average_forward<float>)
INSTANCE(average_forward_f16, average_forward<f16>)
INSTANCE(average_forward_bf16, average_forward<bf16>)
INSTANCE(average_backward_f32, average_backward<float>)
INSTANCE(average_backward_f16, average_backward<f16>)
INSTANCE(average_backward_bf16, average_backward<bf16>)
