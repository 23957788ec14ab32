//! The ways in which sets are laid out: each says which file marks it, and reads what belongs to it.

mod beside;
mod cifar;
mod class_folders;
mod idx;
mod labels_csv;
mod parts;
mod tiny_imagenet;
mod tree;

use std::collections::{HashMap, HashSet};

use crate::contents::{Contents, Item};
use crate::files::{self, Files, Found, is_hidden};
use crate::{DataError, Labels, MAX_CLASSES, Part, Warnings, names};

/// One layout that is told by a file.
struct Format {
    /// What it is called in errors.
    name: &'static str,
    /// Whether a file of this name, here in lower case, lies in the root folder of every such set.
    marks: fn(&str) -> bool,
    /// Reads the set in this root folder.
    read: Reader,
    /// Reads it with its coarse labels, if such a set has them.
    read_coarse: Option<Reader>,
}

type Reader = fn(Files, &str) -> Result<Contents, DataError>;

/// All of them. What none of them marks is a folder of class folders.
const MARKED: &[Format] = &[idx::FORMAT, cifar::TEN, cifar::HUNDRED, tiny_imagenet::FORMAT, labels_csv::FORMAT];

/// Whether a file of this name marks a set in its folder.
pub(crate) fn is_mark(file_name: &str) -> bool {
    marked_by(file_name).is_some()
}

/// The format of the sets in which a file of this name lies; some systems change the case of names.
fn marked_by(file_name: &str) -> Option<&'static Format> {
    let name = file_name.to_ascii_lowercase();
    MARKED.iter().find(|format| (format.marks)(&name))
}

/// Finds out how the files are laid out, and reads the images' names, parts and labels.
pub(crate) fn read(files: Files, labels: Labels) -> Result<Contents, DataError> {
    let mut files = files;
    let marked = marked(&files)?;
    if let Some((_, root)) = &marked {
        leave_out_beside(&mut files, root);
    }
    let mut contents = match (marked, labels) {
        (Some((format, root)), Labels::Fine) => (format.read)(files, &root)?,
        (Some((format, root)), Labels::Coarse) => {
            let read = format.read_coarse.ok_or_else(Labels::no_coarse)?;
            read(files, &root)?
        }
        (None, Labels::Fine) => class_folders::read(files)?,
        (None, Labels::Coarse) => return Err(Labels::no_coarse()),
    };
    refuse_class_count(&contents)?;
    warn_of_alike(&mut contents);
    Ok(contents)
}

/// The format and root folder of the marked set that lies least deep, if there is one.
fn marked(files: &Files) -> Result<Option<(&'static Format, String)>, DataError> {
    let mut sets: Vec<(usize, &Format, &str)> = Vec::new();
    for found in files.found.iter().filter(|found| !is_hidden(&found.name)) {
        let (root, name) = found.name.rsplit_once('/').unwrap_or(("", &found.name));
        if let Some(format) = marked_by(name) {
            let depth = found.name.split('/').count();
            sets.push((depth, format, root));
        }
    }
    let Some(least) = sets.iter().map(|(depth, ..)| *depth).min() else {
        return Ok(None);
    };
    sets.retain(|(depth, ..)| *depth == least);
    let (_, format, root) = sets[0];
    let is_same = |other: &&Format, place: &&str| other.name == format.name && *place == root;
    match sets.iter().find(|(_, other, place)| !is_same(other, place)) {
        None => Ok(Some((format, root.to_owned()))),
        Some((_, other, place)) => Err(DataError::SeveralSets {
            path: files.path.clone(),
            first: (format.name, files.shown(root)),
            second: (other.name, files.shown(place)),
        }),
    }
}

/// Leaves out by name the images that lie beside the folder in which a marked set lies.
fn leave_out_beside(files: &mut Files, root: &str) {
    let within = files::inside(root, "");
    let is_beside = |found: &&Found| found.is_image && !is_hidden(&found.name) && !found.name.starts_with(&within);
    let Files { found, warnings, .. } = files;
    for other in found.iter().filter(is_beside) {
        warnings.leave_out(&other.name, format!("lies beside the set in `{root}`"));
    }
}

fn refuse_class_count(contents: &Contents) -> Result<(), DataError> {
    if (2..=MAX_CLASSES).contains(&contents.classes.len()) {
        return Ok(());
    }
    let reasons = contents.warnings.because(|_| true);
    Err(DataError::ClassCount { path: contents.path.clone(), classes: contents.classes.clone(), reasons })
}

/// Notes names that look equal: where the system does not tell capital letters apart, they are one file, or one folder with the images of
/// two classes.
fn warn_of_alike(contents: &mut Contents) {
    let mut notes = Vec::new();
    let classes = contents.classes.iter().map(|class| (names::look(class), class));
    let files = contents.items.iter().map(|item| (item.name.to_lowercase(), &item.name));
    note_alike("class", classes, &mut notes);
    note_alike("file", files, &mut notes);
    for (name, reason) in notes {
        contents.warnings.note(name, reason);
    }
}

/// Notes the names that have the key of one before them.
fn note_alike<'a>(kind: &str, names: impl Iterator<Item = (String, &'a String)>, notes: &mut Vec<(String, String)>) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (key, name) in names {
        let first = *seen.entry(key).or_insert(name);
        if let Some(difference) = names::difference(name, first) {
            let reason = format!("{difference}; both are used, but many systems take them for one {kind}");
            notes.push((name.clone(), reason));
        }
    }
}

/// An error if there are images, and all of them are for validation or test.
fn refuse_untrained(
    files: &Files,
    parts: impl Iterator<Item = Part> + Clone,
    warnings: &Warnings,
) -> Result<(), DataError> {
    let has = |part: &Part| parts.clone().any(|other| other == *part);
    let there: Vec<&str> = Part::ALL.iter().filter(|part| has(part)).map(|part| part.name()).collect();
    if there.is_empty() || has(&Part::Train) {
        return Ok(());
    }
    let reasons = warnings.because(|_| true);
    Err(DataError::NoTraining { path: files.path.clone(), parts: there.join(" and "), reasons })
}

/// An error if some classes have no training image.
fn refuse_empty_classes(
    files: &Files,
    classes: &[String],
    items: &[Item],
    warnings: &Warnings,
) -> Result<(), DataError> {
    refuse_untrained(files, items.iter().map(|item| item.part), warnings)?;
    let trained: HashSet<u16> = items.iter().filter(|item| item.part == Part::Train).map(|item| item.label).collect();
    let labels = (0_u16..).zip(classes);
    let classes: Vec<String> =
        labels.filter(|(label, _)| !trained.contains(label)).map(|(_, name)| name.clone()).collect();
    match classes.is_empty() {
        true => Ok(()),
        false => {
            let reasons = warnings.because(|_| true);
            Err(DataError::EmptyClasses { path: files.path.clone(), classes, reasons })
        }
    }
}

/// Names for `classes` classes that are only known by number.
fn numbered(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}
