//! What a reader should know of a study beside its best trial: how it came to be, and what was better elsewhere.

use tunefork_report::{Row, counted, figure};
use tunefork_study::{StudyRecord, Timing, TrialRecord};
use tunefork_trial::TrialState;

/// Sentences about a trial that was better when it was stopped, about trials that other programs have run or asked for, and about
/// a study that grew; none where there is nothing to say.
pub fn study_notes(study: &StudyRecord) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Some((stopped, value)), Some(best)) = (study.better_stopped(), study.best()) {
        let (value, ended, epochs) = (figure(value), figure(best.value.unwrap_or(f64::NAN)), stopped.epochs.len());
        notes.push(format!(
            "trial {} was stopped after epoch {epochs} with {value}, better than the {ended} of the best, trial {}, which was trained to its end",
            stopped.number, best.number
        ));
    }
    if let Some([first, .., last]) = study.grown() {
        notes.push(format!(
            "it went on from {first} to {last} trials, which is not the same as {last} at once: trials were stopped and proposed without those to come"
        ));
    }
    if let Some(outside) = study.better_outside() {
        let value = figure(outside.value.unwrap_or(f64::NAN));
        notes.push(format!(
            "trial {} has {value}, which is better, but another program ran it: its weights are not here",
            outside.number
        ));
    }
    let outside = study.outside_trials();
    if outside > 0 {
        notes.push(format!("reproducible given {}", counted(outside, "outside trial")));
    }
    let waiting = study.trials.iter().filter(|trial| trial.state == TrialState::Waiting).count();
    if waiting > 0 {
        notes.push(format!(
            "{waiting} of the enqueued trials still to be run: run the same command again, with more `trials` where all are run"
        ));
    }
    notes
}

/// Such a trial as the tables show it.
pub(super) fn outside_row(trial: &TrialRecord) -> Row {
    let times = trial.epochs.iter().filter_map(|epoch| epoch.report.timing.as_ref());
    let seconds = times.map(Timing::all_seconds).reduce(|all, seconds| all + seconds);
    Row {
        is_outside: true,
        value: trial.value,
        epochs: trial.epochs.len() as u32,
        reason: "by another program".to_string(),
        seconds,
        ..Row::new(trial.number.0, trial.state, trial.params())
    }
}
