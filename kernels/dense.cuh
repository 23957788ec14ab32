// Dense layers: y = dropout(activation(x W + b)) and the gradients, for x [N, in] and W [in, out].
//
// - Forward: a batch of 64 and 10 to 256 outputs are few tiles, but thousands of inputs. So the inputs are
//   cut into slices, a block for each; their sums lie in the workspace until the last of a tile's slices to
//   arrive adds them in order and finishes the values. How many slices there are follows from the shape only.
// - Backward: one launch makes the tiles of dw = x' dz, with the sums of dz for the bias, and those of
//   dx = dz W', which need nothing of each other. dz is the gradient before dropout and activation. Where x is
//   another dense layer's result, dx is at once taken back through that layer's dropout and activation.
//
// This file says which tile a block forms and where its values go. How a tile is formed stands in dense.cu
// (f32, exactly) and in dense_tensor.cu (tensor cores): a `Product` with a function
//
//     multiply<fast_a, fast_b>(a, b, row, column, first, last, put)
//
// that forms the tile from (row, column) on of a b, summed over the depth from `first` to `last`, and calls
// put(row, column, sum) for each value, also for those outside of the result, when shared memory is free for other use.
#pragma once

#include "activation.cuh"
#include "arrivals.cuh"

// An operand: its numbers (row, depth) lie at row * pitch + depth where the product takes it as `fast`,
// else at depth * pitch + row; a row of the right operand is a column of the result. Beyond the two ends
// there are zeros.
template <class T> struct Matrix {
    const T* values;
    u32 pitch, row_end, depth_end;
};

// ---- what follows a product

// A layer's bias, activation and dropout; null where there is none.
struct After {
    const float* bias;
    const DropoutRow* dropout;
    u32 layer, activation;
};

// Whether dropout lets element e, counted over the whole batch, pass.
DEVICE bool keeps(const StepRow* step, const After& after, u32 e) {
    Bits4 bits = philox(step->dropout_key[0], step->dropout_key[1], e / 4, step->step[0], step->step[1], after.layer);
    u32 lane = e % 4;
    u32 even = lane < 2 ? bits.lane[0] : bits.lane[2], odd = lane < 2 ? bits.lane[1] : bits.lane[3];
    return (lane % 2 ? odd : even) >= after.dropout->threshold;
}

// y at `e` = row * outputs + column, from the sum of products.
DEVICE float finished(const StepRow* step, const After& after, float sum, u32 e, u32 column) {
    float value = after.bias ? sum + after.bias[column] : sum;
    with_activation(after.activation, [&](auto code) { value = activate(code, value); });
    if (!after.dropout) return value;
    return keeps(step, after, e) ? value * after.dropout->scale : 0.0f;
}

// The gradient g of element e, before the layer's dropout and activation. The result y was scaled by dropout, which is
// undone before the slope is taken.
template <class T> OUT_OF_LINE float before(const StepRow* step, const After& after, float g, const T* y, u32 e) {
    float scale = after.dropout ? after.dropout->scale : 1.0f, undo = scale > 0 ? 1 / scale : 0.0f;
    if (after.dropout && !keeps(step, after, e)) return 0;
    g *= scale;
    if (after.activation != IDENTITY)
        with_activation(after.activation, [&](auto code) { g *= slope(code, load(y[e]) * undo); });
    return g;
}

// ---- the three products

// Values of a tile for each thread, and rows between them.
constexpr u32 TILE_VALUES = DENSE_ROWS * DENSE_COLUMNS / DENSE_THREADS, TILE_APART = DENSE_THREADS / DENSE_COLUMNS;

DEVICE float* shared_tile() {
    SHARED(bytes);
    return (float*)bytes;
}

// Finishes the values of a tile whose sums lie in shared memory, each thread those TILE_APART rows apart. In a loop, and
// not for each value anew: all activations and the random numbers are long.
template <class T>
DEVICE void finish_tile(const StepRow* step, const After& after, u32 first_row, u32 first_column, u32 outputs, T* y) {
    u32 column = first_column + threadIdx.x % DENSE_COLUMNS, row = first_row + threadIdx.x / DENSE_COLUMNS;
    if (column >= outputs) return;
    NO_UNROLL for (u32 i = 0; i < TILE_VALUES && row < step->rows; i++, row += TILE_APART) {
        u32 e = row * outputs + column;
        store(y[e], finished(step, after, shared_tile()[threadIdx.x + i * DENSE_THREADS], e, column));
    }
}

// Block: (slice and columns, rows). The sums of a slice go to `partials`, [slice][batch][outputs].
template <class Product, class T>
DEVICE void forward_tile(const StepRow* step, const T* x, const T* weights, u32 inputs, u32 outputs, u32 batch,
                         u32 slice, float* partials, Arrivals by, const After& after, T* y) {
    u32 tiles = (outputs + DENSE_COLUMNS - 1) / DENSE_COLUMNS, number = blockIdx.x / tiles, rows = step->rows;
    u32 first_row = blockIdx.y * DENSE_ROWS, tile = blockIdx.x - number * tiles, first_column = tile * DENSE_COLUMNS;
    if (first_row >= rows) return;
    u32 first = number * slice, last = first + slice < inputs ? first + slice : inputs;
    u32 slices = (inputs + slice - 1) / slice;
    u64 size = (u64)batch * outputs;
    Matrix<T> a = {x, inputs, rows, last}, b = {weights, outputs, outputs, last};
    Product::template multiply<true, false>(a, b, first_row, first_column, first, last,
                                             [&](u32 row, u32 column, float sum) {
        if (slices == 1) shared_tile()[(row - first_row) * DENSE_COLUMNS + column - first_column] = sum;
        else if (row < rows && column < outputs) partials[number * size + row * outputs + column] = sum;
    });
    __syncthreads();
    if (slices == 1) return finish_tile(step, after, first_row, first_column, outputs, y);
    add_by_the_last(by, blockIdx.y * tiles + tile, number, slices, [&](u32 first, u32 count, u32 stride, bool all) {
        u32 column = first_column + threadIdx.x % DENSE_COLUMNS, row = first_row + threadIdx.x / DENSE_COLUMNS;
        float sums[TILE_VALUES] = {};
        for (u32 part = 0; part < count && column < outputs; part++) {
            const float* from = partials + (first + part * stride) * size + row * outputs + column;
            UNROLL for (u32 i = 0; i < TILE_VALUES; i++)
                if (row + i * TILE_APART < rows) sums[i] += from[i * TILE_APART * outputs];
        }
        UNROLL for (u32 i = 0; i < TILE_VALUES; i++) {
            if (all) shared_tile()[threadIdx.x + i * DENSE_THREADS] = sums[i];
            else if (row + i * TILE_APART < rows && column < outputs)
                partials[first * size + (row + i * TILE_APART) * outputs + column] = sums[i];
        }
        if (all) finish_tile(step, after, first_row, first_column, outputs, y);
    });
}

// db: the sums of dz over the images, as it is stored, by the blocks of the first tiles of dw.
template <class T> DEVICE void dense_bias(u32 rows, u32 column, const T* dz, float* db, u32 outputs) {
    constexpr u32 SHARES = DENSE_THREADS / DENSE_COLUMNS;
    SHARED(bytes);
    float* sums = (float*)bytes;
    u32 mine = column + threadIdx.x % DENSE_COLUMNS, share = threadIdx.x / DENSE_COLUMNS;
    float sum = 0;
    for (u32 row = share; row < rows && mine < outputs; row += SHARES) sum += load(dz[row * outputs + mine]);
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (share > 0 || mine >= outputs) return;
    for (u32 other = 1; other < SHARES; other++) sum += sums[other * DENSE_COLUMNS + threadIdx.x];
    db[mine] = sum;
}

// dw = x' dz: the depth runs over the images.
template <class Product, class T>
DEVICE void dense_weights(u32 block, u32 rows, const T* x, const T* dz, float* dw, float* db, u32 inputs, u32 outputs) {
    u32 tiles = (outputs + DENSE_COLUMNS - 1) / DENSE_COLUMNS;
    u32 row = block / tiles * DENSE_ROWS, column = block % tiles * DENSE_COLUMNS;
    Matrix<T> a = {x, inputs, inputs, rows}, b = {dz, outputs, outputs, rows};
    Product::template multiply<false, false>(a, b, row, column, 0, rows, [&](u32 row, u32 column, float sum) {
        if (row < inputs && column < outputs) dw[row * outputs + column] = sum;
    });
    if (db && row == 0) dense_bias(rows, column, dz, db, outputs);
}

// dx = dz W': the depth runs over the outputs. With `through`, x is the result of a layer with `after` behind it.
template <class Product, class T>
DEVICE void dense_data(const StepRow* step, u32 block, const T* x, const T* dz, const T* weights, T* dx, u32 accumulate,
                       u32 inputs, u32 outputs, u32 through, const After& after) {
    u32 tiles = (inputs + DENSE_COLUMNS - 1) / DENSE_COLUMNS, rows = step->rows;
    u32 row = block / tiles * DENSE_ROWS, column = block % tiles * DENSE_COLUMNS;
    if (row >= rows) return;
    Matrix<T> a = {dz, outputs, rows, outputs}, b = {weights, outputs, inputs, outputs};
    Product::template multiply<true, true>(a, b, row, column, 0, outputs, [&](u32 row, u32 column, float sum) {
        if (row >= rows || column >= inputs) return;
        u32 e = row * inputs + column;
        if (through) sum = before(step, after, sum, x, e);
        store(dx[e], accumulate ? load(dx[e]) + sum : sum);
    });
}

// ---- the kernels

template <class Product, class T>
GLOBAL(DENSE_THREADS, 4) dense_forward(CONSTANT Lanes lanes, const StepRow* step, const T* x, const T* weights, u32 inputs,
                                       u32 outputs, u32 batch, u32 slice, float* partials, Arrivals by, const float* bias,
                                       const DropoutRow* dropout, u32 layer, u32 activation, T* y) {
    begin(lanes, step, x, weights, partials, by.counters, bias, dropout, y);
    After after = {bias, dropout, layer, activation};
    forward_tile<Product>(step, x, weights, inputs, outputs, batch, slice, partials, by, after, y);
}

// The first `weight_tiles` blocks belong to dw.
template <class Product, class T>
GLOBAL(DENSE_THREADS, 4) dense_backward(CONSTANT Lanes lanes, const StepRow* step, const T* x, const T* dz, const T* weights,
                                        float* dw, float* db, T* dx, u32 accumulate, u32 inputs, u32 outputs, u32 weight_tiles,
                                        u32 through, const DropoutRow* dropout, u32 layer, u32 activation) {
    begin(lanes, step, x, dz, weights, dw, db, dx, dropout);
    u32 block = blockIdx.x, data_block = block - weight_tiles;
    After after = {nullptr, dropout, layer, activation};
    if (step->rows == 0) return;
    if (block < weight_tiles) dense_weights<Product>(block, step->rows, x, dz, dw, db, inputs, outputs);
    else dense_data<Product>(step, data_block, x, dz, weights, dx, accumulate, inputs, outputs, through, after);
}
