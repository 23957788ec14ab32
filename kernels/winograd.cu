// A convolution of 3x3 filters with stride 1 and padding 1 in f32, and its gradient by the input, with fewer
// multiplications: Winograd's minimal filtering F(2x2, 3x3).
//
// A tile of 2x2 results takes 36 multiplications for each channel. Behind transforms that do little more than add, 16
// are enough (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308, 4.1):
//
//     Y = A' [ sum over channels of (G g G') * (B' d B) ] A      * place by place
//
// for a filter g, 3x3, and the pixels d, 4x4, that a tile of y sees. Each of the 16 places is a product of matrices:
// rows are tiles, columns filters, the depth is the channels. A block does all places of 32 tiles and 32 filters. For
// each step of the depth it transforms what it loads on the way into shared memory, and each warp then forms the
// products of two places there; filters are transformed again by each block, which costs less than a launch.
//
// The gradient by the input is the convolution of dy with the filters turned by half a circle, with channels and
// filters exchanged.
//
// Sums of a ninth of the terms round less than the direct product's do: over the reports' shapes the error is 0.6 to
// 0.9 of that of sums in order (crates/gpu-check/tests/winograd.rs).
#include "device.cuh"
#include "activation.cuh"
#include "conv.cuh"

constexpr u32 PLACES = 16, TILES = WINOGRAD_TILES, COLUMNS = WINOGRAD_COLUMNS, DEPTH = WINOGRAD_DEPTH;
constexpr u32 THREADS = WINOGRAD_THREADS;
// Floats of a channel's places; the pad makes its eight channels meet other banks.
constexpr u32 PITCH = PLACES * TILES + EXACT_PAD;
static_assert(TILES == COLUMNS && TILES * DEPTH == THREADS, "a thread transforms a patch and a filter");
// A thread's share of the products: tiles and columns in each of a warp's two places.
constexpr u32 I = 8, J = 4, OF_WARP = PLACES * 32 / THREADS;

// ---- transforms

// One axis of B' d B: four numbers `apart` from each other.
DEVICE void transform_pixels(float* d, u32 apart) {
    float a = d[0], b = d[apart], c = d[2 * apart], e = d[3 * apart];
    d[0] = a - c, d[apart] = b + c, d[2 * apart] = c - b, d[3 * apart] = b - e;
}

// One axis of G g G': three numbers become four.
DEVICE void transform_filter(float a, float b, float c, float (&to)[4]) {
    float ends = 0.5f * (a + c), middle = 0.5f * b;
    to[0] = a, to[1] = ends + middle, to[2] = ends - middle, to[3] = c;
}

// One axis of A' m A: four numbers become two.
DEVICE void transform_result(float a, float b, float c, float e, float& first, float& second) {
    first = a + b + c, second = b - c - e;
}

// ---- operands

// Which 4x4 pixels a tile sees: its first one may lie outside.
struct Patch {
    u32 at;              // counted modulo 2^32
    u32 rows, columns;   // a bit for each row and column of the four that lies in the image
};

// Where a tile of results stands: image and first pixel. Tiles are counted as positions are, in rows of an image.
DEVICE void find_tile(const ConvShape& shape, u32 tile, u32& n, u32& h, u32& v) {
    n = divide(tile, shape.pixels);
    u32 rest = tile - n * shape.pixels.divisor;
    h = divide(rest, shape.columns), v = (rest - h * shape.columns.divisor) * 2, h *= 2;
}

DEVICE Patch patch_of(const ConvShape& shape, u32 channels, u32 tile, bool real) {
    u32 n, h, v, rows = 0, columns = 0;
    find_tile(shape, tile, n, h, v);
    UNROLL for (u32 i = 0; i < 4; i++) {
        if (real && h + i - 1 < shape.height) rows |= 1u << i;
        if (v + i - 1 < shape.width) columns |= 1u << i;
    }
    return {((n * shape.height + h - 1) * shape.width + v - 1) * channels, rows, columns};
}

// Channel c of a patch.
DEVICE void load_patch(const float* values, const ConvShape& shape, u32 channels, const Patch& patch, u32 c, float (&d)[16]) {
    UNROLL for (u32 i = 0; i < 4; i++)
        UNROLL for (u32 j = 0; j < 4; j++) {
            bool inside = patch.rows >> i & patch.columns >> j & 1;
            d[4 * i + j] = inside ? values[patch.at + (i * shape.width + j) * channels + c] : 0.0f;
        }
}

// Which filter and which channel of a step a thread transforms: neighbours load neighbours.
template <bool back> DEVICE u32 own_column() { return back ? threadIdx.x / DEPTH : threadIdx.x % COLUMNS; }
template <bool back> DEVICE u32 own_depth() { return back ? threadIdx.x % DEPTH : threadIdx.x / COLUMNS; }

// The filter of a column and a number of the depth; backward it is turned.
template <bool back>
DEVICE void load_filter(const float* w, const ConvShape& shape, u32 column, u32 depth, float (&g)[9]) {
    u32 c = back ? column : depth, k = back ? depth : column;
    bool exists = c < shape.channels && k < shape.filters;
    UNROLL for (u32 tap = 0; tap < 9; tap++) {
        u32 at = ((back ? 8 - tap : tap) * shape.channels + c) * shape.filters + k;
        g[tap] = exists ? w[at] : 0.0f;
    }
}

DEVICE void put_patch(float* to, float (&d)[16]) {
    UNROLL for (u32 j = 0; j < 4; j++) transform_pixels(d + j, 4);
    UNROLL for (u32 i = 0; i < 4; i++) transform_pixels(d + 4 * i, 1);
    UNROLL for (u32 place = 0; place < PLACES; place++) to[place * TILES] = d[place];
}

DEVICE void put_filter(float* to, const float (&g)[9]) {
    float down[3][4];
    UNROLL for (u32 s = 0; s < 3; s++) transform_filter(g[s], g[3 + s], g[6 + s], down[s]);
    UNROLL for (u32 i = 0; i < 4; i++) {
        float across[4];
        transform_filter(down[0][i], down[1][i], down[2][i], across);
        UNROLL for (u32 j = 0; j < 4; j++) to[(4 * i + j) * COLUMNS] = across[j];
    }
}

// ---- the products

DEVICE void multiply_step(float (&sum)[OF_WARP][I][J], const float* patches, const float* filters) {
    u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = lane / (COLUMNS / J) * I, column = lane % (COLUMNS / J) * J;
    UNROLL for (u32 d = 0; d < DEPTH; d++) {
        UNROLL for (u32 p = 0; p < OF_WARP; p++) {
            u32 place = d * PITCH + (OF_WARP * warp + p) * TILES;
            float4 a[2] = {*(const float4*)(patches + place + row), *(const float4*)(patches + place + row + 4)};
            float4 b = *(const float4*)(filters + place + column);
            float down[I] = {a[0].x, a[0].y, a[0].z, a[0].w, a[1].x, a[1].y, a[1].z, a[1].w};
            float across[J] = {b.x, b.y, b.z, b.w};
            UNROLL for (u32 i = 0; i < I; i++)
                UNROLL for (u32 j = 0; j < J; j++) sum[p][i][j] = fmaf(down[i], across[j], sum[p][i][j]);
        }
    }
}

// The sums of all places over the depth. The next step's patches and filters are on their way to registers while one is
// multiplied. Ends with a barrier.
template <bool back>
DEVICE void multiply(float (&sum)[OF_WARP][I][J], float* shared, const ConvShape& shape, const float* values,
                     const float* w, u32 first_tile, u32 tiles, u32 first_column) {
    u32 channels = back ? shape.filters : shape.channels, own_tile = threadIdx.x / DEPTH, own_channel = threadIdx.x % DEPTH;
    float *patches = shared, *filters = shared + DEPTH * PITCH;
    float* patch_to = patches + own_channel * PITCH + own_tile;
    float* filter_to = filters + own_depth<back>() * PITCH + own_column<back>();
    Patch patch = patch_of(shape, channels, first_tile + own_tile, first_tile + own_tile < tiles);
    UNROLL for (u32 p = 0; p < OF_WARP; p++)
        UNROLL for (u32 i = 0; i < I; i++)
            UNROLL for (u32 j = 0; j < J; j++) sum[p][i][j] = 0;

    float d[16], g[9];
    load_patch(values, shape, channels, patch, own_channel, d);
    load_filter<back>(w, shape, first_column + own_column<back>(), own_depth<back>(), g);
    for (u32 depth = 0; depth < channels; depth += DEPTH) {
        put_patch(patch_to, d), put_filter(filter_to, g);
        __syncthreads();
        u32 next = depth + DEPTH;
        if (next < channels) {
            load_patch(values, shape, channels, patch, next + own_channel, d);
            load_filter<back>(w, shape, first_column + own_column<back>(), next + own_depth<back>(), g);
        }
        multiply_step(sum, patches, filters);
        __syncthreads();
    }
}

// ---- results: 2x2 of a tile for each of a thread's two halves of the columns and two tiles

constexpr u32 HALF = COLUMNS / 2, APART = THREADS / HALF, OWN = TILES / APART;

// The column and the tile of the block that a thread has there.
DEVICE u32 result_column(u32 half) { return half * HALF + threadIdx.x % HALF; }
DEVICE u32 result_tile(u32 own) { return threadIdx.x / HALF + own * APART; }

// Each thread gets all places of its own: through shared memory, a half of the columns at a time.
DEVICE void transform_results(const float (&sum)[OF_WARP][I][J], float* shared, float (&result)[2][OWN][4]) {
    u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = lane / (COLUMNS / J) * I, column = lane % (COLUMNS / J) * J;
    UNROLL for (u32 half = 0; half < 2; half++) {
        if (half > 0) __syncthreads();
        if (column / HALF == half) {
            UNROLL for (u32 p = 0; p < OF_WARP; p++)
                UNROLL for (u32 i = 0; i < I; i++) {
                    float* to = shared + ((OF_WARP * warp + p) * TILES + row + i) * HALF + column % HALF;
                    *(float4*)to = make_float4(sum[p][i][0], sum[p][i][1], sum[p][i][2], sum[p][i][3]);
                }
        }
        __syncthreads();
        UNROLL for (u32 own = 0; own < OWN; own++) {
            const float* from = shared + result_tile(own) * HALF + threadIdx.x % HALF;
            auto place = [&](u32 i, u32 j) { return from[(4 * i + j) * TILES * HALF]; };
            float top[4], bottom[4], (&to)[4] = result[half][own];
            UNROLL for (u32 j = 0; j < 4; j++)
                transform_result(place(0, j), place(1, j), place(2, j), place(3, j), top[j], bottom[j]);
            transform_result(top[0], top[1], top[2], top[3], to[0], to[1]);
            transform_result(bottom[0], bottom[1], bottom[2], bottom[3], to[2], to[3]);
        }
    }
}

// Mean and squared deviations of the block's columns over its `count` real tiles.
DEVICE void result_moments(const float (&result)[2][OWN][4], float* shared, u32 count, u32 first_column, u32 columns,
                           float* means, float* squares) {
    float* mean = shared + APART * COLUMNS;
    u32 t = threadIdx.x;
    __syncthreads();
    UNROLL for (u32 pass = 0; pass < 2; pass++) {
        UNROLL for (u32 half = 0; half < 2; half++) {
            float center = pass ? mean[result_column(half)] : 0, part = 0;
            UNROLL for (u32 own = 0; own < OWN; own++)
                UNROLL for (u32 e = 0; e < 4; e++) {
                    float off = result[half][own][e] - center;
                    if (result_tile(own) < count) part += pass ? off * off : off;
                }
            shared[t / HALF * COLUMNS + result_column(half)] = part;
        }
        __syncthreads();
        if (t < COLUMNS) {
            float total = 0;
            UNROLL for (u32 row = 0; row < APART; row++) total += shared[row * COLUMNS + t];
            if (pass == 0) total /= (float)(4 * count);
            mean[t] = total;
            if (first_column + t < columns) (pass ? squares : means)[first_column + t] = total;
        }
        __syncthreads();
    }
}

// Calls put(at, value) for each real result, `at` its number in a tensor of so many channels.
template <class Put>
DEVICE void each_result(float (&result)[2][OWN][4], const ConvShape& shape, u32 first_tile, u32 tiles, u32 first_column,
                        u32 channels, Put put) {
    UNROLL for (u32 own = 0; own < OWN; own++) {
        u32 tile = first_tile + result_tile(own), n, h, v;
        find_tile(shape, tile, n, h, v);
        u32 at = ((n * shape.height + h) * shape.width + v) * channels + first_column;
        UNROLL for (u32 half = 0; half < 2; half++)
            UNROLL for (u32 e = 0; e < 4; e++)
                if (tile < tiles && first_column + result_column(half) < channels)
                    put(at + (e / 2 * shape.width + e % 2) * channels + result_column(half), result[half][own][e]);
    }
}

template <int = 0>
GLOBAL(THREADS, 2)
winograd_forward(CONSTANT Lanes lanes, const StepRow* step, CONSTANT ConvShape shape, const float* x, const float* w,
                 const float* bias, u32 activation, float* y, Statistics s) {
    begin(lanes, step, x, w, bias, y), in_lane(lanes, s);
    SHARED(bytes);
    float *shared = (float*)bytes, sum[OF_WARP][I][J], result[2][OWN][4];
    u32 block = blockIdx.x / shape.tiles_across, first_tile = block * TILES;
    u32 first_column = blockIdx.x % shape.tiles_across * COLUMNS, tiles = step->rows * shape.pixels.divisor;
    if (first_tile >= tiles) return;
    multiply<false>(sum, shared, shape, x, w, first_tile, tiles, first_column);
    transform_results(sum, shared, result);
    UNROLL for (u32 half = 0; half < 2; half++) {
        u32 k = first_column + result_column(half);
        float offset = bias && k < shape.filters ? bias[k] : 0.0f;
        UNROLL for (u32 own = 0; own < OWN; own++)
            UNROLL for (u32 e = 0; e < 4; e++) {
                float value = result[half][own][e] + offset;
                result[half][own][e] = activation == RELU ? activate(Code<RELU>(), value) : activate_one(activation, value);
            }
    }
    if (s.partials) {
        float* means = s.partials + block * shape.filters;
        u32 count = min(tiles - first_tile, TILES);
        result_moments(result, shared, count, first_column, shape.filters, means, means + s.tiles * shape.filters);
    }
    each_result(result, shape, first_tile, tiles, first_column, shape.filters, [&](u32 at, float value) { y[at] = value; });
    s.positions = 4 * tiles;
    if (s.partials) merge_by_the_last(s, block, blockIdx.x % shape.tiles_across, first_column, COLUMNS, shared);
}

template <int = 0>
GLOBAL(THREADS, 2)
winograd_data_gradient(CONSTANT Lanes lanes, const StepRow* step, CONSTANT ConvShape shape, const float* dy,
                       const float* w, float* dx, u32 accumulate) {
    begin(lanes, step, dy, w, dx);
    SHARED(bytes);
    float *shared = (float*)bytes, sum[OF_WARP][I][J], result[2][OWN][4];
    u32 first_tile = blockIdx.x / shape.tiles_across * TILES;
    u32 first_column = blockIdx.x % shape.tiles_across * COLUMNS, tiles = step->rows * shape.pixels.divisor;
    if (first_tile >= tiles) return;
    multiply<true>(sum, shared, shape, dy, w, first_tile, tiles, first_column);
    transform_results(sum, shared, result);
    each_result(result, shape, first_tile, tiles, first_column, shape.channels, [&](u32 at, float value) {
        dx[at] = accumulate ? dx[at] + value : value;
    });
}

// ---- the kernels by their names

BLOCKS_OF(THREADS)
INSTANCE(winograd_forward, winograd_forward<>)
INSTANCE(winograd_data_gradient, winograd_data_gradient<>)
