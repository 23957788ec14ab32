//! Images by the folders in which they lie.

use std::collections::BTreeMap;

use super::parts::part_of;
use crate::Part;
use crate::files::{Found, inside};

/// A folder with images somewhere in it.
#[derive(Default)]
pub(super) struct Tree<'a> {
    /// Images that lie in the folder itself.
    pub images: Vec<&'a Found>,
    /// Folders with images somewhere in them.
    pub folders: BTreeMap<&'a str, Tree<'a>>,
}

impl<'a> Tree<'a> {
    pub(super) fn of(images: &[&'a Found]) -> Self {
        let mut tree = Self::default();
        for found in images {
            let (folders, _) = found.name.rsplit_once('/').unwrap_or_default();
            let parts = folders.split('/').filter(|part| !part.is_empty());
            parts.fold(&mut tree, |tree, part| tree.folders.entry(part).or_default()).images.push(found);
        }
        tree
    }

    /// All images in it, however deep.
    pub(super) fn all(&self) -> Vec<&'a Found> {
        let below = self.folders.values().flat_map(Self::all);
        self.images.iter().copied().chain(below).collect()
    }

    /// Whether it is made to hold folders: a single one beside images is as likely a part of one class.
    pub(super) fn holds_folders(&self) -> bool {
        self.folders.len() > 1 || self.folders.len() == 1 && self.images.is_empty()
    }

    /// The folders in it that are parts: named so, with folders of their own.
    pub(super) fn parts(&self) -> Vec<(Part, &'a str)> {
        let named = self.folders.iter().filter(|(_, folder)| folder.holds_folders());
        named.filter_map(|(name, _)| Some((part_of(name)?, *name))).collect()
    }

    /// The path from here of the first training part somewhere in it.
    pub(super) fn training(&self) -> Option<String> {
        let own = self.parts().into_iter().find(|(part, _)| *part == Part::Train);
        let deeper = || self.folders.iter().find_map(|(name, folder)| Some(inside(name, &folder.training()?)));
        own.map(|(_, name)| name.to_owned()).or_else(deeper)
    }

    /// The only folder in it, if that holds folders.
    pub(super) fn only(&self) -> Option<(&'a str, &Self)> {
        let mut folders = self.folders.iter();
        let (name, folder) = folders.next()?;
        (folders.next().is_none() && folder.holds_folders()).then_some((*name, folder))
    }

    /// The path from here of a folder in which at least two folders are called like some in `classes`.
    pub(super) fn repeats(&self, classes: &BTreeMap<&str, Self>) -> Option<(String, &'a str)> {
        let mut same = self.folders.keys().filter(|name| classes.contains_key(*name));
        if let (Some(first), Some(_)) = (same.next(), same.next()) {
            return Some((String::new(), first));
        }
        self.folders.iter().find_map(|(name, folder)| {
            let (path, class) = folder.repeats(classes)?;
            Some((inside(name, &path), class))
        })
    }
}
