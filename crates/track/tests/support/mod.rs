//! A study that is told to trackers as an executor would, from its beginning to some event, or again.
#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use tunefork_space::{Domain, Parameter, Params, Space};
use tunefork_study::{
    Blueprint, Cost, End, EndReason, EpochRecord, EpochReport, Event, Metrics, StoredParameter, StudyHeader,
    StudyRecord, Timing, TrialProgress, TrialRecord,
};
use tunefork_track::{Picture, Subject, Tracker};
use tunefork_trial::{Direction, TrialNumber, TrialState};

/// A finished study: each trial is trained for three epochs; trial 2 is stopped after two, trial 3 diverges at once.
pub(crate) struct Demo {
    pub(crate) space: Space,
    pub(crate) study: StudyRecord,
    pub(crate) pictures: Vec<Picture>,
}

impl Demo {
    pub(crate) fn new(trials: u32) -> Self {
        let lr = Domain::log(1e-4, 1.0).unwrap();
        let parameters = vec![
            Parameter::new("lr", lr),
            Parameter::new("optimizer", Domain::choice(["adam", "sgd"]).unwrap()),
            Parameter::new("batch_norm", Domain::choice([true, false]).unwrap()),
            Parameter::new("layers", Domain::int(1, 3).unwrap()),
        ];
        let space = Space::new(parameters).unwrap();
        let metric = Some("validation accuracy".to_owned());
        let header = StudyHeader { metric, stages: vec![trials], ..StudyHeader::new("demo", Direction::Maximize, 0) };
        let mut study = StudyRecord::new(header);
        study.trials = (0..trials).map(|number| trial(&space, number)).collect();
        if let Some(best) = study.best().map(|best| best.number.index()) {
            study.trials[best].attributes.push(("test_accuracy".to_owned(), json!(0.625)));
        }
        // One grey pixel.
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82".to_vec();
        let pictures = vec![Picture { tag: "examples".to_owned(), width: 1, height: 1, png }];
        Self { space, study, pictures }
    }

    pub(crate) fn subject<'a>(&'a self, known: Option<&'a StudyRecord>) -> Subject<'a> {
        Subject { known, pictures: &self.pictures, ..Subject::new(&self.study.header, &self.space) }
    }

    /// The study when so many of its events were stored.
    pub(crate) fn known(&self, events: usize) -> StudyRecord {
        let mut known = StudyRecord { trials: Vec::new(), ..self.study.clone() };
        for (number, what) in self.events().into_iter().take(events) {
            let whole = &self.study.trials[number as usize];
            match what {
                What::Start => {
                    let trial = TrialRecord::new(TrialNumber(number), TrialState::Running);
                    known.trials.push(TrialRecord { params: whole.params.clone(), ..trial });
                }
                What::Epoch(epoch) => known.trials[number as usize].epochs.push(whole.epochs[epoch].clone()),
                What::End => known.trials[number as usize] = whole.clone(),
            }
        }
        known
    }

    pub(crate) fn len(&self) -> usize {
        self.events().len()
    }

    /// All that happens, two trials side by side.
    fn events(&self) -> Vec<(u32, What)> {
        let mut events = Vec::new();
        for pair in self.study.trials.chunks(2) {
            events.extend(pair.iter().map(|trial| (trial.number.0, What::Start)));
            for epoch in 0..3 {
                let trained = pair.iter().filter(|trial| epoch < trial.epochs.len());
                events.extend(trained.map(|trial| (trial.number.0, What::Epoch(epoch))));
            }
            events.extend(pair.iter().map(|trial| (trial.number.0, What::End)));
        }
        events
    }

    /// Tells the events up to `until`, those before `known` as known.
    pub(crate) fn tell(&self, tracker: &mut dyn Tracker, known: usize, until: usize) {
        let trials = self.study.trials.len();
        let started = self.events().into_iter().take(known).filter(|(_, what)| *what == What::Start).count();
        tracker.event(&Event::StudyStarted { known_trials: started, budget: trials as u32 });
        for (place, (number, what)) in self.events().into_iter().enumerate().take(until) {
            self.tell_one(tracker, number, what, place < known);
        }
    }

    fn tell_one(&self, tracker: &mut dyn Tracker, number: u32, what: What, known: bool) {
        let trial = &self.study.trials[number as usize];
        let number = trial.number;
        match what {
            What::Start => {
                let params: Params = trial.params();
                let blueprint =
                    Blueprint { epochs: 3, epoch_cost: Cost::default(), plan_bytes: 0, plan_key: String::new() };
                let (params, blueprint, progress) = (&params, Some(&blueprint), &TrialProgress::default());
                let start =
                    Event::TrialStarted { number, params, blueprint, progress, enqueued: false, given: None, known };
                tracker.event(&start);
            }
            What::Epoch(epoch) => tracker.event(&Event::Reported { number, epoch: &trial.epochs[epoch], known }),
            What::End => tracker.event(&Event::TrialFinished {
                number,
                state: trial.state,
                value: trial.value,
                end: trial.end.as_ref().unwrap(),
                best: trial.value == self.study.best().and_then(|best| best.value),
                known,
            }),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    Start,
    Epoch(usize),
    End,
}

fn trial(space: &Space, number: u32) -> TrialRecord {
    let point = vec![0.001 * f64::from(number + 1), f64::from(number % 2), f64::from(number / 2 % 2), 2.0].into();
    let (state, reason, epochs) = match number {
        2 => (TrialState::Pruned, EndReason::Stopped, 2),
        3 => (TrialState::Failed, EndReason::Diverged, 1),
        _ => (TrialState::Complete, EndReason::Finished, 3),
    };
    let epochs: Vec<EpochRecord> = (1..=epochs).map(|step| epoch(number, step, state)).collect();
    let value = epochs.last().map(|epoch| epoch.report.value).filter(|value| value.is_finite());
    let end = Some(End { time: 9, reason, message: String::new() });
    let params = StoredParameter::of(space, &point);
    TrialRecord { params, epochs, value, end, ..TrialRecord::new(TrialNumber(number), state) }
}

fn epoch(number: u32, step: u32, state: TrialState) -> EpochRecord {
    let accuracy = 0.5 + 0.1 * f64::from(step) + 0.001 * f64::from(number);
    let value = if state == TrialState::Failed { f64::NAN } else { accuracy };
    let mut metrics = Metrics::default();
    let figures = [
        ("train_loss", 1.0 / f64::from(step)),
        ("loss", if state == TrialState::Failed { f64::INFINITY } else { 2.0 / f64::from(step) }),
        ("accuracy", value),
        ("last_learning_rate", 0.001),
        ("f1/cat", 0.25),
        ("f1/dog & wolf", 0.75),
        ("confusion/cat/cat", 3.0),
        ("confusion/dog & wolf/cat", 1.0),
    ];
    figures.into_iter().for_each(|(name, value)| metrics.insert(name.to_owned(), value));
    let timing = Some(Timing { seconds: 0.5, ..Timing::default() });
    EpochRecord {
        step,
        time: step.into(),
        report: Arc::new(EpochReport { value, metrics, timing, members: Vec::new() }),
    }
}

/// All files below a folder with their contents.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    found
}

/// What a script prints that asks the real program, or `None` if there is no Python with these programs.
pub(crate) fn python(script: &str, args: &[&str]) -> Option<Json> {
    let Some(python) = std::env::var_os("TUNEFORK_TRACKING_PYTHON") else {
        // Written past the test harness, which would keep it to itself.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: TUNEFORK_TRACKING_PYTHON names no Python with tensorboard and mlflow"
        );
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let output = Command::new(python).arg(script).args(args).output().expect("TUNEFORK_TRACKING_PYTHON can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("the script prints JSON"))
}

/// The runs in MLflow are those of the study, with every point once.
pub(crate) fn check_mlflow(demo: &Demo, read: &Json) {
    let number = |value: f64| if value.is_finite() { json!(value) } else { json!(value.to_string().to_lowercase()) };
    assert_eq!(read.as_object().unwrap().len(), demo.study.trials.len() + 1);
    let study = &read["demo"];
    assert_eq!((&study["status"], &study["parent"]), (&json!("FINISHED"), &Json::Null));
    assert_eq!(study["tags"]["metric"], "validation accuracy");
    let ended = demo.events().into_iter().filter(|(_, what)| *what == What::End);
    let best = demo.study.best().unwrap();
    let place = ended.clone().position(|(number, _)| number == best.number.0).unwrap() + 1;
    let test = study["metrics"]["best_test_accuracy"].as_array().and_then(|points| points.last().cloned());
    assert_eq!(test, Some(json!([demo.study.trials.len(), 0.625])));
    assert_eq!(study["metrics"]["best_value"], json!([[place, best.value]]));
    assert_eq!(study["tags"]["best_trial"], format!("trial-{:04}", best.number.0));
    for trial in &demo.study.trials {
        let name = format!("trial-{:04}", trial.number.0);
        let run = &read[&name];
        assert_eq!(run["parent"], study["id"], "{name}");
        let status = if trial.state == TrialState::Failed { "FAILED" } else { "FINISHED" };
        assert_eq!(run["status"], status, "{name}");
        assert_eq!(run["tags"]["state"], trial.state.name(), "{name}");
        assert_eq!(run["tags"]["trial"], trial.number.to_string(), "{name}");
        let params: BTreeMap<String, String> =
            trial.params().iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect();
        assert_eq!(run["params"], json!(params), "{name}");
        for (stored, key) in
            [("loss", "loss"), ("accuracy", "accuracy"), ("f1/cat", "f1.cat"), ("f1/dog & wolf", "f1.dog _ wolf")]
        {
            let figure = |epoch: &EpochRecord| epoch.report.metrics.named().find(|(name, _)| name == stored).unwrap().1;
            let expected: Vec<Json> =
                trial.epochs.iter().map(|epoch| json!([epoch.step, number(figure(epoch))])).collect();
            assert_eq!(run["metrics"][key], json!(expected), "{name} {key}");
        }
        let last = trial.epochs.last().unwrap().step;
        let value = trial.value.map(|value| json!([[last, value]]));
        assert_eq!(run["metrics"].get("value"), value.as_ref(), "{name}");
    }
}
