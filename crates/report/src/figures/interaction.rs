//! The two most important parameters together.

use tunefork_charts::{Cell, Chart, Figure, Layer, Point};
use tunefork_space::Domain;
use tunefork_study::mean;

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
    let means: Vec<(usize, usize, f64, usize)> = (0..cells(x_domain))
        .flat_map(|column| (0..cells(y_domain)).map(move |row| (column, row)))
        .filter_map(|(column, row)| {
            let inside = found.iter().filter(|(x, y, ..)| cell(x_domain, *x) == column && cell(y_domain, *y) == row);
            let values: Vec<f64> = inside.map(|(_, _, value, _)| *value).collect();
            (!values.is_empty()).then(|| (column, row, mean(&values), values.len()))
        })
        .collect();
    let drawn = means.iter().map(|(column, row, mean, count)| {
        let (across, up) = (extent(x_domain, *column), extent(y_domain, *row));
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

/// Into how many cells a domain is cut.
fn cells(domain: &Domain) -> usize {
    match domain {
        Domain::Categorical { choices, .. } => choices.len(),
        Domain::Float { .. } | Domain::Int { .. } => CELLS,
    }
}

/// The ends of a numeric domain, transformed.
fn ends(domain: &Domain) -> Option<(f64, f64)> {
    let (low, high) = match *domain {
        Domain::Float { low, high, .. } => (low, high),
        Domain::Int { low, high, .. } => (low as f64, high as f64),
        Domain::Categorical { .. } => return None,
    };
    Some((domain.transform(low), domain.transform(high)))
}

fn cell(domain: &Domain, internal: f64) -> usize {
    match ends(domain) {
        None => internal as usize,
        Some((low, high)) if low == high => 0,
        Some((low, high)) => {
            let place = (domain.transform(internal) - low) / (high - low);
            ((place * CELLS as f64) as usize).min(CELLS - 1)
        }
    }
}

fn extent(domain: &Domain, cell: usize) -> tunefork_charts::Extent {
    match ends(domain) {
        None => cell.into(),
        Some((low, high)) => {
            let edge = |cell: usize| low + (high - low) * cell as f64 / CELLS as f64;
            let plain = |transformed: f64| if is_log(domain) { transformed.exp() } else { transformed };
            (plain(edge(cell)), plain(edge(cell + 1))).into()
        }
    }
}

fn is_log(domain: &Domain) -> bool {
    match domain {
        Domain::Float { log, .. } | Domain::Int { log, .. } => *log,
        Domain::Categorical { .. } => false,
    }
}
