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

/// So many classes in words; a single one by its name.
pub(super) fn classes_of(names: &[String]) -> String {
    match names {
        [] => "no classes".to_string(),
        [name] => format!("1 class, `{name}`"),
        several => format!("{} classes", several.len()),
    }
}

/// What to do where a folder has to be chosen: those in an archive cannot be named.
pub(super) fn choice(path: &Path, advice: &'static str) -> &'static str {
    if path.is_file() { "unpack the archive and name the folder that is meant" } else { advice }
}

/// What to say of a path that a shell would have expanded.
pub(super) fn of_home(name: &str) -> &'static str {
    if name.starts_with('~') { "; `~` stands for itself here: write the whole path" } else { "" }
}

pub(super) fn in_brackets(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!(" ({hint})") }
}
