//! Every pair of the most important parameters.

use tunefork_charts::{Chart, Figure, Layer, Panel, Point, Sharing};
use tunefork_space::Domain;

use super::{drawn_parameters, internal, parameter_axis, value_axis, value_colour};
use crate::Report;

/// More columns are too narrow to be read.
const MOST: usize = 4;
/// Of more trials a part is drawn in each of the panels.
const MOST_POINTS: usize = 300;

/// A scatter matrix: below the diagonal each pair of parameters, coloured by the value, and in the last row the value itself over
/// each. Nothing of fewer than three parameters, for which other figures show the same.
pub(crate) fn scatter(report: &Report<'_>) -> Option<Figure> {
    let complete = report.complete();
    let parameters: Vec<(&str, Domain)> = drawn_parameters(report).into_iter().take(MOST).collect();
    if complete.len() < 12 || parameters.len() < 3 {
        return None;
    }
    let every = complete.len().div_ceil(MOST_POINTS);
    let drawn: Vec<_> = complete.iter().step_by(every).copied().collect();
    let values: Vec<f64> = complete.iter().map(|(_, value)| *value).collect();
    let (colour, palette) = value_colour(report, &values);
    let panel = |row: usize, column: usize| -> Panel {
        let (x, x_domain) = &parameters[column];
        let points = drawn.iter().filter_map(|(trial, value)| {
            let across = internal(trial, x, x_domain)?;
            let up = match parameters.get(row) {
                Some((y, y_domain)) => internal(trial, y, y_domain)?,
                None => *value,
            };
            Some(Point::new(across, up).value(*value).key(trial.number.0))
        });
        let y_axis = match parameters.get(row) {
            Some((y, y_domain)) => parameter_axis(y, y_domain),
            None => value_axis(report, &values),
        };
        let points: Vec<Point> = points.collect();
        let chart = Chart::new(parameter_axis(x, x_domain), y_axis).colour(colour.clone(), palette);
        chart.layer(Layer::points(points).thin().spread()).into()
    };
    let columns = parameters.len();
    let panels = (1..=columns).flat_map(|row| {
        let panel = &panel;
        (0..columns).map(move |column| if column < row { panel(row, column) } else { Panel::Empty })
    });
    let panels: Vec<Panel> = panels.collect();
    let part =
        if every > 1 { format!(" Of {} trials {} are drawn.", complete.len(), drawn.len()) } else { String::new() };
    let told = format!("Each pair of parameters, coloured by {}.{part}", report.objective());
    let figure = Figure::new("scatter", "Pairs of parameters").description(told).columns(columns).height(110);
    Some(figure.sharing(Sharing::RowsAndColumns).panels(panels))
}
