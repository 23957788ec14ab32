//! What rises and falls together.

use tunefork_charts::{Axis, Cell, Chart, Figure, Layer, Palette};
use tunefork_study::TrialRecord;

use super::{MOST_PARAMETERS, drawn_parameters, internal};
use crate::Report;
use crate::statistics::rank_correlation;

/// A matrix of rank correlations between numeric parameters and the value.
pub(crate) fn correlation(report: &Report<'_>) -> Option<Figure> {
    let complete = report.complete();
    let numeric = drawn_parameters(report).into_iter().filter(|(_, domain)| !domain.is_categorical());
    let parameters: Vec<_> = numeric.take(MOST_PARAMETERS).collect();
    if complete.len() < 8 || parameters.is_empty() {
        return None;
    }
    let names: Vec<&str> = parameters.iter().map(|(name, _)| *name).chain([report.objective()]).collect();
    let column = |place: usize, trial: &TrialRecord, value: f64| match parameters.get(place) {
        Some((name, domain)) => internal(trial, name, domain),
        None => Some(value),
    };
    let mut cells = Vec::new();
    for (row, of_row) in names.iter().enumerate() {
        for (place, of_column) in names.iter().enumerate().take(row) {
            let pair = |(trial, value): &(&TrialRecord, f64)| {
                Some((column(place, trial, *value)?, column(row, trial, *value)?))
            };
            let pairs: Vec<(f64, f64)> = complete.iter().filter_map(pair).collect();
            let Some(rank) = rank_correlation(&pairs) else { continue };
            let tip = format!("{of_column} and {of_row}: {rank:+.2} of {} trials", pairs.len());
            cells.push(Cell::new(place, row - 1, rank).label(format!("{rank:+.2}")).tip(tip));
        }
    }
    let last = names.len() - 1;
    let chart = Chart::new(Axis::band("", names[..last].to_vec()), Axis::band("", names[1..].to_vec()))
        .colour(Axis::linear("rank correlation").range(-1.0, 1.0), Palette::Diverging)
        .layer(Layer::cells(cells));
    let told = "Spearman's correlation of the completed trials: 1 where two rise together, -1 where one falls as the other rises.";
    Some(Figure::new("correlation", "What rises together").description(told).panel(chart))
}
