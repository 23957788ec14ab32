//! What is written from the table of keys is written from this one.
//!
//! With `TUNEFORK_BLESS=1` the files are written anew.

use std::path::{Path, PathBuf};

use tunefork::study_file::{KEYS, keys_markdown, schema};

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

#[track_caller]
fn is_current(name: &str, expected: &str, command: &str) {
    if std::env::var_os("TUNEFORK_BLESS").is_some() {
        std::fs::create_dir_all(document("")).expect("the folder can be made");
        std::fs::write(document(name), expected).expect("the file can be written");
        return;
    }
    let text = std::fs::read_to_string(document(name)).unwrap_or_default();
    assert!(text == expected, "docs/{name} is not of this table of keys; write it anew: {command} > docs/{name}");
}

#[test]
fn the_reference_of_keys_is_current_and_complete() {
    let text = keys_markdown();
    for key in KEYS {
        let row = text.lines().filter(|line| line.starts_with(&format!("| `{}` |", key.name)));
        assert_eq!(row.count(), 1, "{}", key.name);
    }
    is_current("keys.md", &text, "tunefork keys --markdown");
}

#[test]
fn the_schema_is_current_and_knows_every_key() {
    let schema = schema();
    for key in KEYS {
        let property = &schema["properties"][key.section.name()]["properties"][key.name];
        assert!(property["description"].as_str().is_some_and(|text| text.starts_with(key.help)), "{}", key.name);
    }
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    is_current("study.schema.json", &text, "tunefork keys --schema");
}

#[test]
fn one_key_is_told_in_full() {
    let text = tunefork::study_file::Key::named("train.momentum").unwrap().in_full();
    assert_eq!(
        text,
        "\
momentum: share of the last step that is kept

section   [train]
takes     a number from 0 and below 1
default   0.0
only for  `optimizer` = \"sgd\"
trials    may vary
to vary   { uniform = [...] }, { log = [...] }, { int = [...] }, { choice = [...] }
"
    );
}
