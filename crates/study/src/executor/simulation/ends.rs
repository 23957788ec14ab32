//! Ends of trials: complete, pruned, failed.

use super::stored::stored_end;
use super::{Simulation, halted};
use crate::executor::Ended;
use crate::executor::workers::{ReplayError, guarded, same};
use crate::{
    Change, End, EndReason, EpochReport, Event, FailureKind, Moment, OutsideEvent, OutsideKind, StopFlag, StudyError,
    TrialContext, TrialFailure, TrialProgress, Workload,
};
use std::sync::Arc;
use tunefork_rng::Key;
use tunefork_trial::{TrialNumber, TrialState};

impl<W: Workload> Simulation<'_, W> {
    /// The trial has run its last epoch.
    pub(super) fn complete(&mut self, moment: Moment) -> Result<(), StudyError> {
        let number = TrialNumber(moment.trial);
        let reports = self.history.reports(number);
        let direction = self.history.direction();
        let counted = self.definition.header.value_at.pick(direction, reports, |report| report.value);
        let value = counted.expect("a trial completes with a report").value;
        let known = self.known.trials.get(number.index());
        let ended = known.is_some_and(|trial| trial.state.is_finished());
        if !ended && self.leads(number, value) && !self.keep(number)? {
            self.interrupted = true;
            return Ok(());
        }
        self.finish(moment, TrialState::Complete, Some(value), EndReason::Finished, String::new())
    }

    /// Whether a trial that completes with this value is the best then. What is stored counts from the beginning: of a study
    /// that grew, a stored trial may end later in virtual time than a new one, which must not take its place.
    pub(super) fn leads(&self, number: TrialNumber, value: f64) -> bool {
        self.leader.is_none_or(|(best, best_value)| {
            self.history.direction().better(value, best_value) || (value == best_value && number <= best)
        })
    }

    /// Lets the workload keep what it wants of the best trial, before its end is committed. Returns
    /// false if the study was asked to stop before the trial could be brought back for this.
    fn keep(&mut self, number: TrialNumber) -> Result<bool, StudyError> {
        let context = self.running[&number.0].context.clone();
        let kept = match self.board.take_run(number.0) {
            Some(run) => self.keep_run(&context, &run),
            // The process that trained it is gone.
            None => self.keep_anew(&context, &self.board.reports(number.0).unwrap_or_default()),
        };
        let kept = match kept {
            // A fault may have come from other trials, after this one's last epoch.
            Err(ReplayError::Failure(failure)) if failure.kind == FailureKind::Fault => {
                let failure = &failure;
                self.observer.event(&Event::TrialRetried { number, failure });
                self.keep_anew(&context, &self.board.reports(number.0).unwrap_or_default())
            }
            kept => kept,
        };
        self.is_kept(number, kept)
    }

    /// Whether it is kept now. If the study was asked to stop before, it is not, and that is no error.
    fn is_kept(&self, number: TrialNumber, kept: Result<(), ReplayError>) -> Result<bool, StudyError> {
        match kept {
            Ok(()) => Ok(true),
            Err(ReplayError::Differs(detail)) => Err(self.not_reproducible(number, detail)),
            Err(ReplayError::Failure(failure)) if failure.kind == FailureKind::Interrupted && self.stopping() => {
                Ok(false)
            }
            Err(ReplayError::Failure(failure)) => Err(halted(number, failure)),
        }
    }

    /// What was kept of the best trial may have gone since, or be another's: then the trial is brought to its end once more.
    pub(super) fn keep_again(&mut self, ended: Ended) -> Result<Ended, StudyError> {
        let Some((number, _)) = self.leader.filter(|_| ended != Ended::Interrupted) else { return Ok(ended) };
        let stored = self.known.trials.get(number.index()).filter(|trial| trial.state.is_finished());
        // What was kept in this run is there.
        let Some((stored, schedule)) = stored.and_then(|trial| Some((trial, trial.schedule.as_ref()?))) else {
            return Ok(ended);
        };
        let context = TrialContext {
            number,
            key: Key::study(self.definition.header.seed).trial(number.0),
            params: Arc::new(self.history.params(number)),
            blueprint: Arc::new(schedule.blueprint.clone()),
            threads: self.options.threads,
            stop: StopFlag::from(Arc::clone(&self.options.stop)),
            progress: TrialProgress::default(),
        };
        if self.workers.workload.has_kept(&context) {
            return Ok(ended);
        }
        let results: Vec<_> = stored.epochs.iter().map(|epoch| Arc::clone(&epoch.report)).collect();
        let message =
            format!("what was kept of trial {number}, the best, is not there or was changed: it is trained again");
        self.observer.event(&Event::Warning { message: &message });
        let kept = self.keep_anew(&context, &results);
        Ok(if self.is_kept(number, kept)? { ended } else { Ended::Interrupted })
    }

    fn keep_run(&self, context: &TrialContext, run: &W::Run) -> Result<(), ReplayError> {
        guarded(|| self.workers.workload.keep(context, run)).map_err(ReplayError::Failure)
    }

    /// Keeps what a run has that is brought to its end once more.
    fn keep_anew(&mut self, context: &TrialContext, results: &[Arc<EpochReport>]) -> Result<(), ReplayError> {
        let observer = &mut *self.observer;
        let replayed = self.workers.replay(context, results, context.blueprint.epochs, &mut |message| {
            observer.event(&Event::Warning { message: &message })
        })?;
        self.keep_run(context, &replayed.run)
    }

    /// The trial cannot go on: it failed before its first epoch, or in the one at this moment.
    pub(super) fn fail(&mut self, moment: Moment, failure: TrialFailure) -> Result<(), StudyError> {
        let number = TrialNumber(moment.trial);
        let Some(reason) = failure.kind.reason() else {
            return Err(halted(number, failure));
        };
        self.finish(moment, TrialState::Failed, None, reason, failure.message)
    }

    /// Ends a trial and frees its slot. What is stored must agree.
    pub(super) fn finish(
        &mut self,
        moment: Moment,
        state: TrialState,
        value: Option<f64>,
        reason: EndReason,
        message: String,
    ) -> Result<(), StudyError> {
        self.end(moment, state, value, End { time: moment.time, reason, message })?;
        self.push_ask();
        Ok(())
    }

    /// Ends a trial that has no slot, or is about to free it. What is stored must agree.
    pub(super) fn end(
        &mut self,
        moment: Moment,
        state: TrialState,
        value: Option<f64>,
        end: End,
    ) -> Result<(), StudyError> {
        let number = TrialNumber(moment.trial);
        let stored = self.known.trials.get(number.index());
        let stored = stored.filter(|trial| trial.state.is_finished());
        let known = stored.is_some();
        let (state, value) = match stored {
            None => {
                self.commit_end(moment, state, value, &end)?;
                (state, value)
            }
            Some(stored) => {
                let agrees = stored.state == state
                    && same(stored.value.unwrap_or(f64::NAN), value.unwrap_or(f64::NAN))
                    && stored.end.as_ref().is_none_or(|stored| *stored == end);
                let counts = stored_end(stored);
                let was = told(stored.state, stored.value, stored.end.as_ref());
                if !agrees {
                    self.differs(number, format!("it ended as {was}, and now as {}", told(state, value, Some(&end))))?;
                }
                counts
            }
        };
        let best = state == TrialState::Complete && value.is_some_and(|value| self.leads(number, value));
        let best_before = self.history.best();
        let ended = match (state, end.reason) {
            (TrialState::Failed, EndReason::Diverged) => self.history.diverge(number),
            _ => self.history.finish(number, state, value),
        };
        ended.expect("a running trial ends once");
        if let (true, Some(value)) = (best, value) {
            self.leader = Some((number, value));
        }
        // Not by `best`, which what a former run has stored decides too.
        self.progress.ended(self.history.best() != best_before);
        self.has_result = true;
        self.board.remove(moment.trial);
        self.running.remove(&moment.trial);
        // Of one that was known before, a killed process may have left its checkpoint: it goes when the study has ended.
        if let Some(folder) = self.workers.folder.as_ref().filter(|_| !known) {
            folder.remove(moment.trial);
        }
        self.observer.event(&Event::TrialFinished { number, state, value, end: &end, best, known });
        Ok(())
    }

    /// Commits an end; if the machine was to blame, as an outside event too.
    fn commit_end(
        &mut self,
        moment: Moment,
        state: TrialState,
        value: Option<f64>,
        end: &End,
    ) -> Result<(), StudyError> {
        let finish = Change::Finish { number: TrialNumber(moment.trial), state, value, end: end.clone() };
        if end.reason != EndReason::Fault {
            return self.commit(&[finish]);
        }
        let event = OutsideEvent { moment, kind: OutsideKind::Fault, message: end.message.clone() };
        self.commit(&[finish, Change::Outside(event.clone())])?;
        self.known.outside_events.push(event);
        Ok(())
    }
}

/// An end in words.
fn told(state: TrialState, value: Option<f64>, end: Option<&End>) -> String {
    let value = value.map_or_else(|| "without a value".to_owned(), |value| format!("with {value}"));
    let end = end.map(|End { time, reason, message }| match message.as_str() {
        "" => format!(" ({reason} at {time})"),
        message => format!(" ({reason} at {time}: {message})"),
    });
    format!("{state} {value}{}", end.unwrap_or_default())
}
