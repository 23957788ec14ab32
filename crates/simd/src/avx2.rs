//! Vectors of eight lanes: AVX2 with fused multiply-add.

use std::arch::x86_64::*;

use crate::{Isa, Simd};

/// Token of AVX2 and FMA; exists only where the processor has both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// The token, if this processor has AVX2 and FMA.
    pub fn new() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

/// Defines methods that are one instruction each.
macro_rules! instructions {
    ($($name:ident($($argument:ident: $type:ty),*) -> $output:ty = $instruction:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: $type),*) -> $output {
            // SAFETY: `self` exists only where the processor has AVX2 and FMA.
            unsafe { $instruction }
        }
    )*};
}

/// A mask for the instructions that touch only the first `count` lanes.
#[inline(always)]
fn first_lanes(_: Avx2, count: usize) -> __m256i {
    // SAFETY: the token exists only where the processor has AVX2.
    unsafe {
        let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lane)
    }
}

impl Simd for Avx2 {
    type Vector = __m256;
    type Mask = __m256;

    const LANES: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn isa(self) -> Isa {
        Isa::Avx2(self)
    }

    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> __m256 {
        // SAFETY: `self` proves AVX2, the caller vouches for the memory.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> __m256 {
        // SAFETY: `self` proves AVX2, the caller vouches for the first `count` numbers; masked lanes are not read.
        unsafe { _mm256_maskload_ps(from, first_lanes(self, count)) }
    }

    #[inline(always)]
    unsafe fn store_at(self, vector: __m256, to: *mut f32) {
        // SAFETY: `self` proves AVX2, the caller vouches for the memory.
        unsafe { _mm256_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn store_first(self, vector: __m256, to: *mut f32, count: usize) {
        // SAFETY: `self` proves AVX2, the caller vouches for the first `count` numbers; masked lanes are not written.
        unsafe { _mm256_maskstore_ps(to, first_lanes(self, count), vector) }
    }

    instructions! {
        splat(value: f32) -> __m256 = _mm256_set1_ps(value);
        add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
        mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
        mul_add(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        sqrt(a: __m256) -> __m256 = _mm256_sqrt_ps(a);
        max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
        greater(a: __m256, b: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_GT_OQ>(a, b);
        equal(a: __m256, b: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b);
        greater_or_nan(a: __m256, b: __m256) -> __m256 =
            _mm256_or_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b), _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a));
        select(mask: __m256, a: __m256, b: __m256) -> __m256 = _mm256_blendv_ps(b, a, mask);
    }
}
