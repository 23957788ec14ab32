//! Names as they can stand in a picture: cleaned, measured, shortened, escaped.

use std::collections::{BTreeMap, BTreeSet};

/// Letters of a name that are looked at; nothing in a chart has room for more.
const LONGEST: usize = 1_000;
/// Marks on one letter that are kept: more of them grow out of the line.
const MOST_MARKS: usize = 3;
const ELLIPSIS: char = '…';

/// A text on one line, of characters that XML 1.0 allows and without those that turn the direction of what follows.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::new();
    let mut marks = 0;
    for c in text.chars().take(LONGEST) {
        let c = if c.is_whitespace() { ' ' } else { c };
        marks = if advance(c) == 0.0 { marks + 1 } else { 0 };
        let is_repeated_space = c == ' ' && (cleaned.is_empty() || cleaned.ends_with(' '));
        if is_allowed(c) && marks <= MOST_MARKS && !is_repeated_space {
            cleaned.push(c);
        }
    }
    cleaned.truncate(cleaned.trim_end().len());
    if text.chars().nth(LONGEST).is_some() {
        cleaned.push(ELLIPSIS);
    }
    cleaned
}

fn is_allowed(c: char) -> bool {
    let turns_direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // The last two of each plane are no characters, and XML 1.0 forbids those of the first plane.
    let is_no_character = u32::from(c) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}');
    !c.is_control() && !turns_direction && !is_no_character
}

/// The text with what means something to XML written otherwise.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// About how wide a text is at this size, in pixels: wide enough for the usual sans-serif fonts.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// The beginning of a cleaned text that fits into this room, with an ellipsis if something is missing.
pub(crate) fn shortened(text: &str, room: f64, size: f64) -> String {
    if width(text, size) <= room {
        return text.to_string();
    }
    let mut left = room / size - advance(ELLIPSIS);
    let mut kept = String::new();
    for c in text.chars() {
        left -= advance(c);
        if left < 0.0 {
            break;
        }
        kept.push(c);
    }
    // What joins two letters would join the last one with the ellipsis.
    kept.truncate(kept.trim_end_matches(['\u{200d}', ' ']).len());
    kept.push(ELLIPSIS);
    kept
}

/// Names side by side, each cleaned and shortened to this room: what is shown, and the whole. Names whose beginnings are the same are
/// shown by their ends, and those that still look alike by their numbers.
pub(crate) fn told_apart(names: &[String], room: f64, size: f64) -> Vec<(String, String)> {
    let whole: Vec<String> = names.iter().map(|name| clean(name)).collect();
    let mut shown: Vec<String> = whole.iter().map(|name| shortened(name, room, size)).collect();
    let ways: [&dyn Fn(usize) -> String; 2] = [&|i| shortened_in_front(&whole[i], room, size), &|i| {
        shortened(&format!("{} {}", i + 1, whole[i]), room, size)
    }];
    for shorten in ways {
        let mut meant: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (shown, whole) in shown.iter().zip(&whole) {
            meant.entry(shown).or_default().insert(whole);
        }
        let alike: Vec<usize> = (0..names.len()).filter(|&i| meant[shown[i].as_str()].len() > 1).collect();
        alike.into_iter().for_each(|i| shown[i] = shorten(i));
    }
    shown.into_iter().zip(whole).collect()
}

/// The end of a cleaned text that fits into this room, behind an ellipsis.
fn shortened_in_front(text: &str, room: f64, size: f64) -> String {
    if width(text, size) <= room {
        return text.to_string();
    }
    let mut left = room / size - advance(ELLIPSIS);
    let fits = |c: &char| {
        left -= advance(*c);
        left >= 0.0
    };
    let kept: Vec<char> = text.chars().rev().take_while(fits).collect();
    let kept: String = kept.into_iter().rev().collect();
    // A mark without its letter would sit on the ellipsis.
    let kept = kept.trim_start_matches(|c: char| c == ' ' || advance(c) == 0.0);
    format!("{ELLIPSIS}{kept}")
}

/// The width of a character as a part of the font's size. Means over Segoe UI, Roboto, Helvetica and DejaVu Sans, rounded up:
/// a label that is thought too wide costs a little room, one that is thought too narrow runs into its neighbour.
fn advance(c: char) -> f64 {
    match c {
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}' => 0.0,
        '\u{64b}'..='\u{65f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' => 0.0,
        '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{200b}'..='\u{200f}' => 0.0,
        '\u{2060}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{feff}' => 0.0,
        '\u{e0000}'..='\u{e0fff}' => 0.0,
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.31,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '\\' | '-' => 0.38,
        '⁰'..='⁹' | '¹' | '²' | '³' | '⁻' => 0.4,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '—' | '…' => 0.95,
        'A'..='Z' => 0.7,
        '+' | '=' | '<' | '>' | '−' | '×' | '#' | '~' => 0.8,
        '0'..='9' | '_' => 0.62,
        ' '..='~' => 0.6,
        // One letter as long as a sentence, and the wide signs of cuneiform.
        '\u{fdfa}'..='\u{fdfd}' | '\u{12000}'..='\u{1254f}' => 4.0,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' => 1.05,
        '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ffe6}' | '\u{20000}'..='\u{3ffff}' => 1.05,
        '\u{2300}'..='\u{2bff}' | '\u{1f000}'..='\u{1ffff}' => 1.35,
        _ => 0.7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_and_what_turns_the_direction_is_left_out() {
        assert_eq!(clean("a\0b\u{7}c\u{fffe}d\u{ffff}e\u{202e}f\u{85}g"), "abcdef g");
        assert_eq!(clean("  two\r\n\tlines \n"), "two lines");
        assert_eq!(clean(&format!("e{}", "\u{301}".repeat(50))).chars().count(), 1 + MOST_MARKS);
        assert_eq!(clean(&"x".repeat(10_000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn marks_of_xml_are_escaped() {
        assert_eq!(escaped("<a b=\"c\">&'"), "&lt;a b=&quot;c&quot;&gt;&amp;'");
    }

    #[test]
    fn names_that_begin_alike_are_told_apart() {
        let shown = |names: &[&str], room: f64| -> Vec<String> {
            let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            told_apart(&names, room, 12.0).into_iter().map(|(shown, _)| shown).collect()
        };
        assert_eq!(shown(&["dropout", "kernel"], 100.0), ["dropout", "kernel"]);
        let ends = shown(&["dropout=0.3 kernel=3", "dropout=0.3 kernel=5"], 70.0);
        assert!(ends[0].starts_with('…') && ends[0].ends_with("=3") && ends[1].ends_with("=5"), "{ends:?}");
        let numbers = shown(&["the same begin - a - the same end", "the same begin - b - the same end"], 60.0);
        assert!(numbers[0].starts_with("1 the") && numbers[1].starts_with("2 the"), "{numbers:?}");
        assert_eq!(shown(&["twice and long", "twice and long"], 40.0)[0], shown(&["twice and long"], 40.0)[0]);
    }

    #[test]
    fn what_does_not_fit_is_shortened_to_what_does() {
        assert_eq!(shortened("short", 100.0, 12.0), "short");
        let long = shortened("a very long name", 60.0, 12.0);
        assert!(long.ends_with('…') && long.starts_with("a ver"), "{long}");
        assert!(width(&long, 12.0) <= 60.0);
        assert_eq!(shortened("none of it", 3.0, 12.0), "…");
    }
}
