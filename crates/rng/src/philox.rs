//! Draws addressed by a counter: Philox.

/// Philox4x32 with ten rounds: 128 random bits for a 128-bit counter under a 64-bit key.
///
/// Any element of a tensor can be drawn from its index alone, so the result does not depend on the
/// order or the thread in which elements are visited. Salmon et al., "Parallel random numbers: as
/// easy as 1, 2, 3", SC 2011.
///
/// ```
/// use tunefork_rng::{Key, Purpose, philox4x32_10};
///
/// let key = Key::study(0).trial(5).counter_key(Purpose::Dropout);
/// let (step, element) = (17, 1_000);
/// let bits = philox4x32_10(key, [element, 0, step, 0]);
/// assert_eq!(bits, philox4x32_10(key, [element, 0, step, 0]));
/// ```
#[inline]
pub const fn philox4x32_10(mut key: [u32; 2], mut counter: [u32; 4]) -> [u32; 4] {
    let mut round = 0;
    while round < 10 {
        let product_0 = 0xD251_1F53_u64 * counter[0] as u64;
        let product_1 = 0xCD9E_8D57_u64 * counter[2] as u64;
        counter = [
            (product_1 >> 32) as u32 ^ counter[1] ^ key[0],
            product_1 as u32,
            (product_0 >> 32) as u32 ^ counter[3] ^ key[1],
            product_0 as u32,
        ];
        // Weyl steps: the golden ratio and √3 − 1.
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        round += 1;
    }
    counter
}
