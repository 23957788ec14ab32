// The activations that stand at the end of a product.
#pragma once

// Relu is written so that NaN stays NaN.
DEVICE float activate(u32 activation, float x) {
    switch (activation) {
        case RELU: return x <= 0.0f ? 0.0f : x;
        case LEAKY_RELU: return x > 0.0f ? x : 0.01f * x;
        case TANH: return tanhf(x);
        case SIGMOID: return 1.0f / (1.0f + expf(-x));
        default: return x;
    }
}
