//! The vector operations that kernels are written in.

use crate::Isa;

/// The most lanes any instruction set has.
pub const MAX_LANES: usize = 16;

/// An instruction set's vectors of `f32`.
///
/// The value is a token: it holds nothing, and it exists only where the processor has the
/// instructions. All functions are inlined, so they compile to the instructions themselves when the
/// caller is compiled for the set, which [`dispatch!`](crate::dispatch) sees to.
pub trait Simd: Copy + 'static {
    /// A vector of [`LANES`](Self::LANES) numbers.
    type Vector: Copy;
    /// The result of comparing two vectors.
    type Mask: Copy;

    /// Numbers in a vector.
    const LANES: usize;
    /// Vectors that fit into registers at once.
    const REGISTERS: usize;

    /// The instruction set, for calls of functions that [`dispatch!`](crate::dispatch) has compiled.
    fn isa(self) -> Isa;
    /// All lanes equal to `value`.
    fn splat(self, value: f32) -> Self::Vector;

    /// Reads the first [`LANES`](Self::LANES) numbers.
    ///
    /// # Panics
    ///
    /// If `values` is shorter than a vector.
    #[inline(always)]
    fn load(self, values: &[f32]) -> Self::Vector {
        let values = &values[..Self::LANES];
        // SAFETY: the slice holds LANES numbers.
        unsafe { self.load_at(values.as_ptr()) }
    }

    /// Reads at most [`LANES`](Self::LANES) numbers; the lanes beyond the end of `values` are zero.
    #[inline(always)]
    fn load_partial(self, values: &[f32]) -> Self::Vector {
        if values.len() >= Self::LANES {
            return self.load(values);
        }
        // SAFETY: the slice holds `values.len()` numbers, fewer than LANES.
        unsafe { self.load_first(values.as_ptr(), values.len()) }
    }

    /// Writes a vector to the first [`LANES`](Self::LANES) numbers.
    ///
    /// # Panics
    ///
    /// If `values` is shorter than a vector.
    #[inline(always)]
    fn store(self, vector: Self::Vector, values: &mut [f32]) {
        let values = &mut values[..Self::LANES];
        // SAFETY: the slice holds LANES numbers.
        unsafe { self.store_at(vector, values.as_mut_ptr()) }
    }

    /// Writes as many lanes as fit into `values`.
    #[inline(always)]
    fn store_partial(self, vector: Self::Vector, values: &mut [f32]) {
        if values.len() >= Self::LANES {
            return self.store(vector, values);
        }
        // SAFETY: the slice holds `values.len()` numbers, fewer than LANES.
        unsafe { self.store_first(vector, values.as_mut_ptr(), values.len()) }
    }

    /// Reads [`LANES`](Self::LANES) numbers.
    ///
    /// # Safety
    ///
    /// They must be readable; no alignment is needed.
    unsafe fn load_at(self, from: *const f32) -> Self::Vector;

    /// Reads `count` numbers, fewer than [`LANES`](Self::LANES); the other lanes are zero.
    ///
    /// # Safety
    ///
    /// `count` numbers must be readable and `count` smaller than `LANES`.
    unsafe fn load_first(self, from: *const f32, count: usize) -> Self::Vector;

    /// Writes [`LANES`](Self::LANES) numbers.
    ///
    /// # Safety
    ///
    /// They must be writable; no alignment is needed.
    unsafe fn store_at(self, vector: Self::Vector, to: *mut f32);

    /// Writes the first `count` lanes, fewer than [`LANES`](Self::LANES).
    ///
    /// # Safety
    ///
    /// `count` numbers must be writable and `count` smaller than `LANES`.
    unsafe fn store_first(self, vector: Self::Vector, to: *mut f32, count: usize);

    /// `a + b`
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b`
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a / b`
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c`, rounded once where the instruction set can (AVX2, AVX-512), else twice.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// The square root, correctly rounded.
    fn sqrt(self, a: Self::Vector) -> Self::Vector;
    /// `a` where `a > b`, else `b`: a NaN in `b` stays, one in `a` is lost.
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Lanes where `a > b`; false for NaN.
    fn greater(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// Lanes where `a == b`; false for NaN.
    fn equal(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// Lanes where `a` is greater than `b` or not a number.
    fn greater_or_nan(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// `a` where the mask is set, else `b`.
    fn select(self, mask: Self::Mask, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// The sum of all lanes: the upper half is added to the lower until one is left.
    #[inline(always)]
    fn sum(self, vector: Self::Vector) -> f32 {
        let mut lanes = [0.0; MAX_LANES];
        self.store(vector, &mut lanes);
        let mut width = Self::LANES;
        while width > 1 {
            width /= 2;
            for i in 0..width {
                lanes[i] += lanes[i + width];
            }
        }
        lanes[0]
    }

    /// Applies a function to every lane; branch-free functions such as those of [`math`](crate::math) are vectorised.
    #[inline(always)]
    fn map(self, vector: Self::Vector, function: impl Fn(f32) -> f32) -> Self::Vector {
        let mut lanes = [0.0; MAX_LANES];
        self.store(vector, &mut lanes);
        for lane in &mut lanes[..Self::LANES] {
            *lane = function(*lane);
        }
        self.load(&lanes)
    }
}
