//! How the best trial does class by class.

use tunefork_charts::{Axis, Bar, Cell, Chart, Figure, Layer, Palette};
use tunefork_study::Metrics;

use crate::Report;
use crate::numbers::figure;

/// Names of more classes cannot be read beside each other.
const MOST: usize = 32;

fn metrics<'a>(report: &Report<'a>) -> Option<&'a Metrics> {
    Some(&report.study.best()?.epochs.last()?.report.metrics)
}

fn names(metrics: &Metrics) -> Vec<&str> {
    metrics.per_class.chunk_by(|((a, _), _), ((b, _), _)| a == b).map(|of_class| of_class[0].0.0.as_str()).collect()
}

/// The confusion matrix after the best trial's last epoch, in shares of each actual class.
pub(crate) fn confusion(report: &Report<'_>) -> Option<Figure> {
    let metrics = metrics(report)?;
    let classes = names(metrics);
    if metrics.confusion.is_empty() || classes.len() < 2 || classes.len() > MOST {
        return None;
    }
    let count = |actual: &str, taken: &str| {
        let found = metrics.confusion.iter().find(|((a, t), _)| a == actual && t == taken);
        found.map_or(0.0, |(_, count)| *count)
    };
    let mut cells = Vec::new();
    for (row, actual) in classes.iter().enumerate() {
        let all: f64 = classes.iter().map(|taken| count(actual, taken)).sum();
        for (column, taken) in classes.iter().enumerate() {
            let here = count(actual, taken);
            let share = if all > 0.0 { here / all } else { 0.0 };
            let tip = format!("{here} of {all} images of {actual} were taken for {taken}");
            let cell = Cell::new(column, row, share).tip(tip);
            cells.push(if here > 0.0 { cell.label(here.to_string()) } else { cell });
        }
    }
    let chart = Chart::new(Axis::band("taken for", classes.clone()), Axis::band("actual", classes.clone()))
        .colour(Axis::linear("share of the actual class").percent().range(0.0, 1.0), Palette::Sequential)
        .square()
        .layer(Layer::cells(cells));
    let worst = metrics.confusion.iter().filter(|((actual, taken), _)| actual != taken);
    let told = match worst.max_by(|(_, a), (_, b)| a.total_cmp(b)) {
        Some(((actual, taken), count)) => format!("Most often {actual} is taken for {taken}: {count} times."),
        None => "No image was taken for another class.".to_string(),
    };
    Some(Figure::new("confusion", "What is taken for what").description(told).panel(chart))
}

/// Precision, recall and F1 of each class after the best trial's last epoch, the worst first.
pub(crate) fn classes(report: &Report<'_>) -> Option<Figure> {
    let metrics = metrics(report)?;
    let mut f1: Vec<(&str, f64)> = metrics
        .per_class
        .iter()
        .filter(|((_, name), _)| name == "f1")
        .map(|((class, _), value)| (class.as_str(), *value))
        .collect();
    if f1.len() < 2 {
        return None;
    }
    f1.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let all = f1.len();
    f1.truncate(MOST);
    let of = |class: &str, name: &str| {
        let found = metrics.per_class.iter().find(|((other, figure), _)| other == class && figure == name);
        found.map_or(f64::NAN, |(_, value)| *value)
    };
    let bars: Vec<Bar> = f1
        .iter()
        .enumerate()
        .map(|(place, (class, value))| {
            let (precision, recall) = (figure(of(class, "precision")), figure(of(class, "recall")));
            let tip = format!("{class}: precision {precision}, recall {recall}, F1 {}", figure(*value));
            Bar::new(place, *value).label(format!("{value:.3}")).tip(tip)
        })
        .collect();
    let (worst, value) = f1[0];
    let chart = Chart::new(Axis::linear("F1").range(0.0, 1.0), Axis::band("", f1.iter().map(|(class, _)| *class)))
        .layer(Layer::bars(bars));
    let part = if all > MOST { format!(" The worst {MOST} of {all} classes are drawn.") } else { String::new() };
    let told = format!("The hardest class is {worst}, with F1 {}.{part}", figure(value));
    Some(Figure::new("classes", "Class by class").description(told).panel(chart))
}
