//! `tunefork show`: orders of trials, lists of runs, runs side by side.

use serde_json::Value;

use crate::support::{Fixture, TINY};

/// The numbers in the first column of the table of trials.
fn numbers(text: &str) -> Vec<u64> {
    let rows = text.lines().skip_while(|line| !line.starts_with("trial ")).skip(1);
    rows.take_while(|line| !line.contains(" trials, by "))
        .map_while(|line| line.split_whitespace().next()?.parse().ok())
        .collect()
}

#[test]
fn the_best_trials_by_any_figure() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml"]);
    let run = "runs/tiny";
    let shown = fixture.shown(run);
    assert_eq!(numbers(&fixture.ok(&["show", run])), [0, 1, 2, 3, 4, 5]);

    let top = fixture.ok(&["show", run, "--top", "2"]);
    assert_eq!(numbers(&top)[0], shown["best"]["trial"].as_u64().unwrap(), "{top}");
    assert!(top.contains("2 of 6 trials, by value\n") && numbers(&top).len() == 2, "{top}");

    let by_loss = fixture.ok(&["show", run, "--sort", "loss"]);
    let loss = |number: &u64| {
        let epochs = shown["trials"][*number as usize]["epochs"].as_array().unwrap();
        epochs.last().unwrap()["loss"].as_f64().unwrap()
    };
    let order = numbers(&by_loss);
    assert!(order.len() == 6 && order.is_sorted_by_key(loss), "{by_loss}");
    assert!(by_loss.lines().any(|line| line.starts_with("trial ") && line.contains(" loss ")), "{by_loss}");
    let json: Value = serde_json::from_str(&fixture.ok(&["show", run, "--sort", "loss", "--json"])).unwrap();
    for place in [&json["trials"], &json["observed"]["trials"]] {
        let places: Vec<u64> =
            place.as_array().unwrap().iter().map(|trial| trial["number"].as_u64().unwrap()).collect();
        assert_eq!(places, order);
    }
    assert_eq!(json["best"], shown["best"]);

    let by_setting = fixture.ok(&["show", run, "--sort", "learning_rate"]);
    let rate = |number: &u64| shown["trials"][*number as usize]["params"]["learning_rate"].as_f64().unwrap();
    assert!(numbers(&by_setting).is_sorted_by_key(rate), "{by_setting}");

    let told = fixture.fails(2, &["show", run, "--sort", "lost"]);
    assert!(told.contains("no `lost`; there are number, value, epochs, seconds, accuracy, f1"), "{told}");
}

#[test]
fn runs_are_listed_and_compared() {
    let fixture = Fixture::new(TINY);
    let none = fixture.fails(2, &["show"]);
    assert!(none.contains("there are no runs in `runs`: `tunefork run STUDY.toml` makes one"), "{none}");
    fixture.ok(&["run", "study.toml", "--out", "runs/one"]);
    fixture.ok(&["run", "study.toml", "--out", "runs/two", "--set", "seed=1"]);
    std::fs::create_dir(fixture.path("runs/empty")).unwrap();

    let list = fixture.ok(&["show"]);
    let runs: Vec<&str> = list.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(runs, ["runs/two", "runs/one"], "the newest first:\n{list}");
    assert!(list.lines().skip(1).all(|line| line.contains(" done ") && line.ends_with(" ago")), "{list}");
    let listed: Value = serde_json::from_str(&fixture.ok(&["show", "--json"])).unwrap();
    let one = fixture.shown("runs/one");
    assert_eq!(listed[1]["best"]["value"], one["best"]["value"]);
    assert_eq!((&listed[1]["run"], &listed[1]["state"]), (&"runs/one".into(), &"done".into()));

    let compared = fixture.ok(&["show", "runs/one", "runs/two"]);
    assert!(compared.lines().next().unwrap().ends_with("runs/one  runs/two"), "{compared}");
    for row in ["study", "trials", "  complete", "best validation accuracy", "test accuracy", "  learning_rate"] {
        assert!(compared.lines().any(|line| line.starts_with(&format!("{row} "))), "{row} is not in\n{compared}");
    }
    let refused = fixture.fails(2, &["show", "runs/one", "runs/two", "--top", "3"]);
    assert!(refused.contains("--top and --sort are for the trials of one run"), "{refused}");
}

#[test]
fn a_run_is_running_as_long_as_it_runs() {
    let fixture = Fixture::new(&TINY.replace("images = 240", "images = 9000"));
    let mut child = fixture.start(&["run", "study.toml"]);
    let state = || {
        let listed = fixture.run(&["show", "--json"]).stdout;
        serde_json::from_slice::<Value>(&listed).map(|listed| listed[0]["state"].as_str().unwrap().to_owned())
    };
    while state().ok().as_deref() != Some("running") {
        assert!(child.try_wait().unwrap().is_none(), "it has ended, and was never seen to run");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(state().unwrap(), "interrupted");
}
