//! Sets by name: from a mirror to images.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use tunefork_data::{Part, PrepareOptions, Source};
use tunefork_download::{CATALOGUE, DownloadError, FetchOptions, KnownFile, KnownSet, known};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::server::{Answer, Server};
use crate::support::{Place, quick, sha256};

const COLOUR: &[u8] = include_bytes!("../../../data/tests/data/images/colour.jpg");
const GREY: &[u8] = include_bytes!("../../../data/tests/data/images/grey.jpg");

/// Two classes with an image each to train and to validate, in the layout of Tiny ImageNet.
fn small_tiny_imagenet() -> Vec<u8> {
    let files: [(&str, &[u8]); 7] = [
        ("wnids.txt", b"n1\nn2\n"),
        ("words.txt", b"n1\tcrane\nn2\tcat\n"),
        ("train/n1/images/n1_0.JPEG", COLOUR),
        ("train/n2/images/n2_0.JPEG", GREY),
        ("val/images/val_0.JPEG", COLOUR),
        ("val/images/val_1.JPEG", GREY),
        ("val/val_annotations.txt", b"val_0.JPEG\tn1\t0\t0\t9\t9\nval_1.JPEG\tn2\t0\t0\t9\t9\n"),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let name = format!("tiny-imagenet-200/{name}");
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn of_mirror(server: &Server) -> FetchOptions {
    FetchOptions { mirror: Some(server.url("sets/")), ..quick() }
}

fn opened(name: &str, place: &Place) -> tunefork_data::Dataset {
    let source = Source::locate(name, Some(&place.path("data"))).unwrap();
    let options = PrepareOptions { size: Some((8, 8)), cache: Some(place.path("cache")), ..PrepareOptions::default() };
    source.open(&options, &mut |_| {}).unwrap().data
}

#[test]
fn a_set_of_a_mirror_is_found_and_opened() {
    let bytes = small_tiny_imagenet();
    let sent = bytes.clone();
    let server = Server::new(move |asked| match asked.number {
        0 => Answer::honest(asked, &sent, "\"1\"").cut(1000),
        _ => Answer::honest(asked, &sent, "\"1\""),
    });
    let place = Place::new();
    let file = KnownFile {
        length: bytes.len() as u64,
        sha256: sha256(&bytes).leak(),
        ..known("tiny-imagenet").unwrap().files[0]
    };
    let set = KnownSet { files: Vec::leak(vec![file]), ..*known("tiny-imagenet").unwrap() };
    let fetched = set.fetch(&place.path("data"), &of_mirror(&server), &mut |_| {}).unwrap();
    assert_eq!(fetched[0].sha256, sha256(&bytes));
    assert_eq!(fetched[0].path, place.path("data/tiny-imagenet-200.zip"));
    let asked = server.asked();
    assert_eq!(asked[1].path, "/sets/tiny-imagenet-200.zip");
    assert_eq!(asked[1].first_byte(), Some(1000));
    let data = opened("tiny-imagenet", &place);
    assert_eq!(data.classes(), ["crane", "cat"]);
    assert_eq!(data.part(Part::Train).len(), 2);
}

/// Whatever the catalogue puts below a data folder is what the name stands for there.
#[test]
fn every_set_lies_where_its_name_is_looked_for() {
    for set in CATALOGUE {
        let place = Place::new();
        let data = place.path("data");
        for file in set.files {
            let path = set.path(file, &data);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        let source = Source::locate(set.name, Some(&data)).unwrap();
        let path = set.path(&set.files[0], &data);
        let expected = match set.folder {
            "" => path.as_path(),
            _ => path.parent().unwrap(),
        };
        assert_eq!(source.path(), expected, "{}", set.name);
    }
}

#[test]
fn the_catalogue_is_well_formed() {
    for set in CATALOGUE {
        assert!(set.page.starts_with("http") && !set.licence.is_empty() && !set.about.is_empty());
        assert!(set.addresses.iter().all(|a| a.starts_with("http") && a.ends_with('/')));
        for file in set.files {
            let is_digit = |digit: char| digit.is_ascii_digit() || ('a'..='f').contains(&digit);
            assert!(file.sha256.len() == 64 && file.sha256.chars().all(is_digit), "{}", file.name);
            assert!(file.length > 0 && !file.published_by.is_empty(), "{}", file.name);
        }
        assert!(std::ptr::eq(known(set.name).unwrap(), set));
    }
    assert!(known("imagenet").is_none());
}

#[test]
fn what_to_do_by_hand_is_said() {
    let data = Path::new("data");
    let four = known("mnist").unwrap().by_hand(data);
    assert_eq!(
        four,
        "fetch train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, \
         t10k-labels-idx1-ubyte.gz by hand from https://storage.googleapis.com/cvdf-datasets/mnist/ \
         and put them into `data/mnist`"
    );
    let one = known("cifar10").unwrap().by_hand(data);
    assert_eq!(
        one,
        "fetch cifar-10-binary.tar.gz by hand from https://cave.cs.toronto.edu/kriz/ and save it \
         as `data/cifar-10-binary.tar.gz`"
    );
    let place = Place::new();
    let set = known("cats-dogs").unwrap();
    let error = set.fetch(&place.path("data"), &quick(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, DownloadError::ByHand { .. }) && error.is_input());
    let text = error.to_string();
    assert!(text.contains("kagglecatsanddogs_5340.zip by hand from https://www.microsoft.com"), "{text}");
    assert!(text.contains("data/cats-dogs.zip`"), "{text}");
}

/// The folder of real sets, if Fashion-MNIST is in it.
fn real_data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let named = std::env::var_os("TUNEFORK_DATA").map(PathBuf::from);
    let mut folders = named.into_iter().chain([beside]);
    let found = folders.find(|folder| folder.join("fashion-mnist").is_dir());
    if found.is_none() {
        let is_required = std::env::var_os("TUNEFORK_REQUIRE_DATA").is_some();
        assert!(!is_required, "no folder `fashion-mnist` in TUNEFORK_DATA or ../shared/data");
        println!("skipped: no folder `fashion-mnist` in TUNEFORK_DATA or ../shared/data");
    }
    found
}

/// A data folder that is served is a mirror, and the published digests are those of the real files.
#[test]
fn the_real_fashion_mnist_has_the_published_digests() {
    let Some(folder) = real_data() else {
        return;
    };
    let server = Server::new(move |asked| {
        let name = asked.path.trim_start_matches("/sets/");
        let bytes = fs::read(folder.join(name)).unwrap();
        let answer = Answer::honest(asked, &bytes, &format!("\"{name}\""));
        match asked.number {
            0 => answer.cut(10_000_000),
            _ => answer,
        }
    });
    let place = Place::new();
    let set = known("fashion-mnist").unwrap();
    let fetched = set.fetch(&place.path("data"), &of_mirror(&server), &mut |_| {}).unwrap();
    assert_eq!(fetched.len(), 4);
    assert!(fetched.iter().all(|file| file.basis == "published by TensorFlow Datasets"));
    assert_eq!(server.asked()[1].first_byte(), Some(10_000_000));
    let data = opened("fashion-mnist", &place);
    assert_eq!(data.part(Part::Train).len(), 60_000);
    assert_eq!(data.classes()[9], "Ankle boot");
}
