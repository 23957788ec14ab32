//! The last event of `tunefork run --json`.

use serde_json::json;
use tunefork::study::{StudyRecord, deviation_of};
use tunefork::trial::TrialState;
use tunefork::{Report, ReportFormat, RunOptions, StudySpec, study_notes};

use crate::events::{Best, Given, Line, RunEvent, StudyFinished, Test, UnderWay, figures};
use crate::output::failures;

/// All that came out of a run, which took so many seconds.
pub(crate) fn finished(spec: &StudySpec, report: &Report, options: &RunOptions, seconds: f64) -> Line {
    let (study, outcome, folder) = (&report.study, &report.outcome, &options.folder);
    let models = match outcome.best.is_some() || outcome.under_way.is_some() {
        true => folder.models(spec.members()),
        false => Vec::new(),
    };
    let finished = StudyFinished {
        study: study.header.name.clone(),
        ended: outcome.ended.into(),
        objective: spec.objective().to_string(),
        direction: study.header.direction,
        trials: TrialState::ALL.iter().map(|state| (state.name(), count(study, *state))).collect(),
        best: best(study),
        under_way: outcome.under_way.map(|under_way| UnderWay {
            trial: under_way.number.0,
            epochs: under_way.epochs,
            value: Some(under_way.value),
        }),
        test: report.test.as_ref().map(|test| Test {
            images: test.images,
            looks: test.looks,
            figures: figures(&test.figures),
            deviations: figures(&test.deviations),
        }),
        models: models.iter().map(|model| model.display().to_string()).collect(),
        report: folder.report(ReportFormat::Html).display().to_string(),
        database: folder.database().display().to_string(),
        failures: failures(study),
        notes: study_notes(study),
        outside_trials: outcome.outside_trials,
        outside_events: outcome.outside_events,
        seconds,
        study_seconds: study.elapsed.as_secs_f64(),
    };
    Line { event: RunEvent::StudyFinished(Box::new(finished)), given: Given::default() }
}

fn count(study: &StudyRecord, state: TrialState) -> usize {
    study.trials.iter().filter(|trial| trial.state == state).count()
}

fn best(study: &StudyRecord) -> Option<Best> {
    let best = study.best()?;
    Some(Best {
        trial: best.number.0,
        value: best.value,
        deviation: deviation_of(best.trainings()),
        params: json!(best.params()),
    })
}
