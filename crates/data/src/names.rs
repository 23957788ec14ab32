//! Names of files and classes as text: readable, and different where the names are.

use std::fmt::Write as _;
use std::path::Path;

use tunefork_names::turns_direction;
use unicode_security::skeleton;

/// The text for a name of any bytes. What is no UTF-8, and what moves the cursor, is written as `\xe9`, and so is a backslash that begins
/// such a sequence: different names have different texts.
pub(crate) fn text_of(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for (place, letter) in chunk.valid().char_indices() {
            if letter.is_control() || begins_escape(&chunk.valid()[place..]) {
                escape(&mut text, letter.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(letter);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

/// A path as text that is readable, and different where paths are: what is no UTF-8, and what moves the cursor, is written as `\xe9`.
#[must_use]
pub fn shown(path: &Path) -> String {
    text_of(path.as_os_str().as_encoded_bytes())
}

/// A text without what moves the cursor or turns the direction of what follows, which is written as `\x1b`.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() || turns_direction(letter) {
            true => escape(&mut printed, letter.encode_utf8(&mut [0; 4]).as_bytes()),
            false => printed.push(letter),
        }
    }
    printed
}

/// The text of a file of names, in lines and columns divided by tabs.
pub(crate) fn text_of_lines(bytes: &[u8]) -> String {
    let line = |line: &[u8]| {
        let columns = line.split(|byte| *byte == b'\t').map(|name| text_of(name.trim_ascii()));
        columns.collect::<Vec<_>>().join("\t") + "\n"
    };
    bytes.split(|byte| *byte == b'\n').map(line).collect()
}

fn escape(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(text, "\\x{byte:02x}").expect("writing to memory");
    }
}

fn begins_escape(text: &str) -> bool {
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit();
    matches!(text.as_bytes(), [b'\\', b'x', high, low, ..] if is_hex(high) && is_hex(low))
}

/// What is equal of names that look equal, or nearly so: without case, without spaces around, and each letter as the one that it may be
/// taken for (Unicode Technical Standard 39).
pub(crate) fn look(name: &str) -> String {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    skeleton(&words.join(" ")).collect()
}

/// How two names that look equal differ, as a clause behind the first; none if a reader can see it.
pub(crate) fn difference(name: &str, other: &str) -> Option<String> {
    if name == other || look(name) != look(other) {
        return None;
    }
    if name.to_lowercase() == other.to_lowercase() {
        return Some(format!("differs from `{other}` only by capital letters"));
    }
    let words = |name: &str| name.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    if words(name) == words(other) {
        return Some(format!("differs from `{other}` by spaces"));
    }
    // `l` and `1` are seen, more or less; letters of other alphabets are not.
    let is_seen = name.is_ascii() && other.is_ascii();
    (!is_seen).then(|| format!("only looks like `{other}`: {} there, {} here", codes(other), codes(name)))
}

/// The letters of a name that tell it from others that look equal.
fn codes(name: &str) -> String {
    let all = name.is_ascii();
    let letters = name.chars().filter(|letter| all || !letter.is_ascii());
    letters.map(|letter| format!("U+{:04X}", u32::from(letter))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{difference, text_of};

    #[test]
    fn names_of_any_bytes_are_readable_and_different() {
        let cases: [(&[u8], &str); 7] = [
            ("Kühe".as_bytes(), "Kühe"),
            (b"caf\xe9", "caf\\xe9"),
            (b"caf\xe8", "caf\\xe8"),
            (b"caf\\xe9", "caf\\x5cxe9"),
            (b"a\\b", "a\\b"),
            (b"two\nlines", "two\\x0alines"),
            (b"", ""),
        ];
        for (name, text) in cases {
            assert_eq!(text_of(name), text);
        }
    }

    #[test]
    fn names_that_look_equal_are_told_apart() {
        let cases = [
            ("cat", "dog", None),
            ("cat", "cat", None),
            ("O", "0", None),
            ("Cat", "cat", Some("differs from `cat` only by capital letters")),
            ("cat ", "cat", Some("differs from `cat` by spaces")),
            ("cafe\u{301}", "caf\u{e9}", Some("only looks like `caf\u{e9}`: U+00E9 there, U+0301 here")),
            ("c\u{430}t", "cat", Some("only looks like `cat`: U+0063 U+0061 U+0074 there, U+0430 here")),
        ];
        for (name, other, wanted) in cases {
            assert_eq!(difference(name, other).as_deref(), wanted, "{name} {other}");
        }
    }
}
