// Products of matrices on tensor cores, tile by tile: what the products of a convolution share.
//
// A block forms a tile of d = a b with four warps, each of which keeps its part in registers. The axis
// that is summed over, the depth, is walked in steps of 64 bytes (32 numbers of 16 bits, 16 of 32
// bits). For every step the block copies a tile of each operand into shared memory, in pieces of 16
// bytes, while it multiplies the tiles of the step before: loading and multiplying overlap.
//
// An operand's tile lies in shared memory as its numbers lie in global memory, either with the depth
// of each row together (DepthFast) or with all rows of each depth together (DepthSlow). `ldmatrix`
// takes 16-bit fragments from both, transposing where it must. A number of 32 bits is moved as two of
// 16, which works as long as nothing is transposed; DepthSlow tiles of those are read one by one.
#pragma once

constexpr u32 THREADS = 128;  // four warps
constexpr u32 STAGES = ARCH >= 800 ? 3 : 2;  // tiles of each operand in shared memory
constexpr u32 STEP_PIECES = 4;

template <class T> constexpr u32 PIECE = 16 / sizeof(T);       // numbers of a piece
template <class T> constexpr u32 DEPTH = STEP_PIECES * PIECE<T>;  // numbers of a step

// A block's tile and a warp's part of it.
template <u32 rows, u32 columns, u32 warp_rows, u32 warp_columns> struct Tile {
    static constexpr u32 ROWS = rows, COLUMNS = columns;
    static constexpr u32 ACROSS = columns / warp_columns, DOWN = rows / warp_rows;  // warps
    static constexpr u32 WARP_ROWS = warp_rows, WARP_COLUMNS = warp_columns;
    static constexpr u32 I = warp_rows / 16, J = warp_columns / 8;  // products m16n8 of a warp
    static_assert(ACROSS * DOWN * 32 == THREADS, "four warps");
};

// By name as the host chooses them: a warp with 64x32 needs the fewest fragments for each product;
// smaller tiles are for results that have too few of the large ones to fill a GPU, or few columns.
typedef Tile<128, 64, 64, 32> Tile128x64;
typedef Tile<64, 64, 32, 32> Tile64x64;
typedef Tile<128, 32, 32, 32> Tile128x32;

DEVICE u32 lane() { return threadIdx.x % 32; }
template <class Tile> DEVICE u32 warp_row() { return threadIdx.x / 32 / Tile::ACROSS * Tile::WARP_ROWS; }
template <class Tile> DEVICE u32 warp_column() { return threadIdx.x / 32 % Tile::ACROSS * Tile::WARP_COLUMNS; }

// ---- the instruction for numbers of type T; one product takes 32 bytes of depth

template <class T> struct Core;

template <> struct Core<f16> {
    DEVICE void round(u32 (&)[4]) {}
    DEVICE void multiply(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { multiply_f16(d, a, b); }
};

#if ARCH >= 800
template <> struct Core<bf16> {
    DEVICE void round(u32 (&)[4]) {}
    DEVICE void multiply(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { multiply_bf16(d, a, b); }
};

// f32 in memory, tf32 in the product.
template <> struct Core<float> {
    DEVICE void round(u32 (&r)[4]) {
        UNROLL for (int i = 0; i < 4; i++) r[i] = tf32_of(f32_of(r[i]));
    }
    DEVICE void multiply(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { multiply_tf32(d, a, b); }
};
#endif

// ---- operands in shared memory: where a piece goes, and the fragments of 16 rows (of a) or 16
// columns (of b: two fragments) from `first`, for the first or second half of a step

// A row has its 64 bytes of depth together. 80 bytes from row to row put the eight rows of a matrix
// into different banks.
template <class T, u32 width> struct DepthFast {
    static constexpr u32 PITCH = 80, BYTES = width * PITCH, PIECES = width * STEP_PIECES;
    DEVICE u32 row(u32 piece) { return piece / STEP_PIECES; }
    DEVICE u32 column(u32 piece) { return piece % STEP_PIECES; }

    DEVICE void fragment_a(u32 (&r)[4], const u8* tile, u32 first, u32 half) {
        load_matrices4(r, tile + (first + lane() % 16) * PITCH + half * 32 + lane() / 16 * 16);
        Core<T>::round(r);
    }
    DEVICE void fragments_b(u32 (&r)[4], const u8* tile, u32 first, u32 half) {
        u32 row = first + lane() % 8 + lane() / 16 * 8;
        load_matrices4(r, tile + row * PITCH + half * 32 + lane() / 8 % 2 * 16);
        Core<T>::round(r);
    }
};

// A depth has its rows together; 8 numbers more from depth to depth, again for the banks.
template <class T, u32 width> struct DepthSlow {
    static constexpr u32 PITCH = (width + 8) * sizeof(T), BYTES = DEPTH<T> * PITCH;
    static constexpr u32 ACROSS = width / PIECE<T>, PIECES = DEPTH<T> * ACROSS;
    DEVICE u32 row(u32 piece) { return piece / ACROSS; }
    DEVICE u32 column(u32 piece) { return piece % ACROSS; }

    DEVICE void fragment_a(u32 (&r)[4], const u8* tile, u32 first, u32 half) {
        if constexpr (sizeof(T) == 2) {
            u32 depth = half * 16 + lane() % 8 + lane() / 16 * 8;
            load_matrices4_transposed(r, tile + depth * PITCH + (first + lane() / 8 % 2 * 8) * 2);
        } else {
            UNROLL for (u32 i = 0; i < 4; i++) r[i] = number(tile, half, i / 2, first + i % 2 * 8);
            Core<T>::round(r);
        }
    }
    DEVICE void fragments_b(u32 (&r)[4], const u8* tile, u32 first, u32 half) {
        if constexpr (sizeof(T) == 2) {
            u32 depth = half * 16 + lane() % 16;
            load_matrices4_transposed(r, tile + depth * PITCH + (first + lane() / 16 * 8) * 2);
        } else {
            UNROLL for (u32 i = 0; i < 4; i++) r[i] = number(tile, half, i % 2, first + i / 2 * 8);
            Core<T>::round(r);
        }
    }
    // What this lane holds of a fragment's 4 x 8 numbers of 32 bits.
    DEVICE u32 number(const u8* tile, u32 half, u32 quarter, u32 first) {
        return *(const u32*)(tile + (half * 8 + quarter * 4 + lane() % 4) * PITCH + (first + lane() / 4) * 4);
    }
};

// ---- pieces on their way from global to shared memory

// From sm_80 a piece flies by itself; before, it waits in registers while the step before is multiplied.
struct Piece {
#if ARCH < 800
    uint4 value;
#endif
};

// Up to 16 bytes of numbers that need not be aligned; the rest is 0.
template <class T> DEVICE uint4 gather(const T* from, u32 count) {
    u32 words[4];
    UNROLL for (u32 i = 0; i < 4; i++) {
        if constexpr (sizeof(T) == 4) words[i] = i < count ? ((const u32*)from)[i] : 0;
        else {
            u32 low = 2 * i < count ? ((const u16*)from)[2 * i] : 0;
            u32 high = 2 * i + 1 < count ? ((const u16*)from)[2 * i + 1] : 0;
            words[i] = low | high << 16;
        }
    }
    return make_uint4(words[0], words[1], words[2], words[3]);
}

// Starts to move `count` numbers and fills up with 0. `whole`: all pieces of the operand are aligned,
// and have all their numbers or none. `from` must be an address that exists even for none.
template <class T> DEVICE void start(Piece& piece, u8* to, const T* from, u32 count, bool whole) {
#if ARCH >= 800
    if (whole) copy16(to, from, count != 0);
    else *(uint4*)to = gather(from, count);
#else
    if (!whole) piece.value = gather(from, count);
    else piece.value = count ? *(const uint4*)from : make_uint4(0, 0, 0, 0);
#endif
}

DEVICE void finish(const Piece& piece, u8* to) {
#if ARCH < 800
    *(uint4*)to = piece.value;
#endif
}

// How many of a piece's numbers lie below `end`, the first of them being `first`.
template <class T> DEVICE u32 inside(u32 first, u32 end) {
    return first >= end ? 0 : end - first < PIECE<T> ? end - first : PIECE<T>;
}

// ---- the walk through the depth

// An operand is a struct with `Number`, `Layout` and `whole`, and two functions: move_to(operand, step),
// called for one step after the other, and source(operand, i, count), which says where the numbers of
// this thread's piece i come from and how many there are. Of a tile's pieces a thread owns those with
// the numbers threadIdx.x, threadIdx.x + THREADS, ...
template <class Operand> constexpr u32 PIECES = Operand::Layout::PIECES / THREADS;

template <class Operand> DEVICE u8* place(u8* tile, u32 i) {
    typedef typename Operand::Layout Layout;
    u32 piece = threadIdx.x + i * THREADS;
    return tile + Layout::row(piece) * Layout::PITCH + Layout::column(piece) * 16;
}

template <class Operand> DEVICE void start(Operand& operand, Piece (&pieces)[PIECES<Operand>], u32 step, u8* tile) {
    move_to(operand, step);
    UNROLL for (u32 i = 0; i < PIECES<Operand>; i++) {
        u32 count = 0;
        const typename Operand::Number* from = source(operand, i, count);
        start(pieces[i], place<Operand>(tile, i), from, count, operand.whole);
    }
}

template <class Operand> DEVICE void finish(const Piece (&pieces)[PIECES<Operand>], u8* tile) {
    UNROLL for (u32 i = 0; i < PIECES<Operand>; i++) finish(pieces[i], place<Operand>(tile, i));
}

// A warp's share of one step.
template <class Tile, class A, class B>
DEVICE void multiply_step(float (&sum)[Tile::I][Tile::J][4], const u8* a_tile, const u8* b_tile) {
    UNROLL for (u32 half = 0; half < 2; half++) {
        u32 a[Tile::I][4];
        UNROLL for (u32 i = 0; i < Tile::I; i++)
            A::Layout::fragment_a(a[i], a_tile, warp_row<Tile>() + 16 * i, half);
        UNROLL for (u32 j = 0; j < Tile::J; j += 2) {
            u32 b[4];
            B::Layout::fragments_b(b, b_tile, warp_column<Tile>() + 8 * j, half);
            u32 left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
            UNROLL for (u32 i = 0; i < Tile::I; i++) {
                Core<typename A::Number>::multiply(sum[i][j], a[i], left);
                Core<typename A::Number>::multiply(sum[i][j + 1], a[i], right);
            }
        }
    }
}

// sum = a b over so many steps. Ends with a barrier: shared memory is free for other use then.
//
// From sm_80 the copies of two steps are in flight while a third is multiplied. Before, the numbers of
// the next step wait in registers until the tile that they go to has been read. Either way one barrier
// a step is enough: it says that a step has arrived, and that the tile of the step before, which is the
// next one to be overwritten, has been read by all.
template <class Tile, class A, class B>
DEVICE void multiply(float (&sum)[Tile::I][Tile::J][4], u8* shared, u32 steps, A& a, B& b) {
    constexpr u32 STAGE = A::Layout::BYTES + B::Layout::BYTES, A_BYTES = A::Layout::BYTES;
    UNROLL for (u32 i = 0; i < Tile::I; i++)
        UNROLL for (u32 j = 0; j < Tile::J; j++)
            UNROLL for (u32 e = 0; e < 4; e++) sum[i][j][e] = 0.0f;
    Piece a_pieces[PIECES<A>], b_pieces[PIECES<B>];
#if ARCH >= 800
    for (u32 step = 0; step < STAGES - 1; step++) {
        if (step < steps) {
            start(a, a_pieces, step, shared + step * STAGE);
            start(b, b_pieces, step, shared + step * STAGE + A_BYTES);
        }
        copies_commit();
    }
    u32 stage = 0, free = STAGES - 1;
    for (u32 step = 0; step < steps; step++) {
        copies_wait<STAGES - 2>();
        __syncthreads();
        if (step + STAGES - 1 < steps) {
            start(a, a_pieces, step + STAGES - 1, shared + free * STAGE);
            start(b, b_pieces, step + STAGES - 1, shared + free * STAGE + A_BYTES);
        }
        copies_commit();
        multiply_step<Tile, A, B>(sum, shared + stage * STAGE, shared + stage * STAGE + A_BYTES);
        stage = stage + 1 == STAGES ? 0 : stage + 1;
        free = free + 1 == STAGES ? 0 : free + 1;
    }
#else
    u8* now = shared;
    u8* next = shared + STAGE;
    for (u32 step = 0; step <= steps; step++) {
        // Step 0 has nothing to multiply, the last one nothing to load.
        if (step < steps) {
            start(a, a_pieces, step, next);
            start(b, b_pieces, step, next + A_BYTES);
        }
        if (step > 0) multiply_step<Tile, A, B>(sum, now, now + A_BYTES);
        if (step < steps) {
            finish<A>(a_pieces, next);
            finish<B>(b_pieces, next + A_BYTES);
        }
        __syncthreads();
        u8* swap = now;
        now = next, next = swap;
    }
#endif
    __syncthreads();
}
