//! Tar archives, plain and gzipped, whole and hostile.

use std::io::Cursor;

use crate::common::{Place, flat, gzip, tar};
use proptest::prelude::*;
use tar::EntryType;
use tunefork_data::archive::{self, ArchiveError, EntryKind};

const FILE: EntryType = EntryType::Regular;

/// Two classes in a folder of their own, not sorted, one link and one way out among them.
fn entries(dark: &[u8], light: &[u8]) -> Vec<u8> {
    tar(&[
        ("pets/", EntryType::Directory, b""),
        ("pets/dogs/b.png", FILE, light),
        ("./pets/cats/a.png", FILE, dark),
        ("pets/cats/../../evil.png", FILE, dark),
        ("/pets/cats/root.png", FILE, dark),
        ("pets/cats/link.png", EntryType::Symlink, b""),
        ("pets/dogs/b.png", FILE, dark),
        ("pets/dogs/a.png", FILE, dark),
        ("pets/readme.txt", FILE, b"text"),
    ])
}

#[test]
fn archives_are_read_like_folders_and_bad_entries_are_left_out() {
    let (dark, light) = (flat(4, 4, 10), flat(4, 4, 200));
    let plain = entries(&dark, &light);
    let packed = gzip(&plain);
    let place =
        Place::new().with(&[("pets.tar", &plain), ("packed.tar.gz", &packed), ("in folder/any name.tgz", &packed)]);
    for name in ["pets", "pets.tar", "packed", "packed.tar.gz", "in folder"] {
        let opened = place.open(name, &place.options(None, None)).expect("good images remain");
        assert_eq!(opened.data.classes(), ["cats", "dogs"]);
        let first_bytes: Vec<u8> = (0..3).map(|index| opened.data.pixels(index)[0]).collect();
        assert_eq!((opened.data.labels(), first_bytes.as_slice()), ([0, 1, 1].as_slice(), [10, 10, 10].as_slice()));
        let named: Vec<String> = opened.warnings.named().iter().map(ToString::to_string).collect();
        assert_eq!(named.len(), 4, "{named:#?}");
        assert!(named[0].contains("leaves the archive"), "{}", named[0]);
        let root = "left out: `/pets/cats/root.png` has a name that starts at the root of the file system";
        assert_eq!(named[1], root);
        assert_eq!(named[2], "left out: `pets/cats/link.png` is a link");
        assert_eq!(named[3], "left out: `pets/dogs/b.png` occurs a second time; the last is used");
    }
}

/// Python's gzip module and gzip(1) read all but the last of these.
#[test]
fn gzip_streams_may_be_several_with_zeros_behind_them() {
    let plain = entries(&flat(4, 4, 10), &flat(4, 4, 200));
    let (first, second) = plain.split_at(700);
    let whole = [gzip(first), gzip(second)].concat();
    let zeros = vec![0; 700_000];
    let wanted = archive::list(Cursor::new(&plain)).expect("a good archive");
    for bytes in [whole.clone(), [&whole[..], &zeros].concat(), [&gzip(first)[..], &[0; 9], &gzip(second)].concat()] {
        assert_eq!(archive::list(Cursor::new(&bytes)).expect("a good archive"), wanted);
    }
    let place = Place::new().with(&[("set.tar.gz", &[&whole[..], &zeros, b"?"].concat())]);
    assert!(place.error("set").contains("cannot be read to its end"));
}

#[test]
fn long_names_of_both_kinds_are_read() {
    let image = flat(4, 4, 10);
    let long = format!("{}/ä.png", "k".repeat(150));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(image.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, &long, image.as_slice()).expect("writing to memory");
    builder.append_pax_extensions([("path", "ü/1.png".as_bytes())]).expect("writing to memory");
    header.set_path("short").expect("a short name");
    header.set_cksum();
    builder.append(&header, image.as_slice()).expect("writing to memory");
    let bytes = builder.into_inner().expect("writing to memory");

    let names: Vec<String> =
        archive::list(Cursor::new(&bytes)).expect("a good archive").into_iter().map(|e| e.name).collect();
    assert_eq!(names, [long, "ü/1.png".to_owned()]);
    let place = Place::new().with(&[("set.tar", &bytes)]);
    assert_eq!(place.open("set", &place.options(None, None)).expect("a good set").data.len(), 2);
}

#[test]
fn names_and_attributes_have_a_longest_length() {
    let list = |kind, block: &[u8]| {
        let bytes = tar(&[("block", kind, block), ("short.png", FILE, b"?")]);
        let entries = archive::list(Cursor::new(&bytes)).map_err(|error| error.to_string())?;
        Ok::<_, String>(entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>())
    };
    let name = |length: usize| "k".repeat(length);
    assert_eq!(list(EntryType::GNULongName, name(4096).as_bytes()), Ok(vec![name(4096)]));
    // The record says its own length, of as many digits in both cases.
    let comment = |length: usize| format!("{length} comment={}\n", name(length - 17));
    assert_eq!(comment(1 << 20).len(), 1 << 20);
    assert_eq!(list(EntryType::XHeader, comment(1 << 20).as_bytes()), Ok(vec!["short.png".to_owned()]));
    for refused in [
        list(EntryType::GNULongName, name(4097).as_bytes()),
        list(EntryType::XHeader, comment((1 << 20) + 1).as_bytes()),
    ] {
        let message = refused.expect_err("too long");
        assert!(message.contains("its name or attributes are too long"), "{message}");
    }
}

#[test]
fn damaged_archives_are_refused_with_their_name() {
    let plain = entries(&flat(4, 4, 10), &flat(4, 4, 200));
    let packed = gzip(&plain);
    let mut changed = packed.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 0xff;
    let place = Place::new().with(&[
        ("short.tar", &plain[..1500]),
        ("short-packed.tar.gz", &packed[..packed.len() - 10]),
        ("changed.tar.gz", &changed),
        ("text.tar", b"this is no archive, but long enough to look like the start of one perhaps"),
        ("empty.tar", b""),
    ]);
    for name in ["short", "short-packed", "changed", "text"] {
        let message = place.error(name);
        assert!(message.contains(&format!("{name}.tar")) && message.contains("cannot be read"), "{message}");
    }
    assert!(place.error("text").contains("it is no tar, gzip or zip archive"));
    assert!(place.error("empty").contains("it is empty"));
}

#[test]
fn what_is_called_an_archive_and_is_none_is_told() {
    let page = b"\n<!DOCTYPE html><html><title>Sign in</title></html>";
    let gzipped = gzip(page);
    let zeros = [0; 5000];
    let packed_zeros = gzip(&zeros);
    let cases: [(&str, &[u8], &str); 12] = [
        ("pets.zip", &zeros, "no archive with entries, but zeros"),
        ("pets.tgz", &zeros, "no archive with entries, but zeros"),
        ("pets.tar", &zeros[..5], "no archive with entries, but zeros"),
        ("pets.tgz", &packed_zeros, "no archive with entries, but zeros"),
        ("pets.zip", page, "a web page"),
        ("pets.tar.gz", page, "a web page"),
        ("pets.tgz", &gzipped, "a web page"),
        ("pets.tar", b"{\"error\": 404}", "text in JSON"),
        ("pets.zip", b"Rar!\x1a\x07\x01\x00", "a rar archive"),
        ("pets.tar", b"\xfd7zXZ\0", "packed by xz"),
        ("pets.zip", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        ("pets.ZIP", b"", "empty"),
    ];
    for (name, bytes, wanted) in cases {
        let place = Place::new().with(&[(name, bytes)]);
        for called in [name, "pets"] {
            let message = place.error(called);
            assert!(message.contains(name) && message.contains(wanted), "{called}: {message}");
        }
    }
}

#[test]
fn a_bomb_is_refused() {
    // Zero bytes as one entry's data, far more than images of this size could be.
    let size = archive::UNPACKED_ALLOWANCE + (16 << 20);
    let bomb = gzip(&tar(&[("a/zeros.bin", FILE, &vec![0; size as usize])]));
    assert!((bomb.len() as u64) * archive::MAX_UNPACKED_RATIO < 16 << 20, "packed to {}", bomb.len());
    assert!(matches!(archive::list(Cursor::new(&bomb)), Err(ArchiveError::Bomb(_))));
}

#[test]
fn long_extension_blocks_are_refused() {
    let name = vec![b'x'; 2 << 20];
    for kind in [EntryType::GNULongName, EntryType::XHeader] {
        let bytes = tar(&[("././@LongLink", kind, &name), ("a/1.png", FILE, b"")]);
        assert!(matches!(archive::list(Cursor::new(&bytes)), Err(ArchiveError::Extension { index: 0, .. })));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever is done to an archive, it is answered, and no entry gets a dangerous name.
    #[test]
    fn mutated_archives_are_answered(
        packed in any::<bool>(),
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let plain = entries(&flat(2, 2, 1), &flat(2, 2, 2));
        let mut bytes = if packed { gzip(&plain) } else { plain };
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut.index(2) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        for entry in archive::list(Cursor::new(&bytes)).unwrap_or_default() {
            if entry.kind == EntryKind::File {
                prop_assert!(!entry.name.starts_with('/'));
                prop_assert!(!entry.name.split('/').any(|part| part == ".."));
            }
        }
    }
}
