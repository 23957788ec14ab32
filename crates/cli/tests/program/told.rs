//! What a user is told of a study's settings, by the command that takes them.

use crate::support::{Fixture, TINY};

/// A study of a few short trainings.
const SHORT: &str = "[data]\nsize = 12\nclasses = 2\nimages = 60\ntest_images = 20\nvalidation = 20\n\
    [model]\nlayers = { int = [1, 3] }\nchannels = 4\nnorm = \"layer\"\n[train]\nepochs = 1\nbatch_size = 8\n";

/// What a command that succeeds says beside its results.
#[track_caller]
fn notes(fixture: &Fixture, args: &[&str]) -> String {
    let output = fixture.run(args);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    told
}

#[test]
fn train_tells_what_does_nothing_and_what_it_does_not_use() {
    let searched = format!("{SHORT}momentum = 0.9\n[study]\ntime_limit = 9.0\n[[trial]]\nlayers = 2\n");
    let told = notes(&Fixture::new(&searched), &["train", "study.toml"]);
    for note in [
        "one configuration is trained, once: this does not use the given trial, `time_limit`\n",
        "of what varies, the default is trained: layers=2\n",
        "study.toml:14:12: `momentum` does nothing: it is only for `optimizer` = \"sgd\"\n",
    ] {
        assert!(told.contains(note), "{note} is not in\n{told}");
    }
    // What is about a search is none of its business.
    assert!(!told.contains("`trials`"), "{told}");

    let given = SHORT.replace("layers = { int = [1, 3] }\n", "")
        + "[[experiment]]\nname = \"depth\"\nvary = { layers = [1, 2] }\n";
    let told = notes(&Fixture::new(&given), &["train", "study.toml", "--set", "schedule=step"]);
    assert!(told.contains("this does not use the experiment\n"), "{told}");
    assert!(told.contains("--set:1:10: the learning rate never drops"), "{told}");
}

#[test]
fn what_a_run_leaves_trains_without_a_note() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml", "--out", "run"]);
    let told = notes(&fixture, &["train", "run/best.toml", "--out", "again"]);
    assert!(!told.contains("best.toml:"), "{told}");
}

#[test]
fn a_grid_that_is_done_says_what_was_tried() {
    let grid = |most: u32| SHORT.replace("3]", &format!("{most}]")) + "[search]\nsampler = \"grid\"\n";
    let told = Fixture::new(&grid(3)).ok(&["run", "study.toml"]);
    assert!(told.contains("done, all configurations were tried: 3 trials"), "{told}");
    let told = Fixture::new(&grid(4)).ok(&["run", "study.toml"]);
    assert!(told.contains("done, all configurations that can be trained were tried: 3 trials"), "{told}");
}

#[test]
fn plan_tells_where_the_images_come_from() {
    let drawn = Fixture::new(SHORT).ok(&["plan", "study.toml", "--no-time"]);
    assert!(drawn.contains("\nsource      generated, for the file names no `source`\n"), "{drawn}");
    let named = SHORT.replace("[data]", "[data]\nsource = \"noise\"");
    let named = Fixture::new(&named).ok(&["plan", "study.toml", "--no-time"]);
    assert!(named.contains("\nsource      noise\n"), "{named}");
}

#[test]
fn folds_that_are_set_take_the_place_of_a_validation_part() {
    let plan = Fixture::new(SHORT).ok(&["plan", "study.toml", "--no-time", "--set", "folds=5"]);
    assert!(plan.contains("trainings   5 a trial"), "{plan}");
}
