//! Which parameters mattered, and how.

use tunefork_importance::Fanova;
use tunefork_names::counted;

use crate::Report;
use crate::document::{Section, Table};
use crate::figures;
use crate::importances::{LEAST_TRIALS, Mattered, mattered};
use crate::numbers::percent;

/// Pairs that explain less of the variance than this are noise, and more of them nobody reads.
const LEAST: f64 = 0.01;
const MOST_PAIRS: usize = 5;

pub(super) fn parameters(report: &Report<'_>) -> Section {
    let mut section = Section::new("What mattered");
    if report.is_designed() {
        return section;
    }
    let complete = report.complete().len();
    // Who has run three does not ask.
    if (8..LEAST_TRIALS).contains(&complete) && report.parameters().len() > 1 {
        section.text(format!(
            "Which parameters matter most is told from {LEAST_TRIALS} completed trials on; of {complete} it would be a guess."
        ));
    }
    let Mattered { importances, effects } = mattered(report);
    if !importances.is_empty() {
        let is_rough = if complete < 50 { " Of so few trials it is a rough guess." } else { "" };
        section.text(format!(
            "Two answers, from {}: how far the values of the best tenth lie from those of all (PED-ANOVA), as shares, and how much of the \
             variance of all results a parameter explains alone (fANOVA: a forest of {} trees, ± their deviation; pairs explain what is \
             left).{is_rough}",
            counted(complete, "completed trial"),
            Fanova::default().trees
        ));
        let explained = |name: &str| {
            let found = effects.main.iter().find(|of| of.parameter == name);
            found.map(|of| format!("{} ± {}", percent(of.explained), percent(of.deviation))).unwrap_or_default()
        };
        let rows = importances.iter().map(|of| vec![of.parameter.clone(), percent(of.share), explained(&of.parameter)]);
        section.table(Table::new(["parameter", "among the best", "explains"]).with_rows(rows));
        let pairs = effects.interactions.iter().filter(|pair| pair.explained >= LEAST).take(MOST_PAIRS);
        let rows: Vec<Vec<String>> = pairs
            .map(|pair| {
                vec![pair.parameters.join(" x "), format!("{} ± {}", percent(pair.explained), percent(pair.deviation))]
            })
            .collect();
        if !rows.is_empty() {
            section.table(Table::new(["together", "explain"]).with_rows(rows));
        }
    }
    section.figure(figures::importances(report));
    section.figure(figures::slices(report));
    section.figure(figures::quartiles(report));
    section.figure(figures::interaction(report));
    section.figure(figures::contour(report));
    section.figure(figures::scatter(report));
    section.figure(figures::parallel(report));
    section.figure(figures::correlation(report));
    section
}
