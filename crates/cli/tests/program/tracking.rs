//! Other programs in which a study is followed.

use crate::support::{Fixture, TINY, files};

#[test]
fn a_study_is_followed_in_tensorboard_and_mlflow_and_goes_on_there() {
    let fixture = Fixture::new(TINY);
    let run = ["run", "study.toml", "--tensorboard", "--mlflow", "mlruns"];
    let told = fixture.ok(&run);
    assert!(!told.contains("warning"), "{told}");
    assert!(told.contains("curves: tensorboard --logdir runs/tiny/tensorboard"), "{told}");
    let events = files(&fixture.path("runs/tiny/tensorboard"));
    // The experiment, and six trials.
    assert_eq!(events.len(), 7, "{events:?}");
    assert!(events.iter().any(|name| name.starts_with("trial-0005/events.out.tfevents.")), "{events:?}");
    let runs = files(&fixture.path("mlruns"));
    let of = |ending: &str| runs.iter().filter(|name| name.ends_with(ending)).count();
    assert_eq!((of("meta.yaml"), of("metrics/value"), of("params/learning_rate")), (1 + 1 + 6, 6, 6 + 1), "{runs:?}");

    let contents = || {
        let paths = files(&fixture.path("runs/tiny/tensorboard"));
        paths
            .into_iter()
            .map(|name| fixture.path("runs/tiny/tensorboard").join(name))
            .map(|path| std::fs::read(path).unwrap())
            .collect::<Vec<_>>()
    };
    let before = contents();
    fixture.ok(&run);
    assert_eq!(contents(), before);
    assert_eq!(files(&fixture.path("mlruns")), runs);
}

/// Without them there is nothing of them, and the study is the same.
#[test]
fn following_a_study_changes_nothing_of_it() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml", "--out", "plain"]);
    fixture.ok(&["run", "study.toml", "--out", "followed", "--tensorboard", "--mlflow", "mlruns"]);
    assert_eq!(fixture.read("plain/trials.csv").lines().count(), fixture.read("followed/trials.csv").lines().count());
    assert_eq!(fixture.weights("plain"), fixture.weights("followed"));
    let names = files(&fixture.path("plain"));
    assert!(!names.iter().any(|name| name.starts_with("tensorboard") || name == "mlflow.json"), "{names:?}");
}

#[cfg(feature = "mlflow")]
#[test]
fn a_server_that_is_not_there_is_told_and_fails_nothing() {
    let fixture = Fixture::new(TINY);
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("http://me:secret@127.0.0.1:{port}");
    let output = fixture.run(&["run", "study.toml", "--mlflow", &address]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(told.contains(&format!("MLflow at http://127.0.0.1:{port} does not have all of 6 trials yet")), "{told}");
    let report = fixture.read("runs/tiny/report.md");
    assert!(report.contains("does not have all of 6 trials yet"), "{report}");
    for text in [told, report, fixture.read("runs/tiny/mlflow.json")] {
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_a_warning() {
    let fixture = Fixture::new(TINY);
    std::fs::create_dir_all(fixture.path("runs/tiny")).unwrap();
    std::fs::write(fixture.path("runs/tiny/tensorboard"), "a file").unwrap();
    let told = fixture.ok(&["run", "study.toml", "--tensorboard"]);
    assert_eq!(told.matches("is not kept in step in this run").count(), 1, "{told}");
}

#[test]
fn a_place_that_is_none_is_refused_without_a_password() {
    let fixture = Fixture::new(TINY);
    for (place, reason) in [
        ("localhost:5000", "it has a port, but neither http:// nor https:// in front"),
        ("ftp://me:secret@host", "it begins with ftp://"),
        ("http://me:secret@", "it names no host"),
    ] {
        let errors = fixture.fails(2, &["run", "study.toml", "--mlflow", place]);
        assert!(errors.contains(reason) && errors.contains("http://127.0.0.1:5000"), "{errors}");
        assert!(!errors.contains("secret"), "{errors}");
    }
}
