// The mean of each channel over the pixels of an image, and its gradient.
#include "device.cuh"

// A block owns 32 channels of one image. Thread (share, channel) sums pixels share, share + 8, ...; the
// eight sums are added in order.
template <class T>
DEVICE void average_forward(const StepRow* step, const T* x, T* y, u32 pixels, u32 channels) {
    SHARED(shared);
    float* sums = (float*)shared;
    u32 image = blockIdx.x, channel = blockIdx.y * AVERAGE_CHANNELS + threadIdx.x % AVERAGE_CHANNELS, share = threadIdx.x / AVERAGE_CHANNELS;
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
DEVICE void average_backward(const StepRow* step, const T* dy, T* dx, u32 pixels, Divisor image, Divisor channels,
                             u32 accumulate) {
    u32 start = (blockIdx.x * blockDim.x + threadIdx.x) * 4, count = step->rows * image.divisor;
    UNROLL for (u32 i = 0; i < 4; i++) {
        u32 e = start + i;
        if (e >= count) return;
        u32 channel = e - divide(e, channels) * channels.divisor;
        float value = load(dy[divide(e, image) * channels.divisor + channel]) / (float)pixels;
        store(dx[e], accumulate ? load(dx[e]) + value : value);
    }
}

#define INSTANCE(T)                                                                                                                                          \
    KERNEL(AVERAGE_CHANNELS * AVERAGE_SHARES) average_forward_##T(CONSTANT Lanes lanes, const StepRow* step, const T* x, T* y, u32 pixels, u32 channels) {   \
        begin(lanes, step, x, y);                                                                                                                          \
        average_forward<T>(step, x, y, pixels, channels);                                                                                                    \
    }                                                                                                                                                        \
    EXPORT(average_forward_##T)                                                                                                                              \
    KERNEL(AVERAGE_CHANNELS * AVERAGE_SHARES) average_backward_##T(CONSTANT Lanes lanes, const StepRow* step, const T* dy, T* dx, u32 pixels, Divisor image, \
                                     Divisor channels, u32 accumulate) {                                                                                     \
        begin(lanes, step, dy, dx);                                                                                                                        \
        average_backward<T>(step, dy, dx, pixels, image, channels, accumulate);                                                                              \
    }                                                                                                                                                        \
    EXPORT(average_backward_##T)

typedef float f32;
INSTANCE(f32)
INSTANCE(f16)
INSTANCE(bf16)
