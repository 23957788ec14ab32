//! One generic function, compiled once for each instruction set.

/// Defines a function whose body is compiled for each instruction set and chosen by an [`Isa`](crate::Isa).
///
/// Written as a function that is generic over the instruction set, `fn name<S>(simd: S, ..)`, called
/// as `name(isa, ..)`. The body may use `simd`, a [`Simd`](crate::Simd) token, for explicit vectors, or ignore it and
/// leave vectorising to the compiler. Helper functions that the body calls must be
/// `#[inline(always)]`, otherwise they are compiled for the portable set only.
///
/// ```
/// use tunefork_simd::{dispatch, Isa, Simd};
///
/// dispatch! {
///     /// The sum of squares, in one fixed order per instruction set.
///     pub fn square_sum<S>(simd: S, values: &[f32]) -> f32 {
///         let mut total = simd.splat(0.0);
///         for chunk in values.chunks(S::LANES) {
///             let v = simd.load_partial(chunk);
///             total = simd.mul_add(v, v, total);
///         }
///         simd.sum(total)
///     }
/// }
///
/// for isa in Isa::available() {
///     assert_eq!(square_sum(isa, &[3.0, 4.0]), 25.0);
/// }
/// ```
#[macro_export]
macro_rules! dispatch {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident<$S:ident>($simd:ident: $S2:ident $(, $argument:ident: $type:ty)* $(,)?) $(-> $output:ty)? $body:block
    )+) => {$(
        $(#[$attribute])*
        $visibility fn $name(isa: $crate::Isa $(, $argument: $type)*) $(-> $output)? {
            #[inline(always)]
            fn generic<$S: $crate::Simd>($simd: $S $(, $argument: $type)*) $(-> $output)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($simd: $crate::Avx2 $(, $argument: $type)*) $(-> $output)? {
                generic($simd $(, $argument)*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            fn avx512($simd: $crate::Avx512 $(, $argument: $type)*) $(-> $output)? {
                generic($simd $(, $argument)*)
            }

            match isa {
                $crate::Isa::Portable(simd) => generic(simd $(, $argument)*),
                // SAFETY: the token exists only where the processor has these instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx2(simd) => unsafe { avx2(simd $(, $argument)*) },
                // SAFETY: the token exists only where the processor has these instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx512(simd) => unsafe { avx512(simd $(, $argument)*) },
            }
        }
    )+};
}
