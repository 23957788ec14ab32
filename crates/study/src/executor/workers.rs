//! What workers do: compute epochs, bring runs back after a kill or a fault, write checkpoints.

use super::board::{Board, Job, Note};
use super::checkpoint::{Checkpoint, CheckpointFolder};
use super::simulation::halted;
use crate::{EpochReport, FailureKind, Metrics, Run, StudyError, TrialContext, TrialFailure, Workload};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use tunefork_space::Params;
use tunefork_trial::TrialNumber;

pub(super) struct Workers<'a, W> {
    pub workload: &'a W,
    pub folder: Option<CheckpointFolder>,
    /// Stored results win over what is computed again: they have drifted, or may.
    pub tolerant: bool,
    pub study: String,
    /// As [`ExecutorOptions::given_up`](crate::ExecutorOptions::given_up).
    pub given_up: BTreeMap<TrialNumber, String>,
}

/// Why a run could not be brought to where it was.
pub(super) enum ReplayError {
    Failure(TrialFailure),
    /// An epoch gave another result than before.
    Differs(String),
}

/// A run, and the results that its checkpoint was ahead of those known.
pub(super) struct Replayed<R> {
    pub run: R,
    pub ahead: Vec<Arc<EpochReport>>,
}

impl<W: Workload> Workers<'_, W> {
    /// Computes epochs until the board is closed.
    pub(super) fn work(&self, board: &Board<W::Run>) {
        while let Some(job) = board.take_job() {
            self.compute(job, board);
        }
    }

    fn compute(&self, mut job: Job<W::Run>, board: &Board<W::Run>) {
        let trial = job.context.number.0;
        if let Some(message) = self.given_up.get(&job.context.number) {
            board.deliver(trial, Err(TrialFailure::new(FailureKind::Fault, message.clone())));
            return board.give_back(trial, None, 0, job.saved);
        }
        let mut run = match job.run.take() {
            Some(run) => run,
            None => {
                let replayed = self.replay(&job.context, &job.results, job.limit, &mut |warning| {
                    board.note(Note::Warning(warning));
                });
                job.saved = Some(Instant::now());
                let begun = !job.parked && (!job.results.is_empty() || job.faults > 0);
                if replayed.as_ref().is_ok_and(|replayed| begun || !replayed.ahead.is_empty()) {
                    board.note(Note::Restarted { trial });
                }
                match replayed {
                    Ok(replayed) if replayed.ahead.is_empty() => replayed.run,
                    Ok(replayed) => {
                        for report in replayed.ahead {
                            self.deliver(&mut job, report, board);
                        }
                        return board.give_back(trial, Some(replayed.run), 0, job.saved);
                    }
                    Err(ReplayError::Failure(failure)) => return self.failed(&job, failure, board),
                    Err(ReplayError::Differs(detail)) => {
                        board.give_back(trial, None, job.faults, job.saved);
                        return board.fail(self.not_reproducible(&job.context, detail));
                    }
                }
            }
        };
        let trained = guarded(|| {
            run.set_threads(job.context.threads);
            epoch(&mut run)
        });
        match trained {
            Ok(report) => {
                self.deliver(&mut job, Arc::new(report), board);
                if job.step < job.limit {
                    self.save_if_due(&mut job, &run, board);
                }
                board.give_back(trial, Some(run), 0, job.saved);
            }
            Err(failure) => self.failed(&job, failure, board),
        }
    }

    /// Delivers a report; if the trial is over with it, no more epochs are computed.
    fn deliver(&self, job: &mut Job<W::Run>, report: Arc<EpochReport>, board: &Board<W::Run>) {
        let trial = job.context.number.0;
        board.deliver(trial, Ok(report));
        let values: Vec<f64> = board.reports(trial).into_iter().flatten().map(|report| report.value).collect();
        if !values.is_empty() && self.workload.is_over(&job.context.params, &values) {
            job.limit = values.len() as u32;
            board.end_at(trial, job.limit);
        }
    }

    /// The step with which a trial of `epochs` epochs is over, as far as these values tell.
    pub(super) fn limit(&self, params: &Params, values: &[f64], epochs: u32) -> u32 {
        (1..=values.len())
            .find(|&step| self.workload.is_over(params, &values[..step]))
            .map_or(epochs, |step| epochs.min(step as u32))
    }

    /// A failed trial is retried once if the machine is to blame; else its failure is the result.
    fn failed(&self, job: &Job<W::Run>, failure: TrialFailure, board: &Board<W::Run>) {
        let trial = job.context.number.0;
        let interrupted = failure.kind == FailureKind::Interrupted;
        if interrupted && job.context.stop.is_raised() {
            return board.give_back(trial, None, job.faults, job.saved);
        }
        match failure.kind {
            FailureKind::Halt | FailureKind::DeviceLost => {
                board.give_back(trial, None, job.faults, job.saved);
                board.fail(halted(job.context.number, failure));
            }
            FailureKind::Fault | FailureKind::Interrupted if job.faults == 0 => {
                board.note(Note::Retried { trial, failure });
                board.give_back(trial, None, 1, job.saved);
            }
            FailureKind::Interrupted => {
                let failure = TrialFailure::new(FailureKind::Fault, failure.message);
                board.deliver(trial, Err(failure));
                board.give_back(trial, None, 0, job.saved);
            }
            FailureKind::Fault
            | FailureKind::Diverged
            | FailureKind::DoesNotFit
            | FailureKind::InvalidConfiguration => {
                board.deliver(trial, Err(failure));
                board.give_back(trial, None, 0, job.saved);
            }
        }
    }

    /// Starts a run and brings it past the epochs whose results are known, from the newest usable
    /// checkpoint; each epoch run again must give the result it gave before.
    pub(super) fn replay(
        &self,
        trial: &TrialContext,
        results: &[Arc<EpochReport>],
        limit: u32,
        warn: &mut dyn FnMut(String),
    ) -> Result<Replayed<W::Run>, ReplayError> {
        let (mut run, mut ahead) = match self.restored(trial, results, limit, warn) {
            Some((run, reports)) => (run, reports),
            None => {
                let run = guarded(|| self.workload.start(trial, None)).map_err(ReplayError::Failure)?;
                (run, Vec::new())
            }
        };
        ahead.drain(..ahead.len().min(results.len()));
        while (run.epochs_done() as usize) < results.len() {
            if trial.stop.is_raised() {
                let failure = TrialFailure::new(FailureKind::Interrupted, "stopped during replay");
                return Err(ReplayError::Failure(failure));
            }
            let step = run.epochs_done() as usize;
            let detail = match guarded(|| epoch(&mut run)) {
                Ok(report) => difference(&results[step], &report),
                Err(failure) if failure.kind.reason().is_none() => {
                    return Err(ReplayError::Failure(failure));
                }
                Err(failure) if failure.kind == FailureKind::Fault => {
                    return Err(ReplayError::Failure(failure));
                }
                Err(failure) => Some(format!("it now fails: {failure}")),
            };
            if let Some(detail) = detail {
                let detail = format!("epoch {}: {detail}", step + 1);
                if !self.tolerant {
                    return Err(ReplayError::Differs(detail));
                }
                warn(format!("trial {}: {detail}; the stored result stays", trial.number));
            }
        }
        Ok(Replayed { run, ahead })
    }

    /// The run in the checkpoint of a trial with the reports of its epochs, if there is a usable one.
    pub(super) fn restored(
        &self,
        trial: &TrialContext,
        results: &[Arc<EpochReport>],
        limit: u32,
        warn: &mut dyn FnMut(String),
    ) -> Option<(W::Run, Vec<Arc<EpochReport>>)> {
        let checkpoint = match self.folder.as_ref()?.load(trial) {
            Ok(checkpoint) => checkpoint?,
            Err(reason) => {
                warn(format!("{reason}; trial {} is replayed from its start", trial.number));
                return None;
            }
        };
        let reports = checkpoint.reports;
        let agrees = reports.len() <= limit as usize
            && results.iter().zip(&reports).all(|(known, saved)| difference(known, saved).is_none());
        let reason = if !agrees {
            "its reports are not those stored".to_owned()
        } else {
            match guarded(|| self.workload.start(trial, Some(&checkpoint.payload))) {
                Ok(run) if run.epochs_done() as usize == reports.len() => {
                    return Some((run, reports));
                }
                Ok(run) => format!("it is of epoch {}, not {}", run.epochs_done(), reports.len()),
                Err(failure) => failure.message,
            }
        };
        warn(format!(
            "the checkpoint of trial {} cannot be used ({reason}); it is replayed from its start",
            trial.number
        ));
        None
    }

    fn save_if_due(&self, job: &mut Job<W::Run>, run: &W::Run, board: &Board<W::Run>) {
        let Some(folder) = &self.folder else { return };
        if job.saved.is_some_and(|last| last.elapsed() < folder.every) {
            return;
        }
        let Some(reports) = board.reports(job.context.number.0) else {
            return;
        };
        match self.save(folder, &job.context, reports, run) {
            Ok(()) => job.saved = Some(Instant::now()),
            Err(message) => board.note(Note::Warning(message)),
        }
    }

    pub(super) fn save(
        &self,
        folder: &CheckpointFolder,
        trial: &TrialContext,
        reports: Vec<Arc<EpochReport>>,
        run: &W::Run,
    ) -> Result<(), String> {
        let payload = guarded(|| run.checkpoint())
            .map_err(|failure| format!("no checkpoint of trial {}: {failure}", trial.number))?;
        folder.save(trial, &Checkpoint { reports, payload }).map_err(|error| {
            format!(
                "no checkpoint of trial {} (epochs since its last one would be computed again): {error}",
                trial.number
            )
        })
    }

    fn not_reproducible(&self, trial: &TrialContext, detail: String) -> StudyError {
        StudyError::NotReproducible { study: self.study.clone(), trial: trial.number, detail }
    }
}

/// Runs an epoch; a value that is not a number ends the trial.
fn epoch(run: &mut impl Run) -> Result<EpochReport, TrialFailure> {
    let mut report = run.epoch()?;
    if !report.value.is_finite() {
        let message = format!("the value of epoch {} is {}", run.epochs_done(), report.value);
        return Err(TrialFailure::new(FailureKind::Diverged, message));
    }
    // Storages need not keep the sign of zero, so there is only one zero from the start.
    report.value += 0.0;
    Ok(report)
}

/// Calls code of the workload; a panic there is a fault of the trial.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, TrialFailure>) -> Result<T, TrialFailure> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "without a message".to_owned());
        Err(TrialFailure::new(FailureKind::Fault, format!("training panicked: {text}")))
    })
}

/// Where two results of one epoch differ in what must be equal.
fn difference(stored: &EpochReport, now: &EpochReport) -> Option<String> {
    if !same(stored.value, now.value) {
        return Some(format!("its value was {} and is now {}", stored.value, now.value));
    }
    if let Some(detail) = different_metrics(&stored.metrics, &now.metrics) {
        return Some(detail);
    }
    if stored.members.len() != now.members.len() {
        let (before, after) = (stored.members.len(), now.members.len());
        return Some(format!("it had {before} trainings and now has {after}"));
    }
    let mut members = stored.members.iter().zip(&now.members);
    members.find_map(|(stored, now)| {
        if stored.member != now.member {
            return Some(format!("{} is now {}", stored.member, now.member));
        }
        if !same(stored.value, now.value) {
            let (value, member) = (stored.value, stored.member);
            return Some(format!("the value of {member} was {value} and is now {}", now.value));
        }
        let detail = different_metrics(&stored.metrics, &now.metrics)?;
        Some(format!("{}: {detail}", stored.member))
    })
}

fn different_metrics(stored: &Metrics, now: &Metrics) -> Option<String> {
    let (before, after) = (stored.named().count(), now.named().count());
    if before != after {
        return Some(format!("it had {before} metrics and now has {after}"));
    }
    let mut both = stored.named().zip(now.named());
    both.find(|((name, value), (other, now))| name != other || !same(*value, *now))
        .map(|((name, value), (other, now))| format!("its metric {name} was {value} and {other} is now {now}"))
}

/// Equal numbers, NaN equal to NaN; a storage need not keep the sign of zero.
pub(super) fn same(one: f64, other: f64) -> bool {
    one == other || (one.is_nan() && other.is_nan())
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn numbers_are_the_same_where_a_storage_gives_them_back_so() {
        assert!(same(0.5, 0.5) && same(0.0, -0.0) && same(f64::NAN, -f64::NAN));
        assert!(!same(0.5, f64::NAN) && !same(f64::NAN, 0.5) && !same(0.5, 0.5 + f64::EPSILON));
    }
}
