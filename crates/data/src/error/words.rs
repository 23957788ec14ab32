//! What messages about data say of several things.

use std::path::{Path, PathBuf};

pub(super) fn list_paths(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|p| format!("`{}`", p.display())).collect();
    shown.join(", ")
}

/// The first ten of some names.
pub(super) fn few(names: &[String]) -> String {
    let (first, more) = names.split_at(names.len().min(10));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    first.join(", ") + &more
}

pub(super) fn without_images(path: &Path, classes: &[String], reasons: &str) -> String {
    let path = path.display();
    match classes {
        [class] => format!("class `{class}` of `{path}` has no usable image{reasons}; remove it or add images"),
        several => {
            let count = several.len();
            format!(
                "{count} classes of `{path}` have no usable image: {}{reasons}; remove them or add images",
                few(several)
            )
        }
    }
}

pub(super) fn unread_tables(tables: &[String]) -> String {
    if tables.is_empty() {
        return String::new();
    }
    format!(" (of the tables that are there none is called so: {})", few(tables))
}

/// What to do where a class has so many different images.
pub(super) fn fewer_folds(different: usize) -> String {
    match different {
        ..2 => "add images to it, or leave it out".to_string(),
        most => format!("use at most {most} folds"),
    }
}

/// So many classes in words.
pub(super) fn classes_of(count: usize) -> String {
    if count == 1 { "1 class".to_string() } else { format!("{count} classes") }
}

pub(super) fn in_brackets(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!(" ({hint})") }
}
