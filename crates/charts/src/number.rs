//! Numbers as they stand at ticks.

/// The number with so many digits behind the point, thousands apart, and a minus sign that is as wide as a plus.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    // A rounded -0.001 is 0.00.
    let is_zero = digits.bytes().all(|digit| matches!(digit, b'0' | b'.'));
    let mut grouped = String::from(if value < 0.0 && !is_zero { "−" } else { "" });
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

/// A power of ten: 10⁻⁴, 2×10⁵.
pub(crate) fn power(mantissa: &str, exponent: i32) -> String {
    let mut text = match mantissa {
        "1" => String::from("10"),
        "−1" => String::from("−10"),
        _ => format!("{mantissa}×10"),
    };
    for c in exponent.to_string().chars() {
        text.push(match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            _ => char::from_u32(0x2070 + c.to_digit(10).unwrap_or(0)).unwrap_or(c),
        });
    }
    text
}

/// A number by itself, to three digits: 0.924, 1,230, 10⁻⁷.
pub(crate) fn brief(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return String::from("0");
    }
    if !(1e-4..1e6).contains(&size) {
        // Formatted and read again, for 9.996 has a digit more when it is rounded.
        let text = format!("{value:.2e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let mantissa = without_zeros(mantissa).replace('-', "−");
        return power(&mantissa, exponent.parse().unwrap_or(0));
    }
    let decimals = (2 - exponent_of(size)).max(0) as usize;
    let text = fixed(value, decimals);
    if decimals > 0 { without_zeros(&text) } else { text }
}

fn without_zeros(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text.to_string() }
}

/// A stretch of time as `1:05`: so many of the larger unit, and two digits of the smaller one, of which 60 make a larger.
pub(crate) fn clock(count_of_smaller: f64) -> String {
    let count = count_of_smaller.abs().round();
    let sign = if count_of_smaller < 0.0 && count > 0.0 { "−" } else { "" };
    format!("{sign}{}:{:02}", fixed((count / 60.0).floor(), 0), count % 60.0)
}

/// The power of ten of a number's first digit. The logarithm of the machine may be off by a bit, so it is looked at again.
pub(crate) fn exponent_of(size: f64) -> i32 {
    let guess = size.log10().floor() as i32;
    if size >= 10f64.powi(guess + 1) {
        guess + 1
    } else if size < 10f64.powi(guess) {
        guess - 1
    } else {
        guess
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart_and_a_rounded_zero_has_no_sign() {
        assert_eq!(fixed(1234567.5, 1), "1,234,567.5");
        assert_eq!(fixed(-1000.0, 0), "−1,000");
        assert_eq!((fixed(-0.001, 2), fixed(999.0, 0)), ("0.00".into(), "999".into()));
    }

    #[test]
    fn powers_have_raised_digits() {
        assert_eq!((power("1", -4), power("2", 30), power("−1", 5)), ("10⁻⁴".into(), "2×10³⁰".into(), "−10⁵".into()));
    }

    #[test]
    fn brief_numbers_have_three_digits() {
        let cases =
            [(0.92449, "0.924"), (1234.5, "1,234"), (0.5, "0.5"), (1e-7, "10⁻⁷"), (-2.5e8, "−2.5×10⁸"), (1e3, "1,000")];
        for (value, text) in cases {
            assert_eq!(brief(value), text);
        }
    }

    #[test]
    fn exponents_are_exact_at_powers_of_ten() {
        for exponent in -300..300 {
            let power: f64 = format!("1e{exponent}").parse().unwrap();
            assert!((exponent_of(power) - exponent).abs() <= i32::from(10f64.powi(exponent) != power));
        }
        assert_eq!((exponent_of(999.9), exponent_of(1000.0), exponent_of(0.001)), (2, 3, -3));
    }
}
