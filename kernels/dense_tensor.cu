// The products of dense layers on tensor cores; dense.cuh says what they are, tensor.cuh how a tile is
// formed. Four warps with 16 rows and 32 columns each stand one below the other, or two by two: with a batch of 64 or of
// 32 a tile is as high as the result, and the small tile leaves more blocks to share a small product.
#include "device.cuh"
#include "tensor.cuh"
#include "dense.cuh"

// What tensor.cuh asks of an operand: a matrix, and where in it the tile stands.
template <class T, class Shared, bool fast> struct Walk {
    typedef T Number;
    typedef Shared Layout;
    static constexpr u32 THREADS = DENSE_THREADS;
    static constexpr bool IN_PIECES = true, THROUGH_L1 = false;
    Matrix<T> matrix;
    u32 first_row, begin;
    u32 depth;  // of the step
};

template <class T, class Shared, bool fast> DEVICE void move_to(Walk<T, Shared, fast>& walk, u32 step) {
    walk.depth = walk.begin + step * DEPTH<T>;
}

template <class T, class Shared, bool fast>
DEVICE const T* source(const Walk<T, Shared, fast>& walk, u32 i, u32& count) {
    const Matrix<T>& from = walk.matrix;
    u32 piece = threadIdx.x + i * DENSE_THREADS;
    u32 row = walk.first_row + (fast ? Shared::row(piece) : Shared::column(piece) * PIECE<T>);
    u32 depth = walk.depth + (fast ? Shared::column(piece) * PIECE<T> : Shared::row(piece));
    if (fast) count = row < from.row_end ? inside<T>(depth, from.depth_end) : 0;
    else count = depth < from.depth_end ? inside<T>(row, from.row_end) : 0;
    return from.values + (count ? (u64)(fast ? row : depth) * from.pitch + (fast ? depth : row) : 0);
}

template <bool fast, class T, u32 width> struct LayoutOf { typedef DepthSlow<T, width> Type; };
template <class T, u32 width> struct LayoutOf<true, T, width> { typedef DepthFast<T, width> Type; };

template <class T> struct Tensor {
    template <class Form, bool fast_a, bool fast_b, class Put>
    DEVICE void multiply(const Matrix<T>& a, const Matrix<T>& b, u32 row, u32 column, u32 first, u32 last, Put put) {
        typedef Tile<Form::ROWS, Form::COLUMNS, 16, 32> Warps;
        SHARED(shared);
        Walk<T, typename LayoutOf<fast_a, T, Form::ROWS>::Type, fast_a> left = {a, row, first, 0};
        Walk<T, typename LayoutOf<fast_b, T, Form::COLUMNS>::Type, fast_b> right = {b, column, first, 0};
        float sum[Warps::I][Warps::J][4];
        u32 steps = (last - first + DEPTH<T> - 1) / DEPTH<T>;
        // A pitch of whole pieces keeps every piece aligned, and lets no end fall into one.
        if (a.pitch % PIECE<T> == 0 && b.pitch % PIECE<T> == 0) ::multiply<Warps, true>(sum, shared, steps, left, right);
        else ::multiply<Warps, false>(sum, shared, steps, left, right);
        UNROLL for (u32 j = 0; j < Warps::J; j++)
            UNROLL for (u32 e = 0; e < 4; e++)
                put(row + warp_row<Warps>() + lane() / 4 + e / 2 * 8,
                    column + warp_column<Warps>() + 8 * j + lane() % 4 * 2 + e % 2, sum[0][j][e]);
    }
};

// ---- the kernels by their names

BLOCKS_OF(DENSE_THREADS)
INSTANCE(dense_forward_64x32_f16, dense_forward<Tensor<f16>, High, f16>)
INSTANCE(dense_forward_32x64_f16, dense_forward<Tensor<f16>, Wide, f16>)
INSTANCE(dense_backward_64x32_f16, dense_backward<Tensor<f16>, High, f16>)
INSTANCE(dense_backward_32x64_f16, dense_backward<Tensor<f16>, Wide, f16>)

#if ARCH >= 800
INSTANCE(dense_forward_64x32_bf16, dense_forward<Tensor<bf16>, High, bf16>)
INSTANCE(dense_forward_32x64_bf16, dense_forward<Tensor<bf16>, Wide, bf16>)
INSTANCE(dense_backward_64x32_bf16, dense_backward<Tensor<bf16>, High, bf16>)
INSTANCE(dense_backward_32x64_bf16, dense_backward<Tensor<bf16>, Wide, bf16>)
INSTANCE(dense_forward_64x32_tf32, dense_forward<Tensor<float>, High, float>)
INSTANCE(dense_forward_32x64_tf32, dense_forward<Tensor<float>, Wide, float>)
INSTANCE(dense_backward_64x32_tf32, dense_backward<Tensor<float>, High, float>)
INSTANCE(dense_backward_32x64_tf32, dense_backward<Tensor<float>, Wide, float>)
#endif
