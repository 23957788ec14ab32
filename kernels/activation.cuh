// The activations and their derivatives: one overload a code, so that a code that one of them does not have does not
// compile.
#pragma once

template <u32 code> struct Code {};
// What the host named is none of the codes: see unknown_code.
struct UnknownCode { u32 code; };

// Relu is written so that NaN stays NaN.
DEVICE float activate(Code<IDENTITY>, float x) { return x; }
DEVICE float activate(Code<RELU>, float x) { return x <= 0.0f ? 0.0f : x; }
DEVICE float activate(Code<LEAKY_RELU>, float x) { return x > 0.0f ? x : 0.01f * x; }
DEVICE float activate(Code<TANH>, float x) { return tanhf(x); }
DEVICE float activate(Code<SIGMOID>, float x) { return 1.0f / (1.0f + expf(-x)); }
DEVICE float activate(Code<GELU>, float x) { return x * (0.5f * erfcf(-0.70710678f * x)); }
DEVICE float activate(Code<GELU_TANH>, float x) { return x / (1.0f + expf(-x * (1.5957691f + 0.07135482f * x * x))); }
DEVICE float activate(Code<SILU>, float x) { return x / (1.0f + expf(-x)); }
DEVICE float activate(Code<MISH>, float x) {
    float e = expf(x > 20 ? 20 : x), n = e * (e + 2);
    return x * (n / (n + 2));
}
DEVICE float activate(Code<ELU>, float x) { return x > 0 ? x : expm1f(x); }
DEVICE float activate(Code<HARD_SWISH>, float x) { return x < -3 ? 0 : x > 3 ? x : x * (x + 3) / 6; }
DEVICE float activate(UnknownCode unknown, float) { return unknown_code(unknown.code); }

// What the slope is taken from: the result where the derivative follows from it, else x.
template <class C> DEVICE float slope_input(C code, float x) { return activate(code, x); }
#define FROM_X(name) DEVICE float slope_input(Code<name>, float x) { return x; }
EACH_ACTIVATION_WITH_SLOPE_FROM_X(FROM_X)
#undef FROM_X

// The derivative, from the slope's input.
DEVICE float slope(Code<IDENTITY>, float) { return 1; }
DEVICE float slope(Code<RELU>, float y) { return y > 0 ? 1.0f : 0.0f; }
DEVICE float slope(Code<LEAKY_RELU>, float y) { return y > 0 ? 1.0f : 0.01f; }
DEVICE float slope(Code<TANH>, float y) { return 1 - y * y; }
DEVICE float slope(Code<SIGMOID>, float y) { return y * (1 - y); }
DEVICE float slope(Code<GELU>, float x) { return 0.5f * erfcf(-0.70710678f * x) + x * (0.39894228f * expf(-0.5f * x * x)); }
DEVICE float slope(Code<GELU_TANH>, float x) {
    float s = 1.0f / (1.0f + expf(-x * (1.5957691f + 0.07135482f * x * x)));
    return s + x * (s * (1 - s)) * (1.5957691f + 0.21406446f * x * x);
}
DEVICE float slope(Code<SILU>, float x) {
    float s = 1.0f / (1.0f + expf(-x));
    return s + x * (s * (1 - s));
}
DEVICE float slope(Code<MISH>, float x) {
    float e = expf(x > 20 ? 20 : x), n = e * (e + 2), share = 1 / (n + 2);
    return n * share + x * (4 * e * (1 + e) * share * share);
}
DEVICE float slope(Code<ELU>, float y) { return y > 0 ? 1.0f : y + 1; }
DEVICE float slope(Code<HARD_SWISH>, float x) { return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5f; }
DEVICE float slope(UnknownCode unknown, float) { return unknown_code(unknown.code); }

#define CASE(name) case name: return then(Code<name>());

// Calls `then` with an activation's code as a type: which one it is, is asked once for all that is done there.
template <class Then> DEVICE void with_activation(u32 activation, Then then) {
    switch (activation) {
        EACH_ACTIVATION(CASE)
        default: return then(UnknownCode{activation});
    }
}

// The same for the largest value of a window, in front of which only monotone functions stand: with all of them,
// block_backward_max2_f32 spills on sm_90.
template <class Then> DEVICE void with_monotone_activation(u32 activation, Then then) {
    switch (activation) {
        EACH_MONOTONE_ACTIVATION(CASE)
        default: return then(UnknownCode{activation});
    }
}

#undef CASE
