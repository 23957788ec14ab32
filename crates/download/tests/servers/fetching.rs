//! What becomes of a file: whole, right, and only one writer.

use std::fs::{self, File};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tunefork_download::{DownloadError, Event, Failure, FetchOptions, fetch};

use crate::server::{Answer, Server};
use crate::support::{Place, failures, get, noise, quick, sha256};

#[test]
fn a_whole_file_arrives_and_nothing_else_is_left() {
    let bytes = noise(200_000);
    let server = Server::honest(&bytes);
    let place = Place::new();
    let mut told = Vec::new();
    let wanted = place.published(&bytes, &[&server]);
    let fetched = fetch(&wanted, &quick(), &mut |event| match event {
        Event::Started { resumed, .. } => told.push(resumed),
        Event::Progress { done, length } => {
            assert_eq!(length, 200_000);
            told.push(done);
        }
        _ => {}
    })
    .unwrap();
    assert_eq!(fetched.sha256, sha256(&bytes));
    assert_eq!(fetched.basis, "published by the test");
    assert!(!fetched.was_there);
    assert!(told.is_sorted() && told.last() == Some(&200_000), "{told:?}");
    assert_eq!(place.read("set.zip"), bytes);
    assert_eq!(place.names(), ["set.zip"]);
    assert_eq!(server.asked()[0].headers["accept-encoding"], "identity");
}

#[test]
fn a_file_that_is_there_is_compared_and_not_fetched() {
    let bytes = noise(1000);
    let server = Server::honest(&bytes);
    let place = Place::new();
    let wanted = place.published(&bytes, &[&server]);
    get(&wanted).unwrap();
    let again = get(&wanted).unwrap();
    assert!(again.was_there && again.sha256 == sha256(&bytes));
    fs::write(place.path("set.zip"), b"something else").unwrap();
    let error = get(&wanted).unwrap_err();
    assert!(matches!(error, DownloadError::Differs { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&sha256(b"something else")), "{text}");
    assert!(text.contains(&sha256(&bytes)), "{text}");
    assert_eq!(place.read("set.zip"), b"something else");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn wrong_bytes_are_thrown_away_and_the_next_address_is_tried() {
    let bytes = noise(5000);
    let mut damaged = bytes.clone();
    damaged[4321] ^= 1;
    let (bad, good) = (Server::honest(&damaged), Server::honest(&bytes));
    let place = Place::new();
    let found = failures(&place.published(&bytes, &[&bad]));
    let expected = Failure::Digest {
        expected: sha256(&bytes),
        found: sha256(&damaged),
        basis: "published by the test".to_owned(),
    };
    assert_eq!(found, [expected]);
    assert_eq!((place.names(), bad.asked().len()), (Vec::new(), 1));
    let mut given_up = Vec::new();
    let wanted = place.published(&bytes, &[&bad, &good]);
    fetch(&wanted, &quick(), &mut |event| {
        if let Event::GivenUp { url, failure } = event {
            given_up.push(format!("{url}: {failure}"));
        }
    })
    .unwrap();
    assert_eq!(place.read("set.zip"), bytes);
    assert_eq!(given_up.len(), 1);
    assert!(given_up[0].starts_with(&bad.url("set.zip")), "{given_up:?}");
    assert!(given_up[0].contains(&sha256(&damaged)), "{given_up:?}");
}

#[test]
fn two_processes_do_not_write_one_file() {
    let bytes = noise(100);
    let server = Server::honest(&bytes);
    let place = Place::new();
    let other = File::create(place.path("set.zip.part")).unwrap();
    other.try_lock().unwrap();
    let wanted = place.published(&bytes, &[&server]);
    let error = get(&wanted).unwrap_err();
    assert!(matches!(error, DownloadError::InUse { .. }), "{error}");
    assert!(server.asked().is_empty());
    drop(other);
    get(&wanted).unwrap();
}

/// Of many that begin at once each gets the file, or is told that another one gets it.
#[test]
fn many_at_once_leave_one_right_file() {
    let bytes = noise(50_000);
    let slow = bytes.clone();
    let server =
        Server::new(move |asked| Answer::honest(asked, &slow, "\"1\"").slowly(10_000, Duration::from_millis(3)));
    let place = Place::new();
    let wanted = place.published(&bytes, &[&server]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| match get(&wanted) {
                Ok(fetched) => assert_eq!(fetched.sha256, sha256(&bytes)),
                Err(error) => assert!(matches!(error, DownloadError::InUse { .. }), "{error}"),
            });
        }
    });
    assert_eq!(place.read("set.zip"), bytes);
}

#[test]
fn without_a_network_it_is_told_at_once() {
    let place = Place::new();
    let mut wanted = place.published(b"?", &[]);
    wanted.urls = vec![
        // Nobody listens there.
        "http://127.0.0.1:9/set.zip".to_owned(),
        // No such host can exist (RFC 6761).
        "http://host.invalid/set.zip".to_owned(),
    ];
    let patient = FetchOptions::default();
    let start = Instant::now();
    let error = fetch(&wanted, &patient, &mut |_| {}).unwrap_err();
    assert!(start.elapsed() < patient.backoff[0], "nothing is tried twice");
    let text = error.to_string();
    assert_eq!(text.matches("cannot be reached").count(), 2, "{text}");
    assert!(text.contains("http://127.0.0.1:9/set.zip"), "{text}");
    assert_eq!(place.names(), Vec::<String>::new());
}

#[test]
fn a_download_stops_when_it_is_told_to_and_goes_on_later() {
    let bytes = noise(300_000);
    let slow = bytes.clone();
    let server =
        Server::new(move |asked| Answer::honest(asked, &slow, "\"1\"").slowly(20_000, Duration::from_millis(2)));
    let place = Place::new();
    let wanted = place.published(&bytes, &[&server]);
    let stop = Arc::new(AtomicBool::new(false));
    let options = FetchOptions { stop: Arc::clone(&stop), ..quick() };
    let error = fetch(&wanted, &options, &mut |event| {
        if matches!(event, Event::Progress { done, .. } if done > 100_000) {
            stop.store(true, Ordering::Relaxed);
        }
    })
    .unwrap_err();
    let DownloadError::Stopped { kept, .. } = error else {
        panic!("{error}");
    };
    let part = place.read("set.zip.part");
    assert_eq!(part.len() as u64, kept);
    assert!(part.len() > 100_000 && bytes.starts_with(&part));
    get(&wanted).unwrap();
    assert_eq!(place.read("set.zip"), bytes);
    assert_eq!(server.asked()[1].first_byte(), Some(part.len()));
}
