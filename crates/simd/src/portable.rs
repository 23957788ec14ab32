//! Vectors in plain Rust.

use crate::{Isa, Simd};

/// Token of the portable instruction set; any machine will do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Portable;

const LANES: usize = 4;
type Lanes = [f32; LANES];

#[inline(always)]
fn zip(a: Lanes, b: Lanes, f: impl Fn(f32, f32) -> f32) -> Lanes {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    type Vector = Lanes;
    type Mask = [bool; LANES];

    const LANES: usize = LANES;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn isa(self) -> Isa {
        Isa::Portable(self)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Lanes {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> Lanes {
        // SAFETY: the caller vouches for LANES readable numbers; arrays of f32 have its alignment.
        unsafe { from.cast::<Lanes>().read() }
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> Lanes {
        let mut lanes = [0.0; LANES];
        for (i, lane) in lanes.iter_mut().enumerate().take(count) {
            // SAFETY: the caller vouches for `count` readable numbers.
            *lane = unsafe { from.add(i).read() };
        }
        lanes
    }

    #[inline(always)]
    unsafe fn store_at(self, vector: Lanes, to: *mut f32) {
        // SAFETY: the caller vouches for LANES writable numbers.
        unsafe { to.cast::<Lanes>().write(vector) }
    }

    #[inline(always)]
    unsafe fn store_first(self, vector: Lanes, to: *mut f32, count: usize) {
        for (i, lane) in vector.iter().enumerate().take(count) {
            // SAFETY: the caller vouches for `count` writable numbers.
            unsafe { to.add(i).write(*lane) }
        }
    }

    #[inline(always)]
    fn add(self, a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn sqrt(self, a: Lanes) -> Lanes {
        a.map(f32::sqrt)
    }

    #[inline(always)]
    fn max(self, a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn greater(self, a: Lanes, b: Lanes) -> [bool; LANES] {
        std::array::from_fn(|i| a[i] > b[i])
    }

    #[inline(always)]
    fn equal(self, a: Lanes, b: Lanes) -> [bool; LANES] {
        std::array::from_fn(|i| a[i] == b[i])
    }

    #[inline(always)]
    fn greater_or_nan(self, a: Lanes, b: Lanes) -> [bool; LANES] {
        std::array::from_fn(|i| a[i] > b[i] || a[i].is_nan())
    }

    #[inline(always)]
    fn select(self, mask: [bool; LANES], a: Lanes, b: Lanes) -> Lanes {
        std::array::from_fn(|i| if mask[i] { a[i] } else { b[i] })
    }
}
