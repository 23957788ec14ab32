//! A tracking server that is slow, refuses, dies and comes back: nothing is lost, nothing doubled, and no trial waits.
#![cfg(feature = "mlflow")]

#[path = "support/server.rs"]
mod server;
mod support;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use server::{Mode, Server};
use support::{Demo, check_mlflow, python};
use tunefork_track::{MlflowServer, Place, Tracker};

/// Longer than this nobody may be held up by all events of a study together.
const MOST: Duration = Duration::from_millis(500);

/// A little longer than a tracker may wait at the end.
const FAREWELL: Duration = Duration::from_secs(6);

fn tracker(demo: &Demo, folder: &Path, address: &str, known: usize) -> MlflowServer {
    let stored = (known > 0).then(|| demo.known(known));
    let Ok(Place::Server(address)) = address.parse() else { panic!("{address} is an address") };
    MlflowServer::new(address, folder.join("mlflow.json"), &demo.subject(stored.as_ref()))
}

/// Runs the study from `known` events on to its end; the warnings of the run.
fn run(demo: &Demo, mut tracker: MlflowServer, known: usize) -> Vec<String> {
    let begin = Instant::now();
    demo.tell(&mut tracker, known, demo.len());
    assert!(begin.elapsed() < MOST, "the study was held up for {:?}", begin.elapsed());
    finish(demo, &mut tracker)
}

fn finish(demo: &Demo, tracker: &mut MlflowServer) -> Vec<String> {
    let begin = Instant::now();
    tracker.finish(&demo.study, true);
    assert!(begin.elapsed() < FAREWELL, "the end took {:?}", begin.elapsed());
    std::iter::from_fn(|| tracker.warning()).collect()
}

/// The server has all of the study, once.
#[track_caller]
fn check(demo: &Demo, server: &Server) {
    let state = server.state.lock().unwrap();
    assert_eq!(state.faults, [""; 0]);
    assert_eq!(state.runs.len(), demo.study.trials.len() + 1);
    let (parent, study) = state.run("demo");
    // Its best value, and what the best did on test images.
    assert_eq!((study.status.as_str(), study.metrics.len()), ("FINISHED", 2));
    for trial in &demo.study.trials {
        let (_, run) = state.run(&format!("trial-{:04}", trial.number.0));
        assert_eq!(run.tags["mlflow.parentRunId"], parent);
        assert_eq!((run.tags["state"].as_str(), run.params.len()), (trial.state.name(), 4));
        // Nine figures an epoch, and the value.
        assert_eq!(run.metrics.len(), trial.epochs.len() * 9 + usize::from(trial.value.is_some()));
        assert_ne!(run.status, "RUNNING");
    }
}

#[test]
fn a_study_is_a_run_with_a_run_for_each_trial() {
    let (demo, folder, server) = (Demo::new(30), tempfile::tempdir().unwrap(), Server::new(Mode::Well));
    assert_eq!(run(&demo, tracker(&demo, folder.path(), &server.address(), 0), 0), [""; 0]);
    check(&demo, &server);
    let state = server.state.lock().unwrap();
    let (_, failed) = state.run("trial-0003");
    assert_eq!(failed.metrics[&("loss".to_owned(), 1)], "Infinity");
    assert_eq!(failed.metrics[&("accuracy".to_owned(), 1)], "NaN");
    assert_eq!((failed.status.as_str(), failed.tags["reason"].as_str()), ("FAILED", "diverged"));
}

#[test]
fn nothing_is_sent_again_of_what_the_server_has() {
    let (demo, folder, server) = (Demo::new(6), tempfile::tempdir().unwrap(), Server::new(Mode::Well));
    run(&demo, tracker(&demo, folder.path(), &server.address(), 0), 0);
    let before = server.state.lock().unwrap().requests;
    assert_eq!(run(&demo, tracker(&demo, folder.path(), &server.address(), demo.len()), demo.len()), [""; 0]);
    // Of the study alone.
    assert!(server.state.lock().unwrap().requests <= before + 5);
    check(&demo, &server);
}

#[test]
fn a_dead_server_gets_everything_from_the_next_run() {
    let (demo, folder, server) = (Demo::new(20), tempfile::tempdir().unwrap(), Server::new(Mode::Away));
    let mut first = tracker(&demo, folder.path(), &server.address(), 0);
    let begin = Instant::now();
    demo.tell(&mut first, 0, demo.len());
    assert!(begin.elapsed() < MOST, "the study was held up for {:?}", begin.elapsed());
    std::thread::sleep(Duration::from_millis(300));
    let warnings = finish(&demo, &mut first);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("does not answer") && warnings[0].contains("the study goes on"), "{warnings:?}");
    assert!(warnings[1].contains("does not have all of 20 trials yet"), "{warnings:?}");
    server.set(Mode::Well);
    assert_eq!(run(&demo, tracker(&demo, folder.path(), &server.address(), demo.len()), demo.len()), [""; 0]);
    check(&demo, &server);
}

#[test]
fn a_server_that_comes_back_gets_everything_from_the_same_run() {
    let (demo, folder, server) = (Demo::new(6), tempfile::tempdir().unwrap(), Server::new(Mode::Well));
    let mut tracker = tracker(&demo, folder.path(), &server.address(), 0);
    server.set(Mode::Away);
    demo.tell(&mut tracker, 0, demo.len());
    std::thread::sleep(Duration::from_millis(300));
    server.set(Mode::Well);
    let warnings = finish(&demo, &mut tracker);
    assert!(warnings.len() == 1 && warnings[0].contains("does not answer"), "{warnings:?}");
    check(&demo, &server);
}

#[test]
fn a_slow_server_slows_no_trial() {
    let (demo, folder) = (Demo::new(20), tempfile::tempdir().unwrap());
    let server = Server::new(Mode::Slow(Duration::from_millis(150)));
    let warnings = run(&demo, tracker(&demo, folder.path(), &server.address(), 0), 0);
    assert!(warnings.len() == 1 && warnings[0].contains("does not have all of"), "{warnings:?}");
    server.set(Mode::Well);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(run(&demo, tracker(&demo, folder.path(), &server.address(), demo.len()), demo.len()), [""; 0]);
    check(&demo, &server);
}

/// What was done is not done again, whatever request it was that got no answer.
#[test]
fn lost_answers_double_nothing() {
    let demo = Demo::new(6);
    for every in [2, 3, 4, 5, 7] {
        let (folder, server) = (tempfile::tempdir().unwrap(), Server::new(Mode::Mute(every)));
        run(&demo, tracker(&demo, folder.path(), &server.address(), 0), 0);
        server.set(Mode::Well);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(run(&demo, tracker(&demo, folder.path(), &server.address(), demo.len()), demo.len()), [""; 0]);
        check(&demo, &server);
    }
}

/// A process that is killed has written its file at the beginning alone.
#[test]
fn a_killed_study_goes_on_with_its_runs() {
    let (demo, folder, server) = (Demo::new(6), tempfile::tempdir().unwrap(), Server::new(Mode::Well));
    let saved = folder.path().join("mlflow.json");
    let mut stored = 0;
    for until in (3..demo.len()).step_by(6) {
        let mut tracker = tracker(&demo, folder.path(), &server.address(), stored);
        let before = std::fs::read(&saved).ok();
        demo.tell(&mut tracker, stored, until);
        std::thread::sleep(Duration::from_millis(50));
        drop(tracker);
        if let Some(before) = before {
            std::fs::write(&saved, before).unwrap();
        }
        stored = until + 1;
    }
    assert_eq!(run(&demo, tracker(&demo, folder.path(), &server.address(), stored), stored), [""; 0]);
    check(&demo, &server);
}

#[test]
fn what_finds_no_room_is_told_at_the_end() {
    let (demo, folder) = (Demo::new(10), tempfile::tempdir().unwrap());
    let server = Server::new(Mode::Slow(Duration::from_millis(10)));
    let tracker = tracker(&demo, folder.path(), &server.address(), 0).with_room(3);
    assert_eq!(run(&demo, tracker, 0), [""; 0]);
    check(&demo, &server);
}

#[test]
fn a_server_that_has_lost_the_study_gets_all_of_it_again() {
    let (demo, folder, server) = (Demo::new(6), tempfile::tempdir().unwrap(), Server::new(Mode::Well));
    run(&demo, tracker(&demo, folder.path(), &server.address(), 0), 0);
    *server.state.lock().unwrap() = server::State::default();
    assert_eq!(run(&demo, tracker(&demo, folder.path(), &server.address(), demo.len()), demo.len()), [""; 0]);
    check(&demo, &server);
}

#[test]
fn a_password_goes_to_the_server_and_nowhere_else() {
    let (demo, folder, server) = (Demo::new(2), tempfile::tempdir().unwrap(), Server::new(Mode::Status(401)));
    let address = format!("http://me:secret@127.0.0.1:{}", server.port);
    let tracker = tracker(&demo, folder.path(), &address, 0);
    assert!(!format!("{tracker:?}").contains("secret"));
    let warnings = run(&demo, tracker, 0);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("401") && warnings[0].contains("MLFLOW_TRACKING_USERNAME"), "{warnings:?}");
    assert!(!warnings.concat().contains("secret"), "{warnings:?}");
    assert!(!std::fs::read_to_string(folder.path().join("mlflow.json")).unwrap().contains("secret"));
    // me:secret
    assert!(server.state.lock().unwrap().authorizations.iter().all(|who| who == "Basic bWU6c2VjcmV0"));
    server.set(Mode::Well);
    assert_eq!(run(&demo, self::tracker(&demo, folder.path(), &address, demo.len()), demo.len()), [""; 0]);
    check(&demo, &server);
}

#[test]
fn what_is_refused_is_told_once() {
    let (demo, folder, server) = (Demo::new(4), tempfile::tempdir().unwrap(), Server::new(Mode::Status(400)));
    let warnings = run(&demo, tracker(&demo, folder.path(), &server.address(), 0), 0);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("does not take the study: SOME: no"), "{warnings:?}");
    assert!(warnings[1].contains("did not take all of 5 runs"), "{warnings:?}");
}

/// Ends when the test does.
struct Program(std::process::Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a server makes answers of its database. The first question makes MLflow write its tables, and a server that is killed while it
/// does leaves a database that no later one opens: that fault is its own, not ours to survive.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    let question =
        "GET /api/2.0/mlflow/experiments/search?max_results=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    let _ = stream.write_all(question.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    answer.starts_with("HTTP/1.1 200")
}

/// MLflow's server, killed in the middle of a study and started again. It is started as `mlflow server` does it, but as one process, which
/// can be killed.
#[test]
fn mlflow_shows_the_study_and_its_trials() {
    let Some(python_program) = std::env::var_os("TUNEFORK_TRACKING_PYTHON") else {
        python("mlflow_reads.py", &[]);
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("http://127.0.0.1:{port}");
    let start = || {
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let program = std::process::Command::new(&python_program)
            .args([
                "-m",
                "uvicorn",
                "mlflow.server.fastapi_app:app",
                "--host",
                "127.0.0.1",
                "--port",
                &port.to_string(),
            ])
            .current_dir(folder.path())
            .env("_MLFLOW_SERVER_FILE_STORE", "sqlite:///store.db")
            .env("_MLFLOW_SERVER_ARTIFACT_ROOT", "artifacts")
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("TUNEFORK_TRACKING_PYTHON can be run");
        let program = Program(program);
        let begin = Instant::now();
        while !answers(port) {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            assert!(begin.elapsed() < Duration::from_secs(120), "the server does not come up: {log}");
            std::thread::sleep(Duration::from_millis(200));
        }
        program
    };
    let demo = Demo::new(6);
    let until = demo.len() / 2;
    let mut first = tracker(&demo, folder.path(), &address, 0);
    let program = start();
    demo.tell(&mut first, 0, until);
    std::thread::sleep(Duration::from_millis(500));
    drop(program);
    drop(first);
    let _program = start();
    let mut last = tracker(&demo, folder.path(), &address, until);
    demo.tell(&mut last, until, demo.len());
    let mut warnings = finish(&demo, &mut last);
    // A machine that does much else may need more than the last seconds.
    for _ in 0..5 {
        if warnings.is_empty() {
            break;
        }
        warnings = run(&demo, tracker(&demo, folder.path(), &address, demo.len()), demo.len());
    }
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    assert_eq!(warnings, [""; 0], "the server's own log: {log}");
    let read = python("mlflow_reads.py", &[&address]).expect("there is a Python");
    check_mlflow(&demo, &read);
}
