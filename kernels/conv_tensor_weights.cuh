// What the gradients by the weights share, those of thin images and all others: the gradient of y as an operand,
// and slices of the positions, each of which leaves its sums in a buffer of its own; the last one to arrive adds
// them in order.
#pragma once

#include "arrivals.cuh"

// b: a matrix whose rows are the depth, as it lies in memory: dy by positions, or w by its rows (r, s, c).
template <class T, class Tile> struct Rows {
    typedef T Number;
    typedef DepthSlow<T, Tile::COLUMNS> Layout;
    static constexpr u32 THREADS = Tile::THREADS;
    static constexpr bool IN_PIECES = true, THROUGH_L1 = false;
    const T* values;
    u32 columns, first_column, begin, end;
    u32 first;  // of the step
};

template <class T, class Tile> DEVICE void move_to(Rows<T, Tile>& b, u32 step) { b.first = b.begin + step * DEPTH<T>; }

template <class T, class Tile> DEVICE const T* source(const Rows<T, Tile>& b, u32 i, u32& count) {
    typedef typename Rows<T, Tile>::Layout Layout;
    u32 at = threadIdx.x + i * Tile::THREADS, row = b.first + Layout::row(at);
    u32 column = b.first_column + Layout::column(at) * PIECE<T>;
    count = row < b.end ? inside<T>(column, b.columns) : 0;
    return b.values + (count ? row * b.columns + column : 0);
}

// Behind the last position of a slice; a slice behind the real positions is empty, and its sums are 0.
DEVICE u32 end_of_slice(u32 begin, u32 length, u32 positions) {
    return begin >= positions ? begin : positions - begin < length ? positions : begin + length;
}

// The sums of a tile over the positions of slice blockIdx.y. place(row, column, count): where neighbours of the tile
// stand in dw, and how many of them exist.
template <class Tile, bool whole, class A, class T, class Place>
DEVICE void multiply_slice(const Lanes& lanes, const ConvShape& shape, A& a, const T* dy, u32 first_column, u32 begin,
                           u32 end, float* slices, float* dw, Arrivals by, Watch<T> watch, Place place) {
    SHARED(shared);
    Rows<T, Tile> b;
    b.values = dy, b.columns = shape.filters, b.first_column = first_column, b.begin = begin, b.end = end;
    float sum[Tile::I][Tile::J][4];
    multiply<Tile, whole>(sum, shared, (end - begin + DEPTH<T> - 1) / DEPTH<T>, a, b);

    in_lane(lanes, slices, dw, by.counters), in_lane(lanes, watch);
    u32 slice = blockIdx.y, slices_count = gridDim.y;
    u64 size = (u64)(shape.kernel * shape.kernel) * shape.channels * shape.filters;
    float* to = slices_count > 1 ? slices + slice * size : dw;
    UNROLL for (u32 i = 0; i < Tile::I; i++) {
        UNROLL for (u32 e = 0; e < 4; e += 2) {
            UNROLL for (u32 j = 0; j < Tile::J; j++) {
                u32 count, at = place(row_of<Tile>(i, e), column_of<Tile>(j, 0), count);
                float left = sum[i][j][e], right = sum[i][j][e + 1];
                if (slices_count == 1) see(watch, make_float4(left, right, 0, 0), min(count, 2u));
                if constexpr (whole) {
                    if (count) *(float2*)(to + at) = make_float2(left, right);
                } else {
                    if (count > 0) to[at] = left;
                    if (count > 1) to[at + 1] = right;
                }
            }
        }
    }
    if (slices_count == 1) return;
    add_by_the_last(by, blockIdx.x, slice, slices_count, [&](u32 first, u32 count, u32 stride, bool all) {
        add_tiles<Tile::ROWS, Tile::COLUMNS, Tile::THREADS, whole>(slices, size, first, count, stride,
                                                                   all ? dw : nullptr, watch, place);
    });
}
