//! Zip archives, whole and hostile.

use std::io::Cursor;

use crate::common::{Place, flat, sentences, zip};
use proptest::prelude::*;
use tunefork_data::archive::{self, ArchiveError, EntryKind};

/// Two classes, with ways out of the archive among them.
fn entries(dark: &[u8], light: &[u8]) -> Vec<u8> {
    let bytes = zip(&[
        ("pets/dogs/b.png", light),
        ("./pets/cats/a.png", dark),
        ("pets/cats/../../evil.png", dark),
        ("/pets/cats/root.png", dark),
        ("C:\\pets\\cats\\drive.png", dark),
        ("pets\\dogs\\a.png", dark),
        ("__MACOSX/pets/cats/._a.png", b"?"),
    ]);
    made_by(bytes, "pets\\dogs\\a.png", 0)
}

/// Where a text stands for the last time: in the directory, after the entries.
fn last(bytes: &[u8], text: &[u8]) -> usize {
    let mut windows = bytes.windows(text.len());
    windows.rposition(|window| window == text).expect("the text")
}

#[test]
fn zips_are_read_like_folders_and_bad_names_are_left_out() {
    let bytes = entries(&flat(4, 4, 10), &flat(4, 4, 200));
    let opened = Place::new().with(&[("pets.zip", &bytes)]).opened("pets");
    assert_eq!(opened.data.classes(), ["cats", "dogs"]);
    assert_eq!(opened.data.labels(), [0, 1, 1]);
    let first_bytes: Vec<u8> = (0..3).map(|index| opened.data.pixels(index)[0]).collect();
    assert_eq!(first_bytes, [10, 10, 200]);
    let told = sentences(&opened);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].contains("leaves the archive"), "{}", told[0]);
    assert_eq!(told[1], "left out: `/pets/cats/root.png` has a name that starts at the root of the file system");
    assert!(told[2].contains("starts at a drive"), "{}", told[2]);
}

/// The same archive, as if this system had made the entry of this name.
fn made_by(mut bytes: Vec<u8>, name: &str, system: u8) -> Vec<u8> {
    // In the directory the number stands 41 bytes before the name.
    let place = last(&bytes, name.as_bytes());
    bytes[place - 41] = system;
    bytes
}

#[test]
fn a_backslash_divides_names_if_windows_wrote_them_and_nothing_else_does() {
    for name in [r"b\1.png", r"b\2/1.png"] {
        let whole = zip(&[("a/1.png", b"?"), (name, b"?")]);
        for system in 0..20 {
            let bytes = made_by(whole.clone(), name, system);
            let entries = archive::list(Cursor::new(&bytes)).expect("a readable directory");
            let is_divided = name == r"b\1.png" && matches!(system, 0 | 10 | 14);
            assert_eq!(entries[1].name, if is_divided { "b/1.png" } else { name }, "{system}");
        }
    }
}

#[test]
fn links_and_encrypted_entries_are_refused() {
    let mut bytes = zip(&[("a/1.png", b"one"), ("a/2.png", b"two")]);
    // In the directory the flags stand 38 bytes before the name, the file's mode 6 bytes before.
    let one = last(&bytes, b"a/1.png");
    bytes[one - 38] |= 1;
    let two = last(&bytes, b"a/2.png");
    bytes[two - 8..two - 4].copy_from_slice(&(0o120_777_u32 << 16).to_le_bytes());
    bytes[two - 41] = 3;
    let entries = archive::list(Cursor::new(&bytes)).expect("a readable directory");
    let kinds: Vec<EntryKind> = entries.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Refused("is encrypted"), EntryKind::Refused("is a link")]);
}

#[test]
fn endings_are_read_in_any_case() {
    let bytes = entries(&flat(4, 4, 10), &flat(4, 4, 200));
    for file in ["pets.ZIP", "pets.Zip", "in/one.ZIP"] {
        let place = Place::new().with(&[(file, &bytes)]);
        let called = if file.starts_with("in/") { "in" } else { "pets" };
        for name in [file, called] {
            assert_eq!(place.opened(name).data.classes(), ["cats", "dogs"], "{name}");
        }
    }
}

#[test]
fn a_class_of_which_nothing_can_be_read_is_told_with_the_reasons() {
    let image = flat(4, 4, 1);
    let unpackable = |names: &[&str], bad: &[&str]| {
        let mut bytes = zip(&names.iter().map(|name| (*name, image.as_slice())).collect::<Vec<_>>());
        for name in bad {
            // Method 98 (PPMd), which stands 36 bytes before the name in the directory.
            let place = last(&bytes, name.as_bytes());
            bytes[place - 36] = 98;
        }
        Place::new().with(&[("set.zip", &bytes)]).error("set")
    };
    let names = ["a/1.png", "b/1.png", "c/1.png"];
    let message = unpackable(&names, &names);
    assert!(message.contains("no usable image") && message.contains("`a/1.png` is packed by another"), "{message}");
    let message = unpackable(&names, &names[1..2]);
    assert!(message.contains("class `b`") && message.contains("`b/1.png` is packed by another"), "{message}");

    let place = Place::new().with(&[("set/a/1.png", &image), ("set/b/1.png", b""), ("set/b/2.png", b"text")]);
    let message = place.error("set");
    let reasons = "(left out: `b/1.png` is empty (zero bytes); left out: `b/2.png` is no image (JPEG, PNG, WebP, BMP, GIF, TIFF or PPM))";
    assert!(message.contains("class `b`") && message.contains(reasons), "{message}");
}

#[test]
fn a_bomb_is_refused() {
    let size = archive::UNPACKED_ALLOWANCE as usize / 2;
    let zeros = vec![0; size];
    // One entry is within the limits, several are not.
    let names: Vec<String> = (0..4).map(|number| format!("a/{number}.png")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), zeros.as_slice())).collect();
    let bomb = zip(&files);
    let packed = bomb.len() as u64;
    assert!(packed * archive::MAX_UNPACKED_RATIO < archive::UNPACKED_ALLOWANCE, "{packed}");
    let mut lengths = Vec::new();
    let outcome = archive::read(Cursor::new(&bomb), &[3, 2, 1, 0], u64::MAX - 1, &mut |place, data| {
        lengths.push((place, data.expect("whole data").len()));
        true
    });
    assert!(matches!(outcome, Err(ArchiveError::Bomb(_))), "{outcome:?}");
    assert_eq!(lengths[..2], [(3, size), (2, size)]);
    assert!(lengths.len() < 4);
    // The same in a set.
    let place = Place::new().with(&[("set.zip", &zip(&[("b/1.png", &flat(4, 4, 1))]))]);
    assert!(place.error("set").contains("has 1 class"));
    let mut files = files;
    let good = flat(4, 4, 1);
    files.push(("b/1.png", &good));
    let place = Place::new().with(&[("set.zip", &zip(&files))]);
    assert!(place.error("set").contains("unpacks to more than"));
}

#[test]
fn what_is_larger_than_its_kind_may_be_is_not_unpacked() {
    let bytes = zip(&[("labels.txt", &[b'x'; 11])]);
    for (limit, is_read) in [(11, true), (10, false)] {
        let mut found = None;
        archive::read(Cursor::new(&bytes), &[0], limit, &mut |_, data| {
            found = Some(data);
            true
        })
        .expect("a whole archive");
        match found.expect("one entry") {
            Ok(data) => assert!(is_read && data.len() == 11),
            Err(error) => assert!(!is_read && matches!(error, ArchiveError::TooLarge { .. })),
        }
    }
}

#[test]
fn a_damaged_entry_is_left_out_and_a_damaged_directory_refused() {
    let image = flat(4, 4, 10);
    let names = ["a/1.png", "a/2.png", "a/3.png", "b/1.png"];
    let whole = zip(&names.map(|name| (name, image.as_slice())));
    let mut changed = whole.clone();
    // The checksum of the first entry, and the length of the second, as the directory has them.
    let one = last(&changed, b"a/1.png");
    changed[one - 30] ^= 1;
    let two = last(&changed, b"a/2.png");
    changed[two - 22] ^= 1;
    let opened = Place::new().with(&[("set.zip", &changed)]).opened("set");
    assert_eq!((opened.data.len(), opened.warnings.left_out()), (2, 2));
    let told = sentences(&opened);
    assert!(told[0].starts_with("left out: `a/1.png`"), "{told:#?}");
    assert!(told[1].contains("a/2.png"), "{told:#?}");

    let place = Place::new().with(&[("set.zip", &whole[..whole.len() - 30])]);
    let message = place.error("set");
    assert!(message.contains("set.zip") && message.contains("no whole zip"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is done to an archive, it is answered, and no entry gets a dangerous name.
    #[test]
    fn mutated_zips_are_answered(
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut bytes = entries(&flat(2, 2, 1), &flat(2, 2, 2));
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut.index(4) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        let entries = archive::list(Cursor::new(&bytes)).unwrap_or_default();
        for entry in entries.iter().filter(|entry| entry.kind == EntryKind::File) {
            prop_assert!(!entry.name.starts_with('/'));
            prop_assert!(!entry.name.split('/').any(|part| part == ".."));
        }
        let wanted: Vec<usize> = entries.iter().map(|entry| entry.index).collect();
        let _ = archive::read(Cursor::new(&bytes), &wanted, 1 << 20, &mut |place, data| {
            assert!(place < wanted.len());
            data.is_ok()
        });
    }
}

#[test]
fn images_in_too_many_folders_are_left_out() {
    let image = flat(4, 4, 1);
    // Within a class, so in one folder more.
    let deep = |folders: usize| format!("cat/{}1.png", "d/".repeat(folders - 1));
    let (deepest, too_deep) = (deep(64), deep(65));
    let entries: [(&str, &[u8]); 4] =
        [("cat/1.png", &image), (&deepest, &image), (&too_deep, &image), ("dog/1.png", &image)];
    let opened = Place::new().with(&[("set.zip", &zip(&entries))]).opened("set");
    assert_eq!(opened.data.labels(), [0, 0, 1]);
    assert_eq!(sentences(&opened), [format!("left out: `{too_deep}` lies in more than 64 folders")]);
}
