//! Normal distributions cut off at two bounds.

use tunefork_simd::exact;

/// A draw from the normal distribution with this mean and width, cut off outside `low` to `high`,
/// from the uniform number `u` in [0, 1). The mean lies between the bounds.
pub(crate) fn draw(mean: f64, width: f64, low: f64, high: f64, u: f64) -> f64 {
    let mut ends = [(low - mean) / width, (high - mean) / width];
    exact::normal_cdf(&mut ends);
    let z = quantile(ends[0] + u * (ends[1] - ends[0]));
    (mean + width * z).max(low).min(high)
}

/// The same wherever the mean lies: of two bounds above it, what is behind the lower is drawn from as if mirrored, since probabilities near 0
/// keep more digits than those near 1.
pub(crate) fn draw_anywhere(mean: f64, width: f64, low: f64, high: f64, u: f64) -> f64 {
    if low > mean { -draw(-mean, width, -high, -low, u) } else { draw(mean, width, low, high, u) }
}

/// The number below which a standard normal number falls with probability `p`; relative error below
/// 1e-15. M. J. Wichura, "The percentage points of the normal distribution", Applied Statistics 37,
/// 1988 (algorithm AS 241).
pub(crate) fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * ratio(&CENTRE, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return f64::INFINITY.copysign(q);
    }
    let r = (-libm::log(tail)).sqrt();
    let z = if r <= 5.0 { ratio(&MIDDLE, r - 1.6) } else { ratio(&FAR, r - 5.0) };
    z.copysign(q)
}

/// Numerator and denominator, lowest power first.
type Ratio = [[f64; 8]; 2];

fn ratio([numerator, denominator]: &Ratio, x: f64) -> f64 {
    let polynomial =
        |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |value, coefficient| value * x + coefficient);
    polynomial(numerator) / polynomial(denominator)
}

const CENTRE: Ratio = [
    [
        3.387_132_872_796_366_5,
        1.331_416_678_917_843_8e2,
        1.971_590_950_306_551_3e3,
        1.373_169_376_550_946e4,
        4.592_195_393_154_987e4,
        6.726_577_092_700_87e4,
        3.343_057_558_358_813e4,
        2.509_080_928_730_122_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091e1,
        6.871_870_074_920_579e2,
        5.394_196_021_424_751e3,
        2.121_379_430_158_659_7e4,
        3.930_789_580_009_271e4,
        2.872_908_573_572_194_3e4,
        5.226_495_278_852_854e3,
    ],
];

const MIDDLE: Ratio = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        2.417_807_251_774_506e-1,
        2.272_384_498_926_918_4e-2,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        6.897_673_349_851e-1,
        1.481_039_764_274_800_8e-1,
        1.519_866_656_361_645_7e-2,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
];

const FAR: Ratio = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        2.965_605_718_285_048_7e-1,
        2.653_218_952_657_612_4e-2,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        5.998_322_065_558_88e-1,
        1.369_298_809_227_358e-1,
        1.487_536_129_085_061_5e-2,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_7e-15,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_inverts_the_distribution() {
        for i in -370..=50 {
            let z = f64::from(i) / 10.0;
            let p = 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
            // Near 1 the rounding of p itself moves z.
            let slack = if z > 0.0 { 1e-16 / libm::exp(-0.5 * z * z) } else { 0.0 };
            assert!((quantile(p) - z).abs() <= 3e-15 * z.abs().max(1.0) + 3.0 * slack, "z = {z}");
        }
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(quantile(1.0), f64::INFINITY);
    }

    #[test]
    fn draws_stay_inside_and_follow_the_distribution() {
        let (mean, width, low, high) = (0.2, 0.5, 0.0, 1.0);
        let cdf = |x: f64| {
            let tail = |x: f64| 0.5 * libm::erfc((mean - x) / width * std::f64::consts::FRAC_1_SQRT_2);
            (tail(x) - tail(low)) / (tail(high) - tail(low))
        };
        for i in 0..1000 {
            let u = f64::from(i) / 1000.0;
            let x = draw(mean, width, low, high, u);
            assert!((low..=high).contains(&x));
            assert!((cdf(x) - u).abs() < 1e-12, "u = {u}");
        }
        assert_eq!(draw(0.5, 1e-3, 0.0, 1.0, 0.0), 0.0);
    }
}
