// The ground that every kernel file stands on: one source, two compilers.
//
// NVRTC compiles a kernel file for a GPU; a host compiler compiles the same file against the emulator
// (crates/emulator), which runs every CUDA thread as a fiber so that kernels can be checked on machines
// without a GPU. What the two have no common word for stands here and in the emulator's header of the
// same contents; kernel files contain no #if on the compiler.
//
// No other headers: NVRTC has none of CUDA's and none of C++'s. Half-precision numbers are 16-bit
// integers that are converted by name.
#pragma once

#if defined(__CUDACC_RTC__)

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

// A kernel is a function template that begins with GLOBAL(threads, blocks): at most so many threads of a block, and how many
// blocks should fit a multiprocessor, which bounds the registers. (A template, also where one would do without, so that
// only the instance that is asked for is compiled.) At the end of its file stands a row
//     INSTANCE(name, function)
// for each instance of it that the host may ask for by that name, behind BLOCKS_OF(threads), which holds for the rows below.
// The host reads the rows (crates/kernels/src/source.rs) and has NVRTC compile the one function that it wants; the
// emulator makes each row known by its name.
#define GLOBAL(...) __global__ void __launch_bounds__(__VA_ARGS__)
#define BLOCKS_OF(threads)
#define INSTANCE(name, ...)
// A parameter that is read where it lies, also by a number that is only known when the kernel runs.
#define CONSTANT const __grid_constant__
#define DEVICE static __device__ __forceinline__
#define OUT_OF_LINE static __device__ __noinline__
#define UNROLL _Pragma("unroll")
#define NO_UNROLL _Pragma("unroll 1")
// Dynamic shared memory as a pointer to bytes, aligned to 16. There is no other shared memory.
#define SHARED(pointer) extern __shared__ __align__(16) u8 pointer[]
// 750, 800, 860, 900: which instructions there are.
#define ARCH __CUDA_ARCH__

#include "instructions.cuh"

#else

#include "host.h"

#endif

#include "shared.cuh"
#include "numbers.cuh"

// Takes pointers into the first lane's memory to the same place in that of the block's lane. What is used only at the
// end is taken there at the end: registers are scarce while a product is formed.
template <class... T> DEVICE void in_lane(const Lanes& lanes, T*&... pointers) {
    u64 offset = lanes.offset[blockIdx.z];
    ((pointers = pointers ? (T*)((u64)pointers + offset) : pointers), ...);
}

// Begins a kernel: behind this, all that the launches before have written is there.
template <class... T> DEVICE void begin(const Lanes& lanes, T*&... pointers) {
    wait_for_launches_before();
    in_lane(lanes, pointers...);
}

// The sum over the lanes of a warp, the same for all of them.
DEVICE float warp_sum(float value) {
    UNROLL for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(~0u, value, distance);
    return value;
}

// The sum over a block of THREADS threads, the same for all of them: a tree over the lanes of each warp, then the
// warps in order. Takes one float of shared memory for each warp.
template <u32 THREADS> DEVICE float block_sum(float value) {
    SHARED(bytes);
    float* sums = (float*)bytes;
    value = warp_sum(value);
    __syncthreads();  // the sum before has been read
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
    __syncthreads();
    float sum = sums[0];
    UNROLL for (u32 warp = 1; warp < THREADS / 32; warp++) sum += sums[warp];
    return sum;
}
