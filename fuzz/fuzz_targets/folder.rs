//! Any tree of files is a set of images or refused; what is counted by classes is what is counted in all.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};

use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use tunefork_data::{InspectOptions, PrepareOptions, Source};

/// Names that mean something to somebody, and some that do not.
const NAMES: [&str; 32] = [
    "train",
    "test",
    "val",
    "valid",
    "TRAIN",
    "training_set",
    "test_set",
    "seg_train",
    "dev",
    "images",
    "cats",
    "dogs",
    "café",
    "cafe\u{301}",
    "a.png",
    "b.png",
    "c.PNG",
    "d.jpg",
    "e",
    "f.png.crdownload",
    "labels.csv",
    "@eaDir",
    "lost+found",
    ".hidden",
    "__MACOSX",
    "Thumbs.db",
    "runs",
    "unlabeled",
    "readme.txt",
    "set.zip",
    "0",
    " ",
];
const MOST: usize = 48;

#[derive(Debug)]
enum Kind {
    Folder,
    File(usize),
    /// A link to the folder so many levels up.
    Up(usize),
}

#[derive(Debug)]
struct Entry {
    /// The folder made so many folders ago that it lies in.
    inside: usize,
    name: Name,
    kind: Kind,
}

#[derive(Debug)]
enum Name {
    Known(&'static str),
    Bytes(Vec<u8>),
}

impl<'a> Arbitrary<'a> for Entry {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let name = match input.ratio(1, 8)? {
            true => Name::Bytes(
                input.arbitrary::<[u8; 5]>()?.map(|byte| if byte == b'/' || byte == 0 { b'x' } else { byte }).to_vec(),
            ),
            false => Name::Known(input.choose(&NAMES)?),
        };
        let kind = match input.int_in_range(0..=7)? {
            0..=2 => Kind::Folder,
            3..=6 => Kind::File(input.int_in_range(0..=5)?),
            _ => Kind::Up(input.int_in_range(0..=3)?),
        };
        Ok(Self { inside: input.int_in_range(0..=5)?, name, kind })
    }
}

/// Two images, one cut off, text, nothing.
fn contents(which: usize, file: usize) -> Vec<u8> {
    let image = || {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
        encoder.set_color(png::ColorType::Grayscale);
        let pixels: Vec<u8> = (0..16).map(|pixel| (pixel * 7 + file * 13) as u8).collect();
        encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels)).expect("a picture");
        bytes
    };
    match which {
        0..=2 => image(),
        3 => image()[..40].to_vec(),
        4 => b"file,label\na.png,cats\nb.png,dogs\n".to_vec(),
        _ => Vec::new(),
    }
}

#[cfg(unix)]
fn make(root: &Path, entries: &[Entry]) {
    use std::os::unix::ffi::OsStrExt as _;
    let mut folders: Vec<PathBuf> = vec![root.to_path_buf()];
    for (number, entry) in entries.iter().take(MOST).enumerate() {
        let parent = folders[folders.len() - 1 - entry.inside.min(folders.len() - 1)].clone();
        let name = match &entry.name {
            Name::Known(name) => std::ffi::OsStr::new(name),
            Name::Bytes(bytes) => std::ffi::OsStr::from_bytes(bytes),
        };
        let path = parent.join(name);
        // A name that is taken, `.` or too long is left.
        match entry.kind {
            Kind::Folder => {
                if fs::create_dir(&path).is_ok() {
                    folders.push(path);
                }
            }
            Kind::File(which) => _ = fs::write(&path, contents(which, number)),
            Kind::Up(levels) => _ = std::os::unix::fs::symlink(vec![".."; levels + 1].join("/"), &path),
        }
    }
}

fuzz_target!(|entries: Vec<Entry>| {
    let place = tempfile::tempdir().expect("a temporary folder");
    let root = place.path().join("set");
    fs::create_dir(&root).expect("a folder");
    make(&root, &entries);
    let Ok(source) = Source::at(&root) else {
        return;
    };
    let inspected = source.inspect(&InspectOptions { threads: 1, near: Some(4) }, &mut |_| {});
    let options = PrepareOptions {
        cache: Some(place.path().join("cache")),
        size: Some((4, 4)),
        threads: 1,
        ..Default::default()
    };
    let opened = source.open(&options, &mut |_| {});
    if let (Ok(inspected), Ok(opened)) = (&inspected, &opened) {
        let all: usize = inspected.parts.iter().map(|part| part.images).sum();
        assert_eq!(all, opened.data.len());
        assert!(inspected.parts.iter().all(|part| part.per_class.iter().sum::<usize>() == part.images));
    }
    // A set is as it was when it is opened again.
    if let Ok(opened) = opened {
        let again = source.open(&options, &mut |_| {}).expect("it was opened before");
        assert_eq!(again.data.digest(), opened.data.digest());
    }
});
