//! The tracker of a tracking server: hears the study, and hands on to the sender without ever waiting.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tunefork_names::counted;
use tunefork_study::{Event, Observer, StudyRecord};

use super::client::Client;
use super::messages::{Teller, Told, Whose};
use super::place::Address;
use super::saved::Saved;
use super::sender::Sender;
use super::shared::Shared;
use crate::{Subject, Tracker};

/// Messages that may wait to be sent, about 1 KiB each. What comes when there are so many is told again at the end.
const MOST_WAITING: usize = 10_000;

/// The longest that is waited at the end of a run.
const FAREWELL: Duration = Duration::from_secs(5);

/// Sends the runs to a tracking server, in batches on a thread of its own.
///
/// A server that is slow, or not there, or refuses, slows no trial. What it has missed is sent when it answers again, at the latest by the
/// next run of the study; what it may have got all the same is asked of it first, so nothing is there twice. The names of the runs stand in
/// the file `mlflow.json`.
///
/// Who asks is said by the address, as `http://USER:PASSWORD@host`, or by MLflow's environment variables `MLFLOW_TRACKING_USERNAME` with
/// `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`. None of these is ever shown.
#[derive(Debug)]
pub struct MlflowServer {
    address: Address,
    saved: PathBuf,
    study: String,
    teller: Teller,
    /// The way to the sender, once the study has begun.
    way: Option<SyncSender<Told>>,
    /// All that was told of the study itself, which is little.
    of_study: Vec<Told>,
    /// Trials that the server has all of, so that nothing is told of them.
    whole: BTreeSet<u32>,
    /// Runs of which something found no way to the sender.
    missed: BTreeSet<Whose>,
    shared: Arc<Shared>,
    most_waiting: usize,
    warnings: Vec<String>,
}

impl MlflowServer {
    /// Runs on the server at an address; `saved` is a file that the study keeps.
    pub fn new(address: Address, saved: impl Into<PathBuf>, subject: &Subject<'_>) -> Self {
        Self {
            address,
            saved: saved.into(),
            study: subject.header.name.clone(),
            teller: Teller::new(subject),
            way: None,
            of_study: Vec::new(),
            whole: BTreeSet::new(),
            missed: BTreeSet::new(),
            shared: Arc::default(),
            most_waiting: MOST_WAITING,
            warnings: Vec::new(),
        }
    }

    /// The same with room for so many messages that wait to be sent.
    #[must_use]
    pub fn with_room(mut self, messages: usize) -> Self {
        self.most_waiting = messages.max(1);
        self
    }

    fn begin(&mut self, is_new: bool) {
        let base = self.address.base().to_owned();
        let sender = Saved::open(&self.saved, is_new).and_then(|saved| {
            let known = saved.content.servers.get(&base);
            let trials = known.into_iter().flat_map(|known| &known.trials);
            self.whole = trials.filter(|(_, trial)| trial.whole).map(|(number, _)| *number).collect();
            let client = Client::new(&self.address);
            let sender = Sender::new(client, &base, &self.study, saved, Arc::clone(&self.shared));
            let (way, told) = sync_channel(self.most_waiting);
            thread::Builder::new().name("mlflow".to_owned()).spawn(move || sender.run(&told))?;
            Ok(way)
        });
        match sender {
            Ok(way) => self.way = Some(way),
            Err(error) => self.warnings.push(format!("MLflow at {base} is not told anything: {error}")),
        }
    }

    /// Hands a message on if there is room. Of a run that has missed one, no later ones go before it.
    fn hand(&mut self, told: Told) {
        let (Some(way), whose) = (&self.way, told.whose) else { return };
        let is_whole = matches!(whose, Whose::Trial(number) if self.whole.contains(&number));
        if is_whole || self.missed.contains(&whose) {
            return;
        }
        // Counted before the sender can have it.
        *self.shared.lock().unsent.entry(whose).or_default() += 1;
        if way.try_send(told).is_err() {
            self.uncount(whose);
            self.missed.insert(whose);
        }
    }

    fn uncount(&self, whose: Whose) {
        let mut state = self.shared.lock();
        if let Some(count) = state.unsent.get_mut(&whose) {
            *count -= 1;
            if *count == 0 {
                state.unsent.remove(&whose);
            }
        }
    }

    /// Tells once more what has found no way, as far as the time allows.
    fn tell_missed(&mut self, study: &StudyRecord, until: Instant) {
        if self.shared.lock().is_emptied {
            self.missed.extend(std::mem::take(&mut self.whole).into_iter().map(Whose::Trial));
        }
        for whose in self.missed.clone() {
            let told = match whose {
                Whose::Study => self.of_study.clone(),
                Whose::Trial(number) => {
                    let trial = study.trials.get(number as usize);
                    trial.map(|trial| self.teller.again(trial)).unwrap_or_default()
                }
            };
            if !told.into_iter().all(|told| self.insist(told, until)) {
                return;
            }
        }
    }

    /// Hands a message on, when there is room; `false` if there was none in time.
    fn insist(&mut self, told: Told, until: Instant) -> bool {
        let whose = told.whose;
        loop {
            self.missed.remove(&whose);
            self.hand(told.clone());
            if !self.missed.contains(&whose) {
                return true;
            }
            if until <= Instant::now() || self.shared.lock().is_over {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What has not come there.
    fn note_unsent(&mut self) {
        let mut state = self.shared.lock();
        self.warnings.append(&mut state.warnings);
        let runs: BTreeSet<Whose> = state.unsent.keys().chain(&self.missed).copied().collect();
        let trials = runs.iter().filter(|whose| **whose != Whose::Study).count();
        let what = match trials {
            0 if runs.is_empty() => None,
            0 => Some("the end of the study".to_owned()),
            trials => Some(format!("all of {}", counted(trials, "trial"))),
        };
        let why = state.failure.as_ref().map(|failure| format!(" ({failure})")).unwrap_or_default();
        let refused = state.refused.len();
        drop(state);
        let base = self.address.base();
        if let Some(what) = what {
            self.warnings.push(format!(
                "MLflow at {base} does not have {what} yet{why}; the same command again sends what is missing"
            ));
        }
        if refused > 1 {
            self.warnings.push(format!("MLflow at {base} did not take all of {}", counted(refused, "run")));
        }
    }
}

impl Observer for MlflowServer {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::StudyStarted { known_trials, .. } = event {
            self.begin(*known_trials == 0);
        }
        for told in self.teller.told(event) {
            if told.whose == Whose::Study {
                self.of_study.push(told.clone());
            }
            self.hand(told);
        }
    }
}

impl Tracker for MlflowServer {
    fn warning(&mut self) -> Option<String> {
        let told = &mut self.shared.lock().warnings;
        self.warnings.append(told);
        (!self.warnings.is_empty()).then(|| self.warnings.remove(0))
    }

    fn finish(&mut self, study: &StudyRecord, done: bool) {
        if self.way.is_none() {
            return;
        }
        let until = Instant::now() + FAREWELL;
        self.shared.change(|state| state.until = Some(until));
        if !self.whole.is_empty() {
            // Whether they are still there is known then.
            let left = until.saturating_duration_since(Instant::now());
            self.shared.wait(left, |state| state.has_begun || state.is_over);
        }
        self.tell_missed(study, until);
        for told in self.teller.end(study, done) {
            self.hand(told);
        }
        self.way = None;
        self.shared.wait(until.saturating_duration_since(Instant::now()), |state| state.is_over);
        self.note_unsent();
    }
}

/// A study that ends with an error waits only for the request that is under way, and not long for that.
impl Drop for MlflowServer {
    fn drop(&mut self) {
        if self.way.take().is_some() {
            self.shared.change(|state| state.until = Some(Instant::now()));
            self.shared.wait(Duration::from_secs(1), |state| state.is_over);
        }
    }
}
