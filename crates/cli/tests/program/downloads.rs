//! `data get` and `data list`, with servers of this process only: every other address is asked through
//! a proxy that is not there, as without a network. Where bytes must be right, they are those of the real Fashion-MNIST.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::server::{Answer, Server};
use crate::support::{Fixture, TINY};

/// The program as [`Fixture::run`] starts it, cut off from the network.
fn offline(fixture: &Fixture, args: &[&str]) -> Command {
    let mut command = fixture.command(args);
    command
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env_remove("TUNEFORK_MIRROR");
    command
}

#[track_caller]
fn check(output: Output, code: i32) -> (String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, errors) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{errors}");
    (out, errors)
}

#[track_caller]
fn get(fixture: &Fixture, code: i32, args: &[&str]) -> (String, String) {
    let args: Vec<&str> = ["data", "get"].iter().chain(args).copied().collect();
    check(offline(fixture, &args).output().unwrap(), code)
}

/// The first file of Fashion-MNIST, which is the largest.
const FIRST: &str = "data/fashion-mnist/train-images-idx3-ubyte.gz";

/// The folder of real sets, if Fashion-MNIST is in it.
fn real_data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let named = std::env::var_os("TUNEFORK_DATA").map(PathBuf::from);
    let found = named.into_iter().chain([beside]).find(|folder| folder.join("fashion-mnist").is_dir());
    if found.is_none() {
        let is_required = std::env::var_os("TUNEFORK_REQUIRE_DATA").is_some();
        assert!(!is_required, "no folder `fashion-mnist` in TUNEFORK_DATA or ../shared/data");
        println!("skipped: no folder `fashion-mnist` in TUNEFORK_DATA or ../shared/data");
    }
    found
}

/// A mirror of the real files below any folder; `change` is what it does to its first answer.
fn mirror(change: fn(Answer) -> Answer) -> Option<Server> {
    let folder = real_data()?;
    Some(Server::new(move |asked| {
        let (_, name) = asked.path.rsplit_once('/').unwrap();
        let bytes = std::fs::read(folder.join("fashion-mnist").join(name)).unwrap();
        let answer = Answer::honest(asked, &bytes, "\"1\"");
        if asked.number == 0 { change(answer) } else { answer }
    }))
}

#[test]
fn a_set_is_fetched_from_a_mirror_once() {
    let Some(server) = mirror(|answer| answer) else { return };
    let fixture = Fixture::new(TINY);
    let (out, _) = get(&fixture, 0, &["fashion-mnist", "--mirror", &server.url("")]);
    assert!(out.contains("data/fashion-mnist/train-images-idx3-ubyte.gz: 25.2 MiB, SHA-256 3aede38d"), "{out}");
    assert!(out.contains("(published by TensorFlow Datasets)"), "{out}");
    let (out, _) = get(&fixture, 0, &["fashion-mnist"]);
    assert_eq!(out.matches("was there").count(), 4, "{out}");
    assert_eq!(server.asked().len(), 4);
    let (out, _) = check(offline(&fixture, &["data", "list"]).output().unwrap(), 0);
    assert!(out.contains("data/fashion-mnist"), "{out}");
}

#[test]
fn the_mirror_may_be_a_variable_and_events_objects() {
    let Some(server) = mirror(|answer| answer.cut(1_000_000)) else { return };
    let fixture = Fixture::new(TINY);
    let mut command = offline(&fixture, &["data", "get", "fashion-mnist", "--json", "--data-dir", "sets"]);
    command.env("TUNEFORK_MIRROR", server.url("a/b"));
    let (out, _) = check(command.output().unwrap(), 0);
    assert_eq!(server.asked()[1].path, "/a/b/fashion-mnist/train-images-idx3-ubyte.gz");
    let events: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|event: &serde_json::Value| event["event"] != "progress")
        .collect();
    let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names[..6], ["file", "started", "retry", "started", "done", "file"]);
    assert_eq!(events[3]["resumed"], 1_000_000);
    assert_eq!(events[4]["basis"], "published by TensorFlow Datasets");
    assert_eq!(events[4]["bytes"], 26_421_880);
}

fn slow() -> Option<Server> {
    mirror(|answer| answer.slowly(100_000, Duration::from_millis(100)))
}

/// Starts a download and waits until some of it is there.
fn begin(fixture: &Fixture, mirror: &str) -> Child {
    let args = ["data", "get", "fashion-mnist", "--mirror", mirror];
    let mut command = offline(fixture, &args);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let part = fixture.path(&format!("{FIRST}.part"));
    while std::fs::metadata(&part).map_or(0, |found| found.len()) < 200_000 {
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// What was there is not fetched again.
#[track_caller]
fn goes_on(fixture: &Fixture, server: &Server) {
    let part = std::fs::read(fixture.path(&format!("{FIRST}.part"))).unwrap();
    let (out, _) = get(fixture, 0, &["fashion-mnist", "--mirror", &server.url("")]);
    assert!(out.contains("going on after"), "{out}");
    assert_eq!(server.asked()[1].first_byte(), Some(part.len()));
    assert!(fixture.path(FIRST).exists());
}

#[test]
fn a_killed_download_goes_on() {
    let Some(server) = slow() else { return };
    let fixture = Fixture::new(TINY);
    let mut child = begin(&fixture, &server.url(""));
    let (_, errors) = get(&fixture, 1, &["fashion-mnist", "--mirror", &server.url("")]);
    assert!(errors.contains("is written by another download"), "{errors}");
    child.kill().unwrap();
    child.wait().unwrap();
    goes_on(&fixture, &server);
}

#[test]
#[cfg(unix)]
fn an_interrupted_download_says_how_to_go_on() {
    let Some(server) = slow() else { return };
    let fixture = Fixture::new(TINY);
    let child = begin(&fixture, &server.url(""));
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    let (_, errors) = check(child.wait_with_output().unwrap(), 130);
    assert!(errors.contains("to go on: tunefork data get fashion-mnist"), "{errors}");
    goes_on(&fixture, &server);
}

#[test]
fn wrong_bytes_of_a_mirror_are_told_with_the_way_by_hand() {
    let server = Server::new(|asked| {
        let length = match asked.path.contains("t10k-labels") {
            true => 4_542,
            false => 28_881,
        };
        Answer::honest(asked, &vec![7; length], "\"1\"")
    });
    let fixture = Fixture::new(TINY);
    let (out, errors) = get(&fixture, 1, &["mnist", "--mirror", &server.url("")]);
    assert!(out.contains("a file of 28881 bytes; 9912422 are expected"), "{out}");
    assert_eq!(errors.matches("cannot be reached").count(), 2, "{errors}");
    assert!(errors.contains("https://storage.googleapis.com/cvdf-datasets/mnist/"), "{errors}");
    assert!(errors.contains("put them into `data/mnist`"), "{errors}");
}

/// A study, a plan and a look at a set that is not there: nothing is fetched, and one sentence says how to.
#[test]
fn a_known_set_that_is_missing_is_told_with_the_way_to_it() {
    let server = Server::new(|_| Answer::status(404));
    let fixture = Fixture::new("[data]\nsource = \"fashion-mnist\"");
    for args in
        [&["run", "study.toml", "--device", "cpu"][..], &["plan", "study.toml"], &["data", "inspect", "fashion-mnist"]]
    {
        let mut command = offline(&fixture, args);
        command.env("TUNEFORK_MIRROR", server.url(""));
        let (_, errors) = check(command.output().unwrap(), 2);
        for part in [
            "found no data set `fashion-mnist`; looked at `data/fashion-mnist`",
            "`tunefork data get fashion-mnist` fetches it (29.4 MiB), or fetch train-images-idx3-ubyte.gz,",
            "t10k-labels-idx1-ubyte.gz by hand from https://raw.githubusercontent.com/zalandoresearch/",
            "and put them into `data/fashion-mnist`",
        ] {
            assert!(errors.contains(part), "{part:?} is not in\n{errors}");
        }
    }
    assert!(server.asked().is_empty());
    let (_, errors) = check(offline(&fixture, &["data", "inspect", "cats-dogs"]).output().unwrap(), 2);
    assert!(errors.contains("to have it, fetch kagglecatsanddogs_5340.zip by hand from"), "{errors}");
}

#[test]
fn what_cannot_be_fetched_is_refused() {
    let fixture = Fixture::new(TINY);
    let (_, errors) = get(&fixture, 2, &["imagenet"]);
    assert!(errors.contains("no set called `imagenet` is known; known are mnist, "), "{errors}");
    let (_, errors) = get(&fixture, 2, &["cats_and_dogs"]);
    assert!(errors.contains("`cats-dogs` cannot be downloaded by a program: fetch"), "{errors}");
    let (_, errors) = get(&fixture, 2, &["mnist", "--mirror", "ftp://example.org"]);
    assert!(errors.contains("the mirror is `ftp://example.org`"), "{errors}");
    assert!(!fixture.path("data").exists());
}

#[test]
fn another_form_of_a_set_is_left_alone() {
    let fixture = Fixture::new(TINY);
    std::fs::create_dir_all(fixture.path("data/cifar10/train/cat")).unwrap();
    let (out, _) = get(&fixture, 0, &["cifar10"]);
    assert!(out.contains("`cifar10` is there in another form, `data/cifar10`"), "{out}");
}

#[test]
fn known_sets_are_listed() {
    let fixture = Fixture::new(TINY);
    let list = fixture.ok(&["data", "list"]);
    assert!(list.contains("cifar100       160.7 MiB  60,000 colour images"), "{list}");
    assert!(list.contains("fashion-mnist  MIT "), "{list}");
    let json = fixture.ok(&["data", "list", "--json"]);
    let sets: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(sets[0]["name"], "mnist");
    assert_eq!(sets[0]["files"].as_array().unwrap().len(), 4);
    assert_eq!(sets[0]["here"], serde_json::Value::Null);
}
