//! What is wrong is said, with the right exit code, and nothing is lost.

use std::process::Stdio;

use crate::support::{Fixture, TINY, write_png};

#[track_caller]
fn refused(study: &str, code: i32, args: &[&str], expected: &str) {
    let fixture = Fixture::new(study);
    let errors = fixture.fails(code, args);
    assert!(errors.starts_with("error: "), "{errors}");
    assert!(errors.contains(expected), "{expected:?} is not in\n{errors}");
}

#[test]
fn wrong_input_is_2() {
    let run = ["run", "study.toml"];
    refused("[train]\nepochs = 0", 2, &run, "study.toml:2:10: `epochs` cannot be 0");
    refused(TINY, 2, &["run", "nowhere.toml"], "cannot read nowhere.toml");
    refused(TINY, 2, &["run", "study.toml", "--set", "dropout=2"], "`dropout` cannot be 2");
    refused(TINY, 2, &["run", "study.toml", "--precision", "bf16"], "precision bf16 needs a GPU");
    refused(TINY, 2, &["bench", "study.toml", "--device", "cpu", "--precision", "f16"], "the CPU computes in f32");
    refused(TINY, 2, &["run", "study.toml", "--precision", "f64"], "[possible values: f32, tf32, bf16, f16]");
    refused(TINY, 2, &["run", "study.toml", "--device", "cuda"], "NVIDIA");
    refused(TINY, 2, &["run", "study.toml", "--isa", "sse9"], "portable, avx2 or avx512");
    refused(TINY, 2, &["run", "study.toml", "--threads", "100000"], "use at most 1024");
    refused(TINY, 2, &["show", "nowhere"], "no database at");
    refused(TINY, 2, &["show", "study.toml"], "study.toml is not a study database");
    refused(TINY, 2, &["data", "inspect", "nowhere"], "found no data set `nowhere`");
    refused(
        "[data]\nsource = \"fashion-mnist\"",
        2,
        &["plan", "study.toml", "--data-dir", "empty"],
        "found no data set `fashion-mnist`",
    );
}

#[test]
fn a_study_that_cannot_work_is_refused_before_it_starts() {
    let kernel = TINY.replace("hidden = [16]", "kernel = 7\npadding = 0\npool_size = 4\nhidden = [16]");
    let deep = kernel.replace("layers = { int = [1, 2] }", "layers = 2");
    let expected = "the default configuration of this study cannot be trained: blocks.1.conv";
    refused(&deep, 2, &["run", "study.toml"], expected);
    let batch = TINY.replace("batch_size = { choice = [16, 32] }", "batch_size = 500\nlast_batch = \"drop\"");
    refused(&batch, 2, &["run", "study.toml"], "there are only 180 training images");
    let split = TINY.replace("validation = 60", "train = 200\nvalidation = 60");
    refused(
        &split,
        2,
        &["run", "study.toml"],
        "study.toml:10:9: 260 training, validation and test images are asked for, out of 240",
    );
    let memory = TINY.replace("[train]", "[train]\nmemory = 1").replace("[4, 8]", "[4096, 8192]");
    let expected = "the default configuration of this study cannot be trained: training in batches of";
    refused(&memory, 2, &["run", "study.toml"], expected);
    // With one layer it works.
    let plan = Fixture::new(&kernel).ok(&["plan", "--no-time", "study.toml"]);
    assert!(plan.contains("note: `layers` = 2: none of ") && plan.contains("never tried: blocks.1.conv"), "{plan}");
}

#[cfg(target_os = "linux")]
#[test]
fn events_that_are_lost_are_told_and_the_study_is_whole() {
    let fixture = Fixture::new(&TINY.replace("trials = 6", "trials = 2"));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = fixture.command(&["run", "study.toml", "--json"]).stdout(full).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("error: the work is done, but lines for the standard output were lost: No space left"),
        "{told}"
    );
    let states = fixture.shown("runs/tiny")["trials"].as_array().unwrap().len();
    assert_eq!(states, 2);
}

#[test]
fn a_trial_that_diverges_does_not_end_the_study() {
    let wild = TINY.replace("[1e-3, 1e-1]", "[1e20, 1e30]") + "[[trial]]\nlearning_rate = 1e25\n";
    let fixture = Fixture::new(&wild.replace("trials = 6", "trials = 3"));
    let errors = fixture.fails(1, &["run", "study.toml"]);
    assert!(errors.contains("no trial was completed; trial 0: the loss became"), "{errors}");
    let told = fixture.ok(&["show", "runs/tiny"]);
    assert!(told.contains("\nfailed: 3 trials (diverged), the first is trial 0: the loss became"), "{told}");
    let shown = fixture.shown("runs/tiny");
    for trial in shown["trials"].as_array().unwrap() {
        assert_eq!((&trial["state"], &trial["reason"]), (&"failed".into(), &"diverged".into()));
    }
}

/// The slots of a study bound how many workers can have work.
#[test]
fn workers_beyond_the_slots_are_not_started() {
    let fixture = Fixture::new(&TINY.replace("trials = 6", "trials = 1"));
    fixture.ok(&["run", "study.toml", "--workers", "1000000"]);
}

#[test]
fn models_of_others_are_refused() {
    let fixture = Fixture::new(TINY);
    std::fs::write(fixture.path("x.safetensors"), b"\x02\0\0\0\0\0\0\0{}").unwrap();
    std::fs::write(fixture.path("photo.png"), b"").unwrap();
    let foreign = fixture.fails(2, &["predict", "x.safetensors", "photo.png"]);
    assert!(foreign.contains("written by another program"), "{foreign}");
    let missing = fixture.fails(2, &["predict", "none.safetensors", "photo.png"]);
    assert!(missing.contains("cannot read `none.safetensors`"), "{missing}");
    fixture.ok(&["run", "study.toml", "--set", "trials=1"]);
    let photo = fixture.fails(2, &["predict", "runs/tiny/best.safetensors", "photo.png"]);
    assert!(photo.contains("image `photo.png`"), "{photo}");
}

#[test]
fn an_output_folder_that_is_a_file_is_an_error() {
    let fixture = Fixture::new(TINY);
    let errors = fixture.fails(1, &["run", "study.toml", "--out", "study.toml/run"]);
    assert!(errors.contains("cannot create `study.toml/run`"), "{errors}");
}

#[test]
fn two_studies_do_not_share_a_folder() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml", "--set", "trials=1"]);
    let other = ["run", "study.toml", "--set", "name=other", "--out", "runs/tiny"];
    let errors = fixture.fails(2, &other);
    assert!(errors.contains("of another study, `tiny`"), "{errors}");
    assert_eq!(fixture.shown("runs/tiny")["study"]["name"], "tiny");
}

/// Whatever cannot be written stops the study, and once it can be the study goes on.
#[test]
fn a_file_that_cannot_be_written_stops_the_study() {
    let fixture = Fixture::new(TINY);
    std::fs::create_dir_all(fixture.path("runs/tiny/report.md/in the way")).unwrap();
    let errors = fixture.fails(1, &["run", "study.toml"]);
    assert!(errors.contains("cannot write `runs/tiny/report.md`"), "{errors}");
    std::fs::remove_dir_all(fixture.path("runs/tiny/report.md")).unwrap();
    fixture.ok(&["run", "study.toml"]);
    fixture.ok(&["run", "study.toml", "--out", "whole"]);
    assert_eq!(fixture.shown("runs/tiny"), fixture.shown("whole"));
}

#[test]
fn two_runs_do_not_write_one_study() {
    let fixture = Fixture::new(&TINY.replace("epochs = 3", "epochs = 2000"));
    let mut first = fixture.start(&["run", "study.toml"]);
    while !fixture.path("runs/tiny/trials").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let errors = fixture.fails(1, &["run", "study.toml"]);
    assert!(errors.contains("is in use by another run"), "{errors}");
    assert_eq!(fixture.shown("runs/tiny")["study"]["name"], "tiny", "but it can be looked at");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn a_run_whose_lock_was_removed_leaves_the_study_to_the_next_one() {
    let fixture = Fixture::new(&TINY.replace("epochs = 3", "epochs = 2000"));
    let run = ["run", "study.toml"];
    let first = fixture.command(&run).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while !fixture.path("runs/tiny/trials").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::fs::remove_file(fixture.path("runs/tiny/study.db-lock")).unwrap();
    let mut second = fixture.start(&run);
    let output = first.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("study.db-lock was removed") && !errors.contains("damaged"), "{errors}");
    while !fixture.path("runs/tiny/study.db-lock").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(second.try_wait().unwrap(), None, "the other one goes on");
    second.kill().unwrap();
    second.wait().unwrap();
    assert_eq!(fixture.shown("runs/tiny")["study"]["name"], "tiny");
}

/// As behind `| head -1`: what goes on is in the run folder.
#[test]
fn a_reader_that_goes_away_stops_nothing() {
    let fixture = Fixture::new(TINY);
    for args in [
        &["run", "study.toml"][..],
        &["run", "study.toml", "--json", "--out", "json"],
        &["train", "study.toml"],
        &["show", "runs/tiny"],
    ] {
        assert_eq!(fixture.unheard(args), Some(0), "{args:?}");
    }
    assert_eq!(fixture.shown("runs/tiny"), fixture.shown("json"));
    assert_eq!(fixture.unheard(&["run", "nowhere.toml"]), Some(2));
}

#[test]
fn help_is_there_for_everyone() {
    let fixture = Fixture::new(TINY);
    for command in ["run", "plan", "show", "train", "predict", "bench"] {
        let help = fixture.ok(&[command, "--help"]);
        assert!(help.contains("Examples:\n  tunefork"), "{help}");
    }
    for command in ["get", "list", "inspect"] {
        let help = fixture.ok(&["data", command, "--help"]);
        assert!(help.contains("Examples:\n  tunefork"), "{help}");
    }
    assert!(fixture.fails(2, &["plann"]).contains("similar"));
}

/// The signal of that limit would kill without a word.
#[cfg(unix)]
#[test]
fn a_limit_of_file_lengths_is_told() {
    let fixture = Fixture::new(TINY);
    let program = assert_cmd::cargo::cargo_bin!("tunefork");
    let limited = format!("ulimit -f 64; exec '{}' run study.toml", program.display());
    let output =
        std::process::Command::new("sh").args(["-c", &limited]).current_dir(fixture.path("")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("ulimit -f"), "{errors}");
    fixture.ok(&["run", "study.toml"]);
}

#[cfg(unix)]
#[test]
fn what_hinders_the_preparation_of_images_is_no_wrong_input() {
    let study = "[study]\nname = \"tiny\"\ntrials = 1\n[data]\nsource = \"photos\"\nsize = 32\n[train]\nepochs = 1";
    let fixture = Fixture::new(study);
    for class in ["cats", "dogs"] {
        std::fs::create_dir_all(fixture.path("photos").join(class)).unwrap();
        (0..20).for_each(|side| write_png(&fixture.path("photos").join(class).join(format!("{side}.png")), 20 + side));
    }
    let program = assert_cmd::cargo::cargo_bin!("tunefork");
    let limited = format!("ulimit -f 2; exec '{}' run study.toml", program.display());
    let output =
        std::process::Command::new("sh").args(["-c", &limited]).current_dir(fixture.path("")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("cannot write `") && errors.contains("ulimit -f"), "{errors}");
    assert!(!fixture.path("runs").exists(), "nothing was begun");
}
