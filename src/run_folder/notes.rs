//! What a reader should know of a study beside its best trial: how it came to be, and what was better elsewhere.

use tunefork_report::{counted, figure};
use tunefork_study::StudyRecord;
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
            "`trials` was raised from {first} to {last}, which is not the same as {last} at once: trials were stopped and proposed without those to come"
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
        let by_whom = match study.header.stages.is_empty() {
            true => "by the program that made the study",
            false => "run the same command again, with more `trials` where all are run",
        };
        notes.push(format!("{waiting} of the enqueued trials still to be run: {by_whom}"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunefork_study::{StudyHeader, TrialRecord};
    use tunefork_trial::{Direction, TrialNumber};

    fn study(stages: &[u32], slots: u32) -> StudyRecord {
        let header = StudyHeader::new("s", Direction::Minimize, 0);
        let mut study = StudyRecord::new(StudyHeader { stages: stages.to_vec(), slots, ..header });
        study.trials.push(TrialRecord::new(TrialNumber(0), TrialState::Waiting));
        study
    }

    #[test]
    fn trials_that_wait_are_for_who_can_run_them() {
        let [ours, others] = [&[4][..], &[]].map(|stages| study_notes(&study(stages, 1)));
        let told = "1 of the enqueued trials still to be run";
        let again = "run the same command again, with more `trials` where all are run";
        assert_eq!(ours, [format!("{told}: {again}")]);
        assert_eq!(others, [format!("{told}: by the program that made the study")]);
    }

    #[test]
    fn stages_are_told_by_what_was_asked_for() {
        let told = study_notes(&study(&[6, 9, 11], 2));
        assert!(
            told[0].starts_with("`trials` was raised from 6 to 11, which is not the same as 11 at once"),
            "{told:?}"
        );
        assert_eq!(study_notes(&study(&[11], 2)).len(), 1);
    }
}
