//! Which parameters mattered.

use tunefork_charts::{Axis, Bar, Chart, Figure, Interval, Layer};

use crate::Report;
use crate::importances::{Mattered, mattered};
use crate::numbers::percent;

/// For each parameter, the most important first, its share in being among the best, and beside it what it explains of how the results
/// differ, with the deviation over the trees of the model.
pub(crate) fn importances(report: &Report<'_>) -> Option<Figure> {
    let Mattered { importances, effects } = mattered(report);
    let first = importances.first()?;
    let names = || Axis::band("", importances.iter().map(|of| of.parameter.as_str()));
    let bars: Vec<Bar> = importances
        .iter()
        .enumerate()
        .map(|(place, of)| Bar::new(place, of.share).label(percent(of.share)).tip(of.parameter.clone()))
        .collect();
    let best = Chart::new(Axis::linear("share in being among the best tenth").percent(), names());
    let told = format!("{} has the largest share, {}", first.parameter, percent(first.share));
    let figure = Figure::new("importances", "What mattered");
    let Some(most) = effects.main.first() else {
        return Some(figure.description(format!("{told}.")).panel(best.layer(Layer::bars(bars))));
    };
    let intervals = effects.main.iter().filter_map(|of| {
        let place = importances.iter().position(|other| other.parameter == of.parameter)?;
        let (low, high) = ((of.explained - of.deviation).max(0.0), (of.explained + of.deviation).min(1.0));
        let tip = format!("{}: {} of the variance, ± {}", of.parameter, percent(of.explained), percent(of.deviation));
        Some(Interval::new(place as f64, low, of.explained, high).tip(tip))
    });
    let explained = Axis::linear("explains of the variance alone").percent().containing(0.0);
    let all = Chart::new(explained, names()).layer(Layer::intervals(intervals.collect::<Vec<_>>()));
    let told = format!("{told}; {} moves results most, {} of their variance.", most.parameter, percent(most.explained));
    Some(figure.description(told).columns(2).panel(best.layer(Layer::bars(bars))).panel(all))
}
