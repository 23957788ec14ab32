//! Which parameters mattered, and how.

use tunefork_names::counted;

use crate::Report;
use crate::document::{Section, Table};
use crate::figures;
use crate::importances::importances;
use crate::numbers::percent;

pub(super) fn parameters(report: &Report<'_>) -> Section {
    let mut section = Section::new("What mattered");
    if report.is_designed() {
        return section;
    }
    let importances = importances(report);
    if !importances.is_empty() {
        let complete = report.complete().len();
        let is_rough = if complete < 50 { " Of so few trials it is a rough guess." } else { "" };
        section.text(format!(
            "How far the values of the best tenth of {} lie from those of all (PED-ANOVA), as shares.{is_rough}",
            counted(complete, "completed trial")
        ));
        let rows = importances.iter().map(|of| vec![of.parameter.clone(), percent(of.share)]);
        section.table(Table::new(["parameter", "share"]).with_rows(rows));
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
