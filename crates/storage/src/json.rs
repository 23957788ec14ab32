//! JSON as Python's `json` module writes and reads it, since that is what Optuna's tools do.

use serde_json::Value as Json;
use std::fmt::Write;
use tunefork_space::{Params, Value};

/// What stands in place of the bare tokens `NaN` and `Infinity` while a text is strict JSON.
const NOT_FINITE: &str = "not finite";

/// An attribute's value. Python writes what no other reader of JSON takes, such as a number of 400 digits: then it is a text.
pub(crate) fn parse_or_text(source: String) -> Json {
    parse(&source).unwrap_or_else(|_| source.into())
}

/// A number as Python's `repr` writes it: `0.9`, `1e-05`, `1e+16`, `NaN`, `-Infinity`.
pub(crate) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    // Rust's shortest digits are Python's; only the rule for exponents differs.
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { plain + ".0" }
}

/// A text in quotes, with everything but printable ASCII escaped.
pub(crate) fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for unit in value.chars() {
        match unit {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(unit),
            _ => {
                for half in unit.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{half:04x}").expect("a String takes everything");
                }
            }
        }
    }
    out.push('"');
    out
}

pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => float(*value),
        Value::Text(value) => text(value),
    }
}

pub(crate) fn params(params: &Params) -> String {
    let pairs: Vec<String> = params.iter().map(|(name, v)| format!("{}: {}", text(name), value(v))).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// Reads JSON that may hold `NaN`, `Infinity` and `-Infinity`.
pub(crate) fn parse(source: &str) -> Result<Json, serde_json::Error> {
    match serde_json::from_str(source) {
        Ok(json) => Ok(json),
        Err(_) => serde_json::from_str(&make_strict(source)),
    }
}

/// Replaces bare tokens outside of texts by an object that names them, and in texts halves of characters, which Python's
/// may hold, by the sign for what cannot be shown.
fn make_strict(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let token = ["-Infinity", "Infinity", "NaN"].into_iter().find(|token| rest.starts_with(token));
        if let Some(token) = token {
            write!(out, "{{\"{NOT_FINITE}\": \"{token}\"}}").expect("a String takes everything");
            rest = &rest[token.len()..];
        } else {
            let length = match first {
                '"' => quoted_length(rest),
                other => other.len_utf8(),
            };
            push_whole(&mut out, &rest[..length]);
            rest = &rest[length..];
        }
    }
    out
}

/// Appends a piece of JSON in which each `\ud800` to `\udfff` is half of a pair.
fn push_whole(out: &mut String, piece: &str) {
    let half = |at: usize| {
        let digits = piece.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let is_of =
        |half: Option<u16>, range: std::ops::RangeInclusive<u16>| half.is_some_and(|half| range.contains(&half));
    let (mut at, bytes) = (0, piece.as_bytes());
    while at < bytes.len() {
        let length = match bytes[at] {
            b'\\' if is_of(half(at), 0xd800..=0xdbff) && is_of(half(at + 6), 0xdc00..=0xdfff) => 12,
            b'\\' if is_of(half(at), 0xd800..=0xdfff) => {
                out.push('\u{fffd}');
                at += 6;
                continue;
            }
            b'\\' => piece[at..].chars().take(2).map(char::len_utf8).sum(),
            _ => piece[at..].chars().next().map_or(1, char::len_utf8),
        };
        out.push_str(&piece[at..at + length]);
        at += length;
    }
}

/// Bytes of the text in quotes that `source` begins with.
fn quoted_length(source: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in source.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    source.len()
}

/// A parameter value from what [`parse`] returned.
pub(crate) fn to_value(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => Value::Int(value),
            None => Value::Float(number.as_f64()?),
        },
        Json::String(value) => Value::Text(value.clone()),
        // No parameter has a list or a table for its value, but another program may ask for it.
        Json::Object(_) => to_float(json).map_or_else(|| Value::Text(json.to_string()), Value::Float),
        Json::Array(_) => Value::Text(json.to_string()),
    })
}

/// A number from what [`parse`] returned.
pub(crate) fn to_float(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        Json::Object(map) => match map.get(NOT_FINITE)?.as_str()? {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// Names and values from what [`parse`] returned.
pub(crate) fn to_params(json: &Json) -> Option<Params> {
    let map = json.as_object()?;
    map.iter().map(|(name, json)| Some((name.clone(), to_value(json)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_are_written_as_python_does() {
        // Left: what `repr` of Python 3.12 prints.
        for (python, value) in [
            ("0.0", 0.0),
            ("-0.0", -0.0),
            ("1.0", 1.0),
            ("0.9", 0.9),
            ("0.0001", 1e-4),
            ("1e-05", 1e-5),
            ("1.5e-07", 1.5e-7),
            ("1000000000000000.0", 1e15),
            ("1e+16", 1e16),
            ("1.2345e+20", 1.2345e20),
            ("5e-324", 5e-324),
            ("1.7976931348623157e+308", f64::MAX),
            ("NaN", f64::NAN),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(float(value), python);
        }
    }

    #[test]
    fn texts_are_ascii() {
        assert_eq!(text("a\"\\\n\u{1}é😀"), r#""a\"\\\n\u0001\u00e9\ud83d\ude00""#);
        assert_eq!(text("\r\t\u{8}\u{c} ~\u{7f}"), r#""\r\t\b\f ~\u007f""#);
    }

    #[test]
    fn bare_tokens_are_read_outside_of_texts_only() {
        let json = parse(r#"[NaN, -Infinity, Infinity, "NaN \" -Infinity", 1]"#).unwrap();
        let values: Vec<Value> = json.as_array().unwrap().iter().flat_map(to_value).collect();
        assert_eq!(
            values,
            [
                Value::Float(f64::NAN),
                Value::Float(f64::NEG_INFINITY),
                Value::Float(f64::INFINITY),
                Value::Text("NaN \" -Infinity".to_owned()),
                Value::Int(1),
            ]
        );
    }

    /// Left: what Python's `json.dumps` gives for `['\ud800', '\\ud800', '😀\udc00', {'a': 1}, nan]`.
    #[test]
    fn halves_of_characters_and_tables_are_texts() {
        let json = parse(r#"["\ud800", "\\ud800", "\ud83d\ude00\udc00", {"a": 1}, NaN]"#).unwrap();
        let values: Vec<Value> = json.as_array().unwrap().iter().flat_map(to_value).collect();
        let texts = ["\u{fffd}", "\\ud800", "😀\u{fffd}", r#"{"a":1}"#].map(Value::from);
        assert_eq!(values[..4], texts);
        assert!(values[4].as_f64().is_some_and(f64::is_nan), "{:?}", values[4]);
    }

    proptest! {
        #[test]
        fn numbers_come_back_with_their_bits(bits: u64) {
            let number = f64::from_bits(bits);
            let back = to_float(&parse(&float(number)).unwrap()).unwrap();
            prop_assert!(back.to_bits() == bits || number.is_nan() && back.is_nan());
        }

        #[test]
        fn texts_come_back(source in ".*") {
            prop_assert_eq!(parse(&text(&source)).unwrap(), Json::String(source));
        }
    }
}
