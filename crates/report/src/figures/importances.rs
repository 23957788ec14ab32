//! Which parameters mattered.

use tunefork_charts::{Axis, Bar, Chart, Figure, Layer};

use crate::Report;
use crate::numbers::percent;

/// A bar for each parameter, the most important first.
pub(crate) fn importances(report: &Report<'_>) -> Option<Figure> {
    let importances = crate::importances::importances(report);
    let first = importances.first()?;
    let bars: Vec<Bar> = importances
        .iter()
        .enumerate()
        .map(|(place, of)| Bar::new(place, of.share).label(percent(of.share)).tip(of.parameter.clone()))
        .collect();
    let names = importances.iter().map(|of| of.parameter.as_str());
    let chart = Chart::new(Axis::linear("share of the importance").percent(), Axis::band("", names));
    let told = format!("{} has the largest share, {}.", first.parameter, percent(first.share));
    Some(Figure::new("importances", "What mattered").description(told).panel(chart.layer(Layer::bars(bars))))
}
