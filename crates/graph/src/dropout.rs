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
