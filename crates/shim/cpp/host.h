// What a kernel file sees of the GPU when a host compiler compiles it: the names of device.cuh and
// instructions.cuh, and CUDA's own, on the threads of block.h.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "block.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;

#ifndef ARCH
#error "define ARCH: 750 or 800"
#endif

#define KERNEL(threads) static void
#define EXPORT(name) static shim::Registration registration_##name(ARCH, #name, [](void** a) { call_with(&name, a); });
#define DEVICE static inline
#define UNROLL _Pragma("GCC unroll 16")
#define SHARED(pointer) u8* pointer = shim::shared_memory
#define __restrict__

#define threadIdx (shim::thread->index)
#define blockIdx (shim::block_index)
#define blockDim (shim::block_size)
#define gridDim (shim::grid_size)

struct alignas(16) uint4 { u32 x, y, z, w; };
struct alignas(8) uint2 { u32 x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) float2 { float x, y; };
static inline uint4 make_uint4(u32 x, u32 y, u32 z, u32 w) { return {x, y, z, w}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }

template <class... A, size_t... I>
static void call_each(void (*kernel)(A...), void** a, std::index_sequence<I...>) {
    kernel(*(std::remove_reference_t<A>*)a[I]...);
}
template <class... A> static void call_with(void (*kernel)(A...), void** a) {
    call_each(kernel, a, std::index_sequence_for<A...>{});
}

// ---- barriers and shuffles

__attribute__((noinline)) static void __syncthreads() { shim::barrier(__builtin_return_address(0)); }
static inline void __syncwarp(u32 = ~0u) { shim::warp_leave(shim::warp_arrive()); }

template <class T> static T exchange(T value, int lane, bool inside) {
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    int turn = shim::thread->exchanges++ & 1;
    shim::Warp& warp = shim::warp();
    memcpy(warp.shown[turn][shim::thread->lane], &value, sizeof(T));
    shim::warp_leave(shim::warp_arrive());
    if (inside) memcpy(&value, warp.shown[turn][lane], sizeof(T));
    return value;
}
template <class T> static T __shfl_sync(u32, T value, int lane) { return exchange(value, lane & 31, true); }
template <class T> static T __shfl_down_sync(u32, T value, int by) { int from = shim::thread->lane + by; return exchange(value, from, from < 32); }
template <class T> static T __shfl_xor_sync(u32, T value, int mask) { return exchange(value, shim::thread->lane ^ mask, true); }

// ---- conversions

static inline u16 f16_from_f32(float x) { _Float16 h = (_Float16)x; u16 bits; memcpy(&bits, &h, 2); return bits; }
static inline float f32_from_f16(u16 bits) { _Float16 h; memcpy(&h, &bits, 2); return (float)h; }
static inline u32 bits_of(float x) { u32 bits; memcpy(&bits, &x, 4); return bits; }
static inline float f32_of(u32 bits) { float x; memcpy(&x, &bits, 4); return x; }
// CUDA's own names of the single-precision functions that C++ has too.
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }

// ---- copies to shared memory: the destination holds NaN until the group has been waited for

static inline void copy16(void* to, const void* from, bool valid) {
    if ((uintptr_t)to % 16 || (valid && (uintptr_t)from % 16)) shim::fail("copy16: an address is no multiple of 16");
#if ARCH >= 800
    memset(to, 0xff, 16);
    shim::copy_later({to, from, valid});
#else
    if (valid) memcpy(to, from, 16);
    else memset(to, 0, 16);
#endif
}
static inline void copies_commit() {
#if ARCH >= 800
    shim::copy_group();
#endif
}
template <int left> static void copies_wait() {
#if ARCH >= 800
    shim::copy_wait(left);
#endif
}

// ---- fragments

template <int n> static void load_matrices(u32 (&r)[n], const void* row, bool transposed) {
    if ((uintptr_t)row % 16) shim::fail("ldmatrix: a row's address is no multiple of 16");
    int turn = shim::thread->exchanges++ & 1, lane = shim::thread->lane;
    shim::Warp& warp = shim::warp();
    memcpy(warp.shown[turn][lane], &row, sizeof row);
    shim::warp_leave(shim::warp_arrive());
    auto value = [&](int matrix, int i, int j) {
        const u16* values;
        memcpy(&values, warp.shown[turn][matrix * 8 + i], sizeof values);
        return (u32)values[j];
    };
    int g = lane / 4, t = lane % 4 * 2;
    for (int m = 0; m < n; m++)
        r[m] = transposed ? value(m, t, g) | value(m, t + 1, g) << 16 : value(m, g, t) | value(m, g, t + 1) << 16;
}
static inline void load_matrices4(u32 (&r)[4], const void* row) { load_matrices(r, row, false); }
static inline void load_matrices4_transposed(u32 (&r)[4], const void* row) { load_matrices(r, row, true); }
static inline void load_matrices2(u32 (&r)[2], const void* row) { load_matrices(r, row, false); }
static inline void load_matrices2_transposed(u32 (&r)[2], const void* row) { load_matrices(r, row, true); }

// ---- tensor cores: the last lane multiplies for the warp

// Shows a lane's six registers, lets `product` (with A, B, C in scope) run once, and adds its share.
template <int depth, class Read> static void multiply(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], Read read) {
    int turn = shim::thread->exchanges++ & 1, lane = shim::thread->lane;
    shim::Warp& warp = shim::warp();
    memcpy(warp.shown[turn][lane], a, 16);
    memcpy(warp.shown[turn][lane] + 4, b, 8);
    bool last = shim::warp_arrive();
    if (last) {
        float A[16][depth], B[depth][8];
        for (int l = 0; l < 32; l++) read(A, B, l / 4, l % 4, warp.shown[turn][l]);
        for (int l = 0; l < 32; l++)
            for (int i = 0; i < 4; i++) {
                int row = l / 4 + i / 2 * 8, column = l % 4 * 2 + i % 2;
                float sum = 0;
                for (int k = 0; k < depth; k++) sum += A[row][k] * B[k][column];
                memcpy(&warp.result[turn][l][i], &sum, 4);
            }
    }
    shim::warp_leave(last);
    float sums[4];
    memcpy(sums, warp.result[turn][lane], 16);
    for (int i = 0; i < 4; i++) d[i] += sums[i];
}

template <class Convert> static void multiply16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], Convert convert) {
    multiply<16>(d, a, b, [&](float (&A)[16][16], float (&B)[16][8], int g, int t, const u32* r) {
        for (int i = 0; i < 4; i++)
            for (int half = 0; half < 2; half++) A[g + i % 2 * 8][2 * t + half + i / 2 * 8] = convert((u16)(r[i] >> 16 * half));
        for (int i = 0; i < 2; i++)
            for (int half = 0; half < 2; half++) B[2 * t + half + i * 8][g] = convert((u16)(r[4 + i] >> 16 * half));
    });
}
static inline void multiply_f16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { multiply16(d, a, b, f32_from_f16); }

#if ARCH >= 800
static inline void multiply_bf16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    multiply16(d, a, b, [](u16 bits) { return f32_of((u32)bits << 16); });
}
static inline u32 tf32_of(float x) { return (bits_of(x) + 0x1000u) & 0xffffe000u; }
static inline void multiply_tf32(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    // The tensor core ignores the lower bits; the kernel should have rounded them away.
    auto tf32 = [](u32 bits) { return f32_of(bits & 0xffffe000u); };
    multiply<8>(d, a, b, [&](float (&A)[16][8], float (&B)[8][8], int g, int t, const u32* r) {
        for (int i = 0; i < 4; i++) A[g + i % 2 * 8][t + i / 2 * 4] = tf32(r[i]);
        for (int i = 0; i < 2; i++) B[t + i * 4][g] = tf32(r[4 + i]);
    });
}
#endif
