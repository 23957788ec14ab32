//! What holds of all rows.

use super::super::key::Shape;
use super::*;
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use tunefork_space::Value;

#[test]
fn names_are_unique_over_all_sections() {
    let names: BTreeSet<_> = KEYS.iter().map(|key| key.name).collect();
    assert_eq!(names.len(), KEYS.len());
}

#[test]
fn defaults_are_allowed() {
    for key in KEYS {
        let value = match key.default {
            Absent(_) | FileName | Listed(..) => continue,
            Flag(flag) => Value::Bool(flag),
            Whole(whole) | Doubling(whole, _) => Value::Int(whole),
            Number(number) => Value::Float(number),
            Word(word) => Value::Text(word.into()),
        };
        assert!(key.kind.accept(&value).is_some(), "{}", key.name);
    }
}

#[test]
fn rows_refer_to_keys_and_words_that_exist() {
    for key in KEYS {
        if let Listed(other, _) = key.default {
            assert!(Key::find(other).is_some(), "{}: {other}", key.name);
        }
        if let Some(Only { key: other, words }) = key.only {
            let kind = Key::find(other).unwrap_or_else(|| panic!("{}: {other}", key.name)).kind;
            for word in words {
                assert!(kind.accept(&Value::Text((*word).into())).is_some(), "{}: {word}", key.name);
            }
        }
    }
}

/// A key that no code reads would be accepted, documented, and do nothing.
#[test]
fn every_key_is_read_somewhere() {
    let mut code = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources are there") {
            let path = entry.expect("the sources can be listed").path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.ends_with("study_file/table.rs") => {}
                false => code += &fs::read_to_string(&path).expect("sources can be read"),
            }
        }
    }
    let words: HashSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let counts = |name: &str| {
        KEYS.iter().any(|key| matches!(key.shape, Shape::PerLayer { counted_by, .. } if counted_by == name))
    };
    for key in KEYS {
        let is_read = words.contains(key.name.to_uppercase().as_str()) || counts(key.name);
        assert!(is_read, "nothing reads `{}`", key.name);
    }
}
