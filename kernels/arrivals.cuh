// Sums to which many blocks of a launch contribute, added without another launch: the last block to
// arrive adds what all of them have left.
//
// Which block that is differs from run to run, what it adds and in which order does not, so the bits
// are the same. No block waits for another. (The pattern is that of NVIDIA's sample
// threadFenceReduction; the fences order a block's writes before its arrival, and the last one's
// reads behind all of them.)
//
// One block alone would be slow with hundreds of parts. So parts are added in groups, and then the groups:
// each time the last to arrive adds about as many as the root of all.
#pragma once

#include "overflow.cuh"

// True for all threads of the last of `count` blocks to come here, which sees what the others wrote
// before. The counter is zero before, and is again afterwards. Reached by all threads of the block.
DEVICE bool comes_last(u32* counter, u32 count) {
    __threadfence();
    __syncthreads();
    bool last = threadIdx.x == 0 && atomicInc(counter, count - 1) == count - 1;
    last = __syncthreads_or(last);
    if (last) __threadfence();
    return last;
}

// Called by a block that has left part number `part` of `parts`. add(first, count, stride, all) is to add
// `count` parts from `first` on, `stride` apart, in order, and to put their sum in the place of the first or,
// if it is all, where the result belongs. `sum`: the number of the sum among those of the launch.
template <class Add> DEVICE void add_by_the_last(Arrivals by, u32 sum, u32 part, u32 parts, Add add) {
    u32* counters = by.counters + sum * (by.groups + 1);
    u32 number = part / by.group, first = number * by.group;
    u32 members = min(by.group, parts - first), groups = (parts + by.group - 1) / by.group;
    if (!comes_last(counters + number, members)) return;
    add(first, members, 1u, groups == 1);
    if (groups > 1 && comes_last(counters + by.groups, groups)) add(0u, groups, by.group, true);
}

// ---- rows of sums, one from each of many blocks

// How a block's threads share columns of rows that they add: `across` columns at a time, so that neighbours
// read neighbours, and `down` rows side by side.
struct Adders { u32 across, down, column, row; };

DEVICE Adders adders(u32 width) {
    u32 across = min(width, blockDim.x), down = blockDim.x / across;
    return {across, down, threadIdx.x % across, threadIdx.x / across};
}

// Half of the rows that are left, for trees: the largest power of two below `down`.
DEVICE u32 first_half(u32 down) {
    u32 half = 1;
    while (half * 2 < down) half *= 2;
    return down > 1 ? half : 0;
}

// Columns base to base + width of some rows, [rows][pitch], as add_by_the_last wants it: the sums go to the first row
// or, if it is all, to `sums`, gradients. Takes a float of shared memory for each thread, which nobody uses any more.
template <class T>
DEVICE void add_rows(float* rows, u32 pitch, u32 base, u32 width, u32 first, u32 count, u32 stride, float* sums,
                     Watch<T> watch, float* shared) {
    Adders by = adders(width);
    for (u32 from = 0; from < width; from += by.across) {
        u32 column = base + from + by.column;
        bool mine = by.row < by.down && from + by.column < width;
        float sum = 0;
        for (u32 i = by.row; mine && i < count; i += by.down) sum += rows[(u64)(first + i * stride) * pitch + column];
        __syncthreads();
        shared[threadIdx.x] = sum;
        __syncthreads();
        for (u32 half = first_half(by.down); half > 0; half /= 2) {
            if (by.row < half && by.row + half < by.down) sum += shared[threadIdx.x + half * by.across];
            __syncthreads();
            shared[threadIdx.x] = sum;
            __syncthreads();
        }
        if (!mine || by.row > 0) continue;
        if (sums) sums[column] = sum, see(watch, sum);
        else rows[(u64)first * pitch + column] = sum;
    }
}

// ---- tiles of sums, one from each of many blocks

// The first `count` of four neighbours, zeros for the others. If `whole`, all exist or none does.
template <bool whole> DEVICE float4 load4(const float* at, u32 count) {
    if (whole) return count ? *(const float4*)at : make_float4(0, 0, 0, 0);
    return make_float4(count > 0 ? at[0] : 0, count > 1 ? at[1] : 0, count > 2 ? at[2] : 0, count > 3 ? at[3] : 0);
}

template <bool whole> DEVICE void store4(float* at, u32 count, float4 piece) {
    if (whole) {
        if (count) *(float4*)at = piece;
        return;
    }
    if (count > 0) at[0] = piece.x;
    if (count > 1) at[1] = piece.y;
    if (count > 2) at[2] = piece.z;
    if (count > 3) at[3] = piece.w;
}

constexpr u32 TOGETHER = 4;  // pieces of a thread whose loads are under way at once

// A tile of ROWS x COLUMNS sums in each of some slices of `size` numbers, as add_by_the_last wants it: the sums go to the
// first slice or, if it is all, to `sums`, gradients. place(row, column, count) is the number of four neighbours of the tile in a
// slice, and how many of them exist.
template <u32 ROWS, u32 COLUMNS, u32 THREADS, bool whole, class T, class Place>
DEVICE void add_tiles(float* slices, u64 size, u32 first, u32 count, u32 stride, float* sums, Watch<T> watch, Place place) {
    constexpr u32 ACROSS = COLUMNS / 4, PIECES = ROWS * ACROSS;
    float* to = sums ? sums : slices + first * size;
    for (u32 start = threadIdx.x; start < PIECES; start += TOGETHER * THREADS) {
        u32 at[TOGETHER], there[TOGETHER];
        float4 sum[TOGETHER];
        UNROLL for (u32 p = 0; p < TOGETHER; p++) {
            u32 piece = start + p * THREADS;
            at[p] = place(piece / ACROSS, piece % ACROSS * 4, there[p]);
            if (piece >= PIECES) there[p] = 0;
            sum[p] = make_float4(0, 0, 0, 0);
        }
        for (u32 i = 0; i < count; i++) {
            const float* from = slices + (first + i * stride) * size;
            UNROLL for (u32 p = 0; p < TOGETHER; p++) {
                float4 more = load4<whole>(from + at[p], there[p]);
                sum[p].x += more.x, sum[p].y += more.y, sum[p].z += more.z, sum[p].w += more.w;
            }
        }
        UNROLL for (u32 p = 0; p < TOGETHER; p++) {
            store4<whole>(to + at[p], there[p], sum[p]);
            if (sums) see(watch, sum[p], there[p]);
        }
    }
}
