//! Dropout by itself, and its masks, drawn element by element from counters, see [`tunefork_graph::dropout`].

use tunefork_graph::{DropoutBackward, DropoutForward, dropout};
use tunefork_simd::dispatch;

use crate::context::Context;
use crate::shared::Shared;

/// Quads of elements that are drawn together, one per lane.
const TOGETHER: usize = 16;

/// One layer's mask in one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mask {
    key: [u32; 2],
    step: u64,
    layer: u32,
    threshold: u64,
    scale: f32,
    keep: f32,
}

impl Mask {
    /// The mask of dropout number `layer` with probability `p`.
    pub(crate) fn new(key: [u32; 2], step: u64, layer: usize, p: f32) -> Self {
        let p = f64::from(p);
        Self {
            key,
            step,
            layer: layer as u32,
            threshold: dropout::threshold(p),
            scale: dropout::scale(p) as f32,
            keep: (1.0 - p) as f32,
        }
    }

    /// What undoes the scaling of a kept value.
    pub(crate) fn keep(&self) -> f32 {
        self.keep
    }
}

pub(crate) fn forward(context: &mut Context<'_>, step: &DropoutForward, mask: Option<&Mask>) {
    let same = step.input == step.output;
    let (input, output) = (context.tensor(step.input), context.tensor(step.output));
    masked(context, step.image.elements(), input, output, same, false, mask);
}

pub(crate) fn backward(context: &mut Context<'_>, step: &DropoutBackward, mask: Option<&Mask>) {
    let same = step.output_gradient == step.input_gradient.to;
    let (from, to) = (context.tensor(step.output_gradient), context.tensor(step.input_gradient.to));
    masked(context, step.image.elements(), from, to, same, step.input_gradient.accumulate, mask);
}

/// Writes, or adds, `from` times its mask to `to`, which may be the same tensor.
fn masked(
    context: &mut Context<'_>,
    image_len: usize,
    from: Shared<'_>,
    to: Shared<'_>,
    same: bool,
    accumulate: bool,
    mask: Option<&Mask>,
) {
    const PART: usize = 256;
    let isa = context.isa;
    context.pool.run(context.rows, &|image, _| {
        for start in (0..image_len).step_by(PART) {
            let element = image * image_len + start;
            let part = element..element + PART.min(image_len - start);
            let mut values = [0.0; PART];
            let values = &mut values[..part.len()];
            // SAFETY: the image belongs to this task, and the part is read before it is written.
            values.copy_from_slice(unsafe { from.part(part.clone()).read() });
            if let Some(mask) = mask {
                apply(isa, mask, element, values);
            }
            // SAFETY: as above; `from` is not used any more.
            let to = unsafe { to.part(part).write() };
            if accumulate && !same {
                to.iter_mut().zip(values).for_each(|(to, value)| *to += *value);
            } else {
                to.copy_from_slice(values);
            }
        }
    });
}

dispatch! {
    /// Multiplies elements `first`, `first + 1`, … of a tensor by their mask.
    pub fn apply<S>(simd: S, mask: &Mask, first: usize, values: &mut [f32]) {
        let _ = simd;
        if mask.threshold == 0 {
            return;
        }
        let mut at = 0;
        while at < values.len() {
            let element = first + at;
            let (quad, skip) = (element / 4, element % 4);
            let factors = factors(mask, quad as u32);
            let count = (4 * TOGETHER - skip).min(values.len() - at);
            let values = &mut values[at..at + count];
            values.iter_mut().zip(&factors[skip..]).for_each(|(value, factor)| *value *= factor);
            at += count;
        }
    }
}

/// The factors of `4 * TOGETHER` elements from quad number `quad` on: Philox4x32-10 with one counter
/// per lane.
#[inline(always)]
fn factors(mask: &Mask, quad: u32) -> [f32; 4 * TOGETHER] {
    let first = dropout::counter(quad, mask.step, mask.layer);
    let mut counter = first.map(|word| [word; TOGETHER]);
    for (i, word) in counter[0].iter_mut().enumerate() {
        *word = word.wrapping_add(i as u32);
    }
    let mut key = mask.key;
    for _ in 0..10 {
        let [mut c0, mut c1, mut c2, mut c3] = [[0u32; TOGETHER]; 4];
        for i in 0..TOGETHER {
            let low = 0xD251_1F53_u64 * u64::from(counter[0][i]);
            let high = 0xCD9E_8D57_u64 * u64::from(counter[2][i]);
            c0[i] = (high >> 32) as u32 ^ counter[1][i] ^ key[0];
            c1[i] = high as u32;
            c2[i] = (low >> 32) as u32 ^ counter[3][i] ^ key[1];
            c3[i] = low as u32;
        }
        counter = [c0, c1, c2, c3];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    let mut factors = [0.0; 4 * TOGETHER];
    for i in 0..TOGETHER {
        for (lane, words) in counter.iter().enumerate() {
            let kept = u64::from(words[i]) >= mask.threshold;
            factors[4 * i + lane] = if kept { mask.scale } else { 0.0 };
        }
    }
    factors
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunefork_rng::philox4x32_10;
    use tunefork_simd::Isa;

    #[test]
    fn masks_are_those_of_philox_at_any_offset() {
        let (key, step, layer, p) = ([7, 9], 1 << 33 | 5, 3, 0.3_f32);
        let mask = Mask::new(key, step, layer, p);
        let expected = |element: usize| {
            let words = philox4x32_10(key, dropout::counter((element / 4) as u32, step, layer as u32));
            let dropped = u64::from(words[element % 4]) < dropout::threshold(f64::from(p));
            if dropped { 0.0 } else { dropout::scale(f64::from(p)) as f32 }
        };
        for isa in Isa::available() {
            for (first, count) in [(0, 200), (1, 3), (67, 130), (1000, 0)] {
                let mut values = vec![1.0; count];
                apply(isa, &mask, first, &mut values);
                let want: Vec<f32> = (first..first + count).map(expected).collect();
                assert_eq!(values, want, "{isa}: {count} elements from {first}");
            }
        }
    }

    #[test]
    fn probability_zero_keeps_and_one_drops_everything() {
        let mut values = [2.0; 70];
        apply(Isa::PORTABLE, &Mask::new([1, 2], 0, 0, 0.0), 0, &mut values);
        assert_eq!(values, [2.0; 70]);
        apply(Isa::PORTABLE, &Mask::new([1, 2], 0, 0, 1.0), 0, &mut values);
        assert_eq!(values, [0.0; 70]);
    }
}
