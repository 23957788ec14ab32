//! Where in the plane of two numeric parameters the good values lie.

use tunefork_charts::{Chart, Colour, Figure, Layer, Point, surface};

use super::{drawn_parameters, internal, parameter_axis, value_colour};
use crate::Report;

/// A surface between few points shows nothing but the points.
const LEAST: usize = 20;

/// The two most important numeric parameters, with the values between the trials as a surface. Nothing where fewer than two are
/// numeric.
pub(crate) fn contour(report: &Report<'_>) -> Option<Figure> {
    let numeric: Vec<_> =
        drawn_parameters(report).into_iter().filter(|(_, domain)| !domain.is_categorical()).take(2).collect();
    let [(x, x_domain), (y, y_domain)] = &numeric[..] else { return None };
    let found: Vec<(f64, f64, f64, u32)> = (report.complete().into_iter())
        .filter_map(|(trial, value)| {
            Some((internal(trial, x, x_domain)?, internal(trial, y, y_domain)?, value, trial.number.0))
        })
        .collect();
    if found.len() < LEAST {
        return None;
    }
    let points: Vec<Point> = found.iter().map(|(x, y, value, _)| Point::new(*x, *y).value(*value)).collect();
    let values: Vec<f64> = report.complete().into_iter().map(|(_, value)| value).collect();
    let (colour, palette) = value_colour(report, &values);
    let (across, up) = (parameter_axis(x, x_domain), parameter_axis(y, y_domain));
    let cells = surface(&across, &up, &points);
    // The dots show where something is known; colours of their own would be those of the surface.
    let dots: Vec<Point> = found.iter().map(|(x, y, _, key)| Point::new(*x, *y).key(*key)).collect();
    let chart = Chart::new(across, up)
        .colour(colour, palette)
        .layer(Layer::cells(cells))
        .layer(Layer::points(dots).thin().colour(Colour::Ink));
    let told = format!("{} between the trials, the dots: the mean of the nearest ones.", report.objective());
    Some(Figure::new("contour", format!("The land between {x} and {y}")).description(told).height(260).panel(chart))
}
