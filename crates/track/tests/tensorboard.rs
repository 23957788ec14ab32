//! Event files as a study leaves them, and as TensorBoard reads them.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value as Json, json};
use support::{Demo, files, python};
use tunefork_space::Value;
use tunefork_track::{TensorBoard, Tracker as _};

/// Runs the study from `known` events on to `until`; the last run brings it to its end.
fn run(demo: &Demo, folder: &Path, known: usize, until: usize) {
    let stored = (known > 0).then(|| demo.known(known));
    let mut tracker = TensorBoard::new(folder, &demo.subject(stored.as_ref()));
    demo.tell(&mut tracker, known, until);
    if until == demo.len() {
        tracker.finish(&demo.study, true);
    }
    assert_eq!(tracker.warning(), None);
}

/// As JSON has numbers that are none.
fn number(value: f64) -> Json {
    let value = f64::from(value as f32);
    if value.is_finite() { value.into() } else { value.to_string().to_lowercase().into() }
}

fn check(demo: &Demo, read: &Json) {
    for trial in &demo.study.trials {
        let name = format!("trial-{:04}", trial.number.0);
        let scalars = &read["scalars"][&name];
        for tag in ["train_loss", "loss", "accuracy", "last_learning_rate", "seconds", "f1/cat", "f1/dog & wolf"] {
            let figure = |epoch: &tunefork_study::EpochRecord| match tag {
                "seconds" => epoch.report.timing.unwrap().seconds,
                tag => epoch.report.metrics.named().find(|(name, _)| name == tag).unwrap().1,
            };
            let expected: Vec<Json> =
                trial.epochs.iter().map(|epoch| json!([epoch.step, number(figure(epoch))])).collect();
            assert_eq!(scalars[tag], json!(expected), "{name} {tag}");
        }
        let last = trial.epochs.last().unwrap().step;
        let value = trial.value.map(|value| json!([[last, number(value)]]));
        assert_eq!(scalars.get("value"), value.as_ref(), "{name}");

        let row = &read["table"][&name];
        // All its numbers are real ones.
        let value = |value: &Value| value.as_f64().map_or_else(|| json!(value), Json::from);
        let params: BTreeMap<String, Json> =
            trial.params().iter().map(|(name, choice)| (name.to_owned(), value(choice))).collect();
        assert_eq!(row["hparams"], json!(params), "{name}");
        let status = if trial.value.is_some() { "STATUS_SUCCESS" } else { "STATUS_FAILURE" };
        assert_eq!(row["status"], status, "{name}");
        assert_eq!(row["value"], trial.value.map_or(Json::Null, number), "{name}");
    }
    assert_eq!(read["table"].as_object().unwrap().len(), demo.study.trials.len());
    // The tab sorts them.
    let names: BTreeSet<&str> = demo.space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(read["columns"], json!(names));
    assert_eq!(read["metrics"], json!([["", "value", "validation accuracy"]]));
    assert_eq!(read["images"], json!([["confusion", demo.study.best().unwrap().number.0], ["examples", 0]]));
}

#[test]
fn tensorboard_reads_every_figure_and_trial() {
    let (demo, folder) = (Demo::new(6), tempfile::tempdir().unwrap());
    run(&demo, folder.path(), 0, demo.len());
    let Some(read) = python("tensorboard_reads.py", &[&folder.path().display().to_string()]) else { return };
    check(&demo, &read);
}

#[test]
fn a_study_that_was_killed_goes_on_with_its_files() {
    let (demo, folder) = (Demo::new(6), tempfile::tempdir().unwrap());
    // Each time a little further; what was stored last had not always been told.
    let mut stored = 0;
    for until in (3..demo.len()).step_by(5) {
        run(&demo, folder.path(), stored, until);
        // A write that the kill has torn.
        for path in files(folder.path()).into_keys() {
            std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"\x1a\0\0\0\0").unwrap();
        }
        stored = until + 1;
    }
    run(&demo, folder.path(), stored, demo.len());
    let Some(read) = python("tensorboard_reads.py", &[&folder.path().display().to_string()]) else { return };
    check(&demo, &read);
}

#[test]
fn a_finished_study_is_left_as_it_is() {
    let (demo, folder) = (Demo::new(4), tempfile::tempdir().unwrap());
    run(&demo, folder.path(), 0, demo.len());
    let before = files(folder.path());
    assert_eq!(before.len(), 5);
    run(&demo, folder.path(), demo.len(), demo.len());
    assert_eq!(files(folder.path()), before);
}

/// Tracked from its second run on only.
#[test]
fn what_was_known_is_written_too() {
    let (demo, folder) = (Demo::new(6), tempfile::tempdir().unwrap());
    run(&demo, folder.path(), demo.len() - 4, demo.len());
    let Some(read) = python("tensorboard_reads.py", &[&folder.path().display().to_string()]) else { return };
    check(&demo, &read);
}

#[test]
fn a_new_study_takes_the_place_of_an_old_one_and_touches_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Demo::new(6), Demo::new(2));
    run(&old, folder.path(), 0, old.len());
    let others = ["events.out.tfevents.1.host.2.3", "trial-0005/notes.txt"].map(|name| folder.path().join(name));
    others.iter().for_each(|path| std::fs::write(path, "mine").unwrap());
    run(&new, folder.path(), 0, new.len());
    let left = files(folder.path());
    assert_eq!(left.len(), 5, "{:?}", left.keys());
    others.iter().for_each(|path| assert_eq!(left[path], b"mine"));
    assert!(!folder.path().join("trial-0004").exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_told_once() {
    let (demo, folder) = (Demo::new(2), tempfile::tempdir().unwrap());
    let place = folder.path().join("tensorboard");
    std::fs::write(&place, "a file").unwrap();
    let mut tracker = TensorBoard::new(&place, &demo.subject(None));
    demo.tell(&mut tracker, 0, demo.len());
    let warning = tracker.warning().unwrap();
    assert!(warning.contains(&place.display().to_string()) && warning.contains("not kept in step"), "{warning}");
    tracker.finish(&demo.study, true);
    assert_eq!(tracker.warning(), None);
}
