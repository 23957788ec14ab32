// Products of matrices on tensor cores, tile by tile: what the products of a convolution share.
//
// A block forms a tile of d = a b with four or eight warps, each of which keeps its part in registers. The axis
// that is summed over, the depth, is walked in steps of 64 bytes (32 numbers of 16 bits, 16 of 32
// bits). For every step the block copies a tile of each operand into shared memory, in pieces of 16
// bytes, while it multiplies the tiles of the step before: loading and multiplying overlap.
//
// An operand's tile lies in shared memory as its numbers lie in global memory, either with the depth
// of each row together (DepthFast) or with all rows of each depth together (DepthSlow). `ldmatrix`
// takes 16-bit fragments from both, transposing where it must. A number of 32 bits is moved as two of
// 16, which works as long as nothing is transposed; DepthSlow tiles of those are read one by one.
#pragma once

constexpr u32 STEP_PIECES = TENSOR_STEP / VECTOR_BYTES;
// Whether pieces fly from global to shared memory by themselves. If not, they wait in registers while
// the step before is multiplied: before sm_80, and where they are put together from single numbers.
template <bool whole> constexpr bool FLIES = whole && ARCH >= 800;

template <class T> constexpr u32 PIECE = VECTOR_BYTES / sizeof(T);       // numbers of a piece
template <class T> constexpr u32 DEPTH = STEP_PIECES * PIECE<T>;  // numbers of a step

// A block's tile and a warp's part of it.
template <u32 rows, u32 columns, u32 warp_rows, u32 warp_columns> struct Tile {
    static constexpr u32 ROWS = rows, COLUMNS = columns;
    static constexpr u32 ACROSS = columns / warp_columns, DOWN = rows / warp_rows;  // warps
    static constexpr u32 THREADS = 32 * ACROSS * DOWN;
    static constexpr u32 WARP_ROWS = warp_rows, WARP_COLUMNS = warp_columns;
    static constexpr u32 I = warp_rows / 16, J = warp_columns / 8;  // products m16n8 of a warp
    // Tiles of each operand in shared memory where pieces fly there: of the largest a block has room for two.
    static constexpr u32 STAGES = rows * columns > 128 * 64 ? 2 : TENSOR_STAGES;
};

// Blocks that should fit a multiprocessor: no more than shared memory has room for, since they bound the registers.
// Cards with 64 or 100 KB have room for twelve warps, where a warp has 64x32 for eight; the others for sixteen. There
// tf32, which is rounded on the way, would spill with four blocks of four warps (8 bytes).
template <class T, class Tile> constexpr u32 warps_that_fit() {
    bool is_large = Tile::I * Tile::J > 8;
    if (ARCH != 800 && ARCH < 900) return is_large ? 8 : 12;
    return is_large && sizeof(T) == 4 && Tile::THREADS == 128 ? 12 : 16;
}
template <class T, class Tile> constexpr u32 BLOCKS = 32 * warps_that_fit<T, Tile>() / Tile::THREADS;

// By name as the host chooses them. A warp with 64x32 needs the fewest fragments for each product, and a block with
// 128x128 the fewest bytes of its operands: 64 FLOP for each byte of 16-bit numbers, where 128x64 does 43. Smaller
// tiles are for results that have too few of the large ones to fill a GPU, or few columns.
typedef Tile<128, 128, 64, 32> Tile128x128;
typedef Tile<128, 64, 64, 32> Tile128x64;
// Three warps, for gradients by weights: the 288 and 576 rows of 3x3 filters on 32 and 64 channels are 3 and 6 of these,
// where tiles of 128 rows leave a quarter and a tenth empty.
typedef Tile<96, 64, 32, 64> Tile96x64;
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
    DEVICE u32 pair(float low, float high) { return (u32)f16_from_f32(low) | (u32)f16_from_f32(high) << 16; }
};

#if ARCH >= 800
template <> struct Core<bf16> {
    DEVICE void round(u32 (&)[4]) {}
    DEVICE void multiply(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { multiply_bf16(d, a, b); }
    DEVICE u32 pair(float low, float high) { return bf16x2_from_f32(low, high); }
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
    static constexpr u32 PITCH = TENSOR_STEP + TENSOR_PAD, BYTES = width * PITCH, PIECES = width * STEP_PIECES;
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
    static constexpr u32 PITCH = (width + TENSOR_SLOW_PAD) * sizeof(T), BYTES = DEPTH<T> * PITCH;
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

// Up to 16 bytes of numbers; the rest is 0. `whole`: all pieces of the operands are aligned, and have
// all their numbers or none. `from` is an address that exists even for none.
template <bool whole, class T> DEVICE uint4 load16(const T* from, u32 count) {
    if constexpr (whole) return count ? *(const uint4*)from : make_uint4(0, 0, 0, 0);
    else {
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
}

// How many of a piece's numbers lie below `end`, the first of them being `first`.
template <class T> DEVICE u32 inside(u32 first, u32 end) {
    return first >= end ? 0 : end - first < PIECE<T> ? end - first : PIECE<T>;
}

// An operand is a struct with `Number`, `Layout` and the block's THREADS, and two functions: move_to(operand, step),
// called for one step after the other, and source(operand, i, count), which says where the numbers of this thread's
// piece i come from and how many there are. Of a tile's pieces a thread owns those with the numbers threadIdx.x,
// threadIdx.x + THREADS, ... If THROUGH_L1, the block soon reads most of it again. If not IN_PIECES, the numbers of a
// piece are no neighbours in memory, and there is piece<whole>(operand, i) instead of `source`.
template <class Operand> constexpr u32 PIECES = (Operand::Layout::PIECES + Operand::THREADS - 1) / Operand::THREADS;

// Whether this thread has a piece i: the tiles of small operands have fewer pieces than the block has threads.
template <class Operand> DEVICE bool owns(u32 i) {
    constexpr u32 ALL = Operand::Layout::PIECES;
    return ALL % Operand::THREADS == 0 || threadIdx.x + i * Operand::THREADS < ALL;
}

template <class Operand> DEVICE u8* place(u8* tile, u32 i) {
    typedef typename Operand::Layout Layout;
    u32 piece = threadIdx.x + i * Operand::THREADS;
    return tile + Layout::row(piece) * Layout::PITCH + Layout::column(piece) * VECTOR_BYTES;
}

// Lets this thread's pieces of a step fly to a tile.
template <class Operand> DEVICE void fly(Operand& operand, u32 step, u8* tile) {
    move_to(operand, step);
    UNROLL for (u32 i = 0; i < PIECES<Operand>; i++) {
        if (!owns<Operand>(i)) break;
        u32 count = 0;
        const typename Operand::Number* from = source(operand, i, count);
        if constexpr (Operand::THROUGH_L1) copy16_through_l1(place<Operand>(tile, i), from, count != 0);
        else copy16(place<Operand>(tile, i), from, count != 0);
    }
}

// This thread's piece i.
template <bool whole, class Operand> DEVICE uint4 piece(const Operand& operand, u32 i) {
    u32 count = 0;
    const typename Operand::Number* from = source(operand, i, count);
    return load16<whole>(from, count);
}

// Loads them to registers, and stores them from there.
template <bool whole, class Operand> DEVICE void fetch(Operand& operand, u32 step, uint4 (&pieces)[PIECES<Operand>]) {
    move_to(operand, step);
    UNROLL for (u32 i = 0; i < PIECES<Operand>; i++)
        if (owns<Operand>(i)) pieces[i] = piece<whole>(operand, i);
}
template <class Operand> DEVICE void put(const uint4 (&pieces)[PIECES<Operand>], u8* tile) {
    UNROLL for (u32 i = 0; i < PIECES<Operand>; i++)
        if (owns<Operand>(i)) *(uint4*)place<Operand>(tile, i) = pieces[i];
}

// ---- the walk through the depth

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

// The copies of one or two steps are in flight while another is multiplied. One barrier a step is enough: it
// says that a step has arrived, and that the tiles of the step before, which are overwritten next, have
// been read by all.
template <class Tile, class A, class B>
DEVICE void multiply_flying(float (&sum)[Tile::I][Tile::J][4], u8* shared, u32 steps, A& a, B& b) {
    constexpr u32 A_BYTES = A::Layout::BYTES, STAGE = A_BYTES + B::Layout::BYTES;
    for (u32 step = 0; step < Tile::STAGES - 1; step++) {
        if (step < steps) fly(a, step, shared + step * STAGE), fly(b, step, shared + step * STAGE + A_BYTES);
        copies_commit();
    }
    u32 now = 0, free = (Tile::STAGES - 1) * STAGE;
    for (u32 step = 0; step < steps; step++) {
        copies_wait<Tile::STAGES - 2>();
        __syncthreads();
        u32 next = step + Tile::STAGES - 1;
        if (next < steps) fly(a, next, shared + free), fly(b, next, shared + free + A_BYTES);
        copies_commit();
        multiply_step<Tile, A, B>(sum, shared + now, shared + now + A_BYTES);
        now = now == (Tile::STAGES - 1) * STAGE ? 0 : now + STAGE;
        free = free == (Tile::STAGES - 1) * STAGE ? 0 : free + STAGE;
    }
}

// The numbers of the next step are on their way to registers while a step is multiplied.
template <class Tile, bool whole, class A, class B>
DEVICE void multiply_waiting(float (&sum)[Tile::I][Tile::J][4], u8* shared, u32 steps, A& a, B& b) {
    constexpr u32 A_BYTES = A::Layout::BYTES, STAGE = A_BYTES + B::Layout::BYTES;
    uint4 a_pieces[PIECES<A>], b_pieces[PIECES<B>];
    if (steps == 0) return;
    fetch<whole>(a, 0, a_pieces), fetch<whole>(b, 0, b_pieces);
    put<A>(a_pieces, shared), put<B>(b_pieces, shared + A_BYTES);
    __syncthreads();
    u32 now = 0;
    for (u32 step = 0; step < steps; step++) {
        bool more = step + 1 < steps;
        if (more) fetch<whole>(a, step + 1, a_pieces), fetch<whole>(b, step + 1, b_pieces);
        multiply_step<Tile, A, B>(sum, shared + now, shared + now + A_BYTES);
        now = STAGE - now;
        // The other tiles were read before the last barrier.
        if (more) put<A>(a_pieces, shared + now), put<B>(b_pieces, shared + now + A_BYTES);
        __syncthreads();
    }
}

template <class Tile> DEVICE void clear(float (&sum)[Tile::I][Tile::J][4]) {
    UNROLL for (u32 i = 0; i < Tile::I; i++)
        UNROLL for (u32 j = 0; j < Tile::J; j++)
            UNROLL for (u32 e = 0; e < 4; e++) sum[i][j][e] = 0.0f;
}

// sum = a b over so many steps. Ends with a barrier: shared memory is free for other use then.
template <class Tile, bool whole, class A, class B>
DEVICE void multiply(float (&sum)[Tile::I][Tile::J][4], u8* shared, u32 steps, A& a, B& b) {
    clear<Tile>(sum);
    if constexpr (FLIES<whole> && A::IN_PIECES) multiply_flying<Tile>(sum, shared, steps, a, b);
    else multiply_waiting<Tile, whole>(sum, shared, steps, a, b);
    __syncthreads();
}
