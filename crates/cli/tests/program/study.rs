//! A whole study from the command line: its folder, what can be done with it, how it goes on.

use std::process::Stdio;

use crate::support::{Fixture, TINY, epochs, files};

#[test]
fn a_study_leaves_a_folder_that_can_be_used() {
    let fixture = Fixture::new(TINY);
    let told = fixture.ok(&["run", "study.toml"]);
    assert!(told.contains("a new study of 6 trials"), "{told}");
    assert!(told.contains("done: 6 trials"), "{told}");
    assert!(told.contains("test accuracy of the best:"), "{told}");

    let found = files(&fixture.path("runs/tiny"));
    for expected in [
        "best.json",
        "best.safetensors",
        "best.toml",
        "journal.md",
        "report.html",
        "report.md",
        "study.db",
        "summary.json",
        "test.json",
        "trials.csv",
        "trials/0000/classes.csv",
        "trials/0000/config.toml",
        "trials/0000/confusion.csv",
        "trials/0000/progress.csv",
        "trials/0005/config.toml",
    ] {
        assert!(found.iter().any(|name| name == expected), "{expected} is not among {found:?}");
    }
    assert!(!found.iter().any(|name| name.ends_with(".part")), "{found:?}");

    let shown = fixture.shown("runs/tiny");
    assert_eq!(shown["trials"].as_array().unwrap().len(), 6);
    let best = shown["best"]["trial"].as_u64().unwrap();
    let csv = fixture.read("runs/tiny/trials.csv");
    assert_eq!(csv.lines().count(), 7, "{csv}");
    assert!(fixture.read("runs/tiny/report.md").contains(&format!("** (trial {best})\n")));
    let text = fixture.ok(&["show", "runs/tiny/study.db"]);
    assert!(text.contains(&format!("best: trial {best}, validation accuracy")), "{text}");
}

#[test]
fn the_best_configuration_trains_to_the_same_value() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml", "--out", "run"]);
    let shown = fixture.shown("run");
    let events = fixture.ok(&["train", "run/best.toml", "--out", "again", "--json"]);
    let last: serde_json::Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    assert_eq!(last["value"], shown["best"]["value"]);
    assert_eq!(last["test"], shown["best"]["test"]);
    let model = std::fs::read(fixture.path("again/train/model.safetensors")).unwrap();
    assert_eq!(model, fixture.weights("run"));

    // A trial's own configuration is such a file too.
    fixture.ok(&["plan", "run/trials/0001/config.toml"]);
}

#[test]
fn a_finished_study_grows_and_is_not_changed() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml"]);
    let before = fixture.shown("runs/tiny");
    let report = fixture.read("runs/tiny/report.md");
    let again = fixture.ok(&["run", "study.toml"]);
    assert!(again.contains("going on with 6 of 6 trials known"), "{again}");
    assert_eq!(fixture.shown("runs/tiny"), before);
    assert_eq!(fixture.read("runs/tiny/report.md"), report);

    fixture.ok(&["run", "study.toml", "--set", "trials=8"]);
    let grown = fixture.shown("runs/tiny");
    assert_eq!(grown["trials"].as_array().unwrap()[..6], before["trials"].as_array().unwrap()[..]);
    assert_eq!(grown["trials"].as_array().unwrap().len(), 8);

    let fewer = fixture.fails(2, &["run", "study.toml"]);
    assert!(fewer.contains("has 8 trials and is now asked for 6; what was begun stays: ask for 8 or more"), "{fewer}");
    let changed = fixture.fails(2, &["run", "study.toml", "--set", "trials=8", "epochs=4", "seed=1"]);
    assert!(changed.contains("seed was 0 and is now 1; epochs was 3 and is now 4"), "{changed}");
    let changed = fixture.fails(2, &["run", "study.toml", "--eager", "--set", "trials=8", "learning_rate=0.1475"]);
    assert!(changed.contains("--eager was not given and is now given"), "{changed}");
    assert!(changed.contains("learning_rate was searched and is now 0.1475"), "{changed}");
    assert_eq!(fixture.shown("runs/tiny"), grown, "a refusal changes nothing");
    let report = fixture.read("runs/tiny/report.md");
    assert!(
        report.contains("trials: **8** (") && report.contains("`trials` was raised from 6 to 8, which is not the same"),
        "{report}"
    );
}

#[test]
fn trials_that_were_asked_for_and_never_begun_are_taken_back() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml"]);
    let before = fixture.shown("runs/tiny");
    fixture.ok(&["run", "study.toml", "--set", "trials=5000", "time_limit=0.0001"]);
    let report = fixture.read("runs/tiny/report.md");
    assert!(
        report.contains("trials: **6** (") && report.contains("`trials` was raised from 6 to 5000, which"),
        "{report}"
    );
    fixture.ok(&["run", "study.toml"]);
    assert_eq!(fixture.shown("runs/tiny"), before);
    assert!(!fixture.read("runs/tiny/report.md").contains("was raised"));
}

#[test]
fn conditions_are_told_as_the_file_has_them() {
    let momentum = |high: &str| {
        let optimizer = "epochs = 1\noptimizer = { choice = [\"sgd\", \"adam\"] }";
        let momentum = format!("momentum = {{ uniform = [0.5, {high}], when = {{ optimizer = \"sgd\" }} }}");
        TINY.replace("epochs = 3", &format!("{optimizer}\n{momentum}")).replace("trials = 6", "trials = 2")
    };
    let fixture = Fixture::new(&momentum("0.95"));
    fixture.ok(&["run", "study.toml"]);
    let shown = fixture.shown("runs/tiny");
    assert_eq!(shown["study"]["settings"]["domain of momentum"], r#"[0.5, 0.95] when optimizer is "sgd""#);
    std::fs::write(fixture.path("study.toml"), momentum("0.9")).unwrap();
    let changed = fixture.fails(2, &["run", "study.toml"]);
    let told =
        r#"domain of momentum was [0.5, 0.95] when optimizer is "sgd" and is now [0.5, 0.9] when optimizer is "sgd""#;
    assert!(changed.contains(told), "{changed}");
}

#[test]
fn a_study_without_a_scheduler_that_grows_is_what_it_is_at_once() {
    let fixture = Fixture::new(&TINY.replace("\"asha\"", "\"none\""));
    fixture.ok(&["run", "study.toml", "--out", "whole", "--set", "trials=9"]);
    for trials in ["trials=1", "trials=4", "trials=9"] {
        fixture.ok(&["run", "study.toml", "--out", "grown", "--set", trials]);
    }
    let (grown, whole) = (fixture.shown("grown"), fixture.shown("whole"));
    assert_eq!(grown, whole);
    assert_eq!(fixture.weights("grown"), fixture.weights("whole"));
    // Each trial that was the best at an end was tried on the test images.
    let test: serde_json::Value = serde_json::from_str(&fixture.read("grown/test.json")).unwrap();
    let report = fixture.read("grown/report.md");
    let looks = test["looks"].as_u64().expect("other trials were the best before");
    assert!(
        (2..=3).contains(&looks) && report.contains(&format!("looked at {}", tunefork::report::times(looks as usize))),
        "{report}"
    );
    assert!(fixture.read("whole/report.md").contains("looked at once"));
}

/// As a power cut may leave them, or a hand.
#[test]
fn files_that_follow_from_the_database_are_made_anew() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml"]);
    // From here on all times are the database's.
    fixture.ok(&["run", "study.toml"]);
    let folder = fixture.path("runs/tiny");
    let derived = || {
        let names = files(&folder).into_iter().filter(|name| !name.starts_with("study.db"));
        names.map(|name| (std::fs::read(folder.join(&name)).unwrap(), name)).collect::<Vec<_>>()
    };
    let whole = derived();
    for name in [
        "report.md",
        "report.html",
        "journal.md",
        "summary.json",
        "trials.csv",
        "best.toml",
        "trials/0001/progress.csv",
    ] {
        std::fs::write(folder.join(name), "").unwrap();
    }
    std::fs::remove_dir_all(folder.join("trials/0002")).unwrap();
    assert!(derived() != whole);
    fixture.ok(&["run", "study.toml"]);
    assert!(derived() == whole, "{:?}", files(&folder));
}

/// Removed, damaged, or another study's.
#[test]
fn the_best_model_is_that_of_the_best_trial() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml"]);
    fixture.ok(&["run", "study.toml", "--set", "seed=7", "name=other"]);
    let (model, right) = (fixture.path("runs/tiny/best.safetensors"), fixture.weights("runs/tiny"));
    let other = fixture.weights("runs/other");
    assert!(other != right);
    let spoils: [&dyn Fn(); 5] = [
        &|| std::fs::remove_file(&model).unwrap(),
        &|| std::fs::write(&model, &right[..right.len() / 2]).unwrap(),
        &|| std::fs::write(&model, &other).unwrap(),
        &|| std::fs::remove_file(fixture.path("runs/tiny/best.json")).unwrap(),
        &|| {
            for name in ["best.safetensors", "best.json"] {
                std::fs::copy(fixture.path("runs/other").join(name), fixture.path("runs/tiny").join(name)).unwrap();
            }
        },
    ];
    let before = fixture.shown("runs/tiny");
    for spoil in spoils {
        // So that the test images are looked at again.
        std::fs::remove_file(fixture.path("runs/tiny/test.json")).unwrap();
        spoil();
        fixture.ok(&["run", "study.toml"]);
        assert!(fixture.weights("runs/tiny") == right);
        assert_eq!(fixture.shown("runs/tiny"), before);
    }
}

/// No run ends well whose database nobody can read then.
#[test]
fn a_log_that_is_cut_short_while_a_study_runs_is_told() {
    let fixture = Fixture::new(TINY);
    let args = ["run", "study.toml", "--set", "trials=100000"];
    let child = fixture.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while epochs(&fixture, "runs/tiny") < 3 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    std::fs::File::create(fixture.path("runs/tiny/study.db-wal")).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("study.db-wal was cut short or overwritten"), "{errors}");
    fixture.ok(&["run", "study.toml"]);
}

/// Where the system lets a folder in use be moved at all.
#[cfg(unix)]
#[test]
fn a_run_whose_folder_goes_away_does_not_end_well() {
    let fixture = Fixture::new(TINY);
    let args = ["run", "study.toml", "--set", "trials=100000"];
    let child = fixture.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while epochs(&fixture, "runs/tiny") < 3 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    std::fs::rename(fixture.path("runs/tiny"), fixture.path("moved")).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("study.db was removed or replaced while it was in use"), "{errors}");
    assert!(!fixture.path("runs/tiny/report.md").exists(), "nothing is put where it was");
    let trials = fixture.shown("moved")["trials"].as_array().unwrap().len();
    assert!(trials > 0, "what was reported is where the folder is");
}

/// Nobody knows whose they are, and a new study would replace them.
#[test]
fn files_without_a_study_are_not_replaced() {
    let fixture = Fixture::new(TINY);
    std::fs::create_dir_all(fixture.path("run")).unwrap();
    std::fs::write(fixture.path("run/report.md"), "mine").unwrap();
    let told = fixture.fails(2, &["run", "study.toml", "--out", "run"]);
    assert!(told.contains("run/report.md`, and no study.db"), "{told}");
    assert_eq!(fixture.read("run/report.md"), "mine");
    std::fs::remove_file(fixture.path("run/report.md")).unwrap();
    fixture.ok(&["run", "study.toml", "--out", "run"]);
    // The same of a study whose database is gone.
    let best = fixture.read("run/best.toml");
    for file in ["study.db", "study.db-lock"] {
        std::fs::remove_file(fixture.path(&format!("run/{file}"))).unwrap();
    }
    let told = fixture.fails(2, &["run", "study.toml", "--out", "run"]);
    assert!(told.contains("9 other files"), "{told}");
    assert_eq!(fixture.read("run/best.toml"), best);
}

#[test]
fn events_are_objects_on_request() {
    let fixture = Fixture::new(TINY);
    let events = fixture.ok(&["run", "study.toml", "--json"]);
    let events: Vec<serde_json::Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((count("study_started"), count("trial_started"), count("trial_finished")), (1, 6, 6));
    let shown = fixture.shown("runs/tiny");
    let epochs: usize = shown["trials"].as_array().unwrap().iter().map(|t| t["epochs"].as_array().unwrap().len()).sum();
    assert_eq!(count("epoch"), epochs);
}

#[test]
fn one_of_a_thing_is_no_plural() {
    let one = TINY.replace("trials = 6", "trials = 1").replace("epochs = 3", "epochs = 1");
    let fixture = Fixture::new(&one);
    assert!(fixture.ok(&["run", "study.toml"]).contains("a new study of 1 trial\n"));
    let given = ["layers=1", "channels=8", "batch_size=16", "learning_rate=0.1"];
    let plan = fixture.ok(&[&["plan", "study.toml", "--no-time", "--set"][..], &given].concat());
    assert!(plan.contains("trials      1 of 1 epoch: nothing varies"), "{plan}");
    let plan = fixture.ok(&[&["plan", "study.toml", "--no-time", "--set"][..], &given[..3]].concat());
    assert!(plan.contains("space       1 parameter, no end of configurations"), "{plan}");
}

#[test]
fn a_plan_names_a_few_of_many_choices() {
    let choices: Vec<String> = (1..=5000).map(|units| units.to_string()).collect();
    let many =
        TINY.replace("hidden = [16]", &format!("hidden_layers = 1\nhidden = {{ choice = [{}] }}", choices.join(", ")));
    let plan = Fixture::new(&many).ok(&["plan", "study.toml", "--no-time"]);
    assert!(plan.contains("hidden.0 in {1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 4,990 more}"), "{plan}");
}

#[test]
fn plan_tells_what_a_study_takes() {
    let fixture = Fixture::new(TINY);
    let plan = fixture.ok(&["plan", "study.toml"]);
    for line in [
        "images      180 training, 60 validation, 60 test",
        "trials      6 by tpe, 0 given; 4 at once",
        "stopping    asha, after epoch 1\n",
        "epochs      3 a trial, at most 18 in all",
        "blocks.0.conv",
    ] {
        assert!(plan.contains(line), "{line} is not in\n{plan}");
    }
    assert!(plan.contains("time        about ") && plan.contains(" s an epoch of the default"), "{plan}");
    let same = ["plan", "study.toml", "--no-time"].as_slice();
    assert_eq!(fixture.ok(same), fixture.ok(same));
    assert!(!fixture.ok(same).contains("time  "));
    assert!(!fixture.path("runs").exists(), "a plan writes nothing");
}

#[test]
fn bench_measures() {
    let fixture = Fixture::new(TINY);
    let line = fixture.ok(&["bench", "study.toml", "--images", "64", "--batch", "32", "--json", "--threads", "1"]);
    let result: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(result["s_per_1000_images"].as_f64().unwrap() > 0.0);
    assert!(result["planned_bytes"].as_u64().unwrap() > 0);
    assert_eq!((&result["batch"], &result["images"]), (&32.into(), &64.into()));
    assert_eq!((&result["threads"], &result["device"]), (&1.into(), &"cpu".into()));
    for key in ["peak_bytes", "params", "precision", "isa"] {
        assert!(!result[key].is_null(), "{key} is missing in {result}");
    }
}
