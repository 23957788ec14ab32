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
