//! CIFAR-10 and CIFAR-100 in their binary form: files of records, each one or two labels and an
//! image.

use super::{Format, numbered};
use crate::cifar::{self, Batch, CifarError, CifarKind};
use crate::contents::{Contents, Item, Records, Stored};
use crate::files::{Files, inside};
use crate::image::Picture;
use crate::{DataError, Part, names};

pub(super) const TEN: Format = Format {
    name: "CIFAR-10",
    marks: |name| TEN_FILES.iter().any(|(file, _)| *file == name),
    read: |files, root| read(files, root, CifarKind::Ten, &TEN_FILES, "batches.meta.txt"),
    read_coarse: None,
};

pub(super) const HUNDRED: Format = Format {
    name: "CIFAR-100",
    marks: |name| name == "train.bin",
    read: |files, root| {
        let classes = "fine_label_names.txt";
        read(files, root, CifarKind::Hundred, &HUNDRED_FILES, classes)
    },
    read_coarse: Some(|files, root| {
        let (kind, classes) = (CifarKind::HundredCoarse, "coarse_label_names.txt");
        read(files, root, kind, &HUNDRED_FILES, classes)
    }),
};

/// The files of images, in their order, and what they are for.
type BatchFiles = [(&'static str, Part)];

const TEN_FILES: [(&str, Part); 6] = [
    ("data_batch_1.bin", Part::Train),
    ("data_batch_2.bin", Part::Train),
    ("data_batch_3.bin", Part::Train),
    ("data_batch_4.bin", Part::Train),
    ("data_batch_5.bin", Part::Train),
    ("test_batch.bin", Part::Test),
];

const HUNDRED_FILES: [(&str, Part); 2] = [("train.bin", Part::Train), ("test.bin", Part::Test)];

fn read(
    mut files: Files,
    root: &str,
    kind: CifarKind,
    batch_files: &BatchFiles,
    class_file: &str,
) -> Result<Contents, DataError> {
    let mut names: Vec<String> = batch_files.iter().map(|(name, _)| inside(root, name)).collect();
    names.push(inside(root, class_file));
    for name in &names[..batch_files.len()] {
        // Before the file is read, which may be long.
        let bytes = files.find(name).map_or(0, |found| found.bytes as usize);
        if !bytes.is_multiple_of(kind.record_bytes()) {
            let source = CifarError::Length { bytes, record: kind.record_bytes() };
            return Err(DataError::Cifar { path: files.shown(name), source });
        }
    }
    let mut loaded = files.load(&names, cifar::MAX_BYTES)?;
    let classes = match loaded.pop().flatten() {
        Some(text) => class_names(&files, class_file, kind, &text)?,
        None => {
            let reason = "is missing; classes are called by their numbers";
            files.warnings.note(class_file, reason);
            numbered(kind.classes())
        }
    };
    let (mut items, mut batches) = (Vec::new(), Vec::new());
    for (((file, part), name), bytes) in batch_files.iter().zip(&names).zip(loaded) {
        let path = files.shown(name);
        let Some(bytes) = bytes else {
            return Err(DataError::MissingFile { path, reason: "its set is whole only with it" });
        };
        let batch = Batch::parse(bytes, kind).map_err(|source| DataError::Cifar { path: path.clone(), source })?;
        for index in 0..batch.len() {
            let label = batch.label(index);
            if usize::from(label) >= classes.len() {
                return Err(DataError::LabelRange { path, index, label: usize::from(label), classes: classes.len() });
            }
            items.push(Item {
                name: format!("{file} {index}"),
                part: *part,
                label: u16::from(label),
                handle: items.len(),
            });
        }
        batches.push(batch);
    }
    super::refuse_empty_classes(&files, &classes, &items, &files.warnings)?;
    Ok(Contents {
        path: files.path,
        classes,
        items,
        warnings: files.warnings,
        pixels: Stored::Records(Box::new(Batches(batches))),
    })
}

/// The names in a file of one per line, of which there must be as many as classes.
fn class_names(files: &Files, file: &str, kind: CifarKind, text: &[u8]) -> Result<Vec<String>, DataError> {
    let text = names::text_of_lines(text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let names: Vec<String> = lines.map(str::to_owned).collect();
    if names.len() == kind.classes() {
        return Ok(names);
    }
    Err(DataError::ClassNames { path: files.shown(file), names: names.len(), classes: kind.classes() })
}

/// Several files of images, numbered through.
struct Batches(Vec<Batch>);

impl Records for Batches {
    fn picture(&self, mut number: usize) -> Picture {
        for batch in &self.0 {
            if number < batch.len() {
                return batch.picture(number);
            }
            number -= batch.len();
        }
        unreachable!("items are numbered by the records there are")
    }
}
