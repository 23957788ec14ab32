//! A folder of runs as a study leaves it, and as MLflow reads it.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use support::{Demo, check_mlflow, files, python};
use tunefork_track::{MlflowFolder, Tracker as _};

/// Runs the study from `known` events on to `until`; the last run brings it to its end.
fn run(demo: &Demo, folder: &Path, known: usize, until: usize) {
    let stored = (known > 0).then(|| demo.known(known));
    let saved = folder.join("mlflow.json");
    let mut tracker = MlflowFolder::new(folder.join("ml runs"), saved, &demo.subject(stored.as_ref()));
    demo.tell(&mut tracker, known, until);
    if until == demo.len() {
        tracker.finish(&demo.study, true);
    }
    assert_eq!(tracker.warning(), None);
}

/// The points of each metric by run, in the order of the runs' names.
fn points(folder: &Path) -> BTreeMap<PathBuf, Vec<i64>> {
    let metrics = files(folder).into_iter().filter(|(path, _)| path.parent().unwrap().ends_with("metrics"));
    let steps = |text: Vec<u8>| {
        let text = String::from_utf8(text).unwrap();
        text.lines().map(|line| line.split(' ').nth(2).unwrap().parse().unwrap()).collect()
    };
    metrics.map(|(path, text)| (path, steps(text))).collect()
}

#[test]
fn a_study_is_a_run_with_a_run_for_each_trial() {
    let (demo, folder) = (Demo::new(6), tempfile::tempdir().unwrap());
    run(&demo, folder.path(), 0, demo.len());
    let found = points(folder.path());
    // Nine figures of each of six trials, the values of those that have one, the best value of the study, and what the best did on
    // test images.
    assert_eq!(found.len(), 6 * 9 + 5 + 2);
    assert!(found.values().all(|steps| steps.is_sorted() && !steps.is_empty()));
    let Some(read) = python("mlflow_reads.py", &[&folder.path().join("ml runs").display().to_string()]) else { return };
    check_mlflow(&demo, &read);
}

#[test]
fn a_study_that_was_killed_goes_on_with_its_runs() {
    let (demo, folder) = (Demo::new(6), tempfile::tempdir().unwrap());
    let mut stored = 0;
    for until in (3..demo.len()).step_by(5) {
        run(&demo, folder.path(), stored, until);
        // Writes that the kill has torn.
        let is_running = |path: &PathBuf| {
            let meta = path.parent().unwrap().parent().unwrap().join("meta.yaml");
            std::fs::read_to_string(meta).unwrap().contains("\nstatus: 1\n")
        };
        for path in points(folder.path()).into_keys().filter(is_running) {
            let mut text = std::fs::read(&path).unwrap();
            text.extend(b"17960225");
            std::fs::write(path, text).unwrap();
        }
        stored = until + 1;
    }
    run(&demo, folder.path(), stored, demo.len());
    let whole = tempfile::tempdir().unwrap();
    run(&demo, whole.path(), 0, demo.len());
    let steps = |folder: &Path| {
        let mut steps: Vec<_> =
            points(folder).into_iter().map(|(path, steps)| (path.file_name().unwrap().to_owned(), steps)).collect();
        steps.sort();
        steps
    };
    assert_eq!(steps(folder.path()), steps(whole.path()));
}

#[test]
fn a_finished_study_is_left_as_it_is_and_a_new_one_is_another() {
    let (demo, folder) = (Demo::new(4), tempfile::tempdir().unwrap());
    run(&demo, folder.path(), 0, demo.len());
    let before = points(folder.path());
    run(&demo, folder.path(), demo.len(), demo.len());
    assert_eq!(points(folder.path()), before);
    // In the same experiment.
    run(&demo, folder.path(), 0, demo.len());
    assert_eq!(points(folder.path()).len(), 2 * before.len());
    let experiments = std::fs::read_dir(folder.path().join("ml runs")).unwrap();
    assert_eq!(experiments.count(), 1);
}

#[test]
fn a_folder_that_cannot_be_written_is_told_once() {
    let (demo, folder) = (Demo::new(2), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("ml runs"), "a file").unwrap();
    let saved = folder.path().join("mlflow.json");
    let mut tracker = MlflowFolder::new(folder.path().join("ml runs"), saved, &demo.subject(None));
    demo.tell(&mut tracker, 0, demo.len());
    let warning = tracker.warning().unwrap();
    assert!(warning.contains("ml runs` is not kept in step"), "{warning}");
    tracker.finish(&demo.study, true);
    assert_eq!(tracker.warning(), None);
}
