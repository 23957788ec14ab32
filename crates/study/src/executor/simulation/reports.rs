//! Reports: waiting for a result, committing it, and deciding what it leads to.

use super::stored::{is_shown_as, stored_verdict};
use super::{Running, Simulation};
use crate::executor::Ended;
use crate::executor::board::{Board, EpochResult, News, Note};
use crate::{Change, EndReason, EpochRecord, EpochReport, Event, Moment, StudyError, Workload};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tunefork_scheduler::Decision;
use tunefork_trial::{Report, TrialNumber, TrialState};

/// How long a wait for a worker may be before the clock and the stop flag are looked at.
const PATIENCE: Duration = Duration::from_millis(50);

/// What became of a wait for a result.
pub(super) enum Waited<T> {
    Found(T),
    /// The study ends before its end: stopped, or out of time.
    Ended(Ended),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Continue,
    Pause,
    Stop,
    Complete,
}

impl Verdict {
    fn words(self) -> &'static str {
        match self {
            Verdict::Continue => "go on",
            Verdict::Pause => "pause it",
            Verdict::Stop => "stop it",
            Verdict::Complete => "end it as complete",
        }
    }
}

impl<W: Workload> Simulation<'_, W> {
    pub(super) fn wait(&mut self, moment: Moment) -> Result<Waited<EpochResult>, StudyError> {
        self.wait_with(|board| board.wait(moment.trial, moment.step, PATIENCE))
    }

    /// Waits for the result of any epoch: its trial and step.
    pub(super) fn wait_for_any(&mut self) -> Result<Waited<(u32, u32)>, StudyError> {
        self.wait_with(|board| board.wait_for_any(PATIENCE))
    }

    /// Waits for the epochs under way, once no more are begun. Their results stay with the trials, for a run to come.
    pub(super) fn wait_until_idle(&mut self) -> Result<Ended, StudyError> {
        match self.wait_with(|board| board.wait_for_notes::<Infallible>(PATIENCE))? {
            Waited::Ended(ended) => Ok(ended),
        }
    }

    /// Waits, passing on what the workers say meanwhile.
    fn wait_with<T>(
        &mut self,
        look: impl Fn(&Board<W::Run>) -> Result<News<T>, StudyError>,
    ) -> Result<Waited<T>, StudyError> {
        loop {
            match look(self.board)? {
                News::Found(found) => return Ok(Waited::Found(found)),
                News::Notes(notes) => {
                    for note in notes {
                        self.pass_on(note)?;
                    }
                }
                News::Nothing => {}
            }
            if self.stopping() {
                return Ok(Waited::Ended(Ended::Interrupted));
            }
            if self.drain_if_over() && self.board.is_idle() {
                return Ok(Waited::Ended(Ended::TimeLimit));
            }
        }
    }

    fn pass_on(&mut self, note: Note) -> Result<(), StudyError> {
        match note {
            Note::Computed { trial, step, report } => {
                self.has_result = true;
                self.observer.event(&Event::EpochComputed { number: TrialNumber(trial), step, report: &report });
            }
            Note::Retried { trial, failure } => {
                self.observer.event(&Event::TrialRetried { number: TrialNumber(trial), failure: &failure })
            }
            Note::Restarted { trial } if self.running.contains_key(&trial) || self.paused.contains(trial) => {
                self.commit(&[Change::Restarted { number: TrialNumber(trial) }])?;
            }
            Note::Restarted { .. } => {}
            Note::Warning(message) => self.observer.event(&Event::Warning { message: &message }),
        }
        Ok(())
    }

    pub(super) fn report(&mut self, moment: Moment, report: Arc<EpochReport>) -> Result<(), StudyError> {
        let number = TrialNumber(moment.trial);
        let stored = self.known.trials.get(number.index());
        let known = stored.is_some_and(|trial| trial.epochs.len() >= moment.step as usize);
        let value = report.value;
        let epoch = EpochRecord { step: moment.step, time: moment.time, report };
        match stored.filter(|_| known).map(|trial| trial.epochs[moment.step as usize - 1].time) {
            None => self.commit(&[Change::Report { number, epoch: epoch.clone() }])?,
            Some(time) if time != moment.time => {
                let (step, now) = (moment.step, moment.time);
                self.differs(number, format!("epoch {step} came at {time}, and now at {now}"))?;
            }
            Some(_) => {}
        }
        let report = Report { step: moment.step, value };
        self.history.report(number, report).expect("a running trial reports its epochs in order");
        self.progress.trained();
        self.observer.event(&Event::Reported { number, epoch: &epoch, known });
        match self.verdict(moment)? {
            Verdict::Continue => {
                let running = &self.running[&moment.trial];
                self.order.push_report(moment.step + 1, running);
                self.board.decided(moment.trial, moment.step);
                Ok(())
            }
            Verdict::Pause => {
                self.pause(moment);
                Ok(())
            }
            Verdict::Stop => self.finish(moment, TrialState::Pruned, Some(value), EndReason::Stopped, String::new()),
            Verdict::Complete => self.complete(moment),
        }
    }

    /// Whether a trial has had its last epoch.
    fn is_over(&self, moment: Moment) -> bool {
        let Running { context, schedule, .. } = &self.running[&moment.trial];
        let reports = self.history.reports(context.number);
        let values: Vec<f64> = reports.iter().map(|report| report.value).collect();
        moment.step == schedule.blueprint.epochs || self.workers.workload.is_over(&context.params, &values)
    }

    /// What the scheduler says; what is stored must agree.
    fn verdict(&mut self, moment: Moment) -> Result<Verdict, StudyError> {
        let number = TrialNumber(moment.trial);
        let is_asked = |running: &Running| running.rungs.binary_search(&moment.step).is_ok();
        let computed = if self.is_over(moment) {
            Verdict::Complete
        } else if !is_asked(&self.running[&moment.trial]) {
            Verdict::Continue
        } else {
            match self.definition.scheduler.decide(&self.history, number) {
                Decision::Pause => Verdict::Pause,
                Decision::Stop => Verdict::Stop,
                Decision::Continue => Verdict::Continue,
            }
        };
        let stored = self.known.trials.get(number.index());
        let stored = stored.and_then(|trial| stored_verdict(trial, moment.step));
        match stored {
            Some(stored) if !is_shown_as(computed, stored) => {
                let (step, stored_words, words) = (moment.step, stored.words(), computed.words());
                let detail = format!("epoch {step}: it was decided to {stored_words} and is now to {words}");
                self.differs(number, detail).map(|()| stored)
            }
            Some(_) | None => Ok(computed),
        }
    }
}
