// What the products of a convolution on tensor cores share: small divisions, places in a tile.
#pragma once

// Division of a filter's small numbers by the number of its columns: exact while
// number * columns < 2^16.
DEVICE u32 reciprocal(u32 columns) { return (65535u + columns) / columns; }
DEVICE u32 divide_small(u32 number, u32 by) { return number * by >> 16; }

// Where lane l's number e of product (i, j) stands in the block's tile.
template <class Tile> DEVICE u32 row_of(u32 i, u32 e) { return warp_row<Tile>() + 16 * i + lane() / 4 + e / 2 * 8; }
template <class Tile> DEVICE u32 column_of(u32 j, u32 e) { return warp_column<Tile>() + 8 * j + lane() % 4 * 2 + e % 2; }
