//! The best quarter of the trials against the worst.

use tunefork_charts::{Axis, Bar, Chart, Colour, Extent, Figure, Interval, Layer};
use tunefork_space::Domain;
use tunefork_study::TrialRecord;

use super::{MOST_PARAMETERS, drawn_parameters, internal, parameter_axis};
use crate::Report;
use crate::numbers::{percent, value_text};
use crate::statistics::quantile;

/// Of fewer trials a quarter is a handful.
const LEAST: usize = 16;

/// The names of the two rows.
const ROWS: [&str; 2] = ["best quarter", "worst quarter"];

/// For each parameter where the best and the worst quarter of the completed trials lie: half of them between the ends of a bar of a
/// numeric one, and the shares of the choices of another one.
pub(crate) fn quartiles(report: &Report<'_>) -> Option<Figure> {
    let mut complete = report.complete();
    let parameters = drawn_parameters(report);
    if complete.len() < LEAST || parameters.is_empty() {
        return None;
    }
    let direction = report.study.header.direction;
    complete.sort_by(|(_, a), (_, b)| direction.loss(*a).total_cmp(&direction.loss(*b)));
    let quarter = complete.len() / 4;
    let side = |part: &[(&'_ TrialRecord, f64)], name: &str, domain: &Domain| -> Vec<f64> {
        part.iter().filter_map(|(trial, _)| internal(trial, name, domain)).collect()
    };
    let (best, worst) = (&complete[..quarter], &complete[complete.len() - quarter..]);
    let drawn = parameters.iter().take(MOST_PARAMETERS);
    let panels: Vec<Chart> = drawn
        .filter_map(|(name, domain)| {
            let sides = [side(best, name, domain), side(worst, name, domain)];
            let all_have = sides.iter().all(|side| !side.is_empty());
            all_have.then(|| match domain {
                Domain::Categorical { choices, .. } => shares(name, &sides, choices.iter().map(value_text).collect()),
                Domain::Float { .. } | Domain::Int { .. } => ranges(name, domain, &sides),
            })
        })
        .collect();
    if panels.is_empty() {
        return None;
    }
    let told = format!(
        "The best {quarter} and the worst {quarter} of {} completed trials: dots are medians, whiskers hold the middle half; bars are \
         shares of a choice.",
        complete.len()
    );
    let columns = panels.len().min(3);
    let figure = Figure::new("quartiles", "The best against the worst").description(told).columns(columns).height(90);
    Some(figure.panels(panels))
}

fn ranges(name: &str, domain: &Domain, sides: &[Vec<f64>; 2]) -> Chart {
    let chart = Chart::new(parameter_axis(name, domain), Axis::band("", ROWS));
    let layers = sides.iter().enumerate().map(|(row, side)| {
        let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(side, share));
        let [a, b, c] = [low, middle, high].map(|value| value_text(&domain.to_value(value)));
        let tip = format!("{}: {b} in the median, half of them from {a} to {c}", ROWS[row]);
        Layer::intervals([Interval::new(row as f64, low, middle, high).tip(tip)]).colour(colour(row))
    });
    chart.layers(layers)
}

/// Bars side by side within each choice.
fn shares(name: &str, sides: &[Vec<f64>; 2], choices: Vec<String>) -> Chart {
    let count = choices.len();
    let mut chart = Chart::new(Axis::band(name, choices), Axis::linear("share").percent().range(0.0, 1.0));
    for (row, side) in sides.iter().enumerate() {
        let bars = (0..count).map(|choice| {
            let share = side.iter().filter(|value| **value == choice as f64).count() as f64 / side.len() as f64;
            let start = choice as f64 - 0.38 + 0.38 * row as f64;
            let tip = format!("{}: {}", ROWS[row], percent(share));
            Bar::new(Extent::Between(start, start + 0.36), share).tip(tip)
        });
        chart = chart.layer(Layer::bars(bars.collect::<Vec<_>>()).name(ROWS[row]).colour(colour(row)));
    }
    chart
}

fn colour(row: usize) -> Colour {
    if row == 0 { Colour::Series(1) } else { Colour::Series(2) }
}
