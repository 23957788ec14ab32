//! What was tried, whatever came of it.

use tunefork_charts::{Axis, Bar, Chart, Colour, Figure, Layer};
use tunefork_trial::TrialState;

use super::ranges::Ranges;
use super::{MOST_PARAMETERS, drawn_parameters, internal, parameter_axis};
use crate::Report;

/// Into how many ranges a numeric parameter is cut.
const CELLS: usize = 10;

/// How many trials had each value of each parameter, as runs per depth, and how many of them ran to their end.
pub(crate) fn tried(report: &Report<'_>) -> Option<Figure> {
    let parameters = drawn_parameters(report);
    if report.own().count() < 5 || parameters.is_empty() {
        return None;
    }
    let panels = parameters.iter().take(MOST_PARAMETERS).map(|(name, domain)| {
        let ranges = Ranges::of(domain, CELLS);
        let mut counts = vec![[0u32; 2]; ranges.count()];
        for trial in report.own() {
            if let Some(value) = internal(trial, name, domain) {
                counts[ranges.place(value)][usize::from(trial.state == TrialState::Complete)] += 1;
            }
        }
        let [complete, others] = [1, 0].map(|kind: usize| {
            let bars = counts.iter().enumerate().filter(|(_, count)| count[kind] > 0).map(|(part, count)| {
                let (below, here) = (f64::from(count[1]) * f64::from(kind == 0), f64::from(count[kind]));
                let tip = format!("{} complete, {} others", count[1], count[0]);
                Bar::between(ranges.extent(part), below, below + here).tip(tip)
            });
            bars.collect::<Vec<Bar>>()
        });
        let mut chart = Chart::new(parameter_axis(name, domain), Axis::linear("trials").whole());
        chart = chart.layer(Layer::bars(complete).name("complete"));
        if others.is_empty() { chart } else { chart.layer(Layer::bars(others).name("others").colour(Colour::Muted)) }
    });
    let panels: Vec<Chart> = panels.collect();
    let columns = panels.len().min(3);
    let told = "How many trials had each value, and how many of them ran to their end.";
    Some(Figure::new("tried", "What was tried").description(told).columns(columns).height(110).panels(panels))
}
