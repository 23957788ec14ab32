//! Which file belongs to which part and class: `[part/]class/.../image.jpg`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::parts::{is_evaluation, is_like_part, part_of};
use super::tree::Tree;
use tunefork_names::counted;

use crate::contents::{Contents, Item, Stored};
use crate::files::{Files, Found, inside, is_hidden};
use crate::names::difference;
use crate::{DataError, Part, Warnings};

/// Images below more folders than this are left out: no set has them.
const MAX_DEPTH: usize = 64;

const NO_CLASS: &str = "lies in no class folder";

/// A folder of class folders.
struct Level<'t, 'a> {
    part: Part,
    /// Its path from the root of the source.
    place: String,
    tree: &'t Tree<'a>,
}

impl<'t, 'a> Level<'t, 'a> {
    /// What remains below folders that hold everything else, like `training_set/` in `training_set/training_set/cats`.
    fn below(part: Part, mut place: String, mut tree: &'t Tree<'a>, warnings: &mut Warnings) -> Self {
        while let Some((name, folder)) = tree.only() {
            leave_out(&tree.images, NO_CLASS, warnings);
            (place, tree) = (inside(&place, name), folder);
        }
        leave_out(&tree.images, NO_CLASS, warnings);
        Self { part, place, tree }
    }

    /// Each class's name and images.
    fn classes(&self, path: &std::path::Path) -> Result<Vec<(&'a str, Vec<&'a Found>)>, DataError> {
        let shown = |name: &str| path.join(inside(&self.place, name));
        let mut classes = Vec::new();
        for (class, folder) in &self.tree.folders {
            if let Some((deeper, first)) = folder.repeats(&self.tree.folders) {
                let second = shown(class).join(deeper).join(first);
                return Err(DataError::SetTwice { path: path.to_path_buf(), first: shown(first), second });
            }
            let (mut held, mut inner) = (folder, shown(class));
            while let Some((name, only)) = held.folders.first_key_value().filter(|_| held.images.is_empty()) {
                inner.push(name);
                // `cats/cats/1.jpg`: unpacked into a folder of its own name.
                if held.folders.len() > 1 || !name.eq_ignore_ascii_case(class) {
                    return Err(DataError::OnlyFolders { path: path.to_path_buf(), folder: shown(class), inner });
                }
                held = only;
            }
            classes.push((*class, folder.all()));
        }
        Ok(classes)
    }
}

pub(super) fn read(mut files: Files) -> Result<Contents, DataError> {
    let mut warnings = std::mem::take(&mut files.warnings);
    let images = choose_images(&files.found, &mut warnings);
    let tree = Tree::of(&images);
    let levels = levels(&files, &tree, &mut warnings)?;
    let mut placed = Vec::with_capacity(images.len());
    for level in &levels {
        for (class, images) in level.classes(&files.path)? {
            placed.extend(images.into_iter().map(|found| (found, level.part, class)));
        }
    }
    let trained = placed.iter().filter(|(_, part, _)| *part == Part::Train);
    let classes: BTreeSet<&str> = trained.map(|(_, _, class)| *class).collect();
    super::refuse_untrained(&files, placed.iter().map(|(_, part, _)| *part), &warnings)?;
    refuse_parts(&files, &classes)?;
    if classes.is_empty() {
        let (count, endings) = (counted(files.found.len(), "file"), endings(&files.found));
        let hint = format!("among {count}{endings}; class/image.jpg or train/class/image.jpg is expected");
        return Err(DataError::NoImages { path: files.path, hint, reasons: warnings.because(|_| true) });
    }
    refuse_empty_folders(&files, &levels, &classes, &warnings)?;
    let classes: Vec<&str> = classes.into_iter().collect();
    let mut items = Vec::with_capacity(placed.len());
    for (found, part, class) in placed {
        let label = classes.binary_search(&class).map_err(|_| DataError::UnknownClass {
            path: files.path.clone(),
            class: class.to_owned(),
            part: part.name(),
            alike: alike(class, &classes),
        })?;
        items.push(Item {
            name: found.name.clone(),
            part,
            // More classes than a label can say are refused by their number.
            label: label as u16,
            handle: found.handle,
        });
    }
    items.sort_by(|a, b| (a.part, a.label, &a.name).cmp(&(b.part, b.label, &b.name)));
    Ok(Contents {
        path: files.path.clone(),
        classes: classes.into_iter().map(str::to_owned).collect(),
        items,
        warnings,
        pixels: Stored::Files(files),
    })
}

/// An error if all of the classes are called as parts are.
fn refuse_parts(files: &Files, classes: &BTreeSet<&str>) -> Result<(), DataError> {
    if classes.is_empty() || !classes.iter().all(|class| is_like_part(class)) {
        return Ok(());
    }
    let names = files.found.iter().map(|found| &found.name);
    let tables = names.filter(|name| !is_hidden(name) && name.to_lowercase().ends_with(".csv")).cloned().collect();
    let parts = classes.iter().map(|class| (*class).to_owned()).collect();
    Err(DataError::OnlyParts { path: files.path.clone(), parts, tables })
}

/// The three endings that most files have, with their numbers, as a clause.
fn endings(files: &[Found]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let named = files.iter().filter_map(|found| found.name.rsplit('/').next()?.rsplit_once('.'));
    named.for_each(|(_, ending)| *counts.entry(ending.to_lowercase()).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let told: Vec<String> = counts.iter().take(3).map(|(ending, count)| format!("{count} .{ending}")).collect();
    if told.is_empty() { String::new() } else { format!(", {}", told.join(", ")) }
}

/// The class that `class` may have been meant to be, told apart from it.
fn alike(class: &str, classes: &[&str]) -> String {
    let differences = classes.iter().filter_map(|other| difference(class, other));
    differences.map(|difference| format!("; it {difference}")).next().unwrap_or_default()
}

/// Where class folders lie: in each part, or in one folder where there are no parts.
fn levels<'t, 'a>(
    files: &Files,
    mut tree: &'t Tree<'a>,
    warnings: &mut Warnings,
) -> Result<Vec<Level<'t, 'a>>, DataError> {
    let mut place = String::new();
    // Other parts may lie beside a folder that holds the set, as in `X/train` and `test/test`.
    while tree.parts().iter().all(|(part, _)| *part != Part::Train)
        && let Some((name, folder)) = wrapped(files, &place, tree)?
    {
        leave_out(&tree.images, NO_CLASS, warnings);
        let beside = tree.folders.iter().filter(|(other, _)| **other != name);
        beside.for_each(|(_, folder)| leave_out(&folder.all(), &format!("lies beside the set in `{name}`"), warnings));
        (place, tree) = (inside(&place, name), folder);
    }
    let parts = tree.parts();
    if parts.is_empty() {
        return Ok(vec![Level::below(Part::Train, place, tree, warnings)]);
    }
    leave_out(&tree.images, NO_CLASS, warnings);
    leave_out_beside(files, &place, tree, &parts, warnings)?;
    let named = |(part, name): &(Part, &str)| *part == Part::Validation && !is_evaluation(name);
    let has_validation = parts.iter().any(named);
    let mut levels: Vec<Level<'t, 'a>> = Vec::new();
    for (part, name) in &parts {
        let part = if has_validation && is_evaluation(name) { Part::Test } else { *part };
        if levels.iter().any(|level| level.part == part) {
            warnings.note(*name, format!("is one of several folders with {} images", part.name()));
        }
        levels.push(Level::below(part, inside(&place, name), &tree.folders[name], warnings));
    }
    Ok(levels)
}

/// The folder in `tree` that holds the whole set: the only one, or the only one with parts.
fn wrapped<'t, 'a>(
    files: &Files,
    place: &str,
    tree: &'t Tree<'a>,
) -> Result<Option<(&'a str, &'t Tree<'a>)>, DataError> {
    let training = |(name, folder): (&&'a str, &Tree<'a>)| Some((*name, inside(name, &folder.training()?)));
    let mut sets = tree.folders.iter().filter_map(training);
    match (sets.next(), sets.next()) {
        (Some((_, first)), Some((_, second))) => {
            let [first, second] = [first, second].map(|part| files.shown(&inside(place, &part)));
            Err(DataError::SetTwice { path: files.path.clone(), first, second })
        }
        (Some((name, _)), None) => Ok(Some((name, &tree.folders[name]))),
        (None, _) => Ok(tree.only().filter(|_| tree.parts().is_empty())),
    }
}

/// Leaves out what lies beside the parts of a set, unless it is the set once more.
fn leave_out_beside(
    files: &Files,
    place: &str,
    tree: &Tree<'_>,
    parts: &[(Part, &str)],
    warnings: &mut Warnings,
) -> Result<(), DataError> {
    let names: Vec<String> = parts.iter().map(|(_, name)| format!("`{name}`")).collect();
    let beside = format!("lies beside {}, the parts of the set", names.join(", "));
    for (name, folder) in tree.folders.iter().filter(|(name, _)| parts.iter().all(|(_, part)| part != *name)) {
        if let Some(second) = folder.training() {
            let first = tree.training().unwrap_or_default();
            let [first, second] = [first, inside(name, &second)].map(|part| files.shown(&inside(place, &part)));
            return Err(DataError::SetTwice { path: files.path.clone(), first, second });
        }
        leave_out(&folder.all(), if part_of(name).is_some() { NO_CLASS } else { &beside }, warnings);
    }
    Ok(())
}

fn leave_out(images: &[&Found], reason: &str, warnings: &mut Warnings) {
    images.iter().for_each(|found| warnings.leave_out(&found.name, reason));
}

/// The images, but for those that lie too deep.
fn choose_images<'a>(files: &'a [Found], warnings: &mut Warnings) -> Vec<&'a Found> {
    let mut images: Vec<&Found> = files.iter().filter(|found| found.is_image).collect();
    images.retain(|found| {
        let is_deep = found.name.matches('/').count() > MAX_DEPTH;
        if is_deep {
            warnings.leave_out(&found.name, format!("lies in more than {MAX_DEPTH} folders"));
        }
        !is_deep
    });
    images
}

/// An error if folders stand where training classes stand and no image is in them.
fn refuse_empty_folders<'a>(
    files: &'a Files,
    levels: &[Level<'_, '_>],
    classes: &BTreeSet<&str>,
    warnings: &Warnings,
) -> Result<(), DataError> {
    let trained = levels.iter().filter(|level| level.part == Part::Train);
    let places: HashSet<&str> = trained.map(|level| level.place.as_str()).collect();
    let parted = |folder: &'a str| folder.rsplit_once('/').unwrap_or(("", folder));
    let folders = files.folders.iter().map(String::as_str).filter(|folder| !is_hidden(folder));
    let empty: Vec<&str> = folders
        .filter(|folder| {
            let (place, class) = parted(folder);
            places.contains(place) && !classes.contains(class)
        })
        .collect();
    if empty.is_empty() {
        return Ok(());
    }
    let is_within =
        |file: &str| empty.iter().any(|folder| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
    let names: BTreeSet<&str> = empty.iter().map(|folder| parted(folder).1).collect();
    let classes = names.into_iter().map(str::to_owned).collect();
    Err(DataError::EmptyClasses { path: files.path.clone(), classes, reasons: warnings.because(is_within) })
}
