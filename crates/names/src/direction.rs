/// Whether a letter is not seen, but turns the direction of what stands behind it: a name that has it can make a line tell another story
/// ("Trojan source", Boucher and Anderson, 2021).
///
/// ```
/// assert!(tunefork_names::turns_direction('\u{202e}') && !tunefork_names::turns_direction('م'));
/// ```
#[must_use]
pub fn turns_direction(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
