// Kernels that show what the emulator does and sees: tests/ runs them. Those of the second half have one
// fault each, and no place in kernels/.
#include "device.cuh"

// ---- instructions, one warp each; tests/instructions.rs does the same in plain Rust

// Nearest f16, bf16 and tf32 of some numbers, and back from 16 bits.
GLOBAL(256) selftest_narrow(const float* x, u16* as_f16, u16* as_bf16, u32 count) {
    u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    as_f16[i] = f16_from_f32(x[i]);
    as_bf16[i] = bf16_from_f32(x[i]);
}
BLOCKS_OF(256)
INSTANCE(selftest_narrow, selftest_narrow)

GLOBAL(256) selftest_widen(float* from_f16, float* from_bf16) {
    u32 bits = blockIdx.x * blockDim.x + threadIdx.x;
    from_f16[bits] = load(f16{(u16)bits});
    from_bf16[bits] = load(bf16{(u16)bits});
}
INSTANCE(selftest_widen, selftest_widen)

#if ARCH >= 800
GLOBAL(256) selftest_tf32(const float* x, u32* rounded) {
    u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    rounded[i] = tf32_of(x[i]);
}
INSTANCE(selftest_tf32, selftest_tf32)
#endif

GLOBAL(32) selftest_shuffles(const u64* x, u64* found) {
    u32 lane = threadIdx.x;
    found[lane] = __shfl_sync(~0u, x[lane], 5);
    found[32 + lane] = __shfl_up_sync(~0u, x[lane], 3);
    found[64 + lane] = __shfl_down_sync(~0u, x[lane], 3);
    for (u32 with = 1; with < 32; with *= 2) found[96 + 32 * with + lane] = __shfl_xor_sync(~0u, x[lane], with);
}
BLOCKS_OF(32)
INSTANCE(selftest_shuffles, selftest_shuffles)

// Four matrices of 8 rows with a pitch of 48 bytes, read in all four ways.
GLOBAL(32) selftest_matrices(const u16* x, u32* found) {
    SHARED(memory);
    u32 lane = threadIdx.x;
    u8* row = memory + lane * 48;
    for (u32 j = 0; j < 8; j++) ((u16*)row)[j] = x[lane * 8 + j];
    __syncwarp();
    u32 four[4], two[2];
    load_matrices4(four, row);
    for (u32 i = 0; i < 4; i++) found[i * 32 + lane] = four[i];
    load_matrices4_transposed(four, row);
    for (u32 i = 0; i < 4; i++) found[(4 + i) * 32 + lane] = four[i];
    row = memory + lane % 16 * 48;
    load_matrices2(two, row);
    for (u32 i = 0; i < 2; i++) found[(8 + i) * 32 + lane] = two[i];
    load_matrices2_transposed(two, row);
    for (u32 i = 0; i < 2; i++) found[(10 + i) * 32 + lane] = two[i];
}
INSTANCE(selftest_matrices, selftest_matrices)

// d (16x8) += a (16x16) b (16x8), all row by row, by the fragments of the PTX manual.
template <class Multiply> DEVICE void product16(const u16* a, const u16* b, float* d, Multiply multiply) {
    u32 g = threadIdx.x / 4, t = threadIdx.x % 4, A[4], B[2];
    for (u32 i = 0; i < 4; i++) {
        u32 row = g + i % 2 * 8, column = 2 * t + i / 2 * 8;
        A[i] = a[row * 16 + column] | (u32)a[row * 16 + column + 1] << 16;
    }
    for (u32 i = 0; i < 2; i++) {
        u32 row = 2 * t + i * 8;
        B[i] = b[row * 8 + g] | (u32)b[(row + 1) * 8 + g] << 16;
    }
    float D[4];
    for (u32 i = 0; i < 4; i++) D[i] = d[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
    multiply(D, A, B);
    for (u32 i = 0; i < 4; i++) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = D[i];
}

GLOBAL(32) selftest_product_f16(const u16* a, const u16* b, float* d) {
    product16(a, b, d, [](float (&D)[4], const u32 (&A)[4], const u32 (&B)[2]) { multiply_f16(D, A, B); });
}
INSTANCE(selftest_product_f16, selftest_product_f16)

#if ARCH >= 800
GLOBAL(32) selftest_product_bf16(const u16* a, const u16* b, float* d) {
    product16(a, b, d, [](float (&D)[4], const u32 (&A)[4], const u32 (&B)[2]) { multiply_bf16(D, A, B); });
}
INSTANCE(selftest_product_bf16, selftest_product_bf16)

// d (16x8) += a (16x8) b (8x8)
GLOBAL(32) selftest_product_tf32(const float* a, const float* b, float* d) {
    u32 g = threadIdx.x / 4, t = threadIdx.x % 4, A[4], B[2];
    for (u32 i = 0; i < 4; i++) A[i] = tf32_of(a[(g + i % 2 * 8) * 8 + t + i / 2 * 4]);
    for (u32 i = 0; i < 2; i++) B[i] = tf32_of(b[(t + i * 4) * 8 + g]);
    float D[4];
    for (u32 i = 0; i < 4; i++) D[i] = d[(g + i / 2 * 8) * 8 + 2 * t + i % 2];
    multiply_tf32(D, A, B);
    for (u32 i = 0; i < 4; i++) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = D[i];
}
INSTANCE(selftest_product_tf32, selftest_product_tf32)
#endif

// The same on registers as they are: of each lane four of a, two of b; four values of d.
template <class Multiply> DEVICE void product_of_registers(const u32* registers, float* d, Multiply multiply) {
    u32 A[4], B[2];
    float D[4];
    for (u32 i = 0; i < 4; i++) A[i] = registers[threadIdx.x * 6 + i], D[i] = d[threadIdx.x * 4 + i];
    for (u32 i = 0; i < 2; i++) B[i] = registers[threadIdx.x * 6 + 4 + i];
    multiply(D, A, B);
    for (u32 i = 0; i < 4; i++) d[threadIdx.x * 4 + i] = D[i];
}

GLOBAL(32) selftest_registers_f16(const u32* registers, float* d) {
    product_of_registers(registers, d, [](float (&D)[4], const u32 (&A)[4], const u32 (&B)[2]) { multiply_f16(D, A, B); });
}
INSTANCE(selftest_registers_f16, selftest_registers_f16)

#if ARCH >= 800
GLOBAL(32) selftest_registers_bf16(const u32* registers, float* d) {
    product_of_registers(registers, d, [](float (&D)[4], const u32 (&A)[4], const u32 (&B)[2]) { multiply_bf16(D, A, B); });
}
INSTANCE(selftest_registers_bf16, selftest_registers_bf16)

GLOBAL(32) selftest_registers_tf32(const u32* registers, float* d) {
    product_of_registers(registers, d, [](float (&D)[4], const u32 (&A)[4], const u32 (&B)[2]) { multiply_tf32(D, A, B); });
}
INSTANCE(selftest_registers_tf32, selftest_registers_tf32)

// Two numbers in one word.
GLOBAL(256) selftest_pairs(const float* low, const float* high, u32* pairs) {
    u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    pairs[i] = bf16x2_from_f32(low[i], high[i]);
}
BLOCKS_OF(256)
INSTANCE(selftest_pairs, selftest_pairs)
#endif

// ---- a kernel without faults: the sum of each block's values, through shared memory and shuffles

GLOBAL(128) selftest_sum(const float* x, float* sums) {
    SHARED(memory);
    float* partial = (float*)memory;
    float sum = x[blockIdx.x * blockDim.x + threadIdx.x];
    for (u32 with = 16; with > 0; with /= 2) sum += __shfl_xor_sync(~0u, sum, with);
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x > 0) return;
    for (u32 w = 1; w < blockDim.x / 32; w++) sum += partial[w];
    sums[blockIdx.x] = sum;
}
BLOCKS_OF(128)
INSTANCE(selftest_sum, selftest_sum)

// ---- kernels without faults whose blocks work together: the last block to come adds what all have left

// Thread 0 is the only one that counts; whether the block is the last of `blocks`, for all its threads.
DEVICE bool is_last(u32* counter, u32 blocks) {
    bool last = threadIdx.x == 0 && atomicInc(counter, blocks - 1) == blocks - 1;
    return __syncthreads_or(last);
}

DEVICE void add_all(const float* partials, u32 blocks, float* y) {
    float sum = 0;
    for (u32 block = 0; block < blocks; block++) sum += partials[block * blockDim.x + threadIdx.x];
    y[threadIdx.x] = sum;
}

GLOBAL(128) selftest_last_block(const float* x, float* partials, u32* counter, float* y) {
    u32 at = blockIdx.x * blockDim.x + threadIdx.x;
    partials[at] = 2 * x[at];
    __threadfence();
    __syncthreads();
    if (is_last(counter, gridDim.x)) add_all(partials, gridDim.x, y);
}
INSTANCE(selftest_last_block, selftest_last_block)

// One thread's fence stands behind what a barrier has collected.
GLOBAL(128) selftest_one_fence(const float* x, float* partials, u32* counter, float* y) {
    u32 at = blockIdx.x * blockDim.x + threadIdx.x;
    partials[at] = 2 * x[at];
    __syncthreads();
    if (threadIdx.x == 0) __threadfence();
    if (is_last(counter, gridDim.x)) add_all(partials, gridDim.x, y);
}
INSTANCE(selftest_one_fence, selftest_one_fence)

// Every block sets a bit of its own, and one that all set.
GLOBAL(128) selftest_mark(u32* marks, float* y) {
    y[blockIdx.x * blockDim.x + threadIdx.x] = 1;
    if (threadIdx.x == blockIdx.x) atomicOr(marks, 1u << blockIdx.x | 1u << 31);
}
INSTANCE(selftest_mark, selftest_mark)

// One block writes the number in which others set a bit.
GLOBAL(128) selftest_mark_and_write(u32* marks, float* y) {
    y[blockIdx.x * blockDim.x + threadIdx.x] = 1;
    if (threadIdx.x > 0) return;
    if (blockIdx.x == 2) *marks = 2;
    else atomicOr(marks, 1u);
}
INSTANCE(selftest_mark_and_write, selftest_mark_and_write)

// Whether any of the block's numbers is negative, twice.
GLOBAL(128) selftest_any(const float* x, u32* found) {
    int first = __syncthreads_or(x[threadIdx.x] < 0);
    int second = __syncthreads_or(x[blockDim.x + threadIdx.x] < 0);
    found[threadIdx.x] = (u32)(first != 0) + 2 * (u32)(second != 0);
}
INSTANCE(selftest_any, selftest_any)

// ---- faults

GLOBAL(128) selftest_no_fence(const float* x, float* partials, u32* counter, float* y) {
    u32 at = blockIdx.x * blockDim.x + threadIdx.x;
    partials[at] = 2 * x[at];
    __syncthreads();
    if (is_last(counter, gridDim.x)) add_all(partials, gridDim.x, y);
}
INSTANCE(selftest_no_fence, selftest_no_fence)

GLOBAL(128) selftest_fence_before(const float* x, float* partials, u32* counter, float* y) {
    u32 at = blockIdx.x * blockDim.x + threadIdx.x;
    __threadfence();
    partials[at] = 2 * x[at];
    __syncthreads();
    if (is_last(counter, gridDim.x)) add_all(partials, gridDim.x, y);
}
INSTANCE(selftest_fence_before, selftest_fence_before)

// Thread 0 counts the block before others have written.
GLOBAL(128) selftest_no_barrier_before(const float* x, float* partials, u32* counter, float* y) {
    u32 at = blockIdx.x * blockDim.x + threadIdx.x;
    partials[at] = 2 * x[at];
    __threadfence();
    if (is_last(counter, gridDim.x)) add_all(partials, gridDim.x, y);
}
INSTANCE(selftest_no_barrier_before, selftest_no_barrier_before)

// The last block by its number, which need not be the last to come.
GLOBAL(128) selftest_last_by_number(const float* x, float* partials, u32* counter, float* y) {
    u32 at = blockIdx.x * blockDim.x + threadIdx.x;
    partials[at] = 2 * x[at];
    __threadfence();
    __syncthreads();
    if (blockIdx.x == gridDim.x - 1) add_all(partials, gridDim.x, y);
    else is_last(counter, gridDim.x);
}
INSTANCE(selftest_last_by_number, selftest_last_by_number)

GLOBAL(128) selftest_same_place(const float* x, float* partials, u32*, float* y) {
    partials[threadIdx.x] = y[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
}
INSTANCE(selftest_same_place, selftest_same_place)

// Reads what other threads of the block may not have written yet.
GLOBAL(128) selftest_missing_barrier(const float* x, float* y) {
    SHARED(memory);
    float* values = (float*)memory;
    values[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = values[blockDim.x - 1 - threadIdx.x];
}
INSTANCE(selftest_missing_barrier, selftest_missing_barrier)

// A ring of two halves with one barrier a turn too few: a warp that runs ahead writes what others still
// read.
GLOBAL(128) selftest_missing_second_barrier(const float* x, float* y) {
    SHARED(memory);
    float* values = (float*)memory;
    float sum = 0;
    for (u32 turn = 0; turn < 4; turn++) {
        values[threadIdx.x] = x[turn * blockDim.x + threadIdx.x];
        __syncthreads();
        sum += values[blockDim.x - 1 - threadIdx.x];
    }
    y[threadIdx.x] = sum;
}
INSTANCE(selftest_missing_second_barrier, selftest_missing_second_barrier)

GLOBAL(128) selftest_divergent_barrier(float* y) {
    if (threadIdx.x < 64)
        __syncthreads();
    else
        __syncthreads();
    y[threadIdx.x] = 1;
}
INSTANCE(selftest_divergent_barrier, selftest_divergent_barrier)

GLOBAL(128) selftest_early_end(float* y) {
    if (threadIdx.x >= 100) return;
    __syncthreads();
    y[threadIdx.x] = 1;
}
INSTANCE(selftest_early_end, selftest_early_end)

// One warp waits for a shuffle, whose other half waits for a barrier.
GLOBAL(128) selftest_deadlock(float* y) {
    float value = 1;
    if (threadIdx.x < 16) value = __shfl_xor_sync(~0u, value, 1);
    __syncthreads();
    y[threadIdx.x] = value;
}
INSTANCE(selftest_deadlock, selftest_deadlock)

GLOBAL(128) selftest_divergent_shuffle(float* y) {
    float value = threadIdx.x;
    if (threadIdx.x % 32 < 16)
        value = __shfl_xor_sync(~0u, value, 1);
    else
        value = __shfl_xor_sync(~0u, value, 2);
    y[threadIdx.x] = value;
}
INSTANCE(selftest_divergent_shuffle, selftest_divergent_shuffle)

GLOBAL(128) selftest_shuffle_with_the_ended(float* y) {
    if (threadIdx.x == 31) return;
    y[threadIdx.x] = __shfl_down_sync(~0u, y[threadIdx.x], 1);
}
INSTANCE(selftest_shuffle_with_the_ended, selftest_shuffle_with_the_ended)

// Touches the first byte behind shared memory: of 4 bytes a thread and one more.
GLOBAL(128) selftest_shared_write(u32 bytes) {
    SHARED(memory);
    if (threadIdx.x == 7) memory[bytes] = 1;
}
INSTANCE(selftest_shared_write, selftest_shared_write)

GLOBAL(128) selftest_shared_read(u32 bytes, u8* y) {
    SHARED(memory);
    if (threadIdx.x == 7) y[0] = memory[bytes];
}
INSTANCE(selftest_shared_read, selftest_shared_read)

GLOBAL(128) selftest_global_write(float* y, u32 at) {
    if (threadIdx.x == 7) y[at] = 1;
}
INSTANCE(selftest_global_write, selftest_global_write)

GLOBAL(128) selftest_global_read(const float* x, u32 at, float* y) {
    if (threadIdx.x == 7) y[0] = x[at];
}
INSTANCE(selftest_global_read, selftest_global_read)

GLOBAL(128) selftest_null(float* y) { y[threadIdx.x] = 1; }
INSTANCE(selftest_null, selftest_null)

GLOBAL(128) selftest_uninitialised_shared(float* y) {
    SHARED(memory);
    float* values = (float*)memory;
    if (threadIdx.x % 2 == 0) values[threadIdx.x] = 1;
    __syncthreads();
    y[threadIdx.x] = values[threadIdx.x];
}
INSTANCE(selftest_uninitialised_shared, selftest_uninitialised_shared)

// Copies 16 bytes a thread, waits for all groups but `left`, and reads its own: right if left is 0.
template <int left> DEVICE void copy(const u8* x, u8* y) {
    SHARED(memory);
    copy16(memory + threadIdx.x * 16, x + threadIdx.x * 16, threadIdx.x % 2 == 0);
    copies_commit();
    copies_wait<left>();
    for (u32 i = 0; i < 16; i++) y[threadIdx.x * 16 + i] = memory[threadIdx.x * 16 + i];
}
GLOBAL(128) selftest_copy(const u8* x, u8* y) { copy<0>(x, y); }
INSTANCE(selftest_copy, selftest_copy)
GLOBAL(128) selftest_missing_wait(const u8* x, u8* y) { copy<1>(x, y); }
INSTANCE(selftest_missing_wait, selftest_missing_wait)

GLOBAL(128) selftest_misaligned_copy(const u8* x, u32 to, u32 from) {
    SHARED(memory);
    copy16(memory + to, x + from, true);
    copies_commit();
    copies_wait<0>();
}
INSTANCE(selftest_misaligned_copy, selftest_misaligned_copy)

GLOBAL(32) selftest_misaligned_matrix(u32 offset) {
    SHARED(memory);
    u32 four[4];
    load_matrices4(four, memory + threadIdx.x * 16 + offset);
}
BLOCKS_OF(32)
INSTANCE(selftest_misaligned_matrix, selftest_misaligned_matrix)

// Every block adds to the same number: right only if blocks came in order, one at a time.
GLOBAL(128) selftest_across_blocks(float* y) {
    if (threadIdx.x == 0) y[0] = y[0] * 0.5f + blockIdx.x;
}
BLOCKS_OF(128)
INSTANCE(selftest_across_blocks, selftest_across_blocks)

static u32 selftest_depth(u32 n, volatile u32* y) { return n == 0 ? *y : selftest_depth(n - 1, y) + *y; }
GLOBAL(128) selftest_deep(u32* y, u32 depth) { *y = selftest_depth(depth, y); }
INSTANCE(selftest_deep, selftest_deep)
