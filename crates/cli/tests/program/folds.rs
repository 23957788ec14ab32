//! Trials that are several trainings: folds and replicates.

use serde_json::Value;

use crate::support::{Fixture, TINY, epochs};

/// A study whose trials are trained on folds, or several times, as the settings of `[data]` say.
fn study(settings: &str) -> String {
    TINY.replace("validation = 60", settings).replace("trials = 6", "trials = 4")
}

const FIVE_FOLDS: &str = "folds = 5";

/// The same with so much work that it can be killed on the way.
fn longer(settings: &str) -> String {
    study(settings).replace("epochs = 3", "epochs = 5").replace("images = 240", "images = 1200")
}

#[track_caller]
fn ends_as_if_it_was_not_killed(study: &str, models: usize) {
    let fixture = Fixture::new(study);
    fixture.ok(&["run", "study.toml", "--out", "whole"]);
    fixture.run_with_kills("killed", epochs(&fixture, "whole"), 6);
    assert_eq!(fixture.shown("killed"), fixture.shown("whole"));
    let weights = fixture.all_weights("whole");
    assert_eq!(weights.len(), models);
    assert!(fixture.all_weights("killed") == weights, "the weights");
    assert_eq!(fixture.read("killed/test.json"), fixture.read("whole/test.json"));
}

#[test]
fn folds_side_by_side_survive_kills() {
    ends_as_if_it_was_not_killed(&longer(FIVE_FOLDS), 5);
}

#[test]
fn folds_in_sequence_survive_kills() {
    let settings = "folds = 5\nfold_order = \"sequential\"";
    ends_as_if_it_was_not_killed(&longer(settings), 5);
}

#[test]
fn replicates_survive_kills() {
    let study = longer("validation = 240").replace("trials = 4", "trials = 4\nreplicates = 3");
    ends_as_if_it_was_not_killed(&study, 3);
}

/// The numbers under a name in a list of objects.
fn numbers(list: &Value, name: &str) -> Vec<f64> {
    let list = list.as_array().unwrap().iter();
    list.map(|entry| entry[name].as_f64().unwrap()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn both_orders_end_with_the_same_values_and_models() {
    let at_best = study(FIVE_FOLDS).replace("trials = 4", "trials = 4\nat = \"best\"");
    for study in [study(FIVE_FOLDS), at_best] {
        // Trials that are stopped early stop elsewhere in another order.
        let fixture = Fixture::new(&study.replace("asha", "none"));
        fixture.ok(&["run", "study.toml", "--out", "beside"]);
        let sequential = ["--set", "fold_order=sequential"];
        fixture.ok(&[&["run", "study.toml", "--out", "after"], &sequential[..]].concat());
        let (beside, after) = (fixture.shown("beside"), fixture.shown("after"));
        assert_eq!(beside["best"], after["best"]);
        assert_eq!(fixture.all_weights("beside").len(), 5);
        assert!(fixture.all_weights("beside") == fixture.all_weights("after"));
        for trial in 0..4 {
            let trials = [&beside["trials"][trial], &after["trials"][trial]];
            assert_eq!(trials[0]["params"], trials[1]["params"]);
            assert_eq!(trials[0]["value"], trials[1]["value"]);
            let epochs = trials.map(|trial| trial["epochs"].as_array().unwrap());
            assert_eq!((epochs[0].len(), epochs[1].len()), (3, 15));
            assert_eq!(epochs[0][2]["members"], epochs[1][14]["members"]);
            for (step, epoch) in epochs[1].iter().enumerate() {
                let values = numbers(&epoch["members"], "value");
                assert_eq!(values.len(), step / 3 + 1, "folds that have begun");
                assert_eq!(epoch["value"], mean(&values));
            }
        }
    }
}

#[test]
fn mean_and_deviation_are_told_everywhere() {
    let fixture = Fixture::new(&study(FIVE_FOLDS).replace("trials = 4", "trials = 1\nreplicates = 2"));
    let told = fixture.ok(&["run", "study.toml", "--out", "run", "--json"]);
    let last = told.lines().rfind(|line| line.contains("\"epoch\""));
    let last: Value = serde_json::from_str(last.unwrap()).unwrap();
    let values = numbers(&last["members"], "value");
    assert_eq!(values.len(), 10);
    assert_eq!(last["value"], mean(&values));
    let squares = values.iter().map(|value| (value - mean(&values)).powi(2));
    let deviation = (squares.sum::<f64>() / 9.0).sqrt();

    let shown = fixture.shown("run");
    let near = |found: &Value, expected: f64| {
        assert!((found.as_f64().unwrap() - expected).abs() < 1e-12, "{found} is not {expected}");
    };
    near(&shown["best"]["deviation"], deviation);
    let tested = numbers(&shown["best"]["test_members"], "accuracy");
    near(&shown["best"]["test"]["accuracy"], mean(&tested));
    let told = format!("{:.4} ± {deviation:.4}", mean(&values));
    for text in [fixture.read("run/report.md"), fixture.ok(&["show", "run"])] {
        assert!(text.contains(&told), "{told} is not in\n{text}");
        assert!(text.contains("replicate 1 fold 4"), "{text}");
    }
    let table = fixture.read("run/trials.csv");
    for column in ["user_attrs_deviation", "user_attrs_replicate 0 fold 0"] {
        assert!(table.lines().next().unwrap().split(',').any(|name| name == column), "{table}");
    }

    // Any of the models can be put to use, and its configuration trains them all again.
    let again = fixture.ok(&["train", "run/best.toml", "--out", "again"]);
    assert!(again.contains(&told), "{told} is not in\n{again}");
    let models = |run: &str, prefix: &str| -> Vec<(String, Vec<u8>)> {
        let models = fixture.all_weights(run).into_iter();
        models.map(|(name, bytes)| (name.replace(prefix, ""), bytes)).collect()
    };
    assert!(models("run", "best") == models("again", "train/model"));
}

#[test]
fn contradictions_are_named() {
    let refused = |study: &str, expected: &str| {
        let errors = Fixture::new(study).fails(2, &["run", "study.toml"]);
        assert!(errors.contains(expected), "{expected} is not in\n{errors}");
    };
    refused(&study("folds = 3\nvalidation = 60"), "`folds` and `validation` cannot both be given");
    refused(
        &study("fold_order = \"sequential\""),
        "`fold_order` says in which order folds are trained, but there are none",
    );
    refused(
        &study("folds = 3\nfold_order = \"sequential\"").replace("epochs = 3", "epochs = 3\nearly_stop = 2"),
        "set fold_order = \"side_by_side\"",
    );
    refused(&study("folds = 1"), "`folds` takes a whole number from 2 to 100");
    refused(&study("folds = 90"), "90 folds are asked for, but class");
}

#[test]
fn trainings_are_named_by_what_tells_them_apart() {
    let replicates = study("validation = 60").replace("trials = 4", "trials = 4\nreplicates = 2");
    for (study, name) in [(study(FIVE_FOLDS), "fold 1"), (replicates, "replicate 1")] {
        let fixture = Fixture::new(&study.replace("trials = 4", "trials = 1"));
        let told = fixture.ok(&["train", "study.toml", "--out", "trained"]);
        assert!(told.contains(&format!("\n{name}: validation")), "{told}");
        assert!(told.contains(&format!("\n  {name}: accuracy")), "{told}");
        fixture.ok(&["run", "study.toml", "--out", "run"]);
        let shown = fixture.ok(&["show", "run"]);
        assert!(shown.contains(&format!("\n  {name}: ")), "{shown}");
        let report = fixture.read("run/report.md");
        assert!(report.contains(&format!("\n| {name} | ")), "{report}");
        let header = fixture.read("run/trials.csv");
        let header = header.lines().next().unwrap();
        assert!(header.contains(&format!(",user_attrs_{name},")), "{header}");
        for table in ["run/trials/0000/progress.csv", "trained/train/progress.csv"] {
            let header = fixture.read(table);
            let header = header.lines().next().unwrap();
            assert!(header.contains(&format!(",{name},")), "{header}");
        }
    }
}
