// Group norm: each image by groups of neighbouring channels, forward and backward.
//
// Forward a block owns a group of an image and passes over it three times: mean, squared deviations
// from it (no sum of squares), result. Backward, the sums of each image and channel come first; a block
// per group makes dx of them, a thread per channel adds them up over the images, in order.
#include "device.cuh"
#include "overflow.cuh"

constexpr float EPSILON = 1e-5f;

// A group of an image: the values of some neighbouring channels of each pixel.
struct Group {
    u32 image, number, channel, start, count, channels;
    Divisor width;
};

DEVICE Group group_of(u32 block, u32 pixels, u32 channels, Divisor groups, Divisor width) {
    u32 image = divide(block, groups), number = block - image * groups.divisor, channel = number * width.divisor;
    return {image, number, channel, image * pixels * channels + channel, pixels * width.divisor, channels, width};
}

struct Place { u32 at, channel; };

// Where value number e of a group lies, and the channel that it is of.
DEVICE Place place(const Group& group, u32 e) {
    u32 pixel = divide(e, group.width), rest = e - pixel * group.width.divisor;
    return {group.start + pixel * group.channels + rest, group.channel + rest};
}

// statistics: of each image the means of its groups, then their 1 / sqrt(variance + eps).
template <class T>
GLOBAL(GROUP_NORM_THREADS) group_norm_forward(CONSTANT Lanes lanes, const StepRow* step, const T* x, const float* scale,
                                              const float* shift, T* y, float* statistics, u32 pixels, u32 channels,
                                              Divisor groups, Divisor width) {
    begin(lanes, step, x, scale, shift, y, statistics);
    Group group = group_of(blockIdx.x, pixels, channels, groups, width);
    if (group.image >= step->rows) return;  // the whole block
    // Relative to the first value, so that a large mean loses nothing.
    float first = load(x[group.start]), sum = 0, squares = 0;
    for (u32 e = threadIdx.x; e < group.count; e += GROUP_NORM_THREADS) sum += load(x[place(group, e).at]) - first;
    float mean = first + block_sum<GROUP_NORM_THREADS>(sum) / (float)group.count;
    for (u32 e = threadIdx.x; e < group.count; e += GROUP_NORM_THREADS) {
        float deviation = load(x[place(group, e).at]) - mean;
        squares = fmaf(deviation, deviation, squares);
    }
    float rstd = 1.0f / sqrtf(block_sum<GROUP_NORM_THREADS>(squares) / (float)group.count + EPSILON);
    for (u32 e = threadIdx.x; e < group.count; e += GROUP_NORM_THREADS) {
        auto [at, channel] = place(group, e);
        store(y[at], fmaf((load(x[at]) - mean) * rstd, scale[channel], shift[channel]));
    }
    if (threadIdx.x > 0) return;
    float* of_image = statistics + group.image * 2 * groups.divisor;
    of_image[group.number] = mean;
    of_image[groups.divisor + group.number] = rstd;
}

// sums: of each image and channel the sum of dy, then of dy times the normalised value, [images][2][channels].
// A block owns 32 channels of one image. Thread (share, channel) sums pixels share, share + 8, ...; the
// eight sums are added in order.
template <class T>
GLOBAL(AVERAGE_CHANNELS * AVERAGE_SHARES)
group_norm_sums(CONSTANT Lanes lanes, const StepRow* step, const T* x, const T* dy, const float* statistics, float* sums,
                u32 pixels, u32 channels, Divisor groups, Divisor width) {
    SHARED(shared);
    begin(lanes, step, x, dy, statistics, sums);
    float* shifts = (float*)shared;
    float* scales = shifts + AVERAGE_CHANNELS * AVERAGE_SHARES;
    u32 image = blockIdx.x, channel = blockIdx.y * AVERAGE_CHANNELS + threadIdx.x % AVERAGE_CHANNELS;
    u32 share = threadIdx.x / AVERAGE_CHANNELS;
    bool real = image < step->rows && channel < channels;
    float shift = 0, scale = 0;
    if (real) {
        const float* of_image = statistics + image * 2 * groups.divisor;
        u32 group = divide(channel, width);
        float mean = of_image[group], rstd = of_image[groups.divisor + group];
        for (u32 pixel = share; pixel < pixels; pixel += AVERAGE_SHARES) {
            u32 at = (image * pixels + pixel) * channels + channel;
            float gradient = load(dy[at]);
            shift += gradient;
            scale = fmaf(gradient, (load(x[at]) - mean) * rstd, scale);
        }
    }
    shifts[threadIdx.x] = shift, scales[threadIdx.x] = scale;
    __syncthreads();
    if (!real || share > 0) return;
    for (u32 other = 1; other < AVERAGE_SHARES; other++) {
        shift += shifts[other * AVERAGE_CHANNELS + threadIdx.x];
        scale += scales[other * AVERAGE_CHANNELS + threadIdx.x];
    }
    sums[image * 2 * channels + channel] = shift;
    sums[(image * 2 + 1) * channels + channel] = scale;
}

// With h = gamma dy and m values in a group: dx = rstd (h - sum(h) / m - xhat sum(h xhat) / m). dx may lie on
// x or dy: each value is read before it is written.
template <class T>
GLOBAL(GROUP_NORM_THREADS) group_norm_backward(CONSTANT Lanes lanes, const StepRow* step, const T* x, const T* dy,
                                               const float* scale, const float* statistics, const float* sums, T* dx,
                                               u32 pixels, u32 channels, Divisor groups, Divisor width, u32 accumulate) {
    begin(lanes, step, x, dy, scale, statistics, sums, dx);
    Group group = group_of(blockIdx.x, pixels, channels, groups, width);
    if (group.image >= step->rows) return;  // the whole block
    const float* of_image = statistics + group.image * 2 * groups.divisor;
    float mean = of_image[group.number], rstd = of_image[groups.divisor + group.number];
    const float* shifts = sums + group.image * 2 * channels + group.channel;
    float by_shift = 0, by_scale = 0;
    for (u32 c = threadIdx.x; c < width.divisor; c += GROUP_NORM_THREADS) {
        by_shift = fmaf(scale[group.channel + c], shifts[c], by_shift);
        by_scale = fmaf(scale[group.channel + c], shifts[channels + c], by_scale);
    }
    by_shift = block_sum<GROUP_NORM_THREADS>(by_shift) / (float)group.count;
    by_scale = block_sum<GROUP_NORM_THREADS>(by_scale) / (float)group.count;
    for (u32 e = threadIdx.x; e < group.count; e += GROUP_NORM_THREADS) {
        auto [at, channel] = place(group, e);
        float normalised = (load(x[at]) - mean) * rstd;
        float value = rstd * (fmaf(load(dy[at]), scale[channel], -by_shift) - normalised * by_scale);
        store(dx[at], accumulate ? load(dx[at]) + value : value);
    }
}

// The gradients of shift and scale: the sums of all images.
template <class T>
GLOBAL(GROUP_NORM_THREADS) group_norm_parameters(CONSTANT Lanes lanes, const StepRow* step, const float* sums, float* shift_gradient,
                                                 float* scale_gradient, Watch<T> watch, u32 channels) {
    begin(lanes, step, sums, shift_gradient, scale_gradient), in_lane(lanes, watch);
    u32 channel = blockIdx.x * GROUP_NORM_THREADS + threadIdx.x;
    if (channel >= channels) return;
    float shift = 0, scale = 0;
    for (u32 image = 0; image < step->rows; image++) {
        shift += sums[image * 2 * channels + channel];
        scale += sums[(image * 2 + 1) * channels + channel];
    }
    shift_gradient[channel] = shift, see(watch, shift);
    scale_gradient[channel] = scale, see(watch, scale);
}

// ---- the kernels by their names

BLOCKS_OF(GROUP_NORM_THREADS)
INSTANCE(group_norm_forward_f32, group_norm_forward<float>)
INSTANCE(group_norm_forward_f16, group_norm_forward<f16>)
INSTANCE(group_norm_forward_bf16, group_norm_forward<bf16>)
INSTANCE(group_norm_backward_f32, group_norm_backward<float>)
INSTANCE(group_norm_backward_f16, group_norm_backward<f16>)
INSTANCE(group_norm_backward_bf16, group_norm_backward<bf16>)
INSTANCE(group_norm_parameters_f32, group_norm_parameters<float>)
INSTANCE(group_norm_parameters_f16, group_norm_parameters<f16>)
INSTANCE(group_norm_parameters_bf16, group_norm_parameters<bf16>)

BLOCKS_OF(AVERAGE_CHANNELS * AVERAGE_SHARES)
INSTANCE(group_norm_sums_f32, group_norm_sums<float>)
INSTANCE(group_norm_sums_f16, group_norm_sums<f16>)
INSTANCE(group_norm_sums_bf16, group_norm_sums<bf16>)
