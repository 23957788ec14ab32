// The update of a parameter, whatever the optimizer; the formulae with PyTorch's order of operations stand in
// crates/graph/src/optimizer/mod.rs.
//
// Two kernels do it: the flat one of optimizer.cu for all parameters, and the backward pass of a dense layer for the
// weights whose gradient it has just formed. Both have to give the same bits, so no sum of two products is left to the
// compiler, which would contract one of them into a fused multiply-add, here the one and there the other.
#pragma once

// Four neighbours at a time where there are four: the buffers are aligned to 16 bytes.
DEVICE float4 load4(const float* values, u32 at, u32 len) {
    if (at + 4 <= len) return *(const float4*)(values + at);
    return make_float4(at < len ? values[at] : 0, at + 1 < len ? values[at + 1] : 0, at + 2 < len ? values[at + 2] : 0, 0);
}

DEVICE void store4(float* values, u32 at, u32 len, float4 value) {
    if (at + 4 <= len) {
        *(float4*)(values + at) = value;
        return;
    }
    if (at < len) values[at] = value.x;
    if (at + 1 < len) values[at + 1] = value.y;
    if (at + 2 < len) values[at + 2] = value.z;
}

// What an update changes: parameters, states and the 16-bit copy of the parameters that products read. Null where there is
// none.
template <class T> struct Updated {
    float *parameters, *first, *second, *third;
    T* weights16;
};

// Four neighbouring parameters with their states, in the order in which crates/graph/src/optimizer/rules.rs names them.
struct Quad { float4 p, a, b, c; };

template <class T> DEVICE Quad load_quad(const Updated<T>& from, u32 at, u32 len) {
    float4 none = make_float4(0, 0, 0, 0);
    return {load4(from.parameters, at, len), from.first ? load4(from.first, at, len) : none,
            from.second ? load4(from.second, at, len) : none, from.third ? load4(from.third, at, len) : none};
}

template <class T> DEVICE void store_quad(const Updated<T>& to, u32 at, u32 len, const Quad& quad) {
    store4(to.parameters, at, len, quad.p);
    if (to.first) store4(to.first, at, len, quad.a);
    if (to.second) store4(to.second, at, len, quad.b);
    if (to.third) store4(to.third, at, len, quad.c);
    if (!to.weights16) return;
    float values[4] = {quad.p.x, quad.p.y, quad.p.z, quad.p.w};
    UNROLL for (u32 i = 0; i < 4; i++)
        if (at + i < len) store(to.weights16[at + i], values[i]);
}

// One parameter p with its gradient g, already unscaled and clipped, and its states.
DEVICE void update_one(const StepRow& row, float& p, float g, float& a, float& b, float& c) {
    p = multiply_rounded(p, row.shrink);
    g = fmaf(row.decay, p, g);
    switch (row.optimizer) {
        case SGD:
            if (row.kept1 != 0) {
                a = fmaf(row.kept1, a, multiply_rounded(row.added1, g));
                g = row.nesterov ? fmaf(row.kept1, a, g) : a;
            }
            p = fmaf(-row.rate, g, p);
            return;
        case RMSPROP: {
            a = fmaf(row.added2 * g, g, multiply_rounded(row.kept2, a));
            float square = a;
            if (row.centered) {
                c = fmaf(row.kept2, c, multiply_rounded(row.added2, g));
                square = fmaf(-c, c, a);
                // What rounding makes negative counts as 0; what is no number stays none.
                if (square < 0) square = 0;
            }
            // Without momentum the buffer is the direction itself.
            b = fmaf(row.kept1, b, g / (sqrtf(square) + row.epsilon));
            p = fmaf(-row.rate, b, p);
            return;
        }
        case ADAM:
        case ADAMW:
        case NADAM:
            a = fmaf(g - a, row.added1, a);
            b = fmaf(row.added2 * g, g, multiply_rounded(row.kept2, b));
            // The gradient's rate is NAdam's alone.
            p -= fmaf(row.rate, a, multiply_rounded(row.gradient_rate, g)) / (sqrtf(b) / row.root + row.epsilon);
            return;
        case ADAGRAD:
            a = fmaf(g, g, a);
            p -= row.rate * g / (sqrtf(a) + row.epsilon);
            return;
        case LION: {
            float direction = fmaf(row.kept1, a, multiply_rounded(row.added1, g));
            // Zero moves nothing, and what is no number stays none.
            p = fmaf(-row.rate, direction > 0 ? 1 : direction < 0 ? -1 : direction, p);
            a = fmaf(row.kept2, a, multiply_rounded(row.added2, g));
            return;
        }
        default: p = unknown_code(row.optimizer);
    }
}

DEVICE void update_quad(const StepRow& row, Quad& quad, float4 g) {
    update_one(row, quad.p.x, g.x, quad.a.x, quad.b.x, quad.c.x);
    update_one(row, quad.p.y, g.y, quad.a.y, quad.b.y, quad.c.y);
    update_one(row, quad.p.z, g.z, quad.a.z, quad.b.z, quad.c.z);
    update_one(row, quad.p.w, g.w, quad.a.w, quad.b.w, quad.c.w);
}
