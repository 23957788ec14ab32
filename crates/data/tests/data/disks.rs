//! What lies on disks besides images: names of any bytes, litter, links, pipes, and faults by the thousand.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::common::{Place, flat, sentences, write_files, zip};

/// A set of two classes, with an empty folder that systems leave on disks.
fn pets() -> Place {
    let place = Place::new().with(&[("set/cat/1.png", &flat(4, 4, 1)), ("set/dog/1.png", &flat(4, 4, 2))]);
    fs::create_dir(place.path("set/lost+found")).expect("a folder");
    place
}

#[test]
fn names_in_other_encodings_stay_different_classes() {
    let place = Place::new();
    for (number, class) in [b"caf\xe9", b"caf\xe8"].into_iter().enumerate() {
        let folder = place.path("set").join(OsStr::from_bytes(class));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("1.png"), flat(4, 4, number as u8)).expect("a file");
    }
    assert_eq!(place.opened("set").data.classes(), ["caf\\xe8", "caf\\xe9"]);

    // Names without the mark of UTF-8 are code page 437 if they are no UTF-8 (0x82 is é, 0x8a è).
    let image = [flat(4, 4, 1), flat(4, 4, 2), flat(4, 4, 3)];
    let mut bytes = zip(&[("caf1/1.png", &image[0]), ("caf2/1.png", &image[1]), ("K\u{fc}he/1.png", &image[2])]);
    for place in 0..bytes.len() - 4 {
        match &bytes[place..place + 4] {
            b"caf1" => bytes[place + 3] = 0x82,
            b"caf2" => bytes[place + 3] = 0x8a,
            _ => {}
        }
    }
    let place = Place::new().with(&[("set.zip", &bytes)]);
    assert_eq!(place.opened("set").data.classes(), ["K\u{fc}he", "caf\u{e8}", "caf\u{e9}"]);

    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, image) in [b"caf\xe9/1.png", b"caf\xe8/1.png"].into_iter().zip(&image) {
        let mut header = ::tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_size(image.len() as u64);
        header.set_cksum();
        builder.append(&header, image.as_slice()).expect("writing to memory");
    }
    let place = Place::new().with(&[("set.tar", &builder.into_inner().expect("writing to memory"))]);
    assert_eq!(place.opened("set").data.classes(), ["caf\\xe8", "caf\\xe9"]);
}

#[test]
fn classes_that_look_equal_are_told_apart() {
    let image = [flat(4, 4, 1), flat(4, 4, 2)];
    let files = [("set/caf\u{e9}/1.png", image[0].as_slice()), ("set/cafe\u{301}/1.png", image[1].as_slice())];
    let opened = Place::new().with(&files).opened("set");
    assert_eq!(opened.data.classes(), ["cafe\u{301}", "caf\u{e9}"]);
    let told = sentences(&opened);
    assert!(told[0].contains("U+0301 there, U+00E9 here"), "{told:?}");

    let place = Place::new().with(&[
        ("set/train/caf\u{e9}/1.png", &image[0]),
        ("set/train/tea/1.png", &image[0]),
        ("set/test/cafe\u{301}/1.png", &image[1]),
    ]);
    let message = place.error("set");
    assert!(message.contains("not in train/; it only looks like") && message.contains("U+00E9 there, U+0301 here"));
}

#[test]
fn what_systems_leave_behind_is_no_image_and_no_class() {
    let litter = ["@eaDir", "__MACOSX", "$RECYCLE.BIN", "System Volume Information", ".ipynb_checkpoints", "#recycle"];
    let place = pets();
    let mut entries = vec![("cat/1.png", flat(4, 4, 1)), ("dog/1.png", flat(4, 4, 2))];
    let names: Vec<String> = litter
        .iter()
        .flat_map(|name| [format!("{name}/1.png"), format!("cat/{}/1.png", name.to_lowercase())])
        .collect();
    entries.extend(names.iter().map(|name| (name.as_str(), flat(4, 4, 3))));
    for (name, bytes) in &entries {
        write_files(&place.path("set"), &[(name, bytes)]);
    }
    let files: Vec<_> =
        entries.iter().map(|(name, bytes)| (*name, ::tar::EntryType::Regular, bytes.as_slice())).collect();
    for place in [place, Place::new().with(&[("set.tar", &crate::common::tar(&files))])] {
        let opened = place.opened("set");
        assert_eq!((opened.data.len(), opened.warnings.count()), (2, 0));
        assert_eq!(opened.data.classes(), ["cat", "dog"]);
    }
}

#[test]
fn links_that_lead_back_are_not_followed_and_others_are() {
    let place = pets();
    let set = place.path("set");
    for (target, link) in [("..", "cat/up"), ("../..", "dog/out"), (".", "dog/self"), ("../dog", "cat/far")] {
        symlink(target, set.join(link)).expect("a link");
    }
    symlink("cat", set.join("kitten")).expect("a link");
    let opened = place.opened("set");
    assert_eq!(opened.data.classes(), ["cat", "dog", "kitten"]);
    let told = sentences(&opened);
    assert!(
        told.iter().all(|told| told.ends_with("is a link to a folder that holds it, and is not followed")),
        "{told:?}"
    );
    assert!(
        told.iter().any(|told| told.starts_with("`cat/up`")) && told.iter().any(|told| told.starts_with("`dog/out`"))
    );
}

#[test]
fn what_is_no_regular_file_is_left_out_unopened() {
    let place = pets();
    let made = Command::new("mkfifo").arg(place.path("set/cat/x.jpg")).status();
    assert!(made.expect("mkfifo").success());
    symlink("/dev/zero", place.path("set/dog/zero.png")).expect("a link");
    // Seemingly regular, without length; some of its kind keep readers waiting for ever.
    symlink("/proc/self/cmdline", place.path("set/dog/proc.png")).expect("a link");
    symlink("/proc/self/cmdline", place.path("set/dog/proc")).expect("a link");
    let told = sentences(&place.opened("set"));
    if cfg!(target_os = "linux") {
        assert_eq!(told[2], "left out: `dog/proc.png` is empty (zero bytes)");
    }
    let told = &told[..2];
    let reason = "is no regular file (but a pipe, a socket or a device)";
    assert_eq!(told, [format!("left out: `cat/x.jpg` {reason}"), format!("left out: `dog/zero.png` {reason}")]);
}

#[test]
fn thousands_of_faults_are_few_sentences_in_the_order_of_names() {
    let place = pets();
    for number in (0..4000).rev() {
        fs::write(place.path(&format!("set/{number:04}.png")), b"").expect("a file");
    }
    let opened = place.opened("set");
    assert_eq!(opened.warnings.left_out(), 4000);
    let told = opened.warnings.sentences();
    assert_eq!(told.len(), 10);
    assert_eq!(told[0], "left out: `0000.png` lies in no class folder");
    assert_eq!(told[9], "left out: `0009.png` lies in no class folder, and 3,990 more");
}
