//! Which file belongs to which part and class: `[part/]class/.../image.jpg`.

use std::collections::BTreeSet;

use crate::contents::{Contents, Item, Stored};
use crate::files::{Files, Found, is_hidden};
use crate::{DataError, Part, Warnings};

/// File name endings of images that are read.
const IMAGE_ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// File name endings of images that are not read, worth a warning.
const OTHER_IMAGE_ENDINGS: [&str; 8] = ["gif", "bmp", "webp", "tif", "tiff", "heic", "avif", "jp2"];

/// Where parts and classes stand in a path.
struct Levels<'a> {
    /// Folders that hold everything else, like `cats-dogs/` in `cats-dogs/cats/1.jpg` and
    /// `cats-dogs/dogs/1.jpg`.
    common: Vec<&'a str>,
    /// Whether folders named after parts stand above the classes.
    with_parts: bool,
}

impl<'a> Levels<'a> {
    fn of(images: &[(&Found, Vec<&'a str>)]) -> Self {
        let mut common = Vec::new();
        while let Some((_, first)) = images.first() {
            let depth = common.len();
            let folder = first[depth];
            let shared = |path: &Vec<&str>| path.len() > depth + 2 && path[depth] == folder;
            if part_of(folder).is_some() || !images.iter().all(|(_, path)| shared(path)) {
                break;
            }
            common.push(folder);
        }
        let depth = common.len();
        let with_parts = images.iter().all(|(_, path)| part_of(path[depth]).is_some());
        Self { common, with_parts }
    }

    /// Part and class of what lies at `path`, and the rest of the path.
    fn place<'p>(&self, path: &'p [&'a str]) -> Option<(Part, &'a str, &'p [&'a str])> {
        match path.strip_prefix(self.common.as_slice())? {
            [part, class, rest @ ..] if self.with_parts => Some((part_of(part)?, class, rest)),
            [class, rest @ ..] if !self.with_parts => Some((Part::Train, class, rest)),
            _ => None,
        }
    }
}

pub(super) fn read(mut files: Files) -> Result<Contents, DataError> {
    let mut warnings = std::mem::take(&mut files.warnings);
    let images = choose_images(&files.found, &mut warnings);
    let levels = Levels::of(&images);
    let mut placed = Vec::with_capacity(images.len());
    for (found, path) in &images {
        match levels.place(path) {
            Some((part, class, [_, ..])) => placed.push((*found, part, class)),
            _ => warnings.leave_out(&found.name, "lies in no class folder"),
        }
    }
    let trained = placed.iter().filter(|(_, part, _)| *part == Part::Train);
    let classes: BTreeSet<&str> = trained.map(|(_, _, class)| *class).collect();
    if classes.is_empty() {
        let hint = format!("among {} files; class/image.jpg or train/class/image.jpg is expected", files.found.len());
        return Err(DataError::NoImages { path: files.path, hint });
    }
    refuse_empty_folders(&files, &levels, &classes)?;
    let classes: Vec<&str> = classes.into_iter().collect();
    let mut items = Vec::with_capacity(placed.len());
    for (found, part, class) in placed {
        let label = classes.binary_search(&class).map_err(|_| DataError::UnknownClass {
            path: files.path.clone(),
            class: class.to_owned(),
            part: part.name(),
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

/// The files that are images by their names, each with its path in parts.
fn choose_images<'a>(files: &'a [Found], warnings: &mut Warnings) -> Vec<(&'a Found, Vec<&'a str>)> {
    let mut images = Vec::new();
    for found in files {
        let path: Vec<&str> = found.name.split('/').collect();
        if is_hidden(&found.name) {
            continue;
        }
        match ending(&found.name).as_deref() {
            Some(ending) if IMAGE_ENDINGS.contains(&ending) => images.push((found, path)),
            Some(ending) if OTHER_IMAGE_ENDINGS.contains(&ending) => {
                warnings.leave_out(&found.name, "is an image of a format that is not read; use JPEG or PNG");
            }
            _ => {}
        }
    }
    images
}

/// Whether a file is named like an image that can be read.
pub(crate) fn is_image(name: &str) -> bool {
    ending(name).is_some_and(|ending| IMAGE_ENDINGS.contains(&ending.as_str()))
}

fn ending(name: &str) -> Option<String> {
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase())
}

/// The part that a folder's name stands for.
pub(super) fn part_of(folder: &str) -> Option<Part> {
    match folder.to_ascii_lowercase().as_str() {
        "train" | "training" => Some(Part::Train),
        "val" | "valid" | "validation" => Some(Part::Validation),
        "test" | "testing" => Some(Part::Test),
        _ => None,
    }
}

/// An error if a folder stands where training classes stand and no image is in it.
fn refuse_empty_folders(files: &Files, levels: &Levels<'_>, classes: &BTreeSet<&str>) -> Result<(), DataError> {
    for folder in files.folders.iter().filter(|folder| !is_hidden(folder)) {
        let path: Vec<&str> = folder.split('/').collect();
        if let Some((Part::Train, class, [])) = levels.place(&path)
            && !classes.contains(class)
        {
            return Err(DataError::EmptyClass { path: files.path.clone(), class: class.to_owned() });
        }
    }
    Ok(())
}
