//! The same seed gives the same study, byte for byte: whatever the threads, the workers, and however
//! often it was killed or stopped.

use tunefork::sampler::SamplerKind;
use tunefork::scheduler::SchedulerKind;

use crate::support::{Fixture, TINY, epochs};

#[test]
fn threads_and_workers_change_nothing() {
    let fixture = Fixture::new(TINY);
    let counts = |threads| ["1", "2", "4"].map(|workers| (threads, workers));
    for (threads, workers) in ["1", "2"].into_iter().flat_map(counts) {
        let out = format!("run-{threads}-{workers}");
        fixture.ok(&["run", "study.toml", "--threads", threads, "--workers", workers, "--out", &out]);
        assert_eq!(fixture.shown(&out), fixture.shown("run-1-1"), "{out}");
        assert_eq!(fixture.weights(&out), fixture.weights("run-1-1"), "{out}");
    }
    let other = fixture.ok(&["run", "study.toml", "--set", "seed=1", "--out", "other"]);
    assert!(other.contains("done"));
    assert_ne!(fixture.weights("other"), fixture.weights("run-1-1"), "another seed is another study");
}

/// A study that is long enough to be killed in the middle of its epochs.
fn longer() -> String {
    TINY.replace("epochs = 3", "epochs = 18").replace("images = 240", "images = 2400")
}

#[test]
fn a_study_that_was_killed_ends_as_one_that_was_not() {
    let fixture = Fixture::new(&longer());
    fixture.ok(&["run", "study.toml", "--out", "whole"]);
    fixture.run_with_kills("killed", epochs(&fixture, "whole"), 10);
    assert_eq!(fixture.shown("killed"), fixture.shown("whole"));
    assert_eq!(fixture.weights("killed"), fixture.weights("whole"));
    let table = |run: &str| {
        let csv = fixture.read(&format!("{run}/trials.csv"));
        let timed = ["datetime_start", "datetime_complete", "duration", "user_attrs_seconds"];
        let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        assert!(timed.iter().all(|name| header.contains(name)), "{header:?}");
        let without = |line: &str| {
            let cells = line.split(',').enumerate().filter(|(at, _)| !timed.contains(&header[*at]));
            cells.map(|(_, cell)| cell.to_string()).collect::<Vec<_>>()
        };
        csv.lines().map(without).collect::<Vec<_>>()
    };
    assert_eq!(table("killed"), table("whole"));
}

/// What is proposed is a function of the history: of workers and kills a sampler sees nothing.
#[test]
fn with_every_sampler() {
    for sampler in SamplerKind::NAMES.iter().filter(|name| **name != SamplerKind::Grid.name()) {
        let text = TINY.replace("epochs = 3", "epochs = 2").replace("trials = 6", "trials = 24");
        let fixture = Fixture::new(&format!("{text}\n[search]\nsampler = \"{sampler}\"\n"));
        fixture.ok(&["run", "study.toml", "--workers", "1", "--out", "one"]);
        fixture.ok(&["run", "study.toml", "--workers", "4", "--out", "four"]);
        fixture.run_with_kills("killed", epochs(&fixture, "one"), 3);
        for run in ["four", "killed"] {
            assert_eq!(fixture.shown(run), fixture.shown("one"), "{sampler}, {run}");
            assert_eq!(fixture.weights(run), fixture.weights("one"), "{sampler}, {run}");
        }
    }
}

/// Nor does a scheduler, which may stop trials, or pause them and let them go on.
#[test]
fn with_every_scheduler() {
    for scheduler in SchedulerKind::NAMES {
        let text = TINY.replace("asha", scheduler).replace("trials = 6", "trials = 14");
        let text = match *scheduler == SchedulerKind::Wilcoxon.name() {
            true => text.replace("validation = 60", "folds = 5\nfold_order = \"sequential\""),
            false => text.replace("epochs = 3", "epochs = 9"),
        };
        let fixture = Fixture::new(&text);
        fixture.ok(&["run", "study.toml", "--workers", "1", "--out", "one"]);
        for workers in ["2", "4"] {
            fixture.ok(&["run", "study.toml", "--workers", workers, "--out", workers]);
        }
        fixture.run_with_kills("killed", epochs(&fixture, "one"), 10);
        let ended = |state: &str| {
            let trials = fixture.shown("one")["trials"].as_array().unwrap().clone();
            trials.iter().filter(|trial| trial["state"] == state).count()
        };
        assert_eq!(ended("complete") + ended("pruned"), 14, "{scheduler}");
        // By itself patience may stop all; folds have a model each.
        let has_model = fixture.path("one/best.safetensors").exists();
        for run in ["2", "4", "killed"] {
            assert_eq!(fixture.shown(run), fixture.shown("one"), "{scheduler}, {run}");
            assert!(!has_model || fixture.weights(run) == fixture.weights("one"), "{scheduler}, {run}");
        }
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_in_good_order() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    let fixture = Fixture::new(&longer());
    let args = ["run", "study.toml", "--out", "run"];
    let mut child = fixture.command(&args).arg("--json").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // Files follow when there is time for them; events come at once.
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(events.any(|event| event.contains("\"epoch\"")), "the study ended before it could be stopped");
    let rest = std::thread::spawn(move || events.count());
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    rest.join().unwrap();

    let stopped = fixture.shown("run");
    assert!(!stopped["trials"].as_array().unwrap().is_empty());
    assert!(fixture.read("run/report.md").contains("# tiny"), "the tables are there");
    assert!(!fixture.path("run/test.json").exists(), "the test images were not looked at");
    fixture.ok(&args);
    fixture.ok(&["run", "study.toml", "--out", "whole"]);
    assert_eq!(fixture.shown("run"), fixture.shown("whole"));
    assert_eq!(fixture.weights("run"), fixture.weights("whole"));
}
