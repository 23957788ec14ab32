//! Which values dropout keeps: one rule for all engines.
//!
//! The random number of an element is a lane of Philox4x32-10 under the key of the trial's dropout
//! stream: element e of a tensor (counted in NHWC order over the whole batch) has lane e mod 4 of
//! the block with [`counter`]`(e / 4, step, layer)`. The element is dropped if its number is below
//! [`threshold`]`(p)`, otherwise it is multiplied by [`scale`]`(p)`. A mask is never stored: the
//! backward pass draws it again.

/// The Philox counter of four neighbouring elements, `quad` = element / 4.
pub fn counter(quad: u32, step: u64, layer: u32) -> [u32; 4] {
    [quad, step as u32, (step >> 32) as u32, layer]
}

/// Elements with a random number below this are dropped: p in units of 2^-32.
///
/// ```
/// # use tunefork_graph::dropout::threshold;
/// assert_eq!(threshold(0.0), 0); // all are kept
/// assert_eq!(threshold(0.5), 1 << 31);
/// assert_eq!(threshold(1.0), 1 << 32); // none is kept
/// ```
pub fn threshold(p: f64) -> u64 {
    (p.clamp(0.0, 1.0) * 4_294_967_296.0) as u64
}

/// What kept values are multiplied by: 1 / (1 - p), and 0 for p = 1, where none is kept.
pub fn scale(p: f64) -> f64 {
    if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_two_words_of_the_counter() {
        assert_eq!(counter(7, 0x1_0000_0002, 3), [7, 2, 1, 3]);
    }

    /// A share p of 2^32 numbers lies below the threshold, and what is kept makes up for it.
    #[test]
    fn thresholds_and_scales_of_probabilities() {
        for (p, below, kept) in
            [(0.0, 0, 1.0), (0.25, 1 << 30, 4.0 / 3.0), (0.5, 1 << 31, 2.0), (0.75, 3 << 30, 4.0), (1.0, 1 << 32, 0.0)]
        {
            assert_eq!((threshold(p), scale(p)), (below, kept), "{p}");
        }
        assert_eq!((threshold(-0.5), threshold(1.5), scale(1.5)), (0, 1 << 32, 0.0));
    }
}
