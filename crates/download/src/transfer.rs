//! One request, and what comes of it.

use std::io::{self, Read as _};

use ureq::http::header;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use crate::digest::CHUNK;
use crate::error::{DownloadError, Failure};
use crate::fetch::{Event, Wanted};
use crate::headers::{number, parse_range, text};
use crate::options::{FetchOptions, MAX_REDIRECTS, STALL_BYTES, is_web_address};
use crate::pace::Pace;
use crate::part::{Origin, Part};
use crate::redirect;

/// How a request ended badly.
pub(crate) enum Trouble {
    /// It may go better next time.
    Again(Failure),
    /// It will not go better at this address.
    Here(Failure),
    /// It will not go better anywhere.
    End(DownloadError),
}

impl From<DownloadError> for Trouble {
    fn from(error: DownloadError) -> Self {
        Self::End(error)
    }
}

/// A file at one address.
pub(crate) struct Transfer<'a> {
    url: &'a str,
    wanted: &'a Wanted,
    /// Whether a digest tells in the end if the parts fit together.
    is_checked: bool,
    options: &'a FetchOptions,
    agent: Agent,
    /// Whether this address has sent bytes of the file.
    has_sent: bool,
    /// Whether the part holds bytes that came from elsewhere or in an earlier call.
    is_foreign: bool,
}

/// An answer whose body is, or goes on with, the file.
struct Answer {
    body: Body,
    /// Bytes of the whole file.
    length: Option<u64>,
}

impl<'a> Transfer<'a> {
    pub(crate) fn new(url: &'a str, wanted: &'a Wanted, is_checked: bool, options: &'a FetchOptions) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // They are followed here, each one looked at.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("tunefork/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(options.connect_timeout))
            .timeout_connect(Some(options.connect_timeout))
            .timeout_recv_response(Some(options.answer_timeout))
            .timeout_per_read(Some(options.stall_timeout));
        if is_this_machine(url) {
            // No proxy on the way from this machine to itself.
            config = config.proxy(None);
        }
        Self { url, wanted, is_checked, options, agent: config.build().into(), has_sent: false, is_foreign: true }
    }

    /// Whether the part held bytes of others; from now on it does not.
    pub(crate) fn take_foreign(&mut self) -> bool {
        std::mem::take(&mut self.is_foreign)
    }

    /// Asks for what is missing of the file and appends it to the part.
    pub(crate) fn run(&mut self, part: &mut Part, listen: &mut dyn FnMut(Event<'_>)) -> Result<(), Trouble> {
        if !is_web_address(self.url) {
            let reason = "it begins neither with http:// nor with https://";
            return Err(Trouble::Here(Failure::Protocol(reason.to_owned())));
        }
        let resume = self.resume(part);
        if resume.is_some() && self.is_whole(part) {
            return Ok(());
        }
        let response = self.ask(resume.as_ref(), part)?;
        let answer = self.accept(response, resume.is_some(), part)?;
        self.has_sent = true;
        listen(Event::Started { url: self.url, resumed: part.length() });
        self.receive(answer, part, listen)
    }

    /// The answer of the server, or of the one that it redirects to.
    fn ask(&self, resume: Option<&Option<String>>, part: &Part) -> Result<Response<Body>, Trouble> {
        let mut url = self.url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(&url);
            if let Some(validator) = resume {
                request = request.header(header::RANGE, format!("bytes={}-", part.length()));
                if let Some(validator) = validator {
                    request = request.header(header::IF_RANGE, validator);
                }
            }
            let response = request.call().map_err(|error| self.refused(error, part))?;
            match text(&response, header::LOCATION) {
                Some(location) if response.status().is_redirection() => {
                    url = redirect::target(&url, &location).map_err(Trouble::Here)?;
                }
                _ => return Ok(response),
            }
        }
        let reason = format!("it redirects more than {MAX_REDIRECTS} times");
        Err(Trouble::Here(Failure::Protocol(reason)))
    }

    /// What the server must compare before it goes on with the part; nothing inside when the digest
    /// will tell, nothing at all when the part is of no use.
    fn resume(&self, part: &Part) -> Option<Option<String>> {
        let origin = part.origin().filter(|_| part.length() > 0);
        let validator = origin.filter(|origin| origin.url == self.url).and_then(Origin::validator);
        match (validator, part.length()) {
            (_, 0) => None,
            (Some(validator), _) => Some(Some(validator.to_owned())),
            (None, _) => self.is_checked.then_some(None),
        }
    }

    /// Whether nothing is missing of the part: the program was ended just before the last step.
    fn is_whole(&self, part: &Part) -> bool {
        let told = part.origin().and_then(|origin| origin.length);
        self.wanted.length.or(told) == Some(part.length())
    }

    /// Looks at status and lengths, and empties the part where the server begins anew.
    fn accept(&mut self, response: Response<Body>, is_range: bool, part: &mut Part) -> Result<Answer, Trouble> {
        let told = number(&response, header::CONTENT_LENGTH);
        let is_chunked = response.headers().contains_key(header::TRANSFER_ENCODING);
        let length = match response.status() {
            StatusCode::OK => told.filter(|_| !is_chunked),
            StatusCode::PARTIAL_CONTENT if is_range => self.range(&response, told, part)?,
            StatusCode::RANGE_NOT_SATISFIABLE if is_range => {
                part.clear()?;
                self.is_foreign = false;
                let reason = "the server's file is shorter than what was here".to_owned();
                return Err(Trouble::Again(Failure::Protocol(reason)));
            }
            status => return Err(of_status(status)),
        };
        self.check_length(length, is_chunked)?;
        if response.status() == StatusCode::OK {
            part.restart(Origin {
                url: self.url.to_owned(),
                etag: text(&response, header::ETAG).filter(|etag| !etag.starts_with("W/")),
                modified: text(&response, header::LAST_MODIFIED),
                length,
            })?;
            self.is_foreign = false;
        }
        Ok(Answer { body: response.into_body(), length: self.wanted.length.or(length) })
    }

    /// The length of the whole file, as an answer with a part of it says.
    fn range(&self, response: &Response<Body>, told: Option<u64>, part: &mut Part) -> Result<Option<u64>, Trouble> {
        let range = text(response, header::CONTENT_RANGE).unwrap_or_default();
        let wrong = |part: &mut Part| {
            // The next attempt asks for the whole file.
            let cleared = part.clear().map_err(Trouble::End);
            let reason = format!("the server answered with the range `{range}`, not with what was asked");
            cleared.err().unwrap_or(Trouble::Again(Failure::Protocol(reason)))
        };
        let Some((first, last, length)) = parse_range(&range) else {
            return Err(wrong(part));
        };
        let is_told_well = told.is_none_or(|told| told == last - first + 1);
        if first != part.length() || !is_told_well {
            return Err(wrong(part));
        }
        Ok(length)
    }

    fn check_length(&self, length: Option<u64>, is_chunked: bool) -> Result<(), Trouble> {
        let failure = match (length, self.wanted.length) {
            (Some(found), Some(expected)) if found != expected => Failure::Length { expected, found },
            (Some(found), None) if found > self.wanted.limit => Failure::TooLong { limit: self.wanted.limit },
            (None, None) if !is_chunked && !self.is_checked => Failure::NoLength,
            _ => return Ok(()),
        };
        Err(Trouble::Here(failure))
    }

    /// Appends the body to the part, until it ends or is seen to be bad.
    fn receive(&self, answer: Answer, part: &mut Part, listen: &mut dyn FnMut(Event<'_>)) -> Result<(), Trouble> {
        let Answer { body, length } = answer;
        let limit = length.unwrap_or(self.wanted.limit);
        let mut reader = body.into_reader();
        let mut buffer = vec![0; CHUNK];
        let mut pace = Pace::new(self.options.stall_timeout);
        loop {
            if self.options.is_stopped() {
                return Err(Trouble::End(DownloadError::Stopped {
                    path: part.path().to_path_buf(),
                    kept: part.length(),
                }));
            }
            listen(Event::Progress { done: part.length(), length });
            let cut = |reason: String| Trouble::Again(Failure::Cut { received: part.length(), length, reason });
            let count = match reader.read(&mut buffer) {
                Ok(0) if length.is_some_and(|length| part.length() < length) => {
                    return Err(cut("the server ended it".to_owned()));
                }
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(cut(words(&ureq::Error::from(error)))),
            };
            if part.length() + count as u64 > limit {
                part.clear()?;
                return Err(Trouble::Here(Failure::TooLong { limit }));
            }
            part.append(&buffer[..count])?;
            if !pace.keeps(count as u64) {
                let reason = format!("fewer than {STALL_BYTES} bytes in {:?}", pace.window);
                return Err(Trouble::Again(Failure::Cut { received: part.length(), length, reason }));
            }
        }
    }

    /// What a request came to that got no answer.
    fn refused(&self, error: ureq::Error, part: &Part) -> Trouble {
        match error {
            ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::ConnectProxyFailed(_)
            | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => self.unreachable(&error),
            ureq::Error::Io(ref cause) if !is_of_connection(cause) => self.unreachable(&error),
            ureq::Error::Io(_) | ureq::Error::Timeout(_) => Trouble::Again(Failure::Cut {
                received: part.length(),
                length: self.wanted.length,
                reason: words(&error),
            }),
            error => Trouble::Here(Failure::Protocol(words(&error))),
        }
    }

    /// A host that has sent something may come back; one that was never seen will hardly.
    fn unreachable(&self, error: &ureq::Error) -> Trouble {
        let failure = Failure::Unreachable(words(error));
        match self.has_sent {
            true => Trouble::Again(failure),
            false => Trouble::Here(failure),
        }
    }
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
fn of_status(status: StatusCode) -> Trouble {
    let failure = Failure::Status(status.as_u16());
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Trouble::Again(failure),
        status if status.is_server_error() => Trouble::Again(failure),
        _ => Trouble::Here(failure),
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
}
