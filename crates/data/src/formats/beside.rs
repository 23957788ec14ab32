//! The files beside a table, by the paths that people write into it.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use unicode_normalization::UnicodeNormalization as _;

use crate::files::{Files, Found, inside, is_hidden};
use crate::names::text_of;

pub(super) struct Beside<'a> {
    /// How the names of the files in the table's folder begin.
    start: String,
    /// The images, by their paths from the table's folder.
    images: HashMap<&'a str, &'a Found>,
    /// The paths of what is no image.
    others: HashSet<&'a str>,
    /// Where the table's folder lies on disk, as it was named and as it truly is.
    folders: Vec<String>,
    /// The images' paths without capital letters.
    lower: OnceCell<HashMap<String, &'a str>>,
    /// The images' paths with composed letters: some systems write `é` as an `e` and an accent.
    composed: OnceCell<HashMap<String, &'a str>>,
}

impl<'a> Beside<'a> {
    /// What lies in the folder `root` and below.
    pub(super) fn of(files: &'a Files, root: &str) -> Self {
        let start = inside(root, "");
        let visible = files.found.iter().filter(|found| !is_hidden(&found.name));
        let named = visible.filter_map(|found| Some((found.name.strip_prefix(&start)?, found)));
        let (images, others): (HashMap<_, _>, HashMap<_, _>) = named.partition(|(_, found)| found.is_image);
        let folder = files.path.join(root);
        let true_folder = folder.canonicalize().ok().filter(|folder| folder.is_dir());
        let named = true_folder.is_some().then(|| std::path::absolute(&folder).ok()).flatten();
        let folders = named.iter().chain(&true_folder).map(|folder| written(folder)).collect();
        Self {
            start,
            images,
            others: others.into_keys().collect(),
            folders,
            lower: OnceCell::new(),
            composed: OnceCell::new(),
        }
    }

    pub(super) fn start(&self) -> &str {
        &self.start
    }

    pub(super) fn len(&self) -> usize {
        self.images.len()
    }

    /// The image that is meant by a path in the table.
    pub(super) fn find(&self, path: &str) -> Option<&'a Found> {
        let plain = self.images.get(path).filter(|_| !path.contains('\\'));
        let spelt = || self.spellings(path).find_map(|path| self.images.get(path.as_str()));
        plain.or_else(spelt).or_else(|| self.find_composed(path)).copied()
    }

    fn find_composed(&self, path: &str) -> Option<&&'a Found> {
        let compose = |name: &str| name.nfc().collect::<String>();
        let composed = self.composed.get_or_init(|| self.images.keys().map(|name| (compose(name), *name)).collect());
        let name = self.spellings(path).find_map(|path| composed.get(&compose(&path)))?;
        self.images.get(name)
    }

    /// Why there is no image of this path, as a clause.
    pub(super) fn why_not(&self, path: &str) -> String {
        if self.spellings(path).any(|path| self.others.contains(path.as_str())) {
            return "is no image".to_owned();
        }
        if is_absolute(path) && self.spellings(path).next().is_none() {
            return "is absolute, and not below the table's folder; write paths from that folder".to_owned();
        }
        let names = self.images.keys().map(|name| (name.to_lowercase(), *name));
        let lower = self.lower.get_or_init(|| names.collect());
        match self.spellings(path).find_map(|path| lower.get(&path.to_lowercase())) {
            Some(other) => format!("is not there; `{other}` differs only by capital letters"),
            None => "is not there".to_owned(),
        }
    }

    /// The ways in which listings may have a path. As it stands comes first: elsewhere than on Windows a backslash may belong to a name.
    fn spellings(&self, path: &str) -> impl Iterator<Item = String> {
        let relative = [path.to_owned(), path.replace('\\', "/")].map(|path| self.relative(&path));
        relative.into_iter().flatten().flat_map(|path| [text_of(path.as_bytes()), path])
    }

    /// A path from the table's folder, without what leads nowhere; none for one that lies elsewhere.
    fn relative(&self, path: &str) -> Option<String> {
        let below = |folder: &String| path.strip_prefix(folder.as_str())?.strip_prefix('/');
        let path = if is_absolute(path) { self.folders.iter().find_map(below)? } else { path };
        let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        Some(parts.join("/"))
    }
}

/// A folder as paths below it begin in a table.
fn written(folder: &Path) -> String {
    let text = folder.to_string_lossy();
    text.replace(std::path::MAIN_SEPARATOR, "/").trim_end_matches('/').to_owned()
}

/// Whether a path begins at a root or, as on Windows, at a drive.
fn is_absolute(path: &str) -> bool {
    matches!(path.as_bytes(), [b'/' | b'\\', ..] | [b'a'..=b'z' | b'A'..=b'Z', b':', b'/' | b'\\', ..])
}
