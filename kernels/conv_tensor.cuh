// What the products of a convolution on tensor cores know of its shape.
#pragma once

// The same fields as `Shape` in crates/kernels/src/launch/conv/tensor.rs.
struct Shape {
    u32 height, width, channels;         // of x
    u32 out_height, out_width, filters;  // of y
    u32 kernel, stride, padding;
    u32 tiles_across;                    // tiles side by side
    Divisor per_tap;                     // pieces of a filter's position: of its channels or filters
    Divisor pixels, columns;             // rows of the product for an image, and for a row of it
};

// Division of a filter's small numbers by the number of its columns: exact while
// number * columns < 2^16.
DEVICE u32 reciprocal(u32 columns) { return (65535u + columns) / columns; }
DEVICE u32 divide_small(u32 number, u32 by) { return number * by >> 16; }

template <class T> DEVICE u32 pieces(u32 numbers) { return (numbers + PIECE<T> - 1) / PIECE<T>; }

// Where lane l's number e of product (i, j) stands in the block's tile.
template <class Tile> DEVICE u32 row_of(u32 i, u32 e) { return warp_row<Tile>() + 16 * i + lane() / 4 + e / 2 * 8; }
template <class Tile> DEVICE u32 column_of(u32 j, u32 e) { return warp_column<Tile>() + 8 * j + lane() % 4 * 2 + e % 2; }

// All instances of a kernel for numbers T. Channels or filters that do not fill their pieces are rare:
// one tile will do for them.
#define INSTANCES(name, T)             \
    INSTANCE(name, T, 128, 64, , true) \
    INSTANCE(name, T, 64, 64, , true)  \
    INSTANCE(name, T, 128, 32, , true) \
    INSTANCE(name, T, 64, 64, _any, false)
