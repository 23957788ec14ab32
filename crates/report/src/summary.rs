//! What a study found, in one JSON object for programs.

use serde_json::{Value as Json, json};
use tunefork_study::{TrialRecord, deviation, mean};
use tunefork_trial::TrialState;

use crate::Report;
use crate::sections::Saved;
use crate::statistics::quantile;

/// The object. What is not known is null.
pub(crate) fn summary(report: &Report<'_>) -> Json {
    let study = report.study;
    let values: Vec<f64> = report.complete().into_iter().map(|(_, value)| value).collect();
    let count = |state: TrialState| report.own().filter(|trial| trial.state == state).count();
    let direction = study.header.direction;
    let extreme = |better: bool| {
        let pick = |a: f64, b: f64| if direction.better(b, a) == better && a != b { b } else { a };
        values.iter().copied().reduce(pick)
    };
    let some = |of: &dyn Fn(&[f64]) -> f64| (!values.is_empty()).then(|| of(&values));
    let saved = Saved::of(report);
    let best = study.best();
    let seconds = report.own().filter_map(TrialRecord::seconds).reduce(|all, seconds| all + seconds);
    let attribute = |name: &str, value: &Json| (name.to_owned(), value.clone());
    json!({
        "study": study.header.name,
        "metric": study.header.metric,
        "direction": direction,
        "trials": report.own().count(),
        "complete": count(TrialState::Complete),
        "stopped": count(TrialState::Pruned),
        "failed": count(TrialState::Failed),
        "share_stopped": share(count(TrialState::Pruned), report.own().count()),
        "epochs": report.own().map(|trial| trial.epochs.len()).sum::<usize>(),
        "epochs_saved": saved.as_ref().map(|saved| saved.planned.saturating_sub(saved.trained)),
        "share_of_epochs_saved": saved.as_ref().map(Saved::share),
        "seconds": study.elapsed.as_secs_f64(),
        "seconds_trained": seconds,
        "best": best.and_then(|best| best.value),
        "best_trial": best.map(|best| best.number.0),
        "params": best.map(TrialRecord::params),
        "worst": extreme(false),
        "mean": some(&mean),
        "deviation": deviation(&values),
        "median": some(&|values| quantile(values, 0.5)),
        "range": extreme(true).zip(extreme(false)).map(|(best, worst)| (best - worst).abs()),
        "converged_at": crate::sections::converged(report).map(|trial| trial.number.0),
        "test": report.test.as_ref().map(|test| figures(&test.figures)),
        "attributes": study.header.attributes.iter().map(|(name, value)| attribute(name, value)).collect::<serde_json::Map<_, _>>(),
    })
}

fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

fn figures(figures: &[(String, f64)]) -> Json {
    figures.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>().into()
}
