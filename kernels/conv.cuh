// Products of matrices in f32, tile by tile: what the exact products of a convolution and those of the
// first layer share.
//
// A block forms a tile of sum = a b; each thread keeps I x J of its values in registers. The axis that
// is summed over, the depth, is walked in steps: for each one the block lays DEPTH rows of a and of b
// in shared memory, the depth outermost, so that a thread reads its I and J operands of one depth as
// float4. There are two such buffers. While one is multiplied, the operands of the next step are on
// their way from global memory into registers, and one barrier a step suffices.
//
// The operands never exist as matrices. Loaders (the structs below, each with `fetch` and `put`)
// gather them in pieces of four numbers that are neighbours in global memory. Where the channels are
// multiples of four (`whole`), a piece is one load; otherwise its numbers are loaded one by one.
#pragma once

#include "statistics.cuh"

// A block's tile. A thread's rows and columns come in groups of four, `groups_down` and
// `groups_across` of them, far apart: the float4 that neighbouring threads read are neighbours.
//
// A small tile has few threads. So that its block has enough, `splits` sets of them share the depth of
// each step: each multiplies an equal part of it into sums of its own, which `add_splits` adds.
template <u32 rows, u32 columns, u32 groups_down, u32 groups_across, u32 depth, u32 splits = 1> struct Tile {
    static constexpr u32 ROWS = rows, COLUMNS = columns, DEPTH = depth, SPLITS = splits;
    static constexpr u32 I = 4 * groups_down, J = 4 * groups_across;
    static constexpr u32 DOWN = rows / I, ACROSS = columns / J, SET = DOWN * ACROSS, THREADS = SET * splits;
    // Four numbers between the rows in shared memory: storing a piece across rows meets other banks.
    static constexpr u32 PITCH_A = rows + EXACT_PAD, PITCH_B = columns + EXACT_PAD;
    static constexpr u32 A = depth * PITCH_A, BUFFER = A + depth * PITCH_B;
};

// As the host chooses them. With 8x8 values a thread reads 16 numbers from shared memory for 64 products, with 8x4 12 for
// 32: the last tile, for results that are too small to fill a GPU otherwise.
#define TILE(rows, columns, groups_down, groups_across, depth) \
    typedef Tile<rows, columns, groups_down, groups_across, depth> Tile##rows##x##columns;
EACH_EXACT_TILE(TILE)
#undef TILE

// The thread's number in its set.
template <class Tile> DEVICE u32 of_set() { return Tile::SPLITS > 1 ? threadIdx.x % Tile::SET : threadIdx.x; }

// Where a thread's value (i, j) stands in the tile.
template <class Tile> DEVICE u32 row_of(u32 i) {
    return i / 4 * (Tile::DOWN * 4) + of_set<Tile>() / Tile::ACROSS * 4 + i % 4;
}
template <class Tile> DEVICE u32 column_of(u32 j) {
    return j / 4 * (Tile::ACROSS * 4) + of_set<Tile>() % Tile::ACROSS * 4 + j % 4;
}

// How many of four columns from `column` on there are.
DEVICE u32 left(u32 column, u32 columns) { return column < columns ? columns - column : 0; }

// ---- the product

// sum += the products of one depth.
template <class Tile> DEVICE void add_products(float (&sum)[Tile::I][Tile::J], const float* a, const float* b) {
    float down[Tile::I], across[Tile::J];
    UNROLL for (u32 i = 0; i < Tile::I; i += 4) {
        float4 four = *(const float4*)(a + row_of<Tile>(i));
        down[i] = four.x, down[i + 1] = four.y, down[i + 2] = four.z, down[i + 3] = four.w;
    }
    UNROLL for (u32 j = 0; j < Tile::J; j += 4) {
        float4 four = *(const float4*)(b + column_of<Tile>(j));
        across[j] = four.x, across[j + 1] = four.y, across[j + 2] = four.z, across[j + 3] = four.w;
    }
    UNROLL for (u32 i = 0; i < Tile::I; i++) {
        UNROLL for (u32 j = 0; j < Tile::J; j++) sum[i][j] = fmaf(down[i], across[j], sum[i][j]);
    }
}

template <class Tile> DEVICE void clear(float (&sum)[Tile::I][Tile::J]) {
    UNROLL for (u32 i = 0; i < Tile::I; i++) {
        UNROLL for (u32 j = 0; j < Tile::J; j++) sum[i][j] = 0;
    }
}

// sum = a b over `steps` steps of depth, which `walk` names to the loaders: the thread's set's share of it.
template <class Tile, class Walk, class A, class B>
DEVICE void multiply(float (&sum)[Tile::I][Tile::J], float* shared, u32 steps, Walk& walk, A& a, B& b) {
    clear<Tile>(sum);
    if (steps == 0) return;
    fetch(a, walk), fetch(b, walk);
    put(a, shared), put(b, shared + Tile::A);
    __syncthreads();
    constexpr u32 SHARE = Tile::DEPTH / Tile::SPLITS;
    static_assert(SHARE * Tile::SPLITS == Tile::DEPTH, "equal parts of a step");
    const u32 from = Tile::SPLITS > 1 ? threadIdx.x / Tile::SET * SHARE : 0;
    for (u32 step = 0; step < steps; step++) {
        const float* now = shared + step % 2 * Tile::BUFFER;
        float* next = shared + (step + 1) % 2 * Tile::BUFFER;
        bool more = step + 1 < steps;
        if (more) {
            advance(walk, Tile::DEPTH);
            fetch(a, walk), fetch(b, walk);
        }
        UNROLL for (u32 d = 0; d < SHARE; d++) {
            add_products<Tile>(sum, now + (from + d) * Tile::PITCH_A, now + Tile::A + (from + d) * Tile::PITCH_B);
        }
        // All threads have left `next`: they read it before the last barrier.
        if (more) {
            put(a, next), put(b, next + Tile::A);
            __syncthreads();
        }
    }
}

// Adds the sums of all sets to those of the first one, in a tree: the upper half of the sets lays its sums in shared
// memory, a piece of each thread beside that of the next, and the lower half adds them. Nobody needs the operands any more.
template <class Tile> DEVICE void add_splits(float (&sum)[Tile::I][Tile::J], float* shared) {
    static_assert((Tile::SPLITS & (Tile::SPLITS - 1)) == 0, "halves");
    static_assert(Tile::SPLITS / 2 * Tile::ROWS * Tile::COLUMNS <= 2 * Tile::BUFFER, "room for half of the sets");
    const u32 set = threadIdx.x / Tile::SET;
    UNROLL for (u32 half = Tile::SPLITS / 2; half > 0; half /= 2) {
        float4* pieces = (float4*)shared + set % half * (Tile::SET * Tile::I * Tile::J / 4) + of_set<Tile>();
        __syncthreads();  // what lay there has been read
        UNROLL for (u32 p = 0; p < Tile::I * Tile::J / 4; p++) {
            float* four = &sum[p * 4 / Tile::J][p * 4 % Tile::J];
            if (set / half == 1) pieces[p * Tile::SET] = make_float4(four[0], four[1], four[2], four[3]);
        }
        __syncthreads();
        UNROLL for (u32 p = 0; p < Tile::I * Tile::J / 4; p++) {
            float* four = &sum[p * 4 / Tile::J][p * 4 % Tile::J];
            if (set >= half) continue;
            float4 more = pieces[p * Tile::SET];
            four[0] += more.x, four[1] += more.y, four[2] += more.z, four[3] += more.w;
        }
    }
}

// ---- the weight gradient: rows are weights of a filter, columns filters, the depth positions

// A slice of the positions.
struct Positions { u32 at, end; };

DEVICE void advance(Positions& walk, u32 depth) { walk.at += depth; }

// Loads, for four weights (r, s, c) and the positions of a step, the values of x that they meet.
template <class Tile, bool whole> struct Patches {
    static constexpr u32 QUADS = Tile::ROWS / 4, COUNT = QUADS * Tile::DEPTH / Tile::THREADS;
    static_assert(Tile::THREADS % QUADS == 0 && COUNT * Tile::THREADS == QUADS * Tile::DEPTH, "a column of pieces a thread");
    // Four weights of a piece have one place in the filter if the channels are whole.
    static constexpr u32 PLACES = whole ? 1 : 4;
    const float* x;
    const ConvShape* shape;
    int h[PLACES], v[PLACES];  // pixels from the first of a position
    u32 at[PLACES];            // numbers from it
    float4 pieces[COUNT];
};

constexpr int OUTSIDE = -(1 << 30);  // a pixel that is in no image, whatever is added

template <class Tile, bool whole>
DEVICE void start(Patches<Tile, whole>& a, const float* x, const ConvShape& shape, u32 first_row) {
    a.x = x, a.shape = &shape;
    UNROLL for (u32 e = 0; e < a.PLACES; e++) {
        u32 row = first_row + threadIdx.x % a.QUADS * 4 + e;
        u32 tap = row / shape.channels, c = row - tap * shape.channels, r = tap / shape.kernel, s = tap - r * shape.kernel;
        a.h[e] = r < shape.kernel ? (int)r - (int)shape.padding : OUTSIDE;
        a.v[e] = (int)s - (int)shape.padding;
        a.at[e] = ((u32)a.h[e] * shape.width + (u32)a.v[e]) * shape.channels + c;
    }
}

template <class Tile, bool whole> DEVICE void fetch(Patches<Tile, whole>& a, const Positions& walk) {
    const ConvShape& shape = *a.shape;
    UNROLL for (u32 i = 0; i < a.COUNT; i++) {
        u32 m = walk.at + threadIdx.x / a.QUADS + i * (Tile::THREADS / a.QUADS);
        u32 n = divide(m, shape.pixels), rest = m - n * shape.pixels.divisor;
        u32 p = divide(rest, shape.columns), q = rest - p * shape.columns.divisor;
        int h = p * shape.stride, v = q * shape.stride;
        const u32 pixel = ((n * shape.height + h) * shape.width + v) * shape.channels;
        auto inside = [&](u32 e) {
            return m < walk.end && (u32)(h + a.h[e]) < shape.height && (u32)(v + a.v[e]) < shape.width;
        };
        if (whole) {
            a.pieces[i] = load4<true>(a.x + (pixel + a.at[0]), inside(0) ? 4 : 0);
        } else {
            auto value = [&](u32 e) { return inside(e) ? a.x[pixel + a.at[e]] : 0; };
            a.pieces[i] = make_float4(value(0), value(a.PLACES > 1 ? 1 : 0), value(a.PLACES > 2 ? 2 : 0), value(a.PLACES > 3 ? 3 : 0));
        }
    }
}

template <class Tile, bool whole> DEVICE void put(const Patches<Tile, whole>& a, float* to) {
    UNROLL for (u32 i = 0; i < a.COUNT; i++) {
        u32 d = threadIdx.x / a.QUADS + i * (Tile::THREADS / a.QUADS);
        *(float4*)(to + d * Tile::PITCH_A + threadIdx.x % a.QUADS * 4) = a.pieces[i];
    }
}

// Loads pieces of a matrix whose rows are the depth and which lies in memory as it is: dy by
// positions, or the weights of one place in the filters by channels.
template <class Tile, bool whole> struct Rows {
    static constexpr u32 QUADS = Tile::COLUMNS / 4, ALL = QUADS * Tile::DEPTH;
    static constexpr u32 COUNT = (ALL + Tile::THREADS - 1) / Tile::THREADS;
    const float* values;
    u32 first_column, columns;
    float4 pieces[COUNT];
};

template <class Tile, bool whole> DEVICE void fetch_rows(Rows<Tile, whole>& b, u32 first, u32 end) {
    UNROLL for (u32 i = 0; i < b.COUNT; i++) {
        u32 index = threadIdx.x + i * Tile::THREADS, row = first + index / b.QUADS;
        if (b.ALL % Tile::THREADS != 0 && index >= b.ALL) break;
        u32 column = b.first_column + index % b.QUADS * 4;
        b.pieces[i] = load4<whole>(b.values + (row * b.columns + column), row < end ? left(column, b.columns) : 0);
    }
}

template <class Tile, bool whole> DEVICE void fetch(Rows<Tile, whole>& b, const Positions& walk) {
    fetch_rows(b, walk.at, walk.end);
}

template <class Tile, bool whole> DEVICE void put(const Rows<Tile, whole>& b, float* to) {
    UNROLL for (u32 i = 0; i < b.COUNT; i++) {
        u32 index = threadIdx.x + i * Tile::THREADS;
        if (b.ALL % Tile::THREADS != 0 && index >= b.ALL) break;
        *(float4*)(to + index / b.QUADS * Tile::PITCH_B + index % b.QUADS * 4) = b.pieces[i];
    }
}

// A tile of dw over slice blockIdx.y of the positions, into the slice's own copy of dw (of one slice: dw itself); the last of the
// slices to arrive adds them. Slices are cut from the full batch, so that their sums do not depend on anything but the shape.
template <class Tile, bool whole_x, bool whole_y>
DEVICE void weight_gradient(const Lanes& lanes, const StepRow* step, const ConvShape& shape, u32 per_slice,
                            const float* x, const float* dy, float* slices, float* dw, Arrivals by) {
    SHARED(shared);
    if (step->rows == 0) return;
    u32 first_row = blockIdx.x / shape.tiles_across * Tile::ROWS;
    u32 first_column = blockIdx.x % shape.tiles_across * Tile::COLUMNS;
    u32 rows = shape.kernel * shape.kernel * shape.channels;
    u32 positions = step->rows * shape.pixels.divisor;
    Positions walk = {blockIdx.y * per_slice, (blockIdx.y + 1) * per_slice};
    if (walk.end > positions) walk.end = positions;
    u32 steps = walk.at < walk.end ? (walk.end - walk.at + Tile::DEPTH - 1) / Tile::DEPTH : 0;

    Patches<Tile, whole_x> a;
    start(a, x, shape, first_row);
    Rows<Tile, whole_y> b;
    b.values = dy, b.first_column = first_column, b.columns = shape.filters;
    float sum[Tile::I][Tile::J];
    multiply<Tile>(sum, (float*)shared, steps, walk, a, b);
    if constexpr (Tile::SPLITS > 1) add_splits<Tile>(sum, (float*)shared);

    in_lane(lanes, slices, dw, by.counters);
    u32 slice = blockIdx.y, slices_count = gridDim.y;
    u64 size = (u64)rows * shape.filters;
    auto place = [&](u32 row, u32 column, u32& count) {
        row += first_row, column += first_column;
        count = row < rows ? left(column, shape.filters) : 0;
        return row * shape.filters + column;
    };
    float* to = slices_count > 1 ? slices + slice * size : dw;
    bool has_sums = threadIdx.x < Tile::SET;
    UNROLL for (u32 i = 0; i < Tile::I; i++) {
        UNROLL for (u32 j = 0; j < Tile::J; j += 4) {
            u32 count, at = place(row_of<Tile>(i), column_of<Tile>(j), count);
            if (Tile::SPLITS > 1 && !has_sums) count = 0;
            store4<whole_y>(to + at, count, make_float4(sum[i][j], sum[i][j + 1], sum[i][j + 2], sum[i][j + 3]));
        }
    }
    if (slices_count == 1) return;
    add_by_the_last(by, blockIdx.x, slice, slices_count, [&](u32 first, u32 count, u32 stride, bool all) {
        add_tiles<Tile::ROWS, Tile::COLUMNS, Tile::THREADS, whole_y>(slices, size, first, count, stride,
                                                                     all ? dw : nullptr, Watch<float>{}, place);
    });
}

// ---- what follows the forward product

// The mean of each column of the tile, over its first `count` rows, and the sum of squared deviations
// from it. The deviations are formed from the values in registers, after the mean is known: a sum of
// squares would lose what a large mean swallows.
template <class Tile>
DEVICE void tile_moments(const float (&sum)[Tile::I][Tile::J], float* shared, u32 count, u32 first_column, u32 columns,
                       float* means, float* squares) {
    static_assert(Tile::THREADS >= Tile::COLUMNS, "a thread for each column");
    float* mean = shared + Tile::DOWN * Tile::COLUMNS;  // behind one row of partial sums for each row of threads
    u32 t = threadIdx.x, column = first_column + t;
    __syncthreads();  // the product has been done with `shared`
    UNROLL for (u32 pass = 0; pass < 2; pass++) {
        UNROLL for (u32 j = 0; j < Tile::J; j++) {
            float center = pass ? mean[column_of<Tile>(j)] : 0, part = 0;
            UNROLL for (u32 i = 0; i < Tile::I; i++) {
                float off = sum[i][j] - center;
                if (row_of<Tile>(i) < count) part += pass ? off * off : off;
            }
            shared[t / Tile::ACROSS * Tile::COLUMNS + column_of<Tile>(j)] = part;
        }
        __syncthreads();
        if (t < Tile::COLUMNS) {
            float total = 0;
            UNROLL for (u32 d = 0; d < Tile::DOWN; d++) total += shared[d * Tile::COLUMNS + t];
            if (pass == 0) total /= (float)count;
            mean[t] = total;
            if (column < columns) (pass ? squares : means)[column] = total;
        }
        __syncthreads();
    }
}

// With a copy of each function for each of a thread's values, the longer ones spilled up to 1,068 bytes.
OUT_OF_LINE float activate_one(u32 activation, float x) {
    with_activation(activation, [&](auto code) { x = activate(code, x); });
    return x;
}

template <class Tile> DEVICE void activate_all(float (&sum)[Tile::I][Tile::J], u32 activation) {
    if (activation == IDENTITY) return;
    UNROLL for (u32 i = 0; i < Tile::I; i++)
        UNROLL for (u32 j = 0; j < Tile::J; j++) {
            float x = sum[i][j];
            sum[i][j] = activation == RELU ? activate(Code<RELU>(), x) : activate_one(activation, x);
        }
}

// y = act(sum + bias) for a tile of positions, and the batch's statistics where they are wanted.
template <class Tile, bool whole>
DEVICE void finish(float (&sum)[Tile::I][Tile::J], float* shared, const ConvShape& shape, u32 positions, u32 tile,
                   u32 first_column, const float* bias, u32 activation, float* y, Statistics& s) {
    u32 first = tile * Tile::ROWS, filters = shape.filters;
    UNROLL for (u32 j = 0; j < Tile::J; j++) {
        u32 k = first_column + column_of<Tile>(j);
        float offset = bias && k < filters ? bias[k] : 0.0f;
        UNROLL for (u32 i = 0; i < Tile::I; i++) sum[i][j] += offset;
    }
    activate_all<Tile>(sum, activation);
    if (s.partials) {
        float* means = s.partials + tile * filters;
        u32 count = min(positions - first, Tile::ROWS);
        tile_moments<Tile>(sum, shared, count, first_column, filters, means, means + s.tiles * filters);
    }
    UNROLL for (u32 i = 0; i < Tile::I; i++) {
        u32 m = first + row_of<Tile>(i);
        UNROLL for (u32 j = 0; j < Tile::J; j += 4) {
            u32 k = first_column + column_of<Tile>(j);
            store4<whole>(y + (m * filters + k), m < positions ? left(k, filters) : 0,
                          make_float4(sum[i][j], sum[i][j + 1], sum[i][j + 2], sum[i][j + 3]));
        }
    }
    s.positions = positions;
    if (s.partials) merge_by_the_last(s, tile, blockIdx.x % shape.tiles_across, first_column, Tile::COLUMNS, shared);
}
