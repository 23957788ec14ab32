//! Draws one after another: ChaCha with 8 rounds.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// A sequence of draws, made by [`Key::stream`](crate::Key::stream).
///
/// The sequence is the ChaCha8 keystream, the same on every machine.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    pub(crate) fn new(seed: [u8; 32], number: u64) -> Self {
        let mut generator = ChaCha8Rng::from_seed(seed);
        generator.set_stream(number);
        Self(generator)
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform number in [0, 1): a multiple of 2⁻⁵³.
    pub fn f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A uniform number in [0, 1): a multiple of 2⁻²⁴.
    pub fn f32(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / (1u32 << 24) as f32)
    }

    /// A uniform integer in [0, n), without bias; 0 when `n` is 0.
    ///
    /// Lemire, "Fast random integer generation in an interval", 2019: take the upper half of a
    /// 128-bit product and redraw the few lower halves that would favour some integers.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let unfair = n.wrapping_neg() % n; // 2⁶⁴ mod n
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= unfair {
                return (product >> 64) as u64;
            }
        }
    }

    /// Puts `items` into a uniformly random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// A standard normal number (Box and Muller's cosine half; two uniform draws each).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.f64())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first test vector for ChaCha8 with a 256-bit key of zeros
    /// (draft-strombergson-chacha-test-vectors).
    #[test]
    fn the_keystream_is_chacha8() {
        let mut stream = Stream::new([0; 32], 0);
        let expected = [0x2fef_003e, 0xd640_5f89, 0xe8b8_5b7f, 0xa1a5_091f_u32];
        assert_eq!(expected.map(|_| stream.next_u32()), expected);
    }
}
