//! Sends what is told of a study, on a thread of its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::batch::{Batch, pairs};
use super::client::{Client, Failure, text};
use super::messages::{Begin, Status, Told, What, Whose};
use super::saved::{Known, KnownTrial, Saved};
use super::shared::Shared;

/// The tag by which a run is found whose creation was never heard to have worked.
const NAME: &str = "tunefork.run";

/// Parameters, or tags, in one batch.
const MOST_TEXTS: usize = 100;

/// Messages that are looked at together, for batches.
const MOST_PENDING: usize = 1000;

/// The waits after failures in a row; the last one again and again.
const BACK_OFF: [u64; 6] = [200, 500, 1000, 2000, 5000, 15_000];

/// The wait after a failure at the end of a run.
const HURRY: Duration = Duration::from_millis(200);

/// The shortest time between two writes of what is saved.
const SAVE_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Sender {
    client: Client,
    /// The address, as it is told and as what is known is found by.
    base: String,
    experiment_name: String,
    experiment: Option<String>,
    saved: Saved,
    saved_at: Option<Instant>,
    /// Whether runs may have been made of which we have not heard.
    may_exist: bool,
    runs: BTreeMap<Whose, Run>,
    pending: VecDeque<Told>,
    shared: Arc<Shared>,
}

/// A run of this study on the server.
struct Run {
    id: String,
    /// The last step of each metric that the server has; `None` if that has to be asked.
    steps: Option<BTreeMap<String, i64>>,
}

impl Sender {
    pub(super) fn new(client: Client, base: &str, experiment_name: &str, saved: Saved, shared: Arc<Shared>) -> Self {
        let may_exist = saved.content.servers.contains_key(base);
        Self {
            client,
            base: base.to_owned(),
            experiment_name: experiment_name.to_owned(),
            experiment: None,
            saved,
            saved_at: None,
            may_exist,
            runs: BTreeMap::new(),
            pending: VecDeque::new(),
            shared,
        }
    }

    /// Sends until all is sent and nothing more can come, or the time is over, or the server wants nothing.
    pub(super) fn run(mut self, told: &Receiver<Told>) {
        // A name is on the server from the first request on.
        self.saved.content.servers.entry(self.base.clone()).or_default();
        let saved = self.saved.write();
        let mut failures = 0;
        while saved.is_ok() && !self.is_late() && self.gather(told) {
            match self.send() {
                Ok(()) => {
                    failures = 0;
                    self.shared.lock().failure = None;
                    self.save(SAVE_EVERY);
                }
                Err(Failure::Denied(words)) => {
                    self.shared.change(|state| {
                        state.failure = Some(words.clone());
                        state
                            .warnings
                            .push(format!("MLflow at {}: {words}; it is not asked again in this run", self.base));
                    });
                    break;
                }
                Err(Failure::Refused(words) | Failure::Missing(words)) => self.refused(&words),
                Err(Failure::Away(words)) => {
                    self.away(&words, failures);
                    failures += 1;
                }
            }
        }
        self.save(Duration::ZERO);
        self.shared.change(|state| {
            if let Err(error) = saved {
                state.warnings.push(format!("MLflow at {} is not told anything: {error}", self.base));
            }
            state.is_over = true;
        });
    }

    fn is_late(&self) -> bool {
        self.shared.lock().until.is_some_and(|until| until <= Instant::now())
    }

    /// Takes what has come, or waits for it; `false` when nothing more can come.
    fn gather(&mut self, told: &Receiver<Told>) -> bool {
        while self.pending.is_empty() {
            match told.recv_timeout(SAVE_EVERY) {
                Ok(told) => self.pending.push_back(told),
                Err(RecvTimeoutError::Timeout) => self.save(SAVE_EVERY),
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        let room = MOST_PENDING.saturating_sub(self.pending.len());
        self.pending.extend(told.try_iter().take(room));
        true
    }

    fn save(&mut self, every: Duration) {
        if self.saved_at.is_none_or(|at| at.elapsed() >= every) {
            // What it does not know is asked of the server by the next run.
            let _ = self.saved.write();
            self.saved_at = Some(Instant::now());
        }
    }

    fn known(&mut self) -> &mut Known {
        self.saved.content.servers.entry(self.base.clone()).or_default()
    }

    /// Sends the first of what is pending, and what of the same run goes with it into a batch.
    fn send(&mut self) -> Result<(), Failure> {
        let Some(whose) = self.pending.front().map(|told| told.whose) else { return Ok(()) };
        let sent = if self.is_whole(whose) { usize::MAX } else { self.send_of(whose)? };
        self.forget(whose, sent);
        Ok(())
    }

    /// Sends what comes next of a run; says how many messages that were.
    fn send_of(&mut self, whose: Whose) -> Result<usize, Failure> {
        if let Some(What::Begin(begin)) = self.pending.front().map(|told| told.what.clone()) {
            self.begin(whose, &begin)?;
        }
        let id = self.id(whose)?;
        let mut batch = Batch::new(self.steps(whose)?);
        let pending = self.pending.iter().filter(|told| told.whose == whose);
        let count = pending.take_while(|told| batch.take(&told.what)).count();
        let Batch { metrics, params, tags, end, steps, .. } = batch;
        // More than go into one batch are first.
        let (first, rest) = params.split_at(params.len().min(MOST_TEXTS));
        for more in rest.chunks(MOST_TEXTS) {
            self.ask(whose, "runs/log-batch", &json!({ "run_id": id, "params": pairs(more) }))?;
        }
        if !(metrics.is_empty() && first.is_empty() && tags.is_empty()) {
            let asked = json!({ "run_id": id, "metrics": metrics, "params": pairs(first), "tags": pairs(&tags) });
            self.ask(whose, "runs/log-batch", &asked)?;
        }
        if let Some(run) = self.runs.get_mut(&whose) {
            run.steps = Some(steps);
        }
        if let Some((status, time)) = end {
            self.end(whose, status, time)?;
        }
        if whose == Whose::Study {
            self.shared.change(|state| state.has_begun = true);
        }
        Ok(count)
    }

    /// Whether the server has all of a trial since an earlier run of the study, or is to get nothing more of it.
    fn is_whole(&mut self, whose: Whose) -> bool {
        let is_refused = self.shared.lock().refused.contains(&whose);
        let Whose::Trial(number) = whose else { return is_refused };
        is_refused || self.known().trials.get(&number).is_some_and(|trial| trial.whole)
    }

    /// Takes the first messages of a run off what is pending.
    fn forget(&mut self, whose: Whose, count: usize) {
        let mut left = count;
        let before = self.pending.len();
        self.pending.retain(|told| {
            let goes = told.whose == whose && left > 0;
            left -= usize::from(goes);
            !goes
        });
        let gone = before - self.pending.len();
        self.shared.change(|state| {
            if let Some(unsent) = state.unsent.get_mut(&whose) {
                *unsent = unsent.saturating_sub(gone);
                if *unsent == 0 {
                    state.unsent.remove(&whose);
                }
            }
        });
    }

    fn begin(&mut self, whose: Whose, begin: &Begin) -> Result<(), Failure> {
        let known = match whose {
            Whose::Study => self.known().run.clone(),
            Whose::Trial(number) => self.known().trials.get(&number).map(|trial| trial.run.clone()),
        };
        if let Some(id) = known {
            self.runs.entry(whose).or_insert(Run { id, steps: None });
            match self.steps(whose) {
                // The server has lost the study, or is another one at the same address.
                Err(Failure::Missing(_)) if whose == Whose::Study => {
                    *self.known() = Known::default();
                    self.runs.remove(&whose);
                    self.shared.lock().is_emptied = true;
                }
                steps => {
                    steps?;
                    if whose == Whose::Study {
                        self.update(whose, Status::Running, None)?;
                    }
                }
            }
        }
        if !self.runs.contains_key(&whose) {
            let id = self.create(whose, begin)?;
            match whose {
                Whose::Study => self.known().run = Some(id.clone()),
                Whose::Trial(number) => {
                    self.known().trials.insert(number, KnownTrial { run: id.clone(), whole: false });
                }
            }
            self.runs.insert(whose, Run { id, steps: if self.may_exist { None } else { Some(BTreeMap::new()) } });
        }
        Ok(())
    }

    /// Makes a run, or finds the one that was made without our hearing of it.
    fn create(&mut self, whose: Whose, begin: &Begin) -> Result<String, Failure> {
        let experiment = match &self.experiment {
            Some(experiment) => experiment.clone(),
            None => self.experiment.insert(self.client.experiment(&self.experiment_name)?).clone(),
        };
        let name = self.saved.name(whose);
        if self.may_exist
            && let Some(id) = self.client.find_run(&experiment, NAME, &name)?
        {
            return Ok(id);
        }
        let mut tags = begin.tags.clone();
        tags.push((NAME.to_owned(), name));
        if whose != Whose::Study {
            tags.push(("mlflow.parentRunId".to_owned(), self.id(Whose::Study)?));
        }
        let asked = json!({
            "experiment_id": experiment,
            "run_name": begin.name,
            "start_time": begin.time,
            "user_id": "tunefork",
            "tags": pairs(&tags),
        });
        let made = self.client.post("runs/create", &asked);
        self.may_exist |= matches!(made, Err(Failure::Away(_)));
        text(&made?["run"]["info"], "run_id")
    }

    fn id(&self, whose: Whose) -> Result<String, Failure> {
        let id = self.runs.get(&whose).map(|run| run.id.clone());
        id.ok_or_else(|| Failure::Refused("its run could not be made".to_owned()))
    }

    /// The last step of each metric that the server has of a run.
    fn steps(&mut self, whose: Whose) -> Result<BTreeMap<String, i64>, Failure> {
        let id = self.id(whose)?;
        if let Some(steps) = self.runs.get(&whose).and_then(|run| run.steps.clone()) {
            return Ok(steps);
        }
        let found = self.client.get("runs/get", "run_id", &id)?;
        let metrics = found["run"]["data"]["metrics"].as_array().cloned().unwrap_or_default();
        let step = |step: &Json| step.as_i64().or_else(|| step.as_str()?.parse().ok()).unwrap_or(0);
        let steps =
            metrics.iter().filter_map(|metric| Some((metric["key"].as_str()?.to_owned(), step(&metric["step"]))));
        let steps: BTreeMap<String, i64> = steps.collect();
        if let Some(run) = self.runs.get_mut(&whose) {
            run.steps = Some(steps.clone());
        }
        Ok(steps)
    }

    fn end(&mut self, whose: Whose, status: Status, time: i64) -> Result<(), Failure> {
        self.update(whose, status, Some(time))?;
        if let Whose::Trial(number) = whose
            && let Some(trial) = self.known().trials.get_mut(&number)
        {
            trial.whole = true;
            self.runs.remove(&whose);
        }
        Ok(())
    }

    fn update(&mut self, whose: Whose, status: Status, end: Option<i64>) -> Result<(), Failure> {
        let mut asked = json!({ "run_id": self.id(whose)?, "status": status.name() });
        if let Some(end) = end {
            asked["end_time"] = end.into();
        }
        self.ask(whose, "runs/update", &asked).map(drop)
    }

    /// A request about a run. If it gets no answer, it may have been done all the same.
    fn ask(&mut self, whose: Whose, path: &str, asked: &Json) -> Result<Json, Failure> {
        let answer = self.client.post(path, asked);
        if let (Err(Failure::Away(_)), Some(run)) = (&answer, self.runs.get_mut(&whose)) {
            run.steps = None;
        }
        answer
    }

    /// Nothing more is sent of a run of which something was refused.
    fn refused(&mut self, words: &str) {
        let Some(whose) = self.pending.front().map(|told| told.whose) else { return };
        self.shared.change(|state| {
            if state.refused.is_empty() {
                let what = match whose {
                    Whose::Study => "the study".to_owned(),
                    Whose::Trial(number) => format!("trial {number}"),
                };
                state.warnings.push(format!("MLflow at {} does not take {what}: {words}", self.base));
            }
            state.refused.insert(whose);
        });
        self.forget(whose, usize::MAX);
    }

    /// Tells the first failure in a row, and waits for a while.
    fn away(&mut self, words: &str, failures: usize) {
        self.shared.change(|state| {
            if failures == 0 && state.until.is_none() {
                state.warnings.push(format!(
                    "MLflow at {} does not answer ({words}); the study goes on, and what is missing there is sent later",
                    self.base
                ));
            }
            state.failure = Some(words.to_owned());
        });
        let back_off = Duration::from_millis(BACK_OFF[failures.min(BACK_OFF.len() - 1)]);
        self.shared.wait(back_off, |state| state.until.is_some());
        if self.shared.lock().until.is_some() {
            std::thread::sleep(HURRY);
        }
    }
}
