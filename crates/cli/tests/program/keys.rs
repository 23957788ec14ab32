//! `tunefork keys` as its users have it.

use crate::support::{Fixture, TINY};

#[test]
fn a_key_is_told_in_full_and_a_misspelt_one_corrected() {
    let fixture = Fixture::new(TINY);
    let list = fixture.ok(&["keys"]);
    for key in ["learning_rate", "optimizer", "norm", "initialisation", "source"] {
        assert!(list.lines().any(|line| line.trim_start().starts_with(key)), "{key} in\n{list}");
        assert!(fixture.ok(&["keys", key]).starts_with(&format!("{key}: ")), "{key}");
    }
    let told = fixture.ok(&["keys", "optimizer"]);
    assert!(told.contains("nadam") && told.contains("default") && told.contains("may vary"), "{told}");
    let complaint = fixture.fails(2, &["keys", "learning_rat"]);
    assert!(complaint.contains("`learning_rat`") && complaint.contains("did you mean `learning_rate`?"), "{complaint}");
}

#[test]
fn the_documents_come_from_the_table() {
    let fixture = Fixture::new(TINY);
    let schema: serde_json::Value = serde_json::from_str(&fixture.ok(&["keys", "--schema"])).unwrap();
    assert!(schema["properties"]["train"]["properties"]["learning_rate"].is_object(), "{schema}");
    assert!(fixture.ok(&["keys", "--markdown"]).contains("`learning_rate`"));
}

#[test]
fn settings_end_where_the_file_begins() {
    let fixture = Fixture::new(TINY);
    let files_last = fixture.ok(&["plan", "--no-time", "--set", "trials=2", "epochs=3", "study.toml"]);
    let file_first = fixture.ok(&["plan", "--no-time", "study.toml", "--set", "trials=2", "--set", "epochs=3"]);
    assert_eq!(files_last, file_first);
    assert!(files_last.contains("trials      2 by") && files_last.contains("epochs      3 a trial"), "{files_last}");
}

#[test]
fn an_empty_study_is_refused() {
    for text in ["", "# nothing yet\n", "[model]\n"] {
        let told = Fixture::new(text).fails(2, &["run", "study.toml"]);
        assert!(told.contains("study.toml says nothing about a study"), "{told}");
    }
}
