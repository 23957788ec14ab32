//! How much of another image is mixed into each image of a step.

use tunefork_rng::{Key, Purpose, Stream};

/// Mixup's share of the other image in this step (counted from 0 over the run): drawn from
/// Beta(alpha, alpha), and the smaller of the two shares, in [0, 0.5]. A function of the key and the
/// step alone.
pub(crate) fn share(alpha: f64, key: Key, step: u64) -> f32 {
    if alpha <= 0.0 {
        return 0.0;
    }
    let mut stream = key.stream_at(Purpose::Mix, step);
    let [one, other] = [0; 2].map(|_| log_gamma_draw(alpha, &mut stream));
    // one / (one + other), from logarithms: for a small alpha both draws may be too small for a float.
    let share = 1.0 / (1.0 + libm::exp(other - one));
    share.min(1.0 - share) as f32
}

/// The logarithm of a draw from the gamma distribution of this shape and scale 1 (Marsaglia and Tsang,
/// "A simple method for generating gamma variables", 2000).
fn log_gamma_draw(shape: f64, stream: &mut Stream) -> f64 {
    if shape < 1.0 {
        // A draw for shape + 1 times a uniform number to the power of 1 / shape has this shape.
        let boost = libm::log(1.0 - stream.f64()) / shape;
        return log_gamma_draw(shape + 1.0, stream) + boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = stream.normal();
        let v = 1.0 + c * x;
        if v <= 0.0 {
            continue;
        }
        let v = v * v * v;
        if libm::log(1.0 - stream.f64()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
            return libm::log(d) + libm::log(v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares of many steps.
    fn shares(alpha: f64) -> Vec<f64> {
        let key = Key::study(3).trial(1);
        (0..20_000).map(|step| f64::from(share(alpha, key, step))).collect()
    }

    #[test]
    fn nothing_is_mixed_without_alpha() {
        assert!(shares(0.0).iter().all(|share| *share == 0.0));
    }

    /// Beta(a, a) has variance 1 / (4 (2 a + 1)) about 1/2, whichever of the two shares is taken.
    #[test]
    fn shares_have_the_variance_of_beta() {
        for alpha in [0.2, 1.0, 4.0] {
            let shares = shares(alpha);
            assert!(shares.iter().all(|share| (0.0..=0.5).contains(share)));
            let squares: f64 = shares.iter().map(|share| (share - 0.5) * (share - 0.5)).sum();
            let variance = squares / shares.len() as f64;
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((variance / expected - 1.0).abs() < 0.03, "{alpha}: {variance}, not {expected}");
        }
    }

    #[test]
    fn tiny_alphas_mix_next_to_nothing() {
        let shares = shares(1e-3);
        assert!(shares.iter().all(|share| share.is_finite()));
        assert!(shares.iter().filter(|share| **share < 1e-6).count() > 19_000);
    }
}
