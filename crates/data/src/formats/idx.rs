//! MNIST's four files of images and labels, each plain or gzipped.

use super::{Format, numbered};
use crate::archive::{self, Gunzip};
use crate::contents::{Contents, Item, Records, Stored};
use crate::files::{Files, Found, inside};
use crate::idx::{self, Idx, IdxError};
use crate::image::Picture;
use crate::{DataError, Part};

pub(super) const FORMAT: Format = Format {
    name: "IDX",
    marks: |name| PARTS.iter().any(|(stem, _)| spellings(stem, 3).any(|file| file == name)),
    read,
    read_coarse: None,
};

/// How the files of the parts begin.
const PARTS: [(&str, Part); 2] = [("train", Part::Train), ("t10k", Part::Test)];

/// So many bytes of a file, plain or packed, hold its header.
const HEAD_BYTES: u64 = 4096;

/// How gzip files begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Class names of sets whose files do not tell them, by the name of their folder.
const KNOWN_CLASSES: [(&str, [&str; 10]); 1] = [(
    "fashion-mnist",
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
)];

/// The names under which a file of `dimensions` dimensions may lie. The original names have a dash
/// before "idx", some unpackers make a dot of it.
fn spellings(part: &str, dimensions: u8) -> impl Iterator<Item = String> {
    let kind = if dimensions == 3 { "images" } else { "labels" };
    let stem = format!("{part}-{kind}");
    ["-", "."].into_iter().flat_map(move |dash| {
        let plain = format!("{stem}{dash}idx{dimensions}-ubyte");
        [plain.clone(), format!("{plain}.gz")]
    })
}

fn read(files: Files, root: &str) -> Result<Contents, DataError> {
    let known = KNOWN_CLASSES.iter().find(|(name, _)| *name == files.name);
    let mut classes: Vec<String> = known.map_or(Vec::new(), |(_, names)| names.map(str::to_owned).to_vec());
    let (mut items, mut parts) = (Vec::new(), Vec::new());
    for (stem, part) in PARTS {
        let Some((images, label_file, labels)) = read_part(&files, root, stem, part)? else {
            continue;
        };
        let path = files.shown(&label_file);
        if classes.is_empty() {
            classes = counted_classes(&path, &labels)?;
        }
        for (index, label) in labels.into_iter().enumerate() {
            if usize::from(label) >= classes.len() {
                return Err(DataError::LabelRange { path, index, label: usize::from(label), classes: classes.len() });
            }
            items.push(Item {
                name: format!("{} {index}", part.name()),
                part,
                label: u16::from(label),
                handle: items.len(),
            });
        }
        parts.push(images);
    }
    Ok(Contents {
        path: files.path,
        classes,
        items,
        warnings: files.warnings,
        pixels: Stored::Records(Box::new(Parts(parts))),
    })
}

/// The images of a part, its file of labels and the labels.
type PartFiles = (Idx<Vec<u8>>, String, Vec<u8>);

/// Nothing if the test part is not there.
fn read_part(files: &Files, root: &str, stem: &str, part: Part) -> Result<Option<PartFiles>, DataError> {
    let there = |dimensions| {
        let mut names = spellings(stem, dimensions).map(|name| inside(root, &name));
        names.find_map(|name| files.find(&name))
    };
    let missing = |dimensions| {
        let name = spellings(stem, dimensions).nth(1).unwrap_or_default();
        DataError::MissingFile {
            path: files.shown(&inside(root, &name)),
            reason: "a part needs both its images and their labels",
        }
    };
    let (image_file, label_file) = match (there(3), there(1)) {
        (Some(images), Some(labels)) => (images, labels),
        (None, None) if part == Part::Test => return Ok(None),
        (None, _) => return Err(missing(3)),
        (Some(_), None) => return Err(missing(1)),
    };
    let images = load(files, image_file, 3)?;
    let labels = load(files, label_file, 1)?.data;
    refuse_unequal(files, (&image_file.name, &images), (&label_file.name, &labels))?;
    Ok(Some((images, label_file.name.clone(), labels)))
}

/// Reads a file of so many dimensions, if its first bytes and its length are those of one.
fn load(files: &Files, found: &Found, dimensions: usize) -> Result<Idx<Vec<u8>>, DataError> {
    let failed = |source| DataError::Idx { path: files.shown(&found.name), source };
    let head = files.head(found, HEAD_BYTES)?;
    // By the first bytes, as browsers unpack files and leave them their names.
    let is_packed = head.starts_with(&GZIP);
    let most = check(&head, is_packed, found.bytes, dimensions).map_err(failed)?;
    let bytes = files.load(std::slice::from_ref(&found.name), most)?.pop().flatten().unwrap_or_default();
    match is_packed {
        true => idx::read(Gunzip::new(bytes.as_slice())),
        false => idx::read(bytes.as_slice()),
    }
    .map_err(failed)
}

/// The most bytes that a file which begins like this may have, if it can be one of so many dimensions.
fn check(head: &[u8], is_packed: bool, length: u64, dimensions: usize) -> Result<u64, IdxError> {
    let (idx, needed) = match is_packed {
        true => idx::begin(Gunzip::new(head))?,
        false => idx::begin(head)?,
    };
    match dimensions {
        3 => idx.images().map(|_| ())?,
        _ => idx.labels().map(|_| ())?,
    }
    let (sizes, header) = (idx.sizes, idx::header_bytes(dimensions));
    if is_packed && needed > archive::allowance(length) {
        return Err(IdxError::Bomb { sizes, needed, packed: length });
    }
    let found = length.saturating_sub(header);
    if !is_packed && needed != found {
        return Err(IdxError::Length { sizes, needed, found });
    }
    // What cannot be packed grows a little by it.
    Ok(if is_packed { 2 * (header + needed) + HEAD_BYTES } else { length })
}

/// An error unless there are as many images as labels, at least one, and none without pixels.
fn refuse_unequal(
    files: &Files,
    (image_file, images): (&str, &Idx<Vec<u8>>),
    (label_file, labels): (&str, &[u8]),
) -> Result<(), DataError> {
    let (count, height, width) = (images.sizes[0], images.sizes[1], images.sizes[2]);
    if count != labels.len() {
        return Err(DataError::IdxCounts {
            image_file: files.shown(image_file),
            images: count,
            label_file: files.shown(label_file),
            labels: labels.len(),
        });
    }
    if count == 0 || height * width == 0 {
        return Err(DataError::NoImages {
            reasons: String::new(),
            path: files.shown(image_file),
            hint: format!("{count} images of {height}x{width} pixels"),
        });
    }
    Ok(())
}

/// The classes of labels whose names nobody knows: as many as the largest label says, each with
/// images.
fn counted_classes(path: &std::path::Path, labels: &[u8]) -> Result<Vec<String>, DataError> {
    let largest = labels.iter().copied().max().unwrap_or(0);
    match (0..largest).find(|label| !labels.contains(label)) {
        None => Ok(numbered(usize::from(largest) + 1)),
        Some(missing) => Err(DataError::LabelGap {
            path: path.to_path_buf(),
            index: labels.iter().position(|l| *l == largest).unwrap_or(0),
            label: usize::from(largest),
            missing: usize::from(missing),
        }),
    }
}

/// The images of both parts, numbered through.
struct Parts(Vec<Idx<Vec<u8>>>);

impl Records for Parts {
    fn picture(&self, mut number: usize) -> Picture {
        for part in &self.0 {
            let (count, height, width) = (part.sizes[0], part.sizes[1], part.sizes[2]);
            if number < count {
                let bytes = height * width;
                return Picture { height, width, channels: 1, pixels: part.data[number * bytes..][..bytes].to_vec() };
            }
            number -= count;
        }
        unreachable!("items are numbered by the images there are")
    }
}
