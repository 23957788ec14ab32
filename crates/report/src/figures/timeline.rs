//! Which trials ran when.

use jiff::civil::DateTime;
use tunefork_charts::{Axis, Bar, Chart, Colour, Figure, Layer};
use tunefork_study::TrialRecord;
use tunefork_trial::TrialState;

use crate::Report;

/// Bars from start to end, in as few rows as there were trials at the same time. Nothing where times are unknown.
pub(crate) fn timeline(report: &Report<'_>) -> Option<Figure> {
    let mut spans: Vec<(&TrialRecord, f64, f64)> = Vec::new();
    let times = |trial: &TrialRecord| {
        let time = |text: &Option<String>| text.as_deref()?.parse::<DateTime>().ok();
        Some((time(&trial.observed.started)?, time(&trial.observed.ended)?))
    };
    let first = report.study.trials.iter().filter_map(|trial| Some(times(trial)?.0)).min()?;
    for trial in &report.study.trials {
        let Some((start, end)) = times(trial) else { continue };
        let seconds = |time: DateTime| time.duration_since(first).as_secs_f64();
        spans.push((trial, seconds(start), seconds(end)));
    }
    if spans.len() < 2 {
        return None;
    }
    spans.sort_by(|(_, a, _), (_, b, _)| a.total_cmp(b));
    let mut free: Vec<f64> = Vec::new();
    let mut bars: [Vec<Bar>; 3] = Default::default();
    for (trial, start, end) in spans {
        let row = free.iter().position(|until| *until <= start).unwrap_or(free.len());
        if row == free.len() {
            free.push(end);
        }
        free[row] = end;
        let kind = match trial.state {
            TrialState::Complete => 0,
            TrialState::Failed => 2,
            TrialState::Pruned | TrialState::Running | TrialState::Paused | TrialState::Waiting => 1,
        };
        let tip = format!("trial {}: {} after {:.1} s", trial.number, trial.state, end - start);
        bars[kind].push(Bar::between(row, start, end).key(trial.number.0).tip(tip));
    }
    let rows: Vec<String> = (1..=free.len()).map(|row| row.to_string()).collect();
    let count = rows.len();
    let mut chart = Chart::new(Axis::linear("time since the first start").seconds(), Axis::band("at once", rows));
    let kinds = [("complete", Colour::Series(1)), ("stopped", Colour::Muted), ("failed", Colour::Series(6))];
    for (bars, (name, colour)) in bars.into_iter().zip(kinds) {
        if !bars.is_empty() {
            chart = chart.layer(Layer::bars(bars).name(name).colour(colour));
        }
    }
    let told = format!("At most {} under way at the same time.", tunefork_names::counted(count, "trial"));
    Some(Figure::new("timeline", "When trials ran").description(told).panel(chart))
}
