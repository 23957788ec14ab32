//! Numbers of things as messages say them.

/// A whole number with a comma at every thousand.
///
/// ```
/// use tunefork_names::thousands;
///
/// assert_eq!((thousands(7), thousands(421_834), thousands(1_000_000)), ("7".into(), "421,834".into(), "1,000,000".into()));
/// ```
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something that has an ordinary plural.
///
/// ```
/// use tunefork_names::counted;
///
/// assert_eq!((counted(1, "trial"), counted(3_000, "trial")), ("1 trial".into(), "3,000 trials".into()));
/// ```
pub fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", thousands(count as u64))
}

/// How often that is: once, twice, 3 times.
///
/// ```
/// assert_eq!([1, 2, 3].map(tunefork_names::times), ["once", "twice", "3 times"]);
/// ```
pub fn times(count: usize) -> String {
    match count {
        1 => "once".to_string(),
        2 => "twice".to_string(),
        more => format!("{} times", thousands(more as u64)),
    }
}
