//! Mean and variance of a batch, merged from its pieces in a fixed order.
//!
//! A piece (a strip of an image) gives its count, mean and sum of squared deviations; pieces are merged
//! as in Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
//! variances" (1979). No sum of squares is formed, so a mean far from zero costs no digits.

use tunefork_simd::{Simd, dispatch};

dispatch! {
    /// Mean and sum of squared deviations per channel of the pixels in `values`.
    pub fn moments<S>(simd: S, values: &[f32], means: &mut [f32], deviations: &mut [f32]) {
        let k = means.len();
        let count = simd.splat((values.len() / k) as f32);
        for channel in (0..k).step_by(S::LANES) {
            let lanes = S::LANES.min(k - channel);
            let first = simd.load_partial(&values[channel..channel + lanes]);
            // Relative to the first value, so that a large mean loses nothing.
            let mean = simd.add(first, simd.div(channel_sum(simd, values, channel, k, |v| simd.sub(v, first)), count));
            let deviation = channel_sum(simd, values, channel, k, |v| {
                let d = simd.sub(v, mean);
                simd.mul(d, d)
            });
            simd.store_partial(mean, &mut means[channel..channel + lanes]);
            simd.store_partial(deviation, &mut deviations[channel..channel + lanes]);
        }
    }

    /// Merges pieces of K means and K sums of squared deviations each, of `counts` values, into the
    /// mean and the (biased) variance of all.
    pub fn merge<S>(simd: S, pieces: &[f32], counts: &dyn Fn(usize) -> usize, means: &mut [f32], variances: &mut [f32]) {
        const TOGETHER: usize = 8;
        let _ = simd;
        let k = means.len();
        for channel in (0..k).step_by(TOGETHER) {
            let lanes = TOGETHER.min(k - channel);
            let (mut mean, mut deviation, mut count) = ([0.0f64; TOGETHER], [0.0f64; TOGETHER], 0.0);
            for (index, piece) in pieces.chunks_exact(2 * k).enumerate() {
                let more = counts(index) as f64;
                let share = more / (count + more);
                let (their_mean, their_deviation) = (&piece[channel..][..lanes], &piece[k + channel..][..lanes]);
                for i in 0..lanes {
                    let delta = f64::from(their_mean[i]) - mean[i];
                    mean[i] += delta * share;
                    deviation[i] += f64::from(their_deviation[i]) + delta * delta * count * share;
                }
                count += more;
            }
            for i in 0..lanes {
                means[channel + i] = mean[i] as f32;
                variances[channel + i] = (deviation[i] / count) as f32;
            }
        }
    }
}

/// The sum of `term` over the pixels, for a vector of channels. Four sums at once: one alone would wait
/// for each addition.
#[inline(always)]
fn channel_sum<S: Simd>(
    simd: S,
    values: &[f32],
    channel: usize,
    k: usize,
    term: impl Fn(S::Vector) -> S::Vector,
) -> S::Vector {
    let lanes = S::LANES.min(k - channel);
    let mut sums = [simd.splat(0.0); 4];
    let mut at = channel;
    while at + 3 * k + lanes <= values.len() {
        for (i, sum) in sums.iter_mut().enumerate() {
            let start = at + i * k;
            *sum = simd.add(*sum, term(simd.load_partial(&values[start..start + lanes])));
        }
        at += 4 * k;
    }
    while at < values.len() {
        sums[0] = simd.add(sums[0], term(simd.load_partial(&values[at..at + lanes])));
        at += k;
    }
    simd.add(simd.add(sums[0], sums[1]), simd.add(sums[2], sums[3]))
}

/// The sum of one column of rows of `step` numbers, in order.
pub(crate) fn sum_in_order(rows: &[f32], step: usize, column: usize) -> f64 {
    rows[column..].iter().step_by(step).map(|&value| f64::from(value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunefork_simd::Isa;

    #[test]
    fn pieces_of_any_size_merge_to_mean_and_variance_even_far_from_zero() {
        let k = 19; // not a multiple of any vector
        let value = |pixel: usize, channel: usize| {
            1000.0 + ((pixel * 7 + channel * 3) % 11) as f32 / 8.0 * (channel + 1) as f32
        };
        let counts = [1, 3, 4, 5, 29];
        for isa in Isa::available() {
            let mut pieces = Vec::new();
            let mut first = 0;
            for count in counts {
                let values: Vec<f32> = (0..count * k).map(|i| value(first + i / k, i % k)).collect();
                let (mut means, mut deviations) = (vec![0.0; k], vec![0.0; k]);
                moments(isa, &values, &mut means, &mut deviations);
                pieces.extend(means);
                pieces.extend(deviations);
                first += count;
            }
            let (mut means, mut variances) = (vec![0.0; k], vec![0.0; k]);
            merge(isa, &pieces, &|piece| counts[piece], &mut means, &mut variances);
            for channel in 0..k {
                let all = || (0..first).map(|pixel| f64::from(value(pixel, channel)));
                let mean = all().sum::<f64>() / first as f64;
                let variance = all().map(|v| (v - mean).powi(2)).sum::<f64>() / first as f64;
                assert!((f64::from(means[channel]) - mean).abs() < 1e-7 * mean, "{isa}");
                assert!((f64::from(variances[channel]) - variance).abs() < 1e-5 * variance, "{isa}");
            }
        }
    }
}
