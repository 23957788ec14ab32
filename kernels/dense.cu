// The products of dense layers in exact f32; dense.cuh says what they are.
//
// A block of 128 threads forms a tile of 64 x 32 or 32 x 64, each thread 4 x 4 values of it in registers. Both operands
// pass through shared memory, 32 deep, with the depth slow: there each thread reads its four neighbours at
// once, and all 32 lanes of a warp together read few addresses.
#include "device.cuh"
#include "dense.cuh"

constexpr u32 DEPTH = DENSE_DEPTH, THREADS = DENSE_THREADS;
constexpr u32 STAGE = DEPTH * (DENSE_LONG + DENSE_SHORT + 2 * EXACT_PAD);

// ---- a tile of a product

// Four neighbours are moved together. Quad number q of a tile stands at `row` and `depth`, the first of
// the four; along the depth a warp takes four quads of eight rows rather than eight of four, for the banks.
template <u32 width, bool fast> DEVICE u32 quad_row(u32 q) { return fast ? q % (4 * width) / 4 : q % (width / 4) * 4; }
template <u32 width, bool fast> DEVICE u32 quad_depth(u32 q) {
    return fast ? q / (4 * width) * 16 + q % 4 * 4 : q / (width / 4);
}

// Four neighbours from `at` on, zeros from `end` on.
DEVICE float4 neighbours(const float* line, u32 at, u32 end, bool whole) {
    if (at >= end) return make_float4(0, 0, 0, 0);
    if (whole) return *(const float4*)(line + at);
    return make_float4(line[at], at + 1 < end ? line[at + 1] : 0, at + 2 < end ? line[at + 2] : 0,
                       at + 3 < end ? line[at + 3] : 0);
}

// Takes this thread's quads of the tile at (row, depth) into registers.
template <u32 width, bool fast, u32 count>
DEVICE void fetch(float4 (&quads)[count], const Matrix<float>& from, u32 row, u32 depth) {
    bool whole = from.pitch % 4 == 0;
    UNROLL for (u32 i = 0; i < count; i++) {
        u32 q = threadIdx.x + i * THREADS, r = row + quad_row<width, fast>(q), d = depth + quad_depth<width, fast>(q);
        bool inside = fast ? r < from.row_end : d < from.depth_end;
        const float* line = from.values + (inside ? (u64)(fast ? r : d) * from.pitch : 0);
        quads[i] = neighbours(line, fast ? d : r, inside ? (fast ? from.depth_end : from.row_end) : 0, whole);
    }
}

// Puts them into shared memory, [depth][row].
template <u32 width, bool fast, u32 count> DEVICE void put(float* tile, const float4 (&quads)[count]) {
    UNROLL for (u32 i = 0; i < count; i++) {
        u32 q = threadIdx.x + i * THREADS;
        float* to = tile + quad_depth<width, fast>(q) * (width + EXACT_PAD) + quad_row<width, fast>(q);
        if (fast) {
            to[0] = quads[i].x, to[width + EXACT_PAD] = quads[i].y;
            to[2 * (width + EXACT_PAD)] = quads[i].z, to[3 * (width + EXACT_PAD)] = quads[i].w;
        } else *(float4*)to = quads[i];
    }
}

// One step of the depth: an outer product.
DEVICE void outer_product(float (&sum)[4][4], float4 a, float4 b) {
    float left[4] = {a.x, a.y, a.z, a.w}, right[4] = {b.x, b.y, b.z, b.w};
    UNROLL for (u32 i = 0; i < 4; i++)
        UNROLL for (u32 j = 0; j < 4; j++) sum[i][j] = fmaf(left[i], right[j], sum[i][j]);
}

// While a stage is being multiplied the next one is on its way to registers; two stages in shared memory
// take turns, so one barrier for each is enough.
struct Exact {
    template <class Form, bool fast_a, bool fast_b, class Put>
    DEVICE void multiply(const Matrix<float>& a, const Matrix<float>& b, u32 row, u32 column, u32 first, u32 last,
                         Put put_value) {
        constexpr u32 ROWS = Form::ROWS, COLUMNS = Form::COLUMNS, ACROSS = COLUMNS / 4;
        constexpr u32 PITCH_A = ROWS + EXACT_PAD, PITCH_B = COLUMNS + EXACT_PAD;
        float* shared = shared_tile();
        // This thread's values, from here on in the tile.
        u32 own_row = threadIdx.x / ACROSS * 4, own_column = threadIdx.x % ACROSS * 4, turn = 0;
        float4 a_quads[ROWS * DEPTH / 4 / THREADS], b_quads[COLUMNS * DEPTH / 4 / THREADS];
        float sum[4][4] = {};
        fetch<ROWS, fast_a>(a_quads, a, row, first);
        fetch<COLUMNS, fast_b>(b_quads, b, column, first);
        for (u32 depth = first; depth < last; depth += DEPTH, turn = STAGE - turn) {
            float *left = shared + turn, *right = left + DEPTH * PITCH_A;
            put<ROWS, fast_a>(left, a_quads);
            put<COLUMNS, fast_b>(right, b_quads);
            __syncthreads();
            if (depth + DEPTH < last) {
                fetch<ROWS, fast_a>(a_quads, a, row, depth + DEPTH);
                fetch<COLUMNS, fast_b>(b_quads, b, column, depth + DEPTH);
            }
            UNROLL for (u32 k = 0; k < DEPTH; k++)
                outer_product(sum, *(const float4*)(left + k * PITCH_A + own_row),
                              *(const float4*)(right + k * PITCH_B + own_column));
        }
        __syncthreads();
        UNROLL for (u32 i = 0; i < 4; i++)
            UNROLL for (u32 j = 0; j < 4; j++) put_value(row + own_row + i, column + own_column + j, sum[i][j]);
    }
};

// ---- back through what follows a product, where nobody has done it on the way

// dy becomes the gradient before dropout and activation.
template <class T>
GLOBAL(STREAM_THREADS) dense_derivative(CONSTANT Lanes lanes, const StepRow* step, const DropoutRow* dropout, u32 layer,
                                        u32 activation, u32 outputs, const T* y, T* dy) {
    begin(lanes, step, dropout, y, dy);
    u32 e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= step->rows * outputs) return;
    store(dy[e], before(step, {nullptr, dropout, layer, activation}, load(dy[e]), y, e));
}

// ---- the kernels by their names

BLOCKS_OF(DENSE_THREADS)
INSTANCE(dense_forward_64x32_f32, dense_forward<Exact, High, float>)
INSTANCE(dense_forward_32x64_f32, dense_forward<Exact, Wide, float>)
INSTANCE(dense_backward_64x32_f32, dense_backward<Exact, High, float>)
INSTANCE(dense_backward_32x64_f32, dense_backward<Exact, Wide, float>)

BLOCKS_OF(STREAM_THREADS)
INSTANCE(dense_derivative_f32, dense_derivative<float>)
INSTANCE(dense_derivative_f16, dense_derivative<f16>)
INSTANCE(dense_derivative_bf16, dense_derivative<bf16>)
