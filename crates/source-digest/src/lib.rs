//! A digest of a crate's own sources as a constant.
//!
//! The compiler tracks a crate's modules and included files by itself, so that the macro is expanded again whenever
//! one of them changes.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use proc_macro::TokenStream;

/// The endings of files that count.
const ENDINGS: [&str; 3] = ["rs", "cu", "cuh"];

/// A digest of the sources in the named folders of the calling crate, as a string of 32 hexadecimal digits:
/// `source_digest!("src", "kernels")`. A folder that is not there is an error of the compiler.
#[proc_macro]
pub fn source_digest(folders: TokenStream) -> TokenStream {
    let folders = folders.to_string();
    let folders = folders.split(',').map(|folder| folder.trim().trim_matches('"'));
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let code = match digest(&root, folders) {
        Ok(digest) => format!("\"{digest:032x}\""),
        Err(error) => format!("compile_error!({:?})", format!("the digest of the sources: {error}")),
    };
    code.parse().expect("a string or a macro is an expression")
}

fn digest<'a>(root: &Path, folders: impl Iterator<Item = &'a str>) -> io::Result<u128> {
    let mut files = Vec::new();
    for folder in folders {
        list(&root.join(folder), folder, &mut files)?;
    }
    files.sort();
    let mut hash = Fnv::default();
    for (name, path) in files {
        let text = fs::read_to_string(&path).map_err(|error| at(&path, &error))?;
        hash.line(&name);
        what_counts(&text).for_each(|line| hash.line(line));
    }
    Ok(hash.0)
}

/// Adds the files below a folder, each with its name below the crate.
fn list(folder: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder).map_err(|error| at(folder, &error))? {
        let path = entry?.path();
        let Some(last) = path.file_name().and_then(|last| last.to_str()) else { continue };
        let name = format!("{name}/{last}");
        if path.is_dir() {
            list(&path, &name, files)?;
        } else if path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)) {
            files.push((name, path));
        }
    }
    Ok(())
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The lines of a source that are neither comment nor unit test, without their ends.
fn what_counts(text: &str) -> impl Iterator<Item = &str> {
    let mut lines = text.lines().peekable();
    std::iter::from_fn(move || {
        loop {
            let line = lines.next()?;
            if line == "#[cfg(test)]" && lines.peek() == Some(&"mod tests {") {
                // To the brace that closes the module.
                lines.find(|line| *line == "}");
            } else if !line.trim_start().starts_with("//") {
                return Some(line);
            }
        }
    })
}

/// FNV-1a with 128 bits.
struct Fnv(u128);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fnv {
    fn line(&mut self, line: &str) {
        for byte in line.bytes().chain([b'\n']) {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: [(&str, &str); 4] = [
        ("src/lib.rs", "//! Says something.\n\nmod a;\n\n#[cfg(test)]\nmod tests {\n    fn one() {}\n}\n"),
        ("src/a/mod.rs", "/// Two.\npub fn two() -> u8 {\n    2 // not three\n}\n"),
        ("src/a/step.cu", "__global__ void step() {}\n"),
        ("src/README.md", "words"),
    ];

    /// The digest of the tree with one text changed, in a folder of its own.
    fn of(path: &str, from: &str, to: &str) -> u128 {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in TREE {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let text = if name == path { text.replace(from, to) } else { text.to_owned() };
            fs::write(file, text).unwrap();
        }
        digest(folder.path(), ["src"].into_iter()).unwrap()
    }

    #[test]
    fn equal_sources_give_an_equal_digest_wherever_they_lie() {
        assert_eq!(of("", "", ""), of("", "", ""));
    }

    #[test]
    fn what_can_change_bits_changes_it() {
        let unchanged = of("", "", "");
        for (path, from, to) in
            [("src/lib.rs", "mod a", "mod b"), ("src/a/mod.rs", "    2", "    3"), ("src/a/step.cu", "void", "int")]
        {
            assert_ne!(of(path, from, to), unchanged, "{path}");
        }
    }

    #[test]
    fn comments_unit_tests_and_line_ends_do_not() {
        let unchanged = of("", "", "");
        for (path, from, to) in [
            ("src/lib.rs", "something", "something else"),
            ("src/lib.rs", "fn one", "fn other"),
            ("src/a/mod.rs", "/// Two.\n", ""),
            ("src/a/mod.rs", "\n", "\r\n"),
            ("src/README.md", "words", "other words"),
        ] {
            assert_eq!(of(path, from, to), unchanged, "{path}: {from} -> {to}");
        }
    }

    #[test]
    fn what_follows_the_unit_tests_counts() {
        let text = "a\n#[cfg(test)]\nmod tests {\n    b\n}\nc\n";
        assert_eq!(what_counts(text).collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let error = digest(Path::new("/"), ["no-such-folder"].into_iter()).unwrap_err();
        assert!(error.to_string().contains("no-such-folder"), "{error}");
    }
}
