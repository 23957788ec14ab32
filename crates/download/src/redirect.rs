//! Where a redirect leads, if it may.

use crate::error::Failure;
use crate::options::{has_scheme, is_web_address};

/// The address that `location` means in an answer from `url`.
///
/// Only addresses of the web are followed, and none without encryption from one with it.
pub(crate) fn target(url: &str, location: &str) -> Result<String, Failure> {
    let location = location.split('#').next().unwrap_or_default().trim();
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let path = &rest[host.len()..];
    let path = path.split('?').next().unwrap_or_default();
    let found = if has_any_scheme(location) {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{host}{location}")
    } else {
        let folder = path.rfind('/').map_or("", |end| &path[..end]);
        format!("{scheme}://{host}{folder}/{location}")
    };
    if location.is_empty() || !is_web_address(&found) {
        let reason = format!("it redirects to `{location}`, which is no address of the web");
        return Err(Failure::Protocol(reason));
    }
    if has_scheme(url, "https") && !has_scheme(&found, "https") {
        return Err(Failure::Downgrade(found));
    }
    Ok(found)
}

/// Whether a text begins with a scheme (RFC 3986), of the web or another one.
fn has_any_scheme(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.split_once(':')
        .is_some_and(|(scheme, _)| scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_resolved() {
        let from = "https://example.org/sets/a.zip?key=/1";
        for (location, expected) in [
            ("https://other.org/b.zip", "https://other.org/b.zip"),
            ("HTTPS://other.org/b.zip#part", "HTTPS://other.org/b.zip"),
            ("//other.org/b.zip", "https://other.org/b.zip"),
            ("/b.zip?at=1:2", "https://example.org/b.zip?at=1:2"),
            ("b.zip", "https://example.org/sets/b.zip"),
        ] {
            assert_eq!(target(from, location).as_deref(), Ok(expected), "{location}");
        }
        assert_eq!(target("http://a:80", "b").as_deref(), Ok("http://a:80/b"));
        assert_eq!(target("http://a", "https://b/").as_deref(), Ok("https://b/"));
    }

    #[test]
    fn encryption_is_not_given_up() {
        let found = target("https://example.org/a.zip", "http://example.org/b.zip");
        assert_eq!(found, Err(Failure::Downgrade("http://example.org/b.zip".to_owned())));
    }

    #[test]
    fn only_the_web_is_followed() {
        for location in ["ftp://a/b", "file:///etc/passwd", "data:,a", "", "#a", "https://"] {
            let found = target("http://example.org/a.zip", location);
            assert!(matches!(found, Err(Failure::Protocol(_))), "{location}: {found:?}");
        }
    }
}
