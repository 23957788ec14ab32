//! How the results are distributed.

use tunefork_charts::{Axis, Bar, Chart, Figure, Layer, Point};

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
    let count = values.len() as f64;
    let edges = edges(&values);
    let bars: Vec<Bar> = edges
        .windows(2)
        .map(|edge| {
            let is_last = edge[1] >= high;
            let inside = values.iter().filter(|value| **value >= edge[0] && (**value < edge[1] || is_last)).count();
            let tip = format!("{} to {}: {inside}", figure(edge[0]), figure(edge[1]));
            Bar::new((edge[0], edge[1]), inside as f64).tip(tip)
        })
        .collect();
    let steps = values.iter().enumerate().map(|(place, value)| Point::new(*value, (place + 1) as f64 / count));
    let steps: Vec<Point> = [Point::new(low, 0.0)].into_iter().chain(steps).collect();
    let median = quantile(&values, 0.5);
    let objective = report.objective();
    let counts = Chart::new(Axis::linear(objective), Axis::linear("trials").whole()).layer(Layer::bars(bars));
    let shares = Chart::new(Axis::linear(objective), Axis::linear("trials up to it").percent().range(0.0, 1.0))
        .layer(Layer::steps(steps))
        .layer(Layer::rule_x(median).name("median"));
    let told = format!("From {} to {}, half of them up to {}.", figure(low), figure(high), figure(median));
    let figure = Figure::new("distribution", "All results").description(told).columns(2).height(180);
    Some(figure.panel(counts).panel(shares))
}

/// The edges of bins by the rule of Freedman and Diaconis (1981), 5 to 40 of them.
fn edges(sorted: &[f64]) -> Vec<f64> {
    let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
    let width = 2.0 * (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / (sorted.len() as f64).cbrt();
    let bins = ((high - low) / width).ceil().clamp(5.0, 40.0);
    let bins = if bins.is_nan() { 5.0 } else { bins };
    (0..=bins as usize).map(|place| low + (high - low) * place as f64 / bins).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_follow_freedman_and_diaconis() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        // The quartiles are 499.5 apart: bins of 99.9 cover 999.
        assert_eq!(edges(&values).len(), 11);
        assert_eq!(edges(&[0.0, 0.0, 0.0, 0.0, 1.0]).len(), 41, "an infinite number is the most");
    }
}
