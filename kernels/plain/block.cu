// What follows a convolution, forward and backward: what block.cu and block_backward.cu do fast, with a batch norm of given
// means and 1 / deviations. y, r, dy and g are [N, H, W, C], out and dout [N, P, Q, C]; m = N H W:
//
//   forward    z = scale (y - mean) rstd + shift + r,  out = pool(activation(z))
//   g          the gradient at z: what the windows around a pixel send, times the activation's slope; also r's gradient
//   sums       dshift[c] = sum of g,  dscale[c] = sum of g (y - mean) rstd
//   dy         scale rstd (g - dshift / m - (y - mean) rstd dscale / m)
#include "device.cuh"
#include "activation.cuh"

struct Norm { const float *mean, *rstd, *scale, *shift; };
struct Place { u32 image, row, column, channel; };

DEVICE Place place_of(u32 e, u32 rows, u32 columns, u32 channels) {
    return {e / channels / columns / rows, e / channels / columns % rows, e / channels % columns, e % channels};
}

DEVICE u32 pixel(const BlockShape& s, u32 n, u32 h, u32 w, u32 c) { return ((n * s.height + h) * s.width + w) * s.channels + c; }

// z of element e.
DEVICE float before(Norm norm, const float* y, const float* r, u32 e, u32 c) {
    return norm.scale[c] * ((y[e] - norm.mean[c]) * norm.rstd[c]) + norm.shift[c] + (r ? r[e] : 0);
}

DEVICE float activated(u32 activation, float z) {
    with_activation(activation, [&](auto code) { z = activate(code, z); });
    return z;
}

DEVICE float slope_at(u32 activation, float z) {
    with_activation(activation, [&](auto code) { z = slope(code, slope_input(code, z)); });
    return z;
}

// The first pixel with the largest z of a window that begins at (top, left), which may lie above or left of the image: then
// these are large numbers. Activations in front of a max pooling are monotone.
DEVICE u32 largest(const BlockShape& s, Norm norm, const float* y, const float* r, u32 n, u32 top, u32 left, u32 c) {
    u32 found = ~0u;
    for (u32 h = top; h != top + s.kernel; h++)
        for (u32 w = left; w != left + s.kernel; w++) {
            if (h >= s.height || w >= s.width) continue;
            u32 e = pixel(s, n, h, w, c);
            if (found == ~0u || before(norm, y, r, e, c) > before(norm, y, r, found, c)) found = e;
        }
    return found;
}

GLOBAL(STREAM_THREADS) plain_block_forward(BlockShape s, u32 images, Norm norm, const float* y, const float* r, float* out) {
    wait_for_launches_before();
    u32 e = blockIdx.x * blockDim.x + threadIdx.x;
    auto [n, p, q, c] = place_of(e, s.output_height, s.output_width, s.channels);
    if (n >= images) return;
    u32 top = p * s.stride - s.padding, left = q * s.stride - s.padding;
    if (s.max) {
        out[e] = activated(s.activation, before(norm, y, r, largest(s, norm, y, r, n, top, left, c), c));
        return;
    }
    float sum = 0;
    for (u32 h = top; h != top + s.kernel; h++)
        for (u32 w = left; w != left + s.kernel; w++)
            if (h < s.height && w < s.width) sum += activated(s.activation, before(norm, y, r, pixel(s, n, h, w, c), c));
    out[e] = sum / (float)(s.kernel * s.kernel);
}

GLOBAL(STREAM_THREADS) plain_block_gradient(BlockShape s, u32 images, Norm norm, const float* y, const float* r,
                                            const float* dout, float* g) {
    wait_for_launches_before();
    u32 e = blockIdx.x * blockDim.x + threadIdx.x;
    auto [n, h, w, c] = place_of(e, s.height, s.width, s.channels);
    if (n >= images) return;
    float sum = 0;
    for (u32 p = 0; p < s.output_height; p++)
        for (u32 q = 0; q < s.output_width; q++) {
            u32 top = p * s.stride - s.padding, left = q * s.stride - s.padding;
            if (h - top >= s.kernel || w - left >= s.kernel) continue;  // the window does not see the pixel
            float sent = dout[((n * s.output_height + p) * s.output_width + q) * s.channels + c];
            if (!s.max) sum += sent / (float)(s.kernel * s.kernel);
            else if (largest(s, norm, y, r, n, top, left, c) == e) sum += sent;
        }
    g[e] = sum * slope_at(s.activation, before(norm, y, r, e, c));
}

// A thread makes both sums of a channel.
GLOBAL(STREAM_THREADS) plain_block_sums(u32 positions, u32 channels, Norm norm, const float* y, const float* g, float* dscale,
                                        float* dshift) {
    wait_for_launches_before();
    u32 c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= channels) return;
    float by_scale = 0, by_shift = 0;
    for (u32 e = c; e < positions * channels; e += channels) {
        by_scale += g[e] * ((y[e] - norm.mean[c]) * norm.rstd[c]);
        by_shift += g[e];
    }
    dscale[c] = by_scale, dshift[c] = by_shift;
}

GLOBAL(STREAM_THREADS) plain_block_backward(u32 positions, u32 channels, Norm norm, const float* y, const float* g,
                                            const float* dscale, const float* dshift, float* dy) {
    wait_for_launches_before();
    u32 e = blockIdx.x * blockDim.x + threadIdx.x, c = e % channels;
    if (e >= positions * channels) return;
    float m = (float)positions, normal = (y[e] - norm.mean[c]) * norm.rstd[c];
    dy[e] = norm.scale[c] * norm.rstd[c] * (g[e] - dshift[c] / m - normal * (dscale[c] / m));
}

// ---- the kernels by their names

BLOCKS_OF(STREAM_THREADS)
INSTANCE(plain_block_forward, plain_block_forward)
INSTANCE(plain_block_gradient, plain_block_gradient)
INSTANCE(plain_block_sums, plain_block_sums)
INSTANCE(plain_block_backward, plain_block_backward)
