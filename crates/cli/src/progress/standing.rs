//! What is known of a running study at this moment.

use std::collections::BTreeMap;

use tunefork::StudySpec;
use tunefork::space::{Domain, Parameter, Params, Space};
use tunefork::study::{EpochReport, Event, Timing, TrialProgress};
use tunefork::train::Objective;
use tunefork::trial::TrialState;

use super::forecast::{Forecast, UnderWay};
use crate::output::short_params;

/// Hears the events of a study, and knows how it stands.
pub(super) struct Standing {
    objective: Objective,
    tally: Tally,
    started: u32,
    running: BTreeMap<u32, Running>,
    paused: BTreeMap<u32, Running>,
    forecast: Forecast,
    /// Parameters in the order in which they are told: the ones of which no two trials have the same first.
    order: Vec<String>,
}

/// A study as it can be shown; nothing of it changes any more.
pub(super) struct Picture {
    pub objective: Objective,
    pub rows: Vec<Row>,
    pub tally: Tally,
}

/// How many trials have ended how, and what is left.
#[derive(Clone, Default)]
pub(super) struct Tally {
    pub budget: u32,
    pub complete: u32,
    pub pruned: u32,
    pub failed: u32,
    /// Set aside, to go on or to end as pruned.
    pub paused: u32,
    /// Its number and value.
    pub best: Option<(u32, f64)>,
    /// Seconds since the program began with the study.
    pub elapsed: f64,
    /// Seconds until its end, if enough has happened to tell.
    pub left: Option<f64>,
}

impl Tally {
    pub(super) fn ended(&self) -> u32 {
        self.complete + self.pruned + self.failed
    }
}

/// A trial that is under way.
#[derive(Clone)]
pub(super) struct Row {
    pub number: u32,
    /// Whether it is in training; else it waits for its turn, or for what will be decided.
    pub is_training: bool,
    /// Epochs that are done, with the share of the one under way.
    pub done: f64,
    pub epochs: u32,
    pub figures: Figures,
    /// What it has been trained.
    pub seconds: f64,
    /// What is tried, each as `name=value`.
    pub params: Vec<String>,
}

/// What a trial's last epoch has brought.
#[derive(Clone, Copy, Default)]
pub(super) struct Figures {
    pub value: Option<f64>,
    /// Loss on the validation images.
    pub loss: Option<f64>,
    /// Training images in a second.
    pub speed: Option<f64>,
}

/// A trial that has just ended.
pub(super) struct Finished {
    pub number: u32,
    /// Digits that the study's numbers have at most.
    pub digits: usize,
    pub state: TrialState,
    pub value: Option<f64>,
    pub is_best: bool,
    pub epochs: u32,
    pub seconds: f64,
    pub params: String,
    /// Why, where that says more than its state.
    pub message: String,
}

#[derive(Default)]
struct Running {
    params: Vec<String>,
    epochs: u32,
    progress: TrialProgress,
    figures: Figures,
    /// Epochs that were told, and the seconds that they took.
    told: u32,
    seconds: f64,
    /// Seconds that it was trained, as they were seen to pass.
    seen: f64,
}

impl Running {
    fn add(&mut self, step: u32, report: &EpochReport) -> f64 {
        let loss = report.metrics.whole.iter().find(|(name, _)| name == Objective::Loss.name());
        self.figures = Figures {
            value: Some(report.value),
            loss: loss.map(|(_, value)| *value),
            speed: report.timing.as_ref().map(|timing| timing.images_per_second),
        };
        let seconds = report.timing.as_ref().map_or(0.0, Timing::all_seconds);
        self.told = step;
        self.seconds += seconds;
        seconds
    }

    /// A resumed trial may first be brought to where it was.
    fn done(&self) -> f64 {
        self.progress.epochs().max(self.told.into()).min(self.epochs.into())
    }
}

impl Standing {
    pub(super) fn new(spec: &StudySpec) -> Self {
        Self {
            objective: spec.objective(),
            tally: Tally { budget: spec.trials(), ..Tally::default() },
            started: 0,
            running: BTreeMap::new(),
            paused: BTreeMap::new(),
            forecast: Forecast::new(spec.time_limit()),
            order: order(spec.space()),
        }
    }

    /// What is tried, as it is told.
    fn told(&self, params: &Params) -> Vec<String> {
        let place = |text: &String| {
            let name = text.split_once('=').map_or(text.as_str(), |(name, _)| name);
            self.order.iter().position(|other| other == name)
        };
        let mut told = short_params(params);
        told.sort_by_key(|text| place(text).unwrap_or(usize::MAX));
        told
    }

    /// So many seconds have passed.
    pub(super) fn pass(&mut self, seconds: f64) {
        self.tally.elapsed += seconds;
        let training = self.running.values_mut().filter(|trial| trial.progress.is_training());
        training.for_each(|trial| trial.seen += seconds);
    }

    /// Takes note of an event; of a trial's end that is news, it gives what can be told.
    pub(super) fn hear(&mut self, event: &Event<'_>) -> Option<Finished> {
        match event {
            Event::StudyStarted { budget, .. } => self.tally.budget = *budget,
            Event::TrialStarted { number, params, blueprint, progress, .. } => {
                self.started += 1;
                let epochs = blueprint.map_or(0, |blueprint| blueprint.epochs);
                let (params, progress) = (self.told(params), (*progress).clone());
                self.running.insert(number.0, Running { params, epochs, progress, ..Running::default() });
            }
            Event::EpochComputed { number, step, report } => {
                // Of a paused trial an epoch may be computed ahead.
                let trial = self.running.get_mut(&number.0).or_else(|| self.paused.get_mut(&number.0));
                if let Some(trial) = trial {
                    let seconds = trial.add(*step, report);
                    self.forecast.trained(seconds);
                }
            }
            Event::Reported { number, epoch, known: true } => {
                if let Some(trial) = self.running.get_mut(&number.0) {
                    trial.seen += trial.add(epoch.step, &epoch.report);
                }
            }
            Event::TrialPaused { number, .. } => {
                self.paused.extend(self.running.remove_entry(&number.0));
            }
            Event::TrialResumed { number, .. } => {
                self.running.extend(self.paused.remove_entry(&number.0));
            }
            Event::TrialFinished { number, state, value, end, best, known } => {
                let trial = self.running.remove(&number.0).or_else(|| self.paused.remove(&number.0));
                let trial = trial.unwrap_or_default();
                self.count(*state);
                self.forecast.ended(trial.told, trial.seconds, trial.epochs);
                if let (true, Some(value)) = (*best, value) {
                    self.tally.best = Some((number.0, *value));
                }
                return (!known).then(|| Finished {
                    number: number.0,
                    digits: self.tally.budget.saturating_sub(1).to_string().len(),
                    state: *state,
                    value: *value,
                    is_best: *best,
                    epochs: trial.told,
                    seconds: trial.seconds,
                    params: trial.params.join(" "),
                    message: end.message.clone(),
                });
            }
            Event::Reported { known: false, .. }
            | Event::TrialRetried { .. }
            | Event::Outside { .. }
            | Event::Warning { .. }
            | Event::Waiting { .. } => {}
        }
        None
    }

    fn count(&mut self, state: TrialState) {
        match state {
            TrialState::Complete => self.tally.complete += 1,
            TrialState::Pruned => self.tally.pruned += 1,
            TrialState::Failed => self.tally.failed += 1,
            TrialState::Waiting | TrialState::Running | TrialState::Paused => {}
        }
    }

    /// How many epochs a trial under way has.
    pub(super) fn epochs_of(&self, trial: u32) -> u32 {
        self.running.get(&trial).map_or(0, |trial| trial.epochs)
    }

    pub(super) fn tally(&self) -> Tally {
        let under_way = self.running.values().map(|trial| UnderWay {
            told: trial.told,
            done: trial.done(),
            epochs: trial.epochs,
            seconds: trial.seconds,
        });
        let to_come = self.tally.budget.saturating_sub(self.started);
        let left = self.forecast.left(to_come, &under_way.collect::<Vec<_>>(), self.tally.elapsed);
        Tally { left, paused: self.paused.len() as u32, ..self.tally.clone() }
    }

    pub(super) fn picture(&self) -> Picture {
        let rows = self.running.iter().map(|(number, trial)| Row {
            number: *number,
            is_training: trial.progress.is_training(),
            done: trial.done(),
            epochs: trial.epochs,
            figures: trial.figures,
            seconds: trial.seen,
            params: trial.params.clone(),
        });
        Picture { objective: self.objective, rows: rows.collect(), tally: self.tally() }
    }

    pub(super) fn objective(&self) -> Objective {
        self.objective
    }
}

fn order(space: &Space) -> Vec<String> {
    let is_continuous = |parameter: &Parameter| matches!(parameter.domain, Domain::Float { step: None, .. });
    let (first, rest): (Vec<&Parameter>, Vec<&Parameter>) =
        space.parameters().iter().partition(|one| is_continuous(one));
    first.into_iter().chain(rest).map(|parameter| parameter.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tunefork::space::Value;
    use tunefork::study::{Blueprint, Cost, End, EndReason, EpochRecord, Metrics};
    use tunefork::trial::TrialNumber;

    fn standing() -> Standing {
        let tally = Tally { budget: 4, ..Tally::default() };
        let (started, running, forecast) = (0, BTreeMap::new(), Forecast::new(None));
        Standing {
            objective: Objective::Accuracy,
            tally,
            started,
            running,
            paused: BTreeMap::new(),
            forecast,
            order: Vec::new(),
        }
    }

    fn start(standing: &mut Standing, number: u32, known: bool) -> TrialProgress {
        let blueprint = Blueprint { epochs: 3, epoch_cost: Cost::default(), plan_bytes: 0, plan_key: String::new() };
        let params: Params = [("rate", Value::Float(0.0123456))].into_iter().collect();
        let progress = TrialProgress::default();
        standing.hear(&Event::TrialStarted {
            number: TrialNumber(number),
            params: &params,
            blueprint: Some(&blueprint),
            progress: &progress,
            enqueued: false,
            given: None,
            known,
        });
        progress
    }

    fn report(value: f64) -> EpochReport {
        let metrics = Metrics { whole: vec![("loss".to_owned(), 0.25)], ..Metrics::default() };
        let timing = Timing { seconds: 4.0, validation_seconds: 1.0, images_per_second: 250.0 };
        EpochReport { value, metrics, timing: Some(timing), members: Vec::new() }
    }

    fn end(standing: &mut Standing, number: u32, state: TrialState, best: bool, known: bool) -> Option<Finished> {
        let end = End { time: 0, reason: EndReason::Finished, message: String::new() };
        let (number, value) = (TrialNumber(number), Some(0.5));
        standing.hear(&Event::TrialFinished { number, state, value, end: &end, best, known })
    }

    #[test]
    fn a_trial_under_way_is_where_its_run_says() {
        let mut standing = standing();
        let progress = start(&mut standing, 7, false);
        progress.set_training(true);
        progress.set_epochs(0.5);
        standing.pass(2.0);
        let row = &standing.picture().rows[0];
        assert_eq!((row.number, row.is_training, row.done, row.epochs), (7, true, 0.5, 3));
        assert_eq!((row.seconds, row.params.join(" ").as_str(), row.figures.value), (2.0, "rate=0.01235", None));
        standing.hear(&Event::EpochComputed { number: TrialNumber(7), step: 1, report: &report(0.5) });
        progress.set_training(false);
        standing.pass(2.0);
        let row = &standing.picture().rows[0];
        assert_eq!((row.is_training, row.done, row.seconds), (false, 1.0, 2.0), "who waits is not trained");
        let Figures { value, loss, speed } = row.figures;
        assert_eq!((value, loss, speed), (Some(0.5), Some(0.25), Some(250.0)));
    }

    #[test]
    fn ends_are_counted_and_told_if_they_are_news() {
        let mut standing = standing();
        start(&mut standing, 0, true);
        let epoch = EpochRecord { step: 1, time: 0, report: Arc::new(report(0.5)) };
        standing.hear(&Event::Reported { number: TrialNumber(0), epoch: &epoch, known: true });
        assert_eq!(standing.picture().rows[0].seconds, 5.0, "what it took before");
        assert!(end(&mut standing, 0, TrialState::Complete, true, true).is_none());
        start(&mut standing, 1, false);
        standing.hear(&Event::EpochComputed { number: TrialNumber(1), step: 1, report: &report(0.5) });
        let told = end(&mut standing, 1, TrialState::Pruned, false, false).unwrap();
        assert_eq!((told.number, told.epochs, told.seconds, told.is_best), (1, 1, 5.0, false));
        let tally = standing.tally();
        assert_eq!((tally.complete, tally.pruned, tally.failed, tally.best), (1, 1, 0, Some((0, 0.5))));
        assert!(standing.picture().rows.is_empty() && tally.left.is_none());
        standing.pass(5.0);
        // Two of four have ended after an epoch of five seconds each, one of which was trained now.
        assert_eq!(standing.tally().left, Some(10.0));
    }
}
