// Dense layers: y = dropout(activation(x W + b)) and the gradients, for x [N, in] and W [in, out].
//
// - Forward: a batch of 64 and 10 to 256 outputs are few tiles, but thousands of inputs. So the inputs are
//   cut into slices, a block for each; their sums lie in the workspace until a second kernel adds them in
//   order and finishes the values. How many slices there are follows from the shape only.
// - Backward: first the gradient before dropout and activation, in place, with its sum for the bias. Then
//   one launch makes the tiles of dw = x' dz and those of dx = dz W', which need nothing of each other.
//
// This file says which tile a block forms and where its values go. How a tile is formed stands in dense.cu
// (f32, exactly) and in dense_tensor.cu (tensor cores): a `Product` with a function
//
//     multiply<fast_a, fast_b>(a, b, row, column, first, last, put)
//
// that forms the tile from (row, column) on of a b, summed over the depth from `first` to `last`, and calls
// put(row, column, sum) for each value, also for those outside of the result.
#pragma once

// An operand: its numbers (row, depth) lie at row * pitch + depth where the product takes it as `fast`,
// else at depth * pitch + row; a row of the right operand is a column of the result. Beyond the two ends
// there are zeros.
template <class T> struct Matrix {
    const T* values;
    u32 pitch, row_end, depth_end;
};

// ---- the three products

// Block: (slice and columns, rows). The sums of a slice go to `partials`, [slice][batch][outputs].
template <class Product, class T>
DEVICE void dense_forward(const StepRow* step, const T* x, const T* weights, u32 inputs, u32 outputs, u32 batch,
                          u32 slice, float* partials) {
    u32 tiles = (outputs + DENSE_COLUMNS - 1) / DENSE_COLUMNS, number = blockIdx.x / tiles, rows = step->rows;
    u32 row = blockIdx.y * DENSE_ROWS, column = (blockIdx.x - number * tiles) * DENSE_COLUMNS;
    if (row >= rows) return;
    u32 first = number * slice, last = first + slice < inputs ? first + slice : inputs;
    float* to = partials + (u64)number * batch * outputs;
    Matrix<T> a = {x, inputs, rows, last}, b = {weights, outputs, outputs, last};
    Product::template multiply<true, false>(a, b, row, column, first, last, [&](u32 row, u32 column, float sum) {
        if (row < rows && column < outputs) to[row * outputs + column] = sum;
    });
}

// dw = x' dz: the depth runs over the images.
template <class Product, class T>
DEVICE void dense_weights(u32 block, u32 rows, const T* x, const T* dz, float* dw, u32 inputs, u32 outputs) {
    u32 tiles = (outputs + DENSE_COLUMNS - 1) / DENSE_COLUMNS;
    u32 row = block / tiles * DENSE_ROWS, column = block % tiles * DENSE_COLUMNS;
    Matrix<T> a = {x, inputs, inputs, rows}, b = {dz, outputs, outputs, rows};
    Product::template multiply<false, false>(a, b, row, column, 0, rows, [&](u32 row, u32 column, float sum) {
        if (row < inputs && column < outputs) dw[row * outputs + column] = sum;
    });
}

// dx = dz W': the depth runs over the outputs.
template <class Product, class T>
DEVICE void dense_data(u32 block, u32 rows, const T* dz, const T* weights, T* dx, u32 accumulate, u32 inputs,
                       u32 outputs) {
    u32 tiles = (inputs + DENSE_COLUMNS - 1) / DENSE_COLUMNS;
    u32 row = block / tiles * DENSE_ROWS, column = block % tiles * DENSE_COLUMNS;
    if (row >= rows) return;
    Matrix<T> a = {dz, outputs, rows, outputs}, b = {weights, outputs, inputs, outputs};
    Product::template multiply<true, true>(a, b, row, column, 0, outputs, [&](u32 row, u32 column, float sum) {
        if (row >= rows || column >= inputs) return;
        T& to = dx[row * inputs + column];
        store(to, accumulate ? load(to) + sum : sum);
    });
}

// The kernels of a product: the first `weight_tiles` blocks of the backward one belong to dw.
#define DENSE(name, T, Product)                                                                                      \
    KERNEL(DENSE_THREADS) dense_forward_##name(const StepRow* step, const T* x, const T* weights, u32 inputs, u32 outputs,     \
                                     u32 batch, u32 slice, float* partials) {                                        \
        dense_forward<Product>(step, x, weights, inputs, outputs, batch, slice, partials);                           \
    }                                                                                                                \
    EXPORT(dense_forward_##name)                                                                                     \
    KERNEL(DENSE_THREADS) dense_backward_##name(const StepRow* step, const T* x, const T* dz, const T* weights, float* dw,     \
                                      T* dx, u32 accumulate, u32 inputs, u32 outputs, u32 weight_tiles) {            \
        u32 block = blockIdx.x;                                                                                      \
        if (block < weight_tiles) dense_weights<Product>(block, step->rows, x, dz, dw, inputs, outputs);             \
        else dense_data<Product>(block - weight_tiles, step->rows, dz, weights, dx, accumulate, inputs, outputs);    \
    }                                                                                                                \
    EXPORT(dense_backward_##name)
