//! Servers that lie about how long the file is.

use tunefork_download::Failure;

use crate::server::{Answer, Server};
use crate::support::{Place, failures, get, noise, quick};

#[test]
fn a_server_that_promises_more_than_it_sends_is_given_up() {
    let bytes = noise(6000);
    let short = bytes[..5000].to_vec();
    let server = Server::new(move |asked| match asked.first_byte() {
        None => Answer::whole(&short).header("Content-Length", 6000),
        Some(first) => Answer::rest(&short, first).header("Content-Range", format!("bytes {first}-5999/6000")),
    });
    let place = Place::new();
    let found = failures(&place.published(&bytes, &[&server]));
    let [Failure::Cut { received, length, .. }] = found[..] else {
        panic!("{found:?}");
    };
    assert_eq!((received, length), (5000, 6000));
    assert_eq!(server.asked().len(), 1 + quick().backoff.len());
    assert!(!place.path("set.zip").exists());
}

#[test]
fn a_length_that_is_not_the_published_one_is_refused_at_once() {
    let bytes = noise(5000);
    for told in [4999, 5001] {
        let whole = bytes.clone();
        let server = Server::new(move |_| Answer::whole(&whole).header("Content-Length", told));
        let place = Place::new();
        let found = failures(&place.published(&bytes, &[&server]));
        let expected = Failure::Length { expected: 5000, found: told };
        assert_eq!(found, [expected]);
        assert_eq!((server.asked().len(), place.names().len()), (1, 0));
    }
}

#[test]
fn a_published_length_ends_a_body_without_one() {
    let bytes = noise(5000);
    let mut long = bytes.clone();
    long.push(0);
    for (sent, is_right) in [(&bytes, true), (&long, false)] {
        for answer in [Answer::chunked(sent), Answer::endless(sent)] {
            let server = Server::new(move |_| answer.clone());
            let place = Place::new();
            let wanted = place.published(&bytes, &[&server]);
            match is_right {
                true => assert_eq!(get(&wanted).unwrap().length, 5000),
                false => assert_eq!(failures(&wanted), [Failure::TooLong { limit: 5000 }]),
            }
        }
    }
}

/// A chunk that never ends is no end of the file.
#[test]
fn chunks_that_break_off_are_no_file() {
    let bytes = noise(50_000);
    let sent = bytes.clone();
    let server = Server::new(move |_| Answer::chunked(&sent).cut(20_000));
    let place = Place::new();
    let found = failures(&place.published(&bytes, &[&server]));
    assert!(matches!(found[..], [Failure::Cut { length: 50_000, .. }]), "{found:?}");
    assert!(!place.path("set.zip").exists());
}
