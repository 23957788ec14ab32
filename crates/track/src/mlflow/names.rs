//! What MLflow takes for names and values.

/// The longest name of a parameter, a metric or a tag.
const LONGEST_KEY: usize = 250;

/// The longest value, in characters.
const LONGEST_VALUE: usize = 6000;

/// A name as MLflow takes it. A slash is a dot: a store of files has a folder where a name has a slash, which could not lie beside the file
/// of `recall`.
pub(super) fn key(name: &str) -> String {
    let taken = |c: char| match c {
        '/' => '.',
        '_' | '-' | '.' | ' ' => c,
        c if c.is_alphanumeric() => c,
        _ => '_',
    };
    let key: String = name.chars().map(taken).take(LONGEST_KEY).collect();
    if key.trim_matches('.').is_empty() { "_".to_owned() } else { key }
}

/// A value as text.
pub(super) fn text(value: &serde_json::Value) -> String {
    shortened(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

pub(super) fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

/// A text in an address: all but letters, digits and a few marks as %XX.
pub(super) fn percent(text: &str, kept: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() || "-_.~".contains(char::from(byte)) {
        _ if kept.contains(char::from(byte)) => char::from(byte).to_string(),
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// 32 hexadecimal digits that follow from a text: FNV-1a of 128 bits. They name runs, and keep nothing secret.
pub(super) fn digest(text: &str) -> String {
    let fold = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B);
    format!("{:032x}", text.bytes().fold(0x6C62_272E_07BB_0142_62B8_2175_6295_C58D, fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_mlflow_takes() {
        assert_eq!(key("recall/dog & wolf"), "recall.dog _ wolf");
        assert_eq!(key("channels.start"), "channels.start");
        assert_eq!(key("élan:1"), "élan_1");
        assert_eq!((key(""), key("..")), ("_".to_owned(), "_".to_owned()));
        assert_eq!(key(&"x".repeat(300)).len(), 250);
    }

    #[test]
    fn values_are_no_longer_than_mlflow_takes() {
        assert_eq!(shortened("é".repeat(6001)).chars().count(), 6000);
        assert_eq!(text(&serde_json::json!("adam")), "adam");
        assert_eq!(text(&serde_json::json!({ "log": [0.1, 1] })), r#"{"log":[0.1,1]}"#);
    }

    #[test]
    fn addresses_have_no_spaces() {
        assert_eq!(percent("a b/é", ""), "a%20b%2F%C3%A9");
        assert_eq!(percent("/a b", "/"), "/a%20b");
    }

    #[test]
    fn digests_are_those_of_fnv() {
        assert_eq!(digest(""), "6c62272e07bb014262b821756295c58d");
        assert_eq!(digest("a"), "d228cb696f1a8caf78912b704e4a8964");
    }
}
