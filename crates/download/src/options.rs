//! What may be set, and the limits that hold when nothing is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::DownloadError;

/// The longest that a server may send nothing.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The seconds before an address is tried again; when they are used up, the next address is.
const BACKOFF: [u64; 4] = [1, 2, 5, 10];

/// How files are fetched.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// An address that is tried first: below it files lie as below a data folder.
    pub mirror: Option<String>,
    /// The longest that a server may send nothing; 30 s by default.
    pub stall_timeout: Duration,
    /// The waits before further attempts at one address; by default 1, 2, 5 and 10 s.
    pub backoff: Vec<Duration>,
    /// Raised by another thread to stop; what has arrived is kept.
    pub stop: Arc<AtomicBool>,
}

impl Default for FetchOptions {
    fn default() -> Self {
        let backoff = BACKOFF.map(Duration::from_secs).to_vec();
        Self { mirror: None, stall_timeout: STALL_TIMEOUT, backoff, stop: Arc::default() }
    }
}

impl FetchOptions {
    /// The mirror to use: the one that was given, else what the environment variable `TUNEFORK_MIRROR` says.
    ///
    /// # Errors
    /// [`DownloadError::Mirror`] when it is no address.
    pub fn mirror(given: Option<&str>) -> Result<Option<String>, DownloadError> {
        let value = given.map(str::to_owned).or_else(|| std::env::var("TUNEFORK_MIRROR").ok());
        match value.filter(|value| !value.trim().is_empty()) {
            Some(value) if !is_web_address(&value) => Err(DownloadError::Mirror(without_user(&value))),
            value => Ok(value),
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Whether a text begins as an address of the web does.
pub(crate) fn is_web_address(url: &str) -> bool {
    has_scheme(url, "http") || has_scheme(url, "https")
}

/// An address as it may be shown: without user and password.
pub(crate) fn without_user(url: &str) -> String {
    let start = url.find("://").map_or(0, |place| place + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |place| start + place);
    match url[start..end].rfind('@') {
        Some(at) => format!("{}{}", &url[..start], &url[start + at + 1..]),
        None => url.to_owned(),
    }
}

/// Whether an address begins with `scheme://`.
pub(crate) fn has_scheme(url: &str, scheme: &str) -> bool {
    let found = url.split_once("://");
    found.is_some_and(|(found, host)| found.eq_ignore_ascii_case(scheme) && !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("http://me:secret@host:80/a@b", "http://host:80/a@b"),
            ("https://host/a@b", "https://host/a@b"),
            ("me:secret@host", "host"),
        ] {
            assert_eq!(without_user(url), shown);
        }
    }

    #[test]
    fn a_mirror_is_an_address() {
        let mirror = FetchOptions::mirror(Some("HTTP://localhost:8000/sets")).unwrap();
        assert_eq!(mirror.as_deref(), Some("HTTP://localhost:8000/sets"));
        assert_eq!(FetchOptions::mirror(Some(" ")).unwrap(), None);
        for wrong in ["ftp://example.org/", "example.org", "https://", "/srv/data"] {
            let error = FetchOptions::mirror(Some(wrong)).unwrap_err();
            assert!(error.is_input() && error.to_string().contains(wrong), "{error}");
        }
    }
}
