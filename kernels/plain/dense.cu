// A dense layer and its gradients: what dense.cu and dense_tensor.cu do fast. A thread makes one result.
//
// x is [N, in], W [in, out], y [N, out]:
//
//   forward        y[n, k]  = bias[k] + sum over i of x[n, i] W[i, k]
//   data gradient  dx[n, i] = sum over k of dy[n, k] W[i, k]
//   weights        dW[i, k] = sum over n of x[n, i] dy[n, k]
//   bias           db[k]    = sum over n of dy[n, k]
#include "device.cuh"

GLOBAL(STREAM_THREADS) plain_dense_forward(u32 images, u32 inputs, u32 outputs, const float* x, const float* w, const float* bias,
                                           float* y) {
    wait_for_launches_before();
    u32 e = blockIdx.x * blockDim.x + threadIdx.x, n = e / outputs, k = e % outputs;
    if (n >= images) return;
    float sum = bias ? bias[k] : 0;
    for (u32 i = 0; i < inputs; i++) sum += x[n * inputs + i] * w[i * outputs + k];
    y[e] = sum;
}

GLOBAL(STREAM_THREADS) plain_dense_data_gradient(u32 images, u32 inputs, u32 outputs, const float* dy, const float* w,
                                                 float* dx) {
    wait_for_launches_before();
    u32 e = blockIdx.x * blockDim.x + threadIdx.x, n = e / inputs, i = e % inputs;
    if (n >= images) return;
    float sum = 0;
    for (u32 k = 0; k < outputs; k++) sum += dy[n * outputs + k] * w[i * outputs + k];
    dx[e] = sum;
}

// The bias stands behind the weights, as a row of them whose inputs are all 1.
GLOBAL(STREAM_THREADS) plain_dense_weight_gradient(u32 images, u32 inputs, u32 outputs, const float* x, const float* dy,
                                                   float* dw, float* db) {
    wait_for_launches_before();
    u32 e = blockIdx.x * blockDim.x + threadIdx.x, i = e / outputs, k = e % outputs;
    if (i > inputs) return;
    float sum = 0;
    for (u32 n = 0; n < images; n++) sum += (i < inputs ? x[n * inputs + i] : 1) * dy[n * outputs + k];
    (i < inputs ? dw[e] : db[k]) = sum;
}

// ---- the kernels by their names

BLOCKS_OF(STREAM_THREADS)
INSTANCE(plain_dense_forward, plain_dense_forward)
INSTANCE(plain_dense_data_gradient, plain_dense_data_gradient)
INSTANCE(plain_dense_weight_gradient, plain_dense_weight_gradient)
