// Group norm and its gradients: what group_norm.cu does with a block a group. A thread makes one result, and passes over the
// whole group for it.
//
// x is [N, P, C] with P pixels; a group is `width` neighbouring channels of an image and has m = P width values, with
// their mean and rstd = 1 / sqrt(variance + 1e-5); xhat = (x - mean) rstd:
//
//   forward     y  = scale[c] xhat + shift[c]
//   dx          rstd (h - sum of h / m - xhat sum of (h xhat) / m) over the group, with h = scale[c] dy
//   parameters  dscale[c] = sum of dy xhat,  dshift[c] = sum of dy, over images and pixels
#include "device.cuh"

struct Shape { u32 images, pixels, channels, width; };
struct Moments { float mean, rstd; };

// Calls `each` with the elements of the group that an element belongs to, and their channels.
template <class Each> DEVICE void in_group(Shape s, u32 e, Each each) {
    u32 image = e / s.channels / s.pixels, first = e % s.channels / s.width * s.width;
    for (u32 pixel = image * s.pixels; pixel < (image + 1) * s.pixels; pixel++)
        for (u32 c = first; c < first + s.width; c++) each(pixel * s.channels + c, c);
}

DEVICE Moments moments_of(Shape s, const float* x, u32 e) {
    float m = (float)(s.pixels * s.width), sum = 0, squares = 0;
    in_group(s, e, [&](u32 at, u32) { sum += x[at]; });
    float mean = sum / m;
    in_group(s, e, [&](u32 at, u32) { squares += (x[at] - mean) * (x[at] - mean); });
    return {mean, 1.0f / sqrtf(squares / m + 1e-5f)};
}

GLOBAL(STREAM_THREADS) plain_group_norm_forward(Shape s, const float* x, const float* scale, const float* shift, float* y) {
    wait_for_launches_before();
    u32 e = blockIdx.x * blockDim.x + threadIdx.x, c = e % s.channels;
    if (e >= s.images * s.pixels * s.channels) return;
    auto [mean, rstd] = moments_of(s, x, e);
    y[e] = scale[c] * ((x[e] - mean) * rstd) + shift[c];
}

GLOBAL(STREAM_THREADS) plain_group_norm_backward(Shape s, const float* x, const float* scale, const float* dy, float* dx) {
    wait_for_launches_before();
    u32 e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= s.images * s.pixels * s.channels) return;
    auto moments = moments_of(s, x, e);
    auto normal = [&](u32 at) { return (x[at] - moments.mean) * moments.rstd; };
    float m = (float)(s.pixels * s.width), by_shift = 0, by_scale = 0;
    in_group(s, e, [&](u32 at, u32 c) {
        by_shift += scale[c] * dy[at];
        by_scale += scale[c] * dy[at] * normal(at);
    });
    dx[e] = moments.rstd * (scale[e % s.channels] * dy[e] - by_shift / m - normal(e) * (by_scale / m));
}

GLOBAL(STREAM_THREADS) plain_group_norm_parameters(Shape s, const float* x, const float* dy, float* dscale, float* dshift) {
    wait_for_launches_before();
    u32 c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= s.channels) return;
    float by_scale = 0, by_shift = 0;
    for (u32 image = 0; image < s.images; image++) {
        auto [mean, rstd] = moments_of(s, x, image * s.pixels * s.channels + c);
        for (u32 pixel = image * s.pixels; pixel < (image + 1) * s.pixels; pixel++) {
            u32 e = pixel * s.channels + c;
            by_scale += dy[e] * ((x[e] - mean) * rstd);
            by_shift += dy[e];
        }
    }
    dscale[c] = by_scale, dshift[c] = by_shift;
}

// ---- the kernels by their names

BLOCKS_OF(STREAM_THREADS)
INSTANCE(plain_group_norm_forward, plain_group_norm_forward)
INSTANCE(plain_group_norm_backward, plain_group_norm_backward)
INSTANCE(plain_group_norm_parameters, plain_group_norm_parameters)
