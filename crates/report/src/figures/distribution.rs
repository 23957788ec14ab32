//! How the results are distributed.

use tunefork_charts::{Axis, Chart, Figure, Layer, distribution as distribution_of, histogram};

use crate::Report;
use crate::numbers::figure;
use crate::statistics::quantile;

/// A histogram of the completed trials' values, and the share of trials up to each value.
pub(crate) fn distribution(report: &Report<'_>) -> Option<Figure> {
    let mut values: Vec<f64> = report.complete().into_iter().map(|(_, value)| value).collect();
    if values.len() < 5 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[0], values[values.len() - 1]);
    if low == high {
        return None;
    }
    let median = quantile(&values, 0.5);
    let objective = report.objective();
    let counts = Chart::new(Axis::linear(objective), Axis::linear("trials").whole())
        .layer(Layer::bars(histogram(&Axis::linear(objective), &values)));
    let shares = Chart::new(Axis::linear(objective), Axis::linear("trials up to it").percent().range(0.0, 1.0))
        .layer(Layer::steps(distribution_of(&values)))
        .layer(Layer::rule_x(median).name("median"));
    let told = format!("From {} to {}, half of them up to {}.", figure(low), figure(high), figure(median));
    let figure = Figure::new("distribution", "All results").description(told).columns(2).height(180);
    Some(figure.panel(counts).panel(shares))
}
