//! Vectors of sixteen lanes: AVX-512.

use std::arch::x86_64::*;

use crate::{Isa, Simd};

/// Token of AVX-512 F, VL, BW and DQ; exists only where the processor has them all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// The token, if this processor has AVX-512 F, VL, BW, DQ, AVX2 and FMA.
    pub fn new() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma"))
        .then_some(Self(()))
    }
}

/// Defines methods that are one instruction each.
macro_rules! instructions {
    ($($name:ident($($argument:ident: $type:ty),*) -> $output:ty = $instruction:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: $type),*) -> $output {
            // SAFETY: `self` exists only where the processor has AVX-512 F.
            unsafe { $instruction }
        }
    )*};
}

/// The mask of the first `count` lanes, fewer than sixteen.
#[inline(always)]
fn first_lanes(count: usize) -> __mmask16 {
    ((1u32 << count) - 1) as __mmask16
}

impl Simd for Avx512 {
    type Vector = __m512;
    type Mask = __mmask16;

    const LANES: usize = 16;
    const REGISTERS: usize = 32;

    #[inline(always)]
    fn isa(self) -> Isa {
        Isa::Avx512(self)
    }

    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> __m512 {
        // SAFETY: `self` proves AVX-512, the caller vouches for the memory.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> __m512 {
        // SAFETY: `self` proves AVX-512, the caller vouches for the first `count` numbers; masked lanes are not read.
        unsafe { _mm512_maskz_loadu_ps(first_lanes(count), from) }
    }

    #[inline(always)]
    unsafe fn store_at(self, vector: __m512, to: *mut f32) {
        // SAFETY: `self` proves AVX-512, the caller vouches for the memory.
        unsafe { _mm512_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn store_first(self, vector: __m512, to: *mut f32, count: usize) {
        // SAFETY: `self` proves AVX-512, the caller vouches for the first `count` numbers; masked lanes are not written.
        unsafe { _mm512_mask_storeu_ps(to, first_lanes(count), vector) }
    }

    instructions! {
        splat(value: f32) -> __m512 = _mm512_set1_ps(value);
        add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        mul_add(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        sqrt(a: __m512) -> __m512 = _mm512_sqrt_ps(a);
        max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        greater(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b);
        equal(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b);
        greater_or_nan(a: __m512, b: __m512) -> __mmask16 =
            _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a);
        select(mask: __mmask16, a: __m512, b: __m512) -> __m512 = _mm512_mask_blend_ps(mask, b, a);
    }
}
