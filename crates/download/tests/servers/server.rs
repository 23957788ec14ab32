//! An HTTP server in a thread, which answers as a test tells it to, however badly.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub path: String,
    /// Header values by their small names.
    pub headers: HashMap<String, String>,
    /// How many requests came before.
    pub number: usize,
}

impl Asked {
    /// The first byte that is asked for, if not all are.
    pub(crate) fn first_byte(&self) -> Option<usize> {
        let range = self.headers.get("range")?;
        range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// An answer; the connection is closed after it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    cut: Option<usize>,
    /// Bytes that are sent at once, and the rest after which the next ones are.
    pace: Option<(usize, Duration)>,
    is_chunked: bool,
}

impl Answer {
    /// An answer without body.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// All of `bytes`, with their length.
    pub(crate) fn whole(bytes: &[u8]) -> Self {
        let mut answer = Self::status(200).header("Content-Length", bytes.len());
        answer.body = bytes.to_vec();
        answer
    }

    /// All of `bytes` without a length; they end where the connection does.
    pub(crate) fn endless(bytes: &[u8]) -> Self {
        let mut answer = Self::status(200);
        answer.body = bytes.to_vec();
        answer
    }

    /// All of `bytes`, in chunks.
    pub(crate) fn chunked(bytes: &[u8]) -> Self {
        let mut answer = Self::status(200).header("Transfer-Encoding", "chunked");
        answer.body = bytes.to_vec();
        answer.is_chunked = true;
        answer
    }

    /// `bytes` from `first` on, as they were asked for.
    pub(crate) fn rest(bytes: &[u8], first: usize) -> Self {
        let range = format!("bytes {first}-{}/{}", bytes.len() - 1, bytes.len());
        let mut answer = Self::status(206).header("Content-Range", range).header("Content-Length", bytes.len() - first);
        answer.body = bytes[first..].to_vec();
        answer
    }

    /// What a good server answers: the rest if that is asked for and the file is still the same one.
    pub(crate) fn honest(asked: &Asked, bytes: &[u8], etag: &str) -> Self {
        let condition = asked.headers.get("if-range");
        let is_same = condition.is_none_or(|condition| condition == etag);
        let answer = match asked.first_byte().filter(|_| is_same) {
            Some(first) if first >= bytes.len() => {
                Self::status(416).header("Content-Range", format!("bytes */{}", bytes.len()))
            }
            Some(first) => Self::rest(bytes, first),
            None => Self::whole(bytes),
        };
        answer.header("ETag", etag)
    }

    /// With another header, or another value of one.
    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Closes the connection after so many bytes of the body.
    pub(crate) fn cut(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    /// Sends so many bytes, rests, and so on.
    pub(crate) fn slowly(mut self, bytes: usize, rest: Duration) -> Self {
        self.pace = Some((bytes, rest));
        self
    }

    fn send(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        write!(stream, "HTTP/1.1 {} Words\r\nConnection: close\r\n", self.status)?;
        for (name, value) in &self.headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        write!(stream, "\r\n")?;
        let sent = self.cut.unwrap_or(self.body.len()).min(self.body.len());
        let (step, rest) = self.pace.unwrap_or((16 * 1024, Duration::ZERO));
        for piece in self.body[..sent].chunks(step) {
            match self.is_chunked {
                true => {
                    write!(stream, "{:x}\r\n", piece.len())?;
                    stream.write_all(piece)?;
                    stream.write_all(b"\r\n")?;
                }
                false => stream.write_all(piece)?,
            }
            stream.flush()?;
            thread::sleep(rest);
        }
        match self.is_chunked && self.cut.is_none() {
            true => stream.write_all(b"0\r\n\r\n"),
            false => Ok(()),
        }
    }
}

/// A server on this machine; it goes on until the test's process ends.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// A server that answers every request by `answer`.
    pub(crate) fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || {
                    let Some(mut asked) = read(&stream) else {
                        return;
                    };
                    {
                        let mut log = log.lock().expect("no panic");
                        asked.number = log.len();
                        log.push(asked.clone());
                    }
                    // Clients may go away whenever they like.
                    let _ = answer(&asked).send(&stream);
                });
            }
        });
        Self { port, asked }
    }

    /// A server that gives `bytes` to everyone, as a good one does.
    pub(crate) fn honest(bytes: &[u8]) -> Self {
        let bytes = bytes.to_vec();
        Self::new(move |asked| Answer::honest(asked, &bytes, "\"1\""))
    }

    /// An address on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// The requests until now.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    Some(Asked { path, headers, number: 0 })
}
