//! Studies of experiments from the command line.

use crate::support::Fixture;

const EXPERIMENTS: &str = r#"
[study]
name = "given"
trials = 50
[data]
size = 12
classes = 3
images = 240
test_images = 60
validation = 60
[model]
channels = [4]
hidden = [16]
[train]
epochs = 2
batch_size = 32
[search]
sampler = "random"
[[experiment]]
name = "epochs"
vary = { epochs = [1, 2, 3] }
[[experiment]]
name = "rate"
vary = { learning_rate = [1e-3, 1e-2], "train.optimizer" = ["adam", "sgd"] }
[[experiment]]
name = "named"
runs = [{ name = "plain" }, { name = "deep", channels = [4, 8] }]
"#;

#[test]
fn plan_counts_runs_and_trains_equal_ones_once() {
    let fixture = Fixture::new(EXPERIMENTS);
    let timed = fixture.ok(&["plan", "study.toml"]);
    assert!(timed.contains("  epochs  about\n"), "{timed}");
    assert!(timed.contains("time        about "), "{timed}");
    let plan = fixture.ok(&["plan", "study.toml", "--no-time"]);
    for line in [
        "note: [search] is not used: the experiments say what is tried",
        "note: `trials` is not used: the experiments say how many there are",
        "experiments 3, with 9 runs",
        "  epochs         3         3       6",
        "  rate           4         4       8",
        "  named          2         2       4",
        "trials      7 distinct runs, each trained once; 4 at once",
        "epochs      1 to 3 a trial, 14 in all if none is stopped",
    ] {
        assert!(plan.contains(line), "{line} is not in\n{plan}");
    }
    let plan = fixture.ok(&["plan", "study.toml", "--experiment", "named"]);
    for line in ["study       given-named", "trials      2 distinct runs", ", 4 in all"] {
        assert!(plan.contains(line), "{line} is not in\n{plan}");
    }
}

#[test]
fn experiments_are_named_wherever_trials_are_shown() {
    let fixture = Fixture::new(EXPERIMENTS);
    let told = fixture.ok(&["run", "study.toml"]);
    assert!(told.contains("a new study of 7 trials"), "{told}");
    assert!(told.contains("0/7 · ") && told.contains(" epoch 1/"), "{told}");
    assert!(told.contains("warning: [search] is not used"), "{told}");

    let shown = fixture.shown("runs/given");
    let attributes = |trial: usize| &shown["trials"][trial]["attributes"];
    assert_eq!(attributes(1)["experiment"], serde_json::json!(["epochs", "rate", "named"]));
    assert_eq!(attributes(1)["run"], serde_json::json!(["epochs=2", "learning_rate=0.001 optimizer=adam", "plain"]));
    assert_eq!(attributes(6)["run"], serde_json::json!(["deep"]));
    assert_eq!(shown["study"]["sampler"], "experiments");

    let text = fixture.ok(&["show", "runs/given"]);
    assert!(text.contains("epochs, rate, named"), "{text}");
    let report = fixture.read("runs/given/report.md");
    for part in ["## Experiments", "### rate", "| plain (baseline) | 1 | 2 |", "| experiments |"] {
        assert!(report.contains(part), "{part} is not in\n{report}");
    }
    let csv = fixture.read("runs/given/trials.csv");
    for part in [",user_attrs_experiment,", ",user_attrs_run,", ",\"['epochs', 'rate', 'named']\","] {
        assert!(csv.contains(part), "{part} is not in\n{csv}");
    }
    // A trial's configuration is its own.
    assert!(fixture.read("runs/given/trials/0006/config.toml").contains("channels = [4, 8]"));
    assert!(fixture.read("runs/given/trials/0002/config.toml").contains("epochs = 3"));

    let again = fixture.ok(&["run", "study.toml"]);
    assert!(again.contains("going on with 7 of 7 trials known"), "{again}");
    assert_eq!(fixture.shown("runs/given"), shown);
    assert_eq!(fixture.read("runs/given/report.md"), report);
}

#[test]
fn events_name_the_runs_that_a_trial_is() {
    let fixture = Fixture::new(EXPERIMENTS);
    let told = fixture.ok(&["run", "study.toml", "--experiment", "named", "--json"]);
    let events: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let deep: Vec<_> = events.iter().filter(|event| event["trial"] == 1).collect();
    // It starts, goes through two epochs and ends.
    assert_eq!(deep.len(), 4, "{told}");
    for event in deep {
        assert_eq!(event["experiment"], serde_json::json!(["named"]), "{event}");
        assert_eq!(event["run"], serde_json::json!(["deep"]), "{event}");
    }
    assert!(events[0].get("experiment").is_none(), "{told}");
}

#[test]
fn one_experiment_runs_in_a_folder_of_its_own() {
    let fixture = Fixture::new(EXPERIMENTS);
    fixture.ok(&["run", "study.toml", "--experiment", "named"]);
    let shown = fixture.shown("runs/given-named");
    assert_eq!(shown["study"]["name"], "given-named");
    assert_eq!(shown["trials"].as_array().unwrap().len(), 2);
    assert!(!fixture.path("runs/given").exists());

    let error = fixture.fails(2, &["run", "study.toml", "--experiment", "name"]);
    assert!(error.contains("did you mean `named`?"), "{error}");
    assert!(error.contains("it has epochs, rate, named"), "{error}");
}

/// Workers change nothing, and neither does the number of epochs that each trial has of its own.
#[test]
fn experiments_are_equal_whoever_works() {
    let fixture = Fixture::new(EXPERIMENTS);
    fixture.ok(&["run", "study.toml", "--workers", "1", "--threads", "1", "--out", "one"]);
    fixture.ok(&["run", "study.toml", "--workers", "4", "--threads", "4", "--out", "four"]);
    assert_eq!(fixture.shown("one"), fixture.shown("four"));
}
