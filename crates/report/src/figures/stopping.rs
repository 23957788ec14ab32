//! After how many epochs trials ended.

use tunefork_charts::{Axis, Bar, Chart, Colour, Figure, Layer};
use tunefork_trial::TrialState;

use crate::Report;
use crate::report::epochs;

/// Stacked counts of stopped and completed trials by their epochs; nothing where none was stopped.
pub(crate) fn stopping(report: &Report<'_>) -> Option<Figure> {
    let count = |state: TrialState, epoch: u32| {
        report.own().filter(|trial| trial.state == state && epochs(trial) == epoch).count() as f64
    };
    let stopped = report.own().filter(|trial| trial.state == TrialState::Pruned);
    let most = report.own().map(epochs).max()?;
    let stopped = stopped.count();
    if stopped == 0 {
        return None;
    }
    let mut layers = [Vec::new(), Vec::new()];
    for epoch in 1..=most {
        let (pruned, complete) = (count(TrialState::Pruned, epoch), count(TrialState::Complete, epoch));
        let x = f64::from(epoch);
        let tip = |what: &str, count: f64| format!("after epoch {epoch}: {count} {what}");
        if pruned > 0.0 {
            layers[0].push(Bar::new((x - 0.4, x + 0.4), pruned).tip(tip("stopped", pruned)));
        }
        if complete > 0.0 {
            let bar = Bar::between((x - 0.4, x + 0.4), pruned, pruned + complete);
            layers[1].push(bar.tip(tip("complete", complete)));
        }
    }
    let [pruned, complete] = layers;
    let chart = Chart::new(Axis::linear("epochs trained").whole(), Axis::linear("trials").whole())
        .layer(Layer::bars(pruned).name("stopped early").colour(Colour::Muted))
        .layer(Layer::bars(complete).name("complete"));
    let told = format!("{stopped} trials were stopped before their last epoch.");
    Some(Figure::new("stopping", "When trials ended").description(told).height(160).panel(chart))
}
