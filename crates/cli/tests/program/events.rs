//! `tunefork run --json` as other programs have it: each line is what the schema says, and the last one says all.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::schema::faults;
use crate::support::{Fixture, TINY};

/// Two trainings of each trial, experiments, and a trial that cannot be trained.
const EXPERIMENTS: &str = r#"
[study]
name = "tiny"
seed = 1
replicates = 2
[data]
size = 12
classes = 3
images = 120
validation = 30
test_images = 30
[model]
channels = [4]
[train]
epochs = 2
batch_size = 30
[[experiment]]
name = "rate"
vary = { "train.learning_rate" = [1e-3, 1e30] }
"#;

fn schema(fixture: &Fixture) -> Value {
    serde_json::from_str(&fixture.ok(&["schema", "events"])).unwrap()
}

fn events(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn all_valid(schema: &Value, events: &[Value]) {
    for event in events {
        assert_eq!(faults(schema, event), [] as [String; 0], "{event}");
    }
}

#[test]
fn every_line_is_valid_and_the_last_one_says_all() {
    let fixture = Fixture::new(TINY);
    let schema = schema(&fixture);
    let first = events(&fixture.ok(&["run", "study.toml", "--json"]));
    all_valid(&schema, &first);
    let last = first.last().unwrap();
    assert_eq!(last["event"], "study_finished");
    assert_eq!(
        (&last["study"], &last["ended"], &last["direction"]),
        (&json!("tiny"), &json!("done"), &json!("maximize"))
    );
    let trials = last["trials"].as_object().unwrap();
    assert_eq!(trials.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), 6, "{trials:?}");
    let shown = fixture.shown("runs/tiny");
    for name in ["trial", "value", "params"] {
        assert_eq!(last["best"][name], shown["best"][name], "{name}");
    }
    assert_eq!(last["test"]["figures"], shown["best"]["test"]);
    let files = last["models"].as_array().unwrap().iter().chain([&last["report"], &last["database"]]);
    for file in files {
        assert!(fixture.path(file.as_str().unwrap()).exists(), "{file}");
    }
    assert!(last["seconds"].as_f64().unwrap() > 0.0 && last["failures"] == json!([]), "{last}");
    // What is told again is valid too, and comes to the same.
    let again = events(&fixture.ok(&["run", "study.toml", "--json"]));
    all_valid(&schema, &again);
    assert!(again.iter().any(|event| event["known"] == true));
    for name in ["ended", "trials", "best", "test", "models", "failures"] {
        assert_eq!(again.last().unwrap()[name], last[name], "{name}");
    }
}

#[test]
fn experiments_trainings_and_failures_are_in_the_schema() {
    let fixture = Fixture::new(EXPERIMENTS);
    let schema = schema(&fixture);
    let events = events(&fixture.ok(&["run", "study.toml", "--json"]));
    all_valid(&schema, &events);
    let epoch = events.iter().find(|event| event["event"] == "epoch").unwrap();
    assert_eq!(epoch["members"].as_array().unwrap().len(), 2);
    assert!(events.iter().any(|event| event["experiment"] == json!(["rate"]) && event["run"].is_array()));
    let last = events.last().unwrap();
    assert_eq!(last["failures"][0]["reason"], "diverged", "{last}");
    assert_eq!(last["failures"][0]["trials"], 1);
    assert_eq!(last["models"].as_array().unwrap().len(), 2);
    assert!(last["best"]["deviation"].is_number() && last["test"]["deviations"]["accuracy"].is_number(), "{last}");
}

#[test]
fn what_is_no_event_is_refused() {
    let fixture = Fixture::new(&TINY.replace("trials = 6", "trials = 1"));
    let schema = schema(&fixture);
    let events = events(&fixture.ok(&["run", "study.toml", "--json"]));
    let named = |name: &str| events.iter().find(|event| event["event"] == name).unwrap().clone();
    let changed = |name: &str, key: &str, value: Option<Value>| {
        let mut event = named(name);
        let object = event.as_object_mut().unwrap();
        match value {
            Some(value) => object.insert(key.to_owned(), value),
            None => object.remove(key),
        };
        event
    };
    for event in [
        changed("study_started", "event", Some("study_begun".into())),
        changed("trial_finished", "state", Some("done".into())),
        changed("trial_finished", "reason", None),
        changed("epoch", "value", Some("good".into())),
        changed("trial_started", "params", Some(json!({ "layers": [1] }))),
        changed("study_finished", "best", Some(json!({ "trial": 0 }))),
        changed("study_finished", "seconds", None),
    ] {
        assert!(!faults(&schema, &event).is_empty(), "{event}");
    }
}

#[test]
fn a_run_that_its_time_ends_has_a_last_event_too() {
    let fixture = Fixture::new(&format!("{}\n", TINY.replace("trials = 6", "trials = 6\ntime_limit = 0.001")));
    let output = fixture.run(&["run", "study.toml", "--json"]);
    let events = events(&String::from_utf8(output.stdout).unwrap());
    all_valid(&schema(&fixture), &events);
    assert_eq!(events.last().unwrap()["ended"], "time_limit");
}

/// With `TUNEFORK_BLESS=1` the file is written anew.
#[test]
fn the_documents_are_current() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let fixture = Fixture::new(TINY);
    let text = fixture.ok(&["schema", "events"]);
    let path = docs.join("events.schema.json");
    if std::env::var_os("TUNEFORK_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == text, "write it anew: tunefork schema events > docs/events.schema.json");
    let schema = schema(&fixture);
    let events =
        schema["oneOf"].as_array().unwrap().iter().map(|event| event["properties"]["event"]["const"].as_str().unwrap());
    let page = std::fs::read_to_string(docs.join("events.md")).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("|---"));
    let told = rows.filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(told.collect::<BTreeSet<_>>(), events.collect::<BTreeSet<_>>(), "docs/events.md tells of each event");
    assert_eq!(fixture.ok(&["schema", "study"]), fixture.ok(&["keys", "--schema"]));
}
