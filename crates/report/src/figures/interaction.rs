//! The two most important parameters together.

use tunefork_charts::{Cell, Chart, Figure, Layer, Point};
use tunefork_study::mean;

use super::ranges::Ranges;
use super::{drawn_parameters, internal, parameter_axis, value_colour};
use crate::Report;
use crate::numbers::figure;

/// Cells of a range of numbers.
const CELLS: usize = 6;

/// The mean value in cells of the two most important parameters, with the trials over them.
pub(crate) fn interaction(report: &Report<'_>) -> Option<Figure> {
    let parameters = drawn_parameters(report);
    let [(x, x_domain), (y, y_domain), ..] = &parameters[..] else { return None };
    let found: Vec<(f64, f64, f64, u32)> = (report.complete().into_iter())
        .filter_map(|(trial, value)| {
            Some((internal(trial, x, x_domain)?, internal(trial, y, y_domain)?, value, trial.number.0))
        })
        .collect();
    if found.len() < 12 {
        return None;
    }
    let (columns, rows) = (Ranges::of(x_domain, CELLS), Ranges::of(y_domain, CELLS));
    let means: Vec<(usize, usize, f64, usize)> = (0..columns.count())
        .flat_map(|column| (0..rows.count()).map(move |row| (column, row)))
        .filter_map(|(column, row)| {
            let inside = found.iter().filter(|(x, y, ..)| columns.place(*x) == column && rows.place(*y) == row);
            let values: Vec<f64> = inside.map(|(_, _, value, _)| *value).collect();
            (!values.is_empty()).then(|| (column, row, mean(&values), values.len()))
        })
        .collect();
    let drawn = means.iter().map(|(column, row, mean, count)| {
        let (across, up) = (columns.extent(*column), rows.extent(*row));
        Cell::new(across, up, *mean).tip(format!("{} in the mean of {count}", figure(*mean)))
    });
    let (axis, palette) = value_colour(report, &means.iter().map(|(_, _, mean, _)| *mean).collect::<Vec<_>>());
    let dots: Vec<Point> = found.iter().map(|(x, y, _, key)| Point::new(*x, *y).key(*key)).collect();
    let chart = Chart::new(parameter_axis(x, x_domain), parameter_axis(y, y_domain))
        .colour(axis, palette)
        .layer(Layer::cells(drawn.collect::<Vec<_>>()))
        .layer(Layer::points(dots).thin().colour(tunefork_charts::Colour::Ink).spread());
    let told = format!("Mean {} where {x} and {y} have these values; dots are trials.", report.objective());
    Some(Figure::new("interaction", format!("{x} and {y} together")).description(told).height(260).panel(chart))
}
