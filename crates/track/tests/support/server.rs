//! A tracking server that keeps everything in memory, and can be told to misbehave.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};

/// How the server behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Well,
    /// Takes so long for each request.
    Slow(Duration),
    /// Closes connections without reading a request.
    Away,
    /// Does what is asked, but does not say so each so many requests.
    Mute(usize),
    /// Answers with this status.
    Status(u16),
}

#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) params: BTreeMap<String, String>,
    /// Values by metric and step.
    pub(crate) metrics: BTreeMap<(String, i64), Json>,
    pub(crate) status: String,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) runs: BTreeMap<String, Run>,
    pub(crate) requests: usize,
    /// What was sent twice, or must not have been sent.
    pub(crate) faults: Vec<String>,
    pub(crate) authorizations: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) state: Arc<Mutex<State>>,
    mode: Arc<Mutex<Mode>>,
}

impl Server {
    pub(crate) fn new(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, state: Arc::default(), mode: Arc::new(Mutex::new(mode)) };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(stream.unwrap()));
            }
        });
        server
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            if *self.mode.lock().unwrap() == Mode::Away {
                return None;
            }
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
            let (mut length, mut who) = (0, None);
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).ok()?;
                let Some((name, value)) = header.trim_end().split_once(": ") else { break };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().unwrap(),
                    "authorization" => who = Some(value.to_owned()),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            let mode = *self.mode.lock().unwrap();
            if mode == Mode::Away {
                return None;
            }
            if let Mode::Slow(time) = mode {
                std::thread::sleep(time);
            }
            let mut state = self.state.lock().unwrap();
            state.requests += 1;
            state.authorizations.extend(who);
            let target = line.split(' ').nth(1).unwrap().to_owned();
            let (status, answer) = match mode {
                Mode::Status(status) => (status, json!({ "error_code": "SOME", "message": "no" })),
                _ => state.answer(&target, &serde_json::from_slice(&body).unwrap_or_default()),
            };
            if matches!(mode, Mode::Mute(every) if state.requests.is_multiple_of(every)) {
                return None;
            }
            drop(state);
            let text = answer.to_string();
            let head = format!("HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n");
            // At once, for a second piece would wait for the first to be acknowledged.
            stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes()).ok()?;
        }
    }
}

impl State {
    /// The run of this name; there must be one alone.
    pub(crate) fn run(&self, name: &str) -> (&str, &Run) {
        let mut found = self.runs.iter().filter(|(_, run)| run.tags["mlflow.runName"] == name);
        let (id, run) = found.next().unwrap_or_else(|| panic!("there is no run {name}"));
        assert!(found.next().is_none(), "{name} is there twice");
        (id, run)
    }

    fn answer(&mut self, target: &str, asked: &Json) -> (u16, Json) {
        let missing = |what: &str| (404, json!({ "error_code": "RESOURCE_DOES_NOT_EXIST", "message": what }));
        let path = target.strip_prefix("/api/2.0/mlflow/").unwrap();
        match path.split('?').next().unwrap() {
            "experiments/get-by-name" if self.runs.is_empty() => missing("no experiment"),
            "experiments/get-by-name" => (200, json!({ "experiment": { "experiment_id": "1" } })),
            "experiments/create" => (200, json!({ "experiment_id": "1" })),
            "runs/create" => self.create(asked),
            "runs/search" => {
                let value = asked["filter"].as_str().unwrap().split('\'').nth(1).unwrap().to_owned();
                let found = self.runs.iter().filter(|(_, run)| run.tags["tunefork.run"] == value);
                let found: Vec<Json> = found.map(|(id, _)| json!({ "info": { "run_id": id } })).collect();
                (200, json!({ "runs": found }))
            }
            "runs/get" => {
                let Some(run) = self.runs.get(path.split('=').nth(1).unwrap()) else { return missing("no run") };
                let mut last: BTreeMap<&str, i64> = BTreeMap::new();
                last.extend(run.metrics.keys().map(|(key, step)| (key.as_str(), *step)));
                let metrics: Vec<Json> =
                    last.into_iter().map(|(key, step)| json!({ "key": key, "step": step.to_string() })).collect();
                (200, json!({ "run": { "data": { "metrics": metrics } } }))
            }
            "runs/log-batch" => self.log(asked),
            "runs/update" => match self.runs.get_mut(asked["run_id"].as_str().unwrap()) {
                Some(run) => {
                    run.status = asked["status"].as_str().unwrap().to_owned();
                    (200, json!({}))
                }
                None => missing("no run"),
            },
            other => panic!("{other} is not asked of MLflow"),
        }
    }

    fn create(&mut self, asked: &Json) -> (u16, Json) {
        let mut run = Run { status: "RUNNING".to_owned(), ..Run::default() };
        run.tags.insert("mlflow.runName".to_owned(), asked["run_name"].as_str().unwrap().to_owned());
        insert(&mut run.tags, &asked["tags"]);
        let id = format!("run-{}", self.runs.len());
        self.runs.insert(id.clone(), run);
        (200, json!({ "run": { "info": { "run_id": id } } }))
    }

    fn log(&mut self, asked: &Json) -> (u16, Json) {
        let Some(run) = self.runs.get_mut(asked["run_id"].as_str().unwrap()) else {
            return (404, json!({ "error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no run" }));
        };
        insert(&mut run.tags, &asked["tags"]);
        insert(&mut run.params, &asked["params"]);
        let metrics = asked["metrics"].as_array().cloned().unwrap_or_default();
        if metrics.len() > 1000 {
            self.faults.push(format!("{} metrics in a batch", metrics.len()));
        }
        for metric in metrics {
            let (key, step) = (metric["key"].as_str().unwrap().to_owned(), metric["step"].as_i64().unwrap());
            if run.metrics.insert((key.clone(), step), metric["value"].clone()).is_some() {
                self.faults.push(format!("{key} of step {step} is there twice"));
            }
        }
        (200, json!({}))
    }
}

fn insert(texts: &mut BTreeMap<String, String>, told: &Json) {
    for pair in told.as_array().into_iter().flatten() {
        texts.insert(pair["key"].as_str().unwrap().to_owned(), pair["value"].as_str().unwrap().to_owned());
    }
}
