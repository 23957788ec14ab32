// A convolution and its two gradients: what conv.cu, first_layer.cu and conv_tensor*.cu do fast. A thread makes one
// result.
//
// x is [N, H, W, C], w [R, S, C, K], y [N, P, Q, K]; with stride u and padding o, and zeros outside of the image:
//
//   forward          y[n, p, q, k]  = bias[k] + sum over r, s, c of x[n, p u + r - o, q u + s - o, c] w[r, s, c, k]
//   data gradient    dx[n, h, v, c] = sum over r, s, k of dy[n, p, q, k] w[r, s, c, k], p u + r - o = h, q u + s - o = v
//   weight gradient  dw[r, s, c, k] = sum over n, p, q of x[n, p u + r - o, q u + s - o, c] dy[n, p, q, k]
#include "device.cuh"

// Element e of a tensor [.., rows, columns, channels] in its axes.
struct Place { u32 image, row, column, channel; };

DEVICE Place place_of(u32 e, u32 rows, u32 columns, u32 channels) {
    return {e / channels / columns / rows, e / channels / columns % rows, e / channels % columns, e % channels};
}

DEVICE u32 in_x(const ConvShape& s, u32 n, u32 h, u32 v, u32 c) { return ((n * s.height + h) * s.width + v) * s.channels + c; }
DEVICE u32 in_w(const ConvShape& s, u32 r, u32 t, u32 c, u32 k) { return ((r * s.kernel + t) * s.channels + c) * s.filters + k; }
DEVICE u32 in_y(const ConvShape& s, u32 n, u32 p, u32 q, u32 k) {
    return ((n * s.out_height + p) * s.out_width + q) * s.filters + k;
}

GLOBAL(STREAM_THREADS) plain_conv_forward(ConvShape s, u32 images, const float* x, const float* w, const float* bias, float* y) {
    wait_for_launches_before();
    u32 e = blockIdx.x * blockDim.x + threadIdx.x;
    auto [n, p, q, k] = place_of(e, s.out_height, s.out_width, s.filters);
    if (n >= images) return;
    float sum = bias ? bias[k] : 0;
    for (u32 r = 0; r < s.kernel; r++)
        for (u32 t = 0; t < s.kernel; t++) {
            // What lies above or left of the image becomes a large number.
            u32 h = p * s.stride + r - s.padding, v = q * s.stride + t - s.padding;
            if (h >= s.height || v >= s.width) continue;
            for (u32 c = 0; c < s.channels; c++) sum += x[in_x(s, n, h, v, c)] * w[in_w(s, r, t, c, k)];
        }
    y[e] = sum;
}

GLOBAL(STREAM_THREADS) plain_conv_data_gradient(ConvShape s, u32 images, const float* dy, const float* w, float* dx) {
    wait_for_launches_before();
    u32 e = blockIdx.x * blockDim.x + threadIdx.x;
    auto [n, h, v, c] = place_of(e, s.height, s.width, s.channels);
    if (n >= images) return;
    float sum = 0;
    for (u32 r = 0; r < s.kernel; r++)
        for (u32 t = 0; t < s.kernel; t++) {
            u32 down = h + s.padding - r, right = v + s.padding - t;  // p u and q u
            if (down % s.stride != 0 || right % s.stride != 0) continue;
            u32 p = down / s.stride, q = right / s.stride;
            if (down > h + s.padding || right > v + s.padding || p >= s.out_height || q >= s.out_width) continue;
            for (u32 k = 0; k < s.filters; k++) sum += dy[in_y(s, n, p, q, k)] * w[in_w(s, r, t, c, k)];
        }
    dx[e] = sum;
}

GLOBAL(STREAM_THREADS) plain_conv_weight_gradient(ConvShape s, u32 images, const float* x, const float* dy, float* dw) {
    wait_for_launches_before();
    u32 e = blockIdx.x * blockDim.x + threadIdx.x;
    auto [r, t, c, k] = place_of(e, s.kernel, s.channels, s.filters);
    if (r >= s.kernel) return;
    float sum = 0;
    for (u32 n = 0; n < images; n++)
        for (u32 p = 0; p < s.out_height; p++)
            for (u32 q = 0; q < s.out_width; q++) {
                u32 h = p * s.stride + r - s.padding, v = q * s.stride + t - s.padding;
                if (h >= s.height || v >= s.width) continue;
                sum += x[in_x(s, n, h, v, c)] * dy[in_y(s, n, p, q, k)];
            }
    dw[e] = sum;
}

// ---- the kernels by their names

BLOCKS_OF(STREAM_THREADS)
INSTANCE(plain_conv_forward, plain_conv_forward)
INSTANCE(plain_conv_data_gradient, plain_conv_data_gradient)
INSTANCE(plain_conv_weight_gradient, plain_conv_weight_gradient)
