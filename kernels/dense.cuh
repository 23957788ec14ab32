// Dense layers: y = dropout(activation(x W + b)) and the gradients, for x [N, in] and W [in, out].
//
// - Forward: a batch of 64 and 10 to 256 outputs are few tiles, but thousands of inputs. So the inputs are
//   cut into slices, a block for each; their sums lie in the workspace until the last of a tile's slices to
//   arrive adds them in order and finishes the values. How many slices there are follows from the shape only.
// - Backward: one launch makes the tiles of dw = x' dz, with the sums of dz for the bias, and those of
//   dx = dz W', which need nothing of each other. dz is the gradient before dropout and activation. Where x is
//   another dense layer's result, dx is at once taken back through that layer's dropout and activation.
// - Update: where nothing clips, dw need not be stored to be read again by the optimizer: 8 of the 32 bytes that Adam
//   moves for a weight in f32, and another 4 for the weights that dx has just read. The optimizer's update follows each
//   tile of dw. Nobody may still read the weights then, so a block makes all tiles that belong to some rows
//   of W, a strip: first those of dx, which read them, then those of dw.
//
// This file says which tile a block forms and where its values go. How a tile is formed stands in dense.cu
// (f32, exactly) and in dense_tensor.cu (tensor cores): a `Product` with a function
//
//     multiply<Form, fast_a, fast_b>(a, b, row, column, first, last, put)
//
// that forms the tile from (row, column) on of a b, summed over the depth from `first` to `last`, and calls
// put(row, column, sum) for each value, also for those outside of the result, when shared memory is free for other use.
#pragma once

#include "activation.cuh"
#include "arrivals.cuh"
#include "optimizer.cuh"

// Rows and columns of a tile. High ones are for results with a row for each image; where a batch has at most 32 of them
// half of it would be empty, so wide ones are for those, and for dw.
template <u32 rows, u32 columns> struct Form { static constexpr u32 ROWS = rows, COLUMNS = columns; };
typedef Form<DENSE_LONG, DENSE_SHORT> High;
typedef Form<DENSE_SHORT, DENSE_LONG> Wide;

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
constexpr u32 TILE_VALUES = DENSE_LONG * DENSE_SHORT / DENSE_THREADS;
template <class Form> constexpr u32 TILE_APART = DENSE_THREADS / Form::COLUMNS;

DEVICE float* shared_tile() {
    SHARED(bytes);
    return (float*)bytes;
}

// Finishes the values of a tile whose sums lie in shared memory, each thread those TILE_APART rows apart. In a loop, and
// not for each value anew: all activations and the random numbers are long.
template <class Form, class T>
DEVICE void finish_tile(const StepRow* step, const After& after, u32 first_row, u32 first_column, u32 outputs, T* y) {
    u32 column = first_column + threadIdx.x % Form::COLUMNS, row = first_row + threadIdx.x / Form::COLUMNS;
    if (column >= outputs) return;
    NO_UNROLL for (u32 i = 0; i < TILE_VALUES && row < step->rows; i++, row += TILE_APART<Form>) {
        u32 e = row * outputs + column;
        store(y[e], finished(step, after, shared_tile()[threadIdx.x + i * DENSE_THREADS], e, column));
    }
}

// Block: (slice and columns, rows). The sums of a slice go to `partials`, [slice][batch][outputs].
template <class Product, class Form, class T>
DEVICE void forward_tile(const StepRow* step, const T* x, const T* weights, u32 inputs, u32 outputs, u32 batch,
                         u32 slice, float* partials, Arrivals by, const After& after, T* y) {
    u32 tiles = (outputs + Form::COLUMNS - 1) / Form::COLUMNS, number = blockIdx.x / tiles, rows = step->rows;
    u32 first_row = blockIdx.y * Form::ROWS, tile = blockIdx.x - number * tiles, first_column = tile * Form::COLUMNS;
    if (first_row >= rows) return;
    u32 first = number * slice, last = first + slice < inputs ? first + slice : inputs;
    u32 slices = (inputs + slice - 1) / slice;
    u64 size = (u64)batch * outputs;
    Matrix<T> a = {x, inputs, rows, last}, b = {weights, outputs, outputs, last};
    Product::template multiply<Form, true, false>(a, b, first_row, first_column, first, last,
                                                   [&](u32 row, u32 column, float sum) {
        if (slices == 1) shared_tile()[(row - first_row) * Form::COLUMNS + column - first_column] = sum;
        else if (row < rows && column < outputs) partials[number * size + row * outputs + column] = sum;
    });
    __syncthreads();
    if (slices == 1) return finish_tile<Form>(step, after, first_row, first_column, outputs, y);
    add_by_the_last(by, blockIdx.y * tiles + tile, number, slices, [&](u32 first, u32 count, u32 stride, bool all) {
        u32 column = first_column + threadIdx.x % Form::COLUMNS, row = first_row + threadIdx.x / Form::COLUMNS;
        float sums[TILE_VALUES] = {};
        for (u32 part = 0; part < count && column < outputs; part++) {
            const float* from = partials + (first + part * stride) * size + row * outputs + column;
            UNROLL for (u32 i = 0; i < TILE_VALUES; i++)
                if (row + i * TILE_APART<Form> < rows) sums[i] += from[i * TILE_APART<Form> * outputs];
        }
        UNROLL for (u32 i = 0; i < TILE_VALUES; i++) {
            if (all) shared_tile()[threadIdx.x + i * DENSE_THREADS] = sums[i];
            else if (row + i * TILE_APART<Form> < rows && column < outputs)
                partials[first * size + (row + i * TILE_APART<Form>) * outputs + column] = sums[i];
        }
        if (all) finish_tile<Form>(step, after, first_row, first_column, outputs, y);
    });
}

// db: the sums of dz over the images, as it is stored, by the blocks of the first tiles of dw. What is not finite in dz is seen
// in dw.
template <class T> DEVICE void dense_bias(u32 rows, u32 column, const T* dz, float* db, u32 outputs) {
    constexpr u32 SHARES = DENSE_THREADS / DENSE_SHORT;
    float* sums = shared_tile();
    u32 share = threadIdx.x / DENSE_SHORT;
    for (u32 mine = column + threadIdx.x % DENSE_SHORT, half = 0; half < 2; half++, mine += DENSE_SHORT) {
        float sum = 0;
        for (u32 row = share; row < rows && mine < outputs; row += SHARES) sum += load(dz[row * outputs + mine]);
        __syncthreads();
        sums[threadIdx.x] = sum;
        __syncthreads();
        if (share > 0 || mine >= outputs) continue;
        for (u32 other = 1; other < SHARES; other++) sum += sums[other * DENSE_SHORT + threadIdx.x];
        db[mine] = sum;
    }
}

// A layer: what its gradients are made of, and where they go. Null: dw where the weights are updated at once, db
// and dx where they are not wanted.
template <class T> struct Layer {
    const T *x, *dz, *weights;
    float *dw, *db;
    T* dx;
    Watch<T> watch;
    u32 accumulate, inputs, outputs;
};

// Stores a tile of dw that lies in shared memory, or updates the weights by it: each thread some quads of neighbours,
// two of which are under way at once.
template <class T>
DEVICE void finish_weights(const Lanes& lanes, const StepRow* step, const Layer<T>& layer, Updated<T> updated, u32 row,
                           u32 column) {
    constexpr u32 ACROSS = Wide::COLUMNS / 4, APART = DENSE_THREADS / ACROSS, AT_ONCE = 2;
    u32 end = min(row + Wide::ROWS, layer.inputs), outputs = layer.outputs, len = layer.inputs * outputs;
    const float4* g = (const float4*)shared_tile() + threadIdx.x;
    row += threadIdx.x / ACROSS, column += threadIdx.x % ACROSS * 4;
    if (column >= outputs) return;
    if (layer.dw) {
        bool whole = outputs % 4 == 0;
        for (u32 at = row * outputs + column; row < end; row += APART, at += APART * outputs, g += DENSE_THREADS) {
            if (whole) store4<true>(layer.dw + at, 4, *g);
            else store4<false>(layer.dw + at, outputs - column, *g);
            see(layer.watch, *g, outputs - column);
        }
        return;
    }
    in_lane(lanes, updated.parameters, updated.first, updated.second, updated.third, updated.weights16);
    StepRow numbers = *step;
    NO_UNROLL for (; row < end; row += AT_ONCE * APART, g += AT_ONCE * DENSE_THREADS) {
        Quad quads[AT_ONCE];
        UNROLL for (u32 i = 0; i < AT_ONCE; i++)
            if (row + i * APART < end) quads[i] = load_quad(updated, (row + i * APART) * outputs + column, len);
        UNROLL for (u32 i = 0; i < AT_ONCE; i++) {
            if (row + i * APART >= end) continue;
            update_quad(numbers, quads[i], g[i * DENSE_THREADS]);
            store_quad(updated, (row + i * APART) * outputs + column, len, quads[i]);
        }
    }
}

// A tile of dw = x' dz: the depth runs over the images.
template <class Product, class T>
DEVICE void dense_weights(const Lanes& lanes, const StepRow* step, const Layer<T>& layer, const Updated<T>& updated,
                          u32 row, u32 column) {
    u32 inputs = layer.inputs, outputs = layer.outputs, rows = step->rows;
    if (row >= inputs) return;
    Matrix<T> a = {layer.x, inputs, inputs, rows}, b = {layer.dz, outputs, outputs, rows};
    Product::template multiply<Wide, false, false>(a, b, row, column, 0, rows, [&](u32 to, u32 across, float sum) {
        shared_tile()[(to - row) * Wide::COLUMNS + across - column] = sum;
    });
    __syncthreads();
    finish_weights(lanes, step, layer, updated, row, column);
    if (layer.db && row == 0) dense_bias(rows, column, layer.dz, layer.db, outputs);
    __syncthreads();  // the next tile may take its place
}

// A tile of dx = dz W': the depth runs over the outputs. With `through`, x is the result of a layer with `after` behind it.
template <class Product, class Form, class T>
DEVICE void dense_data(const StepRow* step, const Layer<T>& layer, u32 row, u32 column, u32 through, const After& after) {
    u32 inputs = layer.inputs, outputs = layer.outputs, rows = step->rows;
    if (row >= rows) return;
    Matrix<T> a = {layer.dz, outputs, rows, outputs}, b = {layer.weights, outputs, inputs, outputs};
    Product::template multiply<Form, true, true>(a, b, row, column, 0, outputs, [&](u32 row, u32 column, float sum) {
        if (row >= rows || column >= inputs) return;
        u32 e = row * inputs + column;
        if (through) sum = before(step, after, sum, layer.x, e);
        store(layer.dx[e], layer.accumulate ? load(layer.dx[e]) + sum : sum);
    });
}

// A strip's tiles, `data_tiles` of dx and then those of dw, are dealt out to `shares` blocks.
template <class Product, class Form, class T>
DEVICE void backward_strip(const Lanes& lanes, const StepRow* step, const Layer<T>& layer, u32 data_tiles, u32 shares,
                           u32 through, const After& after, const Updated<T>& updated) {
    u32 strip = blockIdx.x / shares, across = (layer.outputs + Wide::COLUMNS - 1) / Wide::COLUMNS;
    u32 first = strip * Form::COLUMNS, tiles = data_tiles + Form::COLUMNS / Wide::ROWS * across;
    NO_UNROLL for (u32 tile = blockIdx.x - strip * shares; tile < tiles; tile += shares) {
        if (tile < data_tiles) {
            dense_data<Product, Form>(step, layer, tile * Form::ROWS, first, through, after);
        } else {
            u32 down = (tile - data_tiles) / across, column = (tile - data_tiles - down * across) * Wide::COLUMNS;
            dense_weights<Product>(lanes, step, layer, updated, first + down * Wide::ROWS, column);
        }
    }
}

// ---- the kernels

template <class Product, class Form, class T>
GLOBAL(DENSE_THREADS, 4) dense_forward(CONSTANT Lanes lanes, const StepRow* step, const T* x, const T* weights, u32 inputs,
                                       u32 outputs, u32 batch, u32 slice, float* partials, Arrivals by, const float* bias,
                                       const DropoutRow* dropout, u32 layer, u32 activation, T* y) {
    begin(lanes, step, x, weights, partials, by.counters, bias, dropout, y);
    After after = {bias, dropout, layer, activation};
    forward_tile<Product, Form>(step, x, weights, inputs, outputs, batch, slice, partials, by, after, y);
}

template <class Product, class Form, class T>
GLOBAL(DENSE_THREADS, 4) dense_backward(CONSTANT Lanes lanes, const StepRow* step, const T* x, const T* dz, const T* weights,
                                        float* dw, float* db, T* dx, Watch<T> watch, u32 accumulate, u32 inputs, u32 outputs, u32 data_tiles,
                                        u32 shares, u32 through, const DropoutRow* dropout, u32 layer, u32 activation,
                                        float* parameters, float* first, float* second, float* third, T* weights16) {
    begin(lanes, step, x, dz, weights, dw, db, dx, dropout), in_lane(lanes, watch);
    if (step->rows == 0) return;
    backward_strip<Product, Form, T>(lanes, step, {x, dz, weights, dw, db, dx, watch, accumulate, inputs, outputs}, data_tiles, shares,
                                     through, {nullptr, dropout, layer, activation},
                                     {parameters, first, second, third, weights16});
}
