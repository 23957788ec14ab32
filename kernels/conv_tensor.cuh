// What the products of a convolution on tensor cores share: the walk through taps and channels, places in a tile,
// results on their way to memory.
#pragma once

#include "activation.cuh"
#include "statistics.cuh"

// Division of a filter's small numbers by the number of its columns: exact while
// number * columns < 2^16.
DEVICE u32 reciprocal(u32 columns) { return (65535u + columns) / columns; }
DEVICE u32 divide_small(u32 number, u32 by) { return number * by >> 16; }

// Where lane l's number e of product (i, j) stands in the block's tile.
template <class Tile> DEVICE u32 row_of(u32 i, u32 e) { return warp_row<Tile>() + 16 * i + lane() / 4 + e / 2 * 8; }
template <class Tile> DEVICE u32 column_of(u32 j, u32 e) { return warp_column<Tile>() + 8 * j + lane() % 4 * 2 + e % 2; }

// ---- the walk through a depth of taps and of channels in pieces of 16 bytes

// Where the channels of a tap fill whole steps, a step of each tap comes before the next channels: neighbouring taps
// see nearly the same pixels, and what one has read is still near, in L1, when the next one reads it. Otherwise the
// taps follow each other whole.
struct Taps {
    u32 taps, per_tap;  // pieces of a tap
    u32 group;          // pieces of a tap that are walked before the next tap
    u32 at, first;      // of a step: its first piece among those of all taps in the group, and the group's first
};

DEVICE Taps walk_of(u32 taps, u32 per_tap) {
    u32 group = per_tap % STEP_PIECES == 0 ? STEP_PIECES : per_tap;
    return {taps, per_tap, group, 0u - STEP_PIECES, 0};
}

DEVICE u32 steps_of(const Taps& walk) { return (walk.taps * walk.per_tap + STEP_PIECES - 1) / STEP_PIECES; }

DEVICE void next_step(Taps& walk) {
    walk.at += STEP_PIECES;
    if (walk.at == walk.taps * walk.group) walk.at = 0, walk.first += walk.group;
}

// The tap of a piece of the step, and the piece's number there; false behind the last.
DEVICE bool find(const Taps& walk, Divisor per_tap, u32 number, u32& tap, u32& piece) {
    u32 at = walk.at + number;
    tap = walk.group == STEP_PIECES ? at / STEP_PIECES : divide(at, per_tap);
    piece = walk.first + at - tap * walk.group;
    return tap < walk.taps;
}

// ---- results

// Four at a time: a decision for each number would make the code long, one decision for all numbers
// would let the compiler work on all of them at once and run out of registers, as it does (328 bytes spilled) where
// doing nothing is one of the cases.
DEVICE void activate4(u32 activation, float (&value)[4]) {
    if (activation == IDENTITY) return;
    with_activation(activation, [&](auto code) {
        UNROLL for (u32 e = 0; e < 4; e++) value[e] = activate(code, value[e]);
    });
}

// Statistics of the tile's columns over its `count` real rows: the mean, and the squared deviations
// from it. A lane adds its own rows, the eight lanes with the same columns add theirs in a tree, then
// the warps above each other in order.
template <class Tile>
DEVICE void tile_moments(const float (&value)[Tile::I][Tile::J][4], float* scratch, u32 count, u32 first_column,
                       u32 columns, float* means, float* deviations) {
    float scale = 1.0f / (float)count, mean[Tile::J][2];
    UNROLL for (u32 pass = 0; pass < 2; pass++) {
        UNROLL for (u32 j = 0; j < Tile::J; j++) {
            UNROLL for (u32 e = 0; e < 2; e++) {
                float sum = 0.0f;
                UNROLL for (u32 i = 0; i < Tile::I; i++) {
                    UNROLL for (u32 half = 0; half < 2; half++) {
                        float v = value[i][j][2 * half + e], d = pass ? v - mean[j][e] : v;
                        if (row_of<Tile>(i, 2 * half) < count) sum += pass ? d * d : d;
                    }
                }
                UNROLL for (int by = 4; by < 32; by *= 2) sum += __shfl_xor_sync(0xffffffffu, sum, by);
                if (lane() < 4) scratch[warp_row<Tile>() / Tile::WARP_ROWS * Tile::COLUMNS + column_of<Tile>(j, e)] = sum;
            }
        }
        __syncthreads();
        UNROLL for (u32 j = 0; j < Tile::J; j++) {
            UNROLL for (u32 e = 0; e < 2; e++) {
                u32 column = column_of<Tile>(j, e);
                float sum = 0.0f;
                UNROLL for (u32 warp = 0; warp < Tile::DOWN; warp++) sum += scratch[warp * Tile::COLUMNS + column];
                if (!pass) mean[j][e] = sum * scale;
                bool writes = warp_row<Tile>() == 0 && lane() < 4 && first_column + column < columns;
                if (writes) (pass ? deviations : means)[first_column + column] = pass ? sum : mean[j][e];
            }
        }
        __syncthreads();
    }
}

// Two numbers side by side, as one access.
template <class T> DEVICE void store2(T* to, float a, float b) {
    if constexpr (sizeof(T) == 4) *(float2*)to = make_float2(a, b);
    else *(u32*)to = Core<T>::pair(a, b);
}

// Writes the tile. It goes through shared memory, so that threads side by side write 16 bytes each of
// the same row; a tile that is larger than the operands' goes there by halves.
// `target(row, at)`: whether a row of the tile is a row of the result, and which one.
template <class T, class Tile, bool whole, class Target>
DEVICE void write(const float (&value)[Tile::I][Tile::J][4], u8* shared, T* to, u32 first_column, u32 columns,
                  Target target) {
    constexpr u32 WIDTH = Tile::COLUMNS * sizeof(T) > 256 ? Tile::COLUMNS / 2 : Tile::COLUMNS;
    constexpr u32 PITCH = WIDTH + PIECE<T>, ACROSS = WIDTH / PIECE<T>;
    T* staged = (T*)shared;
    for (u32 part = 0; part < Tile::COLUMNS; part += WIDTH) {
        if (part > 0) __syncthreads();
        if (warp_column<Tile>() - part < WIDTH) {
            UNROLL for (u32 i = 0; i < Tile::I; i++)
                UNROLL for (u32 j = 0; j < Tile::J; j++)
                    UNROLL for (u32 e = 0; e < 4; e += 2)
                        store2(staged + row_of<Tile>(i, e) * PITCH + column_of<Tile>(j, e) - part,
                               value[i][j][e], value[i][j][e + 1]);
        }
        __syncthreads();
        for (u32 piece = threadIdx.x; piece < Tile::ROWS * ACROSS; piece += Tile::THREADS) {
            u32 row = piece / ACROSS, column = piece % ACROSS * PIECE<T>, at;
            u32 count = inside<T>(first_column + part + column, columns);
            if (count == 0 || !target(row, at)) continue;
            const T* from = staged + row * PITCH + column;
            T* there = to + at * columns + first_column + part + column;
            if constexpr (whole) *(uint4*)there = *(const uint4*)from;
            else
                for (u32 i = 0; i < count; i++) there[i] = from[i];
        }
    }
}

// y = act(sum + bias) for a tile of positions, and the batch's statistics where they are wanted.
template <class T, class Tile, bool whole>
DEVICE void finish(float (&sum)[Tile::I][Tile::J][4], u8* shared, const ConvShape& shape, u32 positions, u32 tile,
                   u32 first_column, const float* bias, u32 activation, T* y, Statistics& s) {
    u32 first = tile * Tile::ROWS;
    UNROLL for (u32 j = 0; j < Tile::J; j++) {
        UNROLL for (u32 e = 0; e < 2; e++) {
            u32 k = first_column + column_of<Tile>(j, e);
            float offset = bias && k < shape.filters ? bias[k] : 0.0f;
            UNROLL for (u32 i = 0; i < Tile::I; i++) sum[i][j][e] += offset, sum[i][j][e + 2] += offset;
        }
    }
    UNROLL for (u32 i = 0; i < Tile::I; i++)
        UNROLL for (u32 j = 0; j < Tile::J; j++) activate4(activation, sum[i][j]);
    if (s.partials) {
        float* means = s.partials + tile * shape.filters;
        u32 count = min(positions - first, Tile::ROWS);
        tile_moments<Tile>(sum, (float*)shared, count, first_column, shape.filters, means, means + s.tiles * shape.filters);
    }
    write<T, Tile, whole>(sum, shared, y, first_column, shape.filters, [&](u32 row, u32& at) {
        at = first + row;
        return at < positions;
    });
    s.positions = positions;
    if (s.partials) merge_by_the_last(s, tile, blockIdx.x % shape.tiles_across, first_column, Tile::COLUMNS, (float*)shared);
}
