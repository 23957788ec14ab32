//! One request, and what comes of it.

use std::io::{self, Read as _};
use std::time::Duration;

use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderName, RANGE};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use crate::error::{DownloadError, Failure};
use crate::fetch::{Event, Wanted};
use crate::options::{FetchOptions, has_scheme, is_web_address, without_user};
use crate::part::PartFile;

/// The longest that finding a host and connecting to it may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest that a server may think before it answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The most redirects that are followed from one address.
const MAX_REDIRECTS: u32 = 8;

/// Bytes that are taken from a server at once.
const CHUNK: usize = 64 * 1024;

/// How a request ended badly, and what to do about it.
pub(crate) enum TransferError {
    /// It may go better next time.
    Retry(Failure),
    /// It will not go better at this address.
    GiveUp(Failure),
    /// It will not go better anywhere.
    Abort(DownloadError),
}

impl From<DownloadError> for TransferError {
    fn from(error: DownloadError) -> Self {
        Self::Abort(error)
    }
}

/// A file at one address.
pub(crate) struct Transfer<'a> {
    url: &'a str,
    wanted: &'a Wanted,
    options: &'a FetchOptions,
    agent: Agent,
    /// Whether this address has sent bytes of the file.
    has_sent: bool,
}

impl<'a> Transfer<'a> {
    pub(crate) fn new(url: &'a str, wanted: &'a Wanted, options: &'a FetchOptions) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(MAX_REDIRECTS)
            // Encryption is not given up on the way.
            .https_only(has_scheme(url, "https"))
            .accept_encoding("identity")
            .user_agent(concat!("tunefork/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .timeout_per_read(Some(options.stall_timeout));
        if is_this_machine(url) {
            // No proxy on the way from this machine to itself.
            config = config.proxy(None);
        }
        Self { url, wanted, options, agent: config.build().into(), has_sent: false }
    }

    /// Asks for what is missing of the file and appends it to the part.
    pub(crate) fn run(&mut self, part: &mut PartFile, listen: &mut dyn FnMut(Event<'_>)) -> Result<(), TransferError> {
        if !is_web_address(self.url) {
            let reason = "it begins neither with http:// nor with https://";
            return Err(TransferError::GiveUp(Failure::Protocol(reason.to_owned())));
        }
        if part.length() == self.wanted.length {
            // The program was ended just before the last step.
            return Ok(());
        }
        if part.length() > self.wanted.length {
            part.clear()?;
        }
        let mut request = self.agent.get(self.url);
        if part.length() > 0 {
            request = request.header(RANGE, format!("bytes={}-", part.length()));
        }
        let response = request.call().map_err(|error| self.refused(error, part))?;
        self.accept(&response, part)?;
        self.has_sent = true;
        listen(Event::Started { url: &without_user(self.url), resumed: part.length() });
        self.receive(response.into_body(), part, listen)
    }

    /// Looks at status, length and range, and empties the part where the server begins anew.
    fn accept(&self, response: &Response<Body>, part: &mut PartFile) -> Result<(), TransferError> {
        let expected = self.wanted.length;
        match response.status() {
            StatusCode::OK => {
                let told = text(response, CONTENT_LENGTH).and_then(|length| length.parse().ok());
                if let Some(found) = told.filter(|found| *found != expected) {
                    return Err(TransferError::GiveUp(Failure::Length { expected, found }));
                }
                Ok(part.clear()?)
            }
            StatusCode::PARTIAL_CONTENT if part.length() > 0 => {
                let range = text(response, CONTENT_RANGE).unwrap_or_default();
                if range.starts_with(&format!("bytes {}-{}/", part.length(), expected - 1)) {
                    return Ok(());
                }
                // The next attempt asks for the whole file.
                part.clear()?;
                let reason = format!("the server answered with the range `{range}`, not with what was asked");
                Err(TransferError::Retry(Failure::Protocol(reason)))
            }
            status => Err(of_status(status)),
        }
    }

    /// Appends the body to the part, until it ends or is seen to be bad.
    fn receive(&self, body: Body, part: &mut PartFile, listen: &mut dyn FnMut(Event<'_>)) -> Result<(), TransferError> {
        let length = self.wanted.length;
        let mut reader = body.into_reader();
        let mut buffer = vec![0; CHUNK];
        loop {
            if self.options.is_stopped() {
                return Err(TransferError::Abort(DownloadError::stopped(part)));
            }
            listen(Event::Progress { done: part.length(), length });
            let count = match reader.read(&mut buffer) {
                Ok(0) if part.length() < length => return Err(self.cut(part, "the server ended it".to_owned())),
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.cut(part, words(&ureq::Error::from(error)))),
            };
            if part.length() + count as u64 > length {
                part.clear()?;
                return Err(TransferError::GiveUp(Failure::TooLong { limit: length }));
            }
            part.append(&buffer[..count])?;
        }
    }

    fn cut(&self, part: &PartFile, reason: String) -> TransferError {
        TransferError::Retry(Failure::Cut { received: part.length(), length: self.wanted.length, reason })
    }

    /// What a request came to that got no answer.
    fn refused(&self, error: ureq::Error, part: &PartFile) -> TransferError {
        match error {
            ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::ConnectProxyFailed(_)
            | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => self.unreachable(&error),
            ureq::Error::Io(ref cause) if !is_of_connection(cause) => self.unreachable(&error),
            ureq::Error::Io(_) | ureq::Error::Timeout(_) => self.cut(part, words(&error)),
            ureq::Error::RequireHttpsOnly(to) => {
                TransferError::GiveUp(Failure::Protocol(format!("it redirects from https to {to}, which is refused")))
            }
            ureq::Error::TooManyRedirects => {
                TransferError::GiveUp(Failure::Protocol(format!("it redirects more than {MAX_REDIRECTS} times")))
            }
            error => TransferError::GiveUp(Failure::Protocol(words(&error))),
        }
    }

    /// A host that has sent something may come back; one that was never seen will hardly.
    fn unreachable(&self, error: &ureq::Error) -> TransferError {
        let failure = Failure::Unreachable(words(error));
        match self.has_sent {
            true => TransferError::Retry(failure),
            false => TransferError::GiveUp(failure),
        }
    }
}

fn text(response: &Response<Body>, name: HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// Whether an error comes from a connection that stood.
fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

/// Whether trying again can help with this status: the server or the network was at fault.
fn of_status(status: StatusCode) -> TransferError {
    let failure = Failure::Status(status.as_u16());
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => TransferError::Retry(failure),
        status if status.is_server_error() => TransferError::Retry(failure),
        _ => TransferError::GiveUp(failure),
    }
}

/// Whether the address is one of this machine.
fn is_this_machine(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let bare = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ["localhost", "127.0.0.1", "[::1]"].contains(&bare)
}

/// An error of the client in words, without the crate's prefixes.
fn words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for url in ["http://localhost/a", "http://127.0.0.1:80/", "https://[::1]:8443"] {
            assert!(is_this_machine(url), "{url}");
        }
        for url in ["http://localhost.example.org/", "http://example.org/localhost", ""] {
            assert!(!is_this_machine(url), "{url}");
        }
    }

    /// A redirect from https to http is then refused.
    #[test]
    fn encryption_is_not_given_up() {
        let wanted = Wanted::default();
        let options = FetchOptions::default();
        for (url, is_encrypted) in [("HTTPS://example.org/a.zip", true), ("http://example.org/a.zip", false)] {
            let transfer = Transfer::new(url, &wanted, &options);
            assert_eq!(transfer.agent.config().https_only(), is_encrypted, "{url}");
            let refused = ureq::Error::RequireHttpsOnly("http://b/".to_owned());
            let folder = tempfile::tempdir().unwrap();
            let part = PartFile::open(&folder.path().join("set.zip")).unwrap();
            assert!(matches!(transfer.refused(refused, &part), TransferError::GiveUp(Failure::Protocol(_))));
        }
    }
}
