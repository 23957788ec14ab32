//! `tunefork ask-tell`, as a program in another language uses it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::support::Fixture;

const SPACE: &str = r#"
[space]
x = { uniform = [-5.0, 5.0] }
rate = { log = [1e-5, 1e-1] }
units = { log = [8, 256] }
layers = { int = [1, 8], step = 1 }
kind = { choice = ["a", "b", true, 3] }
momentum = { uniform = [0.0, 0.9], step = 0.3, when = { kind = ["a", "b"] } }
"#;

struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Client {
    fn new(fixture: &Fixture, args: &[&str]) -> Self {
        let args = [&["ask-tell", "--space", "study.toml"], args].concat();
        let mut child =
            fixture.command(&args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn line(&mut self, line: &str) -> Value {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{line}: {answer:?}: {error}"))
    }

    fn send(&mut self, line: Value) -> Value {
        self.line(&line.to_string())
    }

    fn ask(&mut self) -> (u64, Value) {
        let answer = self.send(json!({"ask": {}}));
        (answer["trial"].as_u64().unwrap_or_else(|| panic!("{answer}")), answer["params"].clone())
    }

    fn wrong(&mut self, line: &str, expected: &str) {
        let answer = self.line(line);
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("{line}: {answer}"));
        assert!(error.contains(expected), "{line}: {error}");
        assert_eq!(answer.as_object().unwrap().len(), 1);
    }

    fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
        assert_eq!(self.output.lines().count(), 0, "one line for each");
    }
}

fn loss(params: &Value) -> f64 {
    params["x"].as_f64().unwrap().powi(2) + (params["rate"].as_f64().unwrap().log10() + 3.0).powi(2)
}

/// The parameters of `trials` trials, and how each was answered.
fn search(client: &mut Client, trials: usize) -> Vec<Value> {
    (0..trials)
        .map(|_| {
            let (trial, params) = client.ask();
            let stop = client.send(json!({"report": {"trial": trial, "step": 1, "value": loss(&params)}}));
            assert_eq!(client.send(json!({"tell": {"trial": trial, "value": loss(&params)}})), json!({"ok": true}));
            json!([trial, params, stop])
        })
        .collect()
}

#[test]
fn a_study_is_asked_and_told_in_lines() {
    let fixture = Fixture::new(SPACE);
    let mut client = Client::new(&fixture, &["--scheduler", "median"]);
    let (first, params) = client.ask();
    let (second, _) = client.ask();
    assert_eq!((first, second), (0, 1), "several may be open");
    let names: Vec<&String> = params.as_object().unwrap().keys().filter(|name| *name != "momentum").collect();
    assert_eq!(names, ["kind", "layers", "rate", "units", "x"]);
    assert!(params["units"].is_i64() && params["layers"].is_i64() && params["rate"].is_f64(), "{params}");
    assert_eq!(params.get("momentum").is_some(), params["kind"] == "a" || params["kind"] == "b", "{params}");
    assert_eq!(client.send(json!({"report": {"trial": 1, "step": 1, "value": 0.5}})), json!({"stop": false}));
    assert_eq!(client.send(json!({"tell": {"trial": 1, "values": [0.5]}})), json!({"ok": true}));
    assert_eq!(client.send(json!({"tell": {"trial": 0, "state": "fail"}})), json!({"ok": true}));
    let (third, _) = client.ask();
    assert_eq!(client.send(json!({"report": {"trial": third, "step": 2, "value": null}})), json!({"stop": false}));
    assert_eq!(client.send(json!({"tell": {"trial": third, "state": "pruned"}})), json!({"ok": true}));
    let answers = search(&mut client, 60);
    let best = answers.iter().map(|answer| loss(&answer[1])).fold(f64::INFINITY, f64::min);
    assert!(best < 0.2, "{best}");
    client.end();
}

#[test]
fn a_bad_line_is_answered_and_the_next_one_too() {
    let fixture = Fixture::new(SPACE);
    let mut client = Client::new(&fixture, &["--seed", "18446744073709551615"]);
    let (trial, _) = client.ask();
    client.wrong("", "a line is");
    client.wrong("{", "a line is");
    client.wrong("[1]", "a line is");
    client.wrong("{\"ask\":{},\"tell\":{}}", "a line is");
    client.wrong("{\"give\":{}}", "ask");
    client.wrong("{\"ask\":{\"now\":1}}", "now");
    client.wrong("{\"report\":{\"trial\":0,\"value\":1}}", "step");
    client.wrong("{\"report\":{\"trial\":7,\"step\":1,\"value\":1}}", "no such trial");
    client.wrong("{\"tell\":{\"trial\":7,\"value\":1}}", "no such trial");
    client.wrong("{\"tell\":{\"trial\":0}}", "value");
    client.wrong("{\"tell\":{\"trial\":0,\"values\":[1,2]}}", "one objective");
    client.wrong("{\"tell\":{\"trial\":0,\"value\":1,\"values\":[1]}}", "one of them");
    client.wrong("{\"tell\":{\"trial\":0,\"value\":NaN}}", "a line is");
    client.wrong("{\"tell\":{\"trial\":0,\"state\":\"lost\"}}", "lost");
    client.wrong("{\"tell\":{\"trial\":-1,\"value\":1}}", "-1");
    assert_eq!(client.send(json!({"report": {"trial": trial, "step": 3, "value": 1}})), json!({"stop": false}));
    client.wrong("{\"report\":{\"trial\":0,\"step\":3,\"value\":1}}", "step");
    client.wrong("{\"report\":{\"trial\":0,\"step\":2,\"value\":1}}", "step");
    assert_eq!(client.send(json!({"tell": {"trial": trial, "value": 1}})), json!({"ok": true}));
    client.wrong("{\"tell\":{\"trial\":0,\"value\":1}}", "it is complete");
    client.wrong("{\"report\":{\"trial\":0,\"step\":4,\"value\":1}}", "it is complete");
    client.end();
}

#[test]
fn the_same_lines_have_the_same_answers() {
    let fixture = Fixture::new(SPACE);
    for sampler in ["auto", "tpe", "hyperopt", "gp", "cma-es", "sobol", "halton", "random"] {
        let mut whole = Client::new(&fixture, &["--sampler", sampler, "--seed", "5"]);
        let expected = search(&mut whole, 20);
        whole.end();
        let database = format!("sqlite:///{}", fixture.path(&format!("{sampler}.db")).display());
        let mut found = Vec::new();
        for trials in [12, 8] {
            let mut part = Client::new(&fixture, &["--sampler", sampler, "--seed", "5", "--storage", &database]);
            found.extend(search(&mut part, trials));
            part.end();
        }
        assert_eq!(found, expected, "{sampler}");
    }
}

#[test]
fn a_finite_space_is_used_up() {
    let fixture = Fixture::new("[space]\nx = { int = [1, 3] }\n");
    let mut client = Client::new(&fixture, &["--sampler", "grid", "--direction", "maximize"]);
    let seen: Vec<Value> = search_values(&mut client);
    assert_eq!(seen, [1, 2, 3]);
    client.wrong("{\"ask\":{}}", "3 trials");
    client.end();
}

fn search_values(client: &mut Client) -> Vec<Value> {
    let mut seen: Vec<Value> = (0..3).map(|_| client.ask().1["x"].clone()).collect();
    seen.sort_by_key(Value::as_i64);
    seen
}

#[test]
fn a_space_that_makes_no_sense_is_refused() {
    for (text, expected) in [
        ("[space]\n", "names no parameter"),
        ("[place]\n", "place"),
        ("[space]\nx = { uniform = [1.0, 0.0] }\n", "`x`"),
        ("[space]\nx = { uniform = [0.0, 1.0], int = [0, 1] }\n", "exactly one of"),
        ("[space]\nx = { uniform = [0.0, 1.0], steps = 1 }\n", "steps"),
        ("[space]\nx = { log = [0.0, 1.0] }\n", "`x`"),
        ("[space]\nx = { choice = [] }\n", "`x`"),
        ("[space]\nx = { int = [0, 1], when = { y = 1 } }\n", "y"),
    ] {
        let errors = Fixture::new(text).fails(2, &["ask-tell", "--space", "study.toml"]);
        assert!(errors.contains("study.toml") && errors.contains(expected), "{text}\n{errors}");
    }
    let errors = Fixture::new(SPACE).fails(2, &["ask-tell", "--space", "study.toml", "--sampler", "grid"]);
    assert!(errors.contains("a grid needs"), "{errors}");
}
