//! Answers that are not the file.

use std::io::Write as _;
use std::net::TcpListener;

use tunefork_download::Failure;

use crate::server::{Answer, Server};
use crate::support::{Place, failures, get, noise, quick};

#[test]
fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let attempts = 1 + quick().backoff.len();
    let cases = [(404, 1), (403, 1), (410, 1), (204, 1), (408, attempts), (429, attempts), (500, attempts)];
    for (status, times) in cases {
        let server = Server::new(move |_| Answer::status(status).header("Content-Length", 0));
        let place = Place::new();
        let found = failures(&place.published(b"?", &[&server]));
        assert_eq!(found, [Failure::Status(status)]);
        assert_eq!(server.asked().len(), times, "{status}");
        assert_eq!(place.names(), Vec::<String>::new());
    }
}

#[test]
fn a_server_that_recovers_is_used() {
    let bytes = noise(1000);
    let whole = bytes.clone();
    let server = Server::new(move |asked| match asked.number {
        0 => Answer::status(500),
        1 => Answer::status(429),
        _ => Answer::honest(asked, &whole, "\"1\""),
    });
    let place = Place::new();
    get(&place.published(&bytes, &[&server])).unwrap();
    assert_eq!(place.read("set.zip"), bytes);
}

#[test]
fn redirects_end_somewhere() {
    let circle = Server::new(|_| Answer::status(302).header("Location", "/set.zip"));
    let place = Place::new();
    let found = failures(&place.published(b"?", &[&circle]));
    assert_eq!(found, [Failure::Protocol("it redirects more than 8 times".to_owned())]);
    assert_eq!(circle.asked().len(), 9);
}

#[test]
fn redirects_lead_only_to_the_web() {
    for place_of_file in ["ftp://127.0.0.1/set.zip", "file:///etc/hostname", "gopher://127.0.0.1/"] {
        let server = Server::new(move |_| Answer::status(302).header("Location", place_of_file));
        let place = Place::new();
        let found = failures(&place.published(b"?", &[&server]));
        assert!(matches!(found[..], [Failure::Protocol(_)]), "{place_of_file}: {found:?}");
        // A path on the same server is all that the client makes of the second.
        assert!(server.asked().len() <= 9);
    }
}

#[test]
fn an_address_is_one_of_the_web() {
    let place = Place::new();
    let mut wanted = place.published(b"?", &[]);
    wanted.urls = vec!["file:///etc/hostname".to_owned(), "set.zip".to_owned()];
    let found = failures(&wanted);
    assert!(matches!(found[..], [Failure::Protocol(_), Failure::Protocol(_)]), "{found:?}");
}

#[test]
fn what_is_not_http_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"220 ready for mail\r\n");
        }
    });
    let place = Place::new();
    let mut wanted = place.published(b"?", &[]);
    wanted.urls = vec![format!("http://127.0.0.1:{port}/set.zip")];
    let found = failures(&wanted);
    assert!(matches!(found[..], [Failure::Protocol(_) | Failure::Cut { .. }]), "{found:?}");
    wanted.urls = vec![format!("https://127.0.0.1:{port}/set.zip")];
    let found = failures(&wanted);
    assert!(!matches!(found[..], [Failure::Status(_)]), "{found:?}");
    assert_eq!(place.names(), Vec::<String>::new());
}
