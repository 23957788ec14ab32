//! What the headers of an answer say.

use ureq::Body;
use ureq::http::Response;
use ureq::http::header::HeaderName;

/// First and last byte of a `Content-Range`, and the length of the whole if it is told.
pub(crate) fn parse_range(range: &str) -> Option<(u64, u64, Option<u64>)> {
    let (bytes, length) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = bytes.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    let length = match length {
        "*" => None,
        length => Some(length.parse().ok()?),
    };
    let is_inside = length.is_none_or(|length| last < length);
    (first <= last && is_inside).then_some((first, last, length))
}

/// A header as text.
pub(crate) fn text(response: &Response<Body>, name: HeaderName) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.trim().to_owned())
}

/// A header that is a whole number.
pub(crate) fn number(response: &Response<Body>, name: HeaderName) -> Option<u64> {
    text(response, name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_strictly() {
        assert_eq!(parse_range("bytes 5-9/10"), Some((5, 9, Some(10))));
        assert_eq!(parse_range("bytes 5-9/*"), Some((5, 9, None)));
        for wrong in ["bytes */10", "bytes 9-5/10", "bytes 5-10/10", "5-9/10", "bytes 5-/10", ""] {
            assert_eq!(parse_range(wrong), None, "{wrong:?}");
        }
    }
}
