// What a kernel file sees of the GPU when a host compiler compiles it: the names of device.cuh and
// instructions.cuh, and CUDA's own, on the threads of block.h.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "isolation.h"
#include "registration.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;

#ifndef ARCH
#error "define ARCH: 750 or 800; and KERNEL_FILE, the name that launches call the file by"
#endif

#define EMULATOR_JOIN_(a, b) a##b
#define EMULATOR_JOIN(a, b) EMULATOR_JOIN_(a, b)
#define GLOBAL(...) static void
#define BLOCKS_OF(threads) static const emulator::Bound EMULATOR_JOIN(bound_, __COUNTER__)(threads);
#define INSTANCE(name, ...) static const emulator::Registration registration_##name( \
    ARCH, #name, KERNEL_FILE, parameters(&__VA_ARGS__), [](void** arguments) { call_with(&__VA_ARGS__, arguments); });
#define CONSTANT const
#define DEVICE static inline
#define OUT_OF_LINE static inline
#define UNROLL _Pragma("GCC unroll 16")
#define NO_UNROLL
#define SHARED(pointer) u8* pointer = emulator::shared_memory
#define __restrict__

#define threadIdx (emulator::thread->index)
#define blockIdx (emulator::block_index)
#define blockDim (emulator::block_size)
#define gridDim (emulator::grid_size)

struct alignas(16) uint4 { u32 x, y, z, w; };
struct alignas(8) uint2 { u32 x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) float2 { float x, y; };
static inline uint4 make_uint4(u32 x, u32 y, u32 z, u32 w) { return {x, y, z, w}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }

static inline float max(float a, float b) { return fmaxf(a, b); }
static inline float min(float a, float b) { return fminf(a, b); }
template <class T> static T max(T a, T b) { return a < b ? b : a; }
template <class T> static T min(T a, T b) { return b < a ? b : a; }

template <class A> constexpr bool READ_ONLY = std::is_pointer_v<A> && std::is_const_v<std::remove_pointer_t<A>>;
template <class... A> static std::vector<emulator::Parameter> parameters(void (*)(A...)) {
    return {emulator::Parameter{sizeof(A), READ_ONLY<A>}...};
}
template <class... A, size_t... I>
static void call_each(void (*kernel)(A...), void** a, std::index_sequence<I...>) {
    kernel(*(std::remove_reference_t<A>*)a[I]...);
}
template <class... A> static void call_with(void (*kernel)(A...), void** a) {
    call_each(kernel, a, std::index_sequence_for<A...>{});
}

// The line of a kernel file that calls a function, as the function's last parameters.
#define CALLER const char *file = __builtin_FILE(), int line = __builtin_LINE()

// ---- barriers and shuffles

static inline void __syncthreads(CALLER) { emulator::barrier({"__syncthreads", file, line}); }
// Whether the predicate of any thread of the block is not 0.
static inline int __syncthreads_or(int predicate, CALLER) { return emulator::barrier({"__syncthreads_or", file, line}, predicate != 0); }
static inline void __syncwarp(u32 mask = ~0u, CALLER) { emulator::warp_leave(emulator::warp_arrive({"__syncwarp", file, line}, mask)); }

// A lane's own value, or that of lane `from` where this is one.
template <class T> static T exchange(const emulator::Place& place, u32 mask, T value, int from) {
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    int turn = emulator::thread->exchanges++ & 1;
    emulator::Warp& warp = emulator::warp();
    memcpy(warp.shown[turn][emulator::thread->lane], &value, sizeof(T));
    emulator::warp_leave(emulator::warp_arrive(place, mask));
    if (from < 0 || from > 31) return value;
    if (!(warp.existing >> from & 1)) emulator::fail(emulator::words(place) + " reads from a lane that does not exist");
    memcpy(&value, warp.shown[turn][from], sizeof(T));
    return value;
}
template <class T> static T __shfl_sync(u32 mask, T value, int lane, CALLER) {
    return exchange({"__shfl_sync", file, line}, mask, value, lane & 31);
}
template <class T> static T __shfl_up_sync(u32 mask, T value, int by, CALLER) {
    return exchange({"__shfl_up_sync", file, line}, mask, value, emulator::thread->lane - by);
}
template <class T> static T __shfl_down_sync(u32 mask, T value, int by, CALLER) {
    return exchange({"__shfl_down_sync", file, line}, mask, value, emulator::thread->lane + by);
}
template <class T> static T __shfl_xor_sync(u32 mask, T value, int with, CALLER) {
    return exchange({"__shfl_xor_sync", file, line}, mask, value, emulator::thread->lane ^ with);
}

// ---- between launches, and between blocks

// Launches follow each other.
static inline void wait_for_launches_before() {}

// What the block has written so far can be seen by a block that goes through an atomic operation after one of this
// block's that comes behind here.
static inline void __threadfence() { emulator::fence(); }

// Counts up to `last`, then from 0 again; the number before. Releases what stands behind a fence, and acquires what
// other blocks have released.
static inline u32 atomicInc(u32* counter, u32 last, CALLER) {
    return emulator::change({"atomicInc", file, line}, counter, [last](u32 old) { return old >= last ? 0 : old + 1; });
}
static inline u32 atomicAdd(u32* number, u32 more, CALLER) {
    return emulator::change({"atomicAdd", file, line}, number, [more](u32 old) { return old + more; });
}
// Marks bits that no block of the launch looks at: nothing is released or acquired. Without a result, so that none can.
static inline void atomicOr(u32* number, u32 bits) { emulator::mark(number, bits); }

// ---- conversions

// Any NaN becomes the GPU's only one.
static inline u16 f16_from_f32(float x) { _Float16 h = (_Float16)x; u16 bits; memcpy(&bits, &h, 2); return x == x ? bits : 0x7fff; }
static inline float f32_from_f16(u16 bits) { _Float16 h; memcpy(&h, &bits, 2); return (float)h; }
static inline float multiply_rounded(float a, float b) { return a * b; }
static inline float add_rounded(float a, float b) { return a + b; }
static inline u32 bits_of(float x) { u32 bits; memcpy(&bits, &x, 4); return bits; }
static inline float f32_of(u32 bits) { float x; memcpy(&x, &bits, 4); return x; }
#if ARCH >= 800
static inline u16 bf16_rounded(float x) {
    u32 bits = bits_of(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
    return (u16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
static inline u32 bf16x2_from_f32(float low, float high) { return (u32)bf16_rounded(high) << 16 | bf16_rounded(low); }
#endif
static inline float unknown_code(u32 code, CALLER) {
    emulator::fail(emulator::words({"unknown_code", file, line}) + ": " + std::to_string(code) + " is none of the kernel's codes");
}
// CUDA's own names of the single-precision functions that C++ has too.
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }

// ---- copies to shared memory: the destination holds NaN until the group has been waited for

static inline void expect_shared(const emulator::Place& place, const void* pointer) {
    uintptr_t offset = (uintptr_t)pointer - (uintptr_t)emulator::shared_memory;
    if (offset % 16) emulator::fail(words(place) + ": an address in shared memory is no multiple of 16");
    if (offset >= emulator::shared_bytes || emulator::shared_bytes - offset < 16)
        emulator::fail(words(place) + ": 16 bytes that are not in shared memory");
}
static inline void copy16(void* to, const void* from, bool valid, CALLER) {
    emulator::Place place{"copy16", file, line};
    expect_shared(place, to);
    if ((uintptr_t)from % 16) emulator::fail(words(place) + ": an address in global memory is no multiple of 16");
#if ARCH >= 800
    memset(to, 0xff, 16);
    emulator::copy_later({to, valid ? from : nullptr});
#else
    if (valid) memcpy(to, from, 16);
    else memset(to, 0, 16);
#endif
}
// Caches change nothing that a kernel sees.
static inline void copy16_through_l1(void* to, const void* from, bool valid, CALLER) { copy16(to, from, valid, file, line); }
static inline void copies_commit() {
#if ARCH >= 800
    emulator::copy_group();
#endif
}
template <int left> static void copies_wait() {
#if ARCH >= 800
    emulator::copy_wait(left);
#endif
}

// ---- fragments: all 32 lanes of a warp, or none

// Every lane's address counts, also where the instruction uses those of 16 lanes only: sm_75 wants
// all of them valid.
template <int n> static void load_matrices(const emulator::Place& place, u32 (&r)[n], const void* row, bool transposed) {
    expect_shared(place, row);
    int turn = emulator::thread->exchanges++ & 1, lane = emulator::thread->lane;
    emulator::Warp& warp = emulator::warp();
    if (warp.alive != ~0u) emulator::fail(words(place) + " by less than 32 lanes");
    memcpy(warp.shown[turn][lane], &row, sizeof row);
    emulator::warp_leave(emulator::warp_arrive(place, ~0u));
    auto value = [&](int matrix, int i, int j) {
        const u16* values;
        memcpy(&values, warp.shown[turn][matrix * 8 + i], sizeof values);
        return (u32)values[j];
    };
    int g = lane / 4, t = lane % 4 * 2;
    for (int m = 0; m < n; m++)
        r[m] = transposed ? value(m, t, g) | value(m, t + 1, g) << 16 : value(m, g, t) | value(m, g, t + 1) << 16;
}
static inline void load_matrices4(u32 (&r)[4], const void* row, CALLER) {
    load_matrices({"load_matrices4", file, line}, r, row, false);
}
static inline void load_matrices4_transposed(u32 (&r)[4], const void* row, CALLER) {
    load_matrices({"load_matrices4_transposed", file, line}, r, row, true);
}
static inline void load_matrices2(u32 (&r)[2], const void* row, CALLER) {
    load_matrices({"load_matrices2", file, line}, r, row, false);
}
static inline void load_matrices2_transposed(u32 (&r)[2], const void* row, CALLER) {
    load_matrices({"load_matrices2_transposed", file, line}, r, row, true);
}

// ---- tensor cores: the last lane multiplies for the warp

// Shows a lane's six registers, lets the last lane `read` all lanes' into A and B and multiply, and adds
// this lane's share.
template <int depth, class Read>
static void multiply(const emulator::Place& place, float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], Read read) {
    int turn = emulator::thread->exchanges++ & 1, lane = emulator::thread->lane;
    emulator::Warp& warp = emulator::warp();
    if (warp.alive != ~0u) emulator::fail(words(place) + " by less than 32 lanes");
    memcpy(warp.shown[turn][lane], a, 16);
    memcpy(warp.shown[turn][lane] + 4, b, 8);
    bool last = emulator::warp_arrive(place, ~0u);
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
    emulator::warp_leave(last);
    float sums[4];
    memcpy(sums, warp.result[turn][lane], 16);
    for (int i = 0; i < 4; i++) d[i] += sums[i];
}

template <class Convert>
static void multiply16(const emulator::Place& place, float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], Convert convert) {
    multiply<16>(place, d, a, b, [&](float (&A)[16][16], float (&B)[16][8], int g, int t, const u32* r) {
        for (int i = 0; i < 4; i++)
            for (int half = 0; half < 2; half++) A[g + i % 2 * 8][2 * t + half + i / 2 * 8] = convert((u16)(r[i] >> 16 * half));
        for (int i = 0; i < 2; i++)
            for (int half = 0; half < 2; half++) B[2 * t + half + i * 8][g] = convert((u16)(r[4 + i] >> 16 * half));
    });
}
static inline void multiply_f16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], CALLER) {
    multiply16({"multiply_f16", file, line}, d, a, b, f32_from_f16);
}

#if ARCH >= 800
static inline void multiply_bf16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], CALLER) {
    multiply16({"multiply_bf16", file, line}, d, a, b, [](u16 bits) { return f32_of((u32)bits << 16); });
}
// To nearest, ties away from zero; any NaN becomes the GPU's only one.
static inline u32 tf32_of(float x) { return x == x ? (bits_of(x) + 0x1000u) & 0xffffe000u : 0x7fffffffu; }
static inline void multiply_tf32(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2], CALLER) {
    // The tensor core ignores the lower bits; the kernel should have rounded them away.
    auto tf32 = [](u32 bits) { return f32_of(bits & 0xffffe000u); };
    multiply<8>({"multiply_tf32", file, line}, d, a, b, [&](float (&A)[16][8], float (&B)[8][8], int g, int t, const u32* r) {
        for (int i = 0; i < 4; i++) A[g + i % 2 * 8][t + i / 2 * 4] = tf32(r[i]);
        for (int i = 0; i < 2; i++) B[t + i * 4][g] = tf32(r[4 + i]);
    });
}
#endif

#undef CALLER
