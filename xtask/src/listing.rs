//! What a user of one crate sees, and whether its README explains it: every name at the root of a library stands in the
//! README beside it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::root;

/// What stands above items that are not for users.
const HIDES: [&str; 2] = ["#[doc(hidden)]", "#[cfg(doctest)]"];

/// In every crate that decides bits, for ARCHITECTURE's fingerprint of a build.
const OF_BUILDS: &str = "SOURCE_DIGEST";

/// The public names that no README knows, as `crate: name`.
pub(crate) fn unexplained() -> Result<Vec<String>> {
    let mut missing = Vec::new();
    let mut crates: Vec<_> = fs::read_dir(root().join("crates"))?.collect::<Result<_, _>>()?;
    crates.sort_by_key(fs::DirEntry::file_name);
    for folder in crates.iter().map(fs::DirEntry::path).filter(|folder| folder.join("src/lib.rs").exists()) {
        let library = read(&folder.join("src/lib.rs"))?;
        let readme = read(&folder.join("README.md"))?;
        let words: Vec<&str> = readme.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let unknown =
            public_names(&library).into_iter().filter(|name| name != OF_BUILDS && !words.contains(&name.as_str()));
        let of = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        missing.extend(unknown.map(|name| format!("{of}: {name}")));
    }
    Ok(missing)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The names that a formatted `lib.rs` makes public: what it declares and what it re-exports. A glob stands for the
/// module that it takes from.
fn public_names(library: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut lines = library.lines();
    let mut hidden = false;
    while let Some(line) = lines.next() {
        let was_hidden = hidden;
        hidden = HIDES.contains(&line) || (was_hidden && line.starts_with("#["));
        if let (Some(item), false) = (line.strip_prefix("pub "), was_hidden) {
            let mut item = item.to_string();
            while item.starts_with("use ") && !item.ends_with(';') {
                item += lines.next().unwrap_or(";").trim();
            }
            names.extend(names_of(&item));
        }
    }
    names
}

fn names_of(item: &str) -> Vec<String> {
    let Some(path) = item.strip_prefix("use ") else {
        let kinds = ["const ", "unsafe ", "mod ", "fn ", "struct ", "enum ", "trait ", "type ", "static "];
        let name = kinds.iter().fold(item, |rest, kind| rest.strip_prefix(kind).unwrap_or(rest));
        return name.split(|c: char| !c.is_alphanumeric() && c != '_').take(1).map(str::to_string).collect();
    };
    let path = path.trim_end_matches(';');
    let list = match path.split_once('{') {
        Some((_, list)) => list.trim_end_matches('}'),
        None => path,
    };
    let last = |one: &str| {
        let name = one.trim().rsplit(" as ").next()?.trim_end_matches("::*").rsplit("::").next()?;
        (!name.is_empty() && name != "_").then(|| name.to_string())
    };
    list.split(',').filter_map(last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_a_user_can_write() {
        let library = "//! pub fn not_this()\npub mod launch;\npub(crate) fn inner() {}\npub use a::b::{C, D as E,\n    f};\n\
                       pub use g::*;\npub const fn h() {}\n#[doc(hidden)]\npub mod hidden;\npub struct I<'a>(&'a u8);\n";
        assert_eq!(public_names(library), ["launch", "C", "E", "f", "g", "h", "I"]);
    }
}
