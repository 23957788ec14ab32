//! Downloads that break off and go on.

use std::fs;
use std::time::Duration;

use tunefork_download::{Event, Failure, FetchOptions, fetch};

use crate::server::{Answer, Server};
use crate::support::{Place, failures, get, noise, quick};

/// A good server of `bytes`, but each of its first answers is cut at such a number of bytes.
fn cutting(bytes: &[u8], cuts: &'static [usize]) -> Server {
    let bytes = bytes.to_vec();
    Server::new(move |asked| {
        let answer = Answer::honest(asked, &bytes, "\"1\"");
        match cuts.get(asked.number) {
            Some(cut) => answer.cut(*cut),
            None => answer,
        }
    })
}

#[test]
fn a_cut_connection_is_taken_up_where_it_was() {
    let bytes = noise(300_001);
    let server = cutting(&bytes, &[100_000, 0, 77_777]);
    let place = Place::new();
    get(&place.published(&bytes, &[&server])).unwrap();
    assert_eq!(place.read("set.zip"), bytes);
    let asked = server.asked();
    let firsts: Vec<_> = asked.iter().map(|asked| asked.first_byte()).collect();
    assert_eq!(firsts, [None, Some(100_000), Some(100_000), Some(177_777)]);
}

/// The last attempt of a call leaves the part, and the next call begins with that.
#[test]
fn the_next_call_goes_on_byte_for_byte() {
    let bytes = noise(90_000);
    for cut in [1, 65_535, 65_536, 65_537, 89_999] {
        let whole = bytes.clone();
        let server = Server::new(move |asked| match asked.number {
            0 => Answer::honest(asked, &whole, "\"1\"").cut(cut),
            1..4 => Answer::status(503),
            _ => Answer::honest(asked, &whole, "\"1\""),
        });
        let place = Place::new();
        let wanted = place.published(&bytes, &[&server]);
        assert_eq!(failures(&wanted), [Failure::Status(503)]);
        assert_eq!(place.read("set.zip.part"), bytes[..cut]);
        assert_eq!(place.names(), ["set.zip.part"]);
        let mut resumed = None;
        fetch(&wanted, &quick(), &mut |event| {
            if let Event::Started { resumed: found, .. } = event {
                resumed = Some(found);
            }
        })
        .unwrap();
        assert_eq!(resumed, Some(cut as u64));
        assert_eq!(place.read("set.zip"), bytes);
        assert_eq!(place.names(), ["set.zip"]);
    }
}

#[test]
fn a_server_that_ignores_ranges_is_heard_from_the_beginning() {
    let bytes = noise(50_000);
    let whole = bytes.clone();
    let server = Server::new(move |asked| {
        let answer = Answer::whole(&whole).header("ETag", "\"1\"");
        match asked.number {
            0 => answer.cut(30_000),
            _ => answer,
        }
    });
    let place = Place::new();
    get(&place.published(&bytes, &[&server])).unwrap();
    assert_eq!(place.read("set.zip"), bytes);
    assert_eq!(server.asked()[1].first_byte(), Some(30_000));
}

/// The pieces do not fit together then, which only the digest tells.
#[test]
fn a_file_that_changed_meanwhile_is_fetched_anew() {
    let (old, new) = (noise(40_000), noise(40_005)[5..].to_vec());
    let (before, after) = (old.clone(), new.clone());
    let server = Server::new(move |asked| match asked.number {
        0 => Answer::honest(asked, &before, "\"1\"").cut(20_000),
        _ => Answer::honest(asked, &after, "\"2\""),
    });
    let place = Place::new();
    get(&place.published(&new, &[&server])).unwrap();
    assert_eq!(place.read("set.zip"), new);
    let firsts: Vec<_> = server.asked().iter().map(|asked| asked.first_byte()).collect();
    assert_eq!(firsts, [None, Some(20_000), None]);
}

#[test]
fn another_address_goes_on_with_the_part() {
    let bytes = noise(60_000);
    let whole = bytes.clone();
    let first = Server::new(move |asked| match asked.number {
        0 => Answer::honest(asked, &whole, "\"1\"").cut(45_000),
        _ => Answer::status(404),
    });
    let second = Server::honest(&bytes);
    let place = Place::new();
    get(&place.published(&bytes, &[&first, &second])).unwrap();
    assert_eq!(place.read("set.zip"), bytes);
    let asked = &second.asked()[0];
    assert_eq!(asked.first_byte(), Some(45_000));
}

/// The part is of a bad mirror, say. The address that completed it is not to blame.
#[test]
fn a_part_that_was_wrong_is_fetched_anew_from_the_same_address() {
    let bytes = noise(60_000);
    let server = Server::honest(&bytes);
    let place = Place::new();
    fs::write(place.path("set.zip.part"), &noise(30_001)[1..]).unwrap();
    get(&place.published(&bytes, &[&server])).unwrap();
    assert_eq!(place.read("set.zip"), bytes);
    let firsts: Vec<_> = server.asked().iter().map(|asked| asked.first_byte()).collect();
    assert_eq!(firsts, [Some(30_000), None]);
}

#[test]
fn a_part_that_is_longer_than_the_file_is_fetched_anew() {
    let bytes = noise(6000);
    let server = Server::honest(&bytes);
    let place = Place::new();
    fs::write(place.path("set.zip.part"), noise(7000)).unwrap();
    get(&place.published(&bytes, &[&server])).unwrap();
    assert_eq!(place.read("set.zip"), bytes);
    assert_eq!(server.asked().len(), 1);
}

/// As a kill between the last byte and the rename leaves it.
#[test]
fn a_part_that_is_whole_needs_no_server() {
    let bytes = noise(6000);
    let place = Place::new();
    let mut wanted = place.published(&bytes, &[]);
    wanted.urls = vec!["http://127.0.0.1:9/set.zip".to_owned()];
    fs::write(place.path("set.zip.part"), &bytes).unwrap();
    get(&wanted).unwrap();
    assert_eq!(place.names(), ["set.zip"]);
}

#[test]
fn a_range_that_was_not_asked_for_is_not_taken() {
    let bytes = noise(50_000);
    for shift in [1, 10_000] {
        let whole = bytes.clone();
        let server = Server::new(move |asked| match asked.number {
            0 => Answer::honest(asked, &whole, "\"1\"").cut(30_000),
            1 => Answer::rest(&whole, 30_000 - shift),
            _ => Answer::honest(asked, &whole, "\"1\""),
        });
        let place = Place::new();
        get(&place.published(&bytes, &[&server])).unwrap();
        assert_eq!(place.read("set.zip"), bytes);
        assert_eq!(server.asked()[2].first_byte(), None);
    }
}

#[test]
fn redirects_keep_the_range() {
    let bytes = noise(50_000);
    let whole = bytes.clone();
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/set.zip" => Answer::status(302).header("Location", "/moved/set.zip"),
        _ if asked.number == 1 => Answer::honest(asked, &whole, "\"1\"").cut(30_000),
        _ => Answer::honest(asked, &whole, "\"1\""),
    });
    let place = Place::new();
    get(&place.published(&bytes, &[&server])).unwrap();
    assert_eq!(place.read("set.zip"), bytes);
    let asked = server.asked();
    let last = asked.last().unwrap();
    assert_eq!((last.path.as_str(), last.first_byte()), ("/moved/set.zip", Some(30_000)));
}

/// A server that always cuts is asked a bounded number of times, unless each time is worth it.
#[test]
fn attempts_are_bounded_but_progress_renews_them() {
    let bytes = noise(100_000);
    let whole = bytes.clone();
    let stingy = Server::new(move |asked| Answer::honest(asked, &whole, "\"1\"").cut(1000));
    let place = Place::new();
    let wanted = place.published(&bytes, &[&stingy]);
    let found = failures(&wanted);
    assert!(matches!(found[..], [Failure::Cut { received: 4000, length: 100_000, .. }]));
    assert_eq!(stingy.asked().len(), 1 + quick().backoff.len());
    assert_eq!(place.read("set.zip.part"), bytes[..4000]);

    let bytes = noise(12 << 20);
    let whole = bytes.clone();
    let generous = Server::new(move |asked| Answer::honest(asked, &whole, "\"1\"").cut(2 << 20));
    let place = Place::new();
    get(&place.published(&bytes, &[&generous])).unwrap();
    assert_eq!(place.read("set.zip"), bytes);
    assert_eq!(generous.asked().len(), 6);
}

#[test]
fn a_silent_server_is_left() {
    let bytes = noise(50_000);
    // Nothing at all after the beginning, then everything.
    let whole = bytes.clone();
    let server = Server::new(move |asked| {
        let answer = Answer::honest(asked, &whole, "\"1\"");
        match asked.number {
            0 => answer.slowly(20_000, Duration::from_secs(60)),
            _ => answer,
        }
    });
    let place = Place::new();
    let options = FetchOptions { stall_timeout: Duration::from_millis(300), ..quick() };
    let mut reasons = Vec::new();
    let wanted = place.published(&bytes, &[&server]);
    fetch(&wanted, &options, &mut |event| {
        if let Event::Retry { failure, .. } = event {
            reasons.push(failure.to_string());
        }
    })
    .unwrap();
    assert_eq!(place.read("set.zip"), bytes);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(reasons[0].contains("20000 bytes of 50000 (timeout"), "{reasons:?}");
    assert_eq!(server.asked()[1].first_byte(), Some(20_000));
}
