//! What the study was to find out, and what it says.

use crate::Report;
use crate::document::{Section, Table};
use crate::hypotheses::judged;

pub(super) fn hypotheses(report: &Report<'_>) -> Section {
    let mut section = Section::new("Hypotheses");
    let judged = judged(report);
    if judged.is_empty() {
        return section;
    }
    let counts = ["supported", "rejected", "undecided"].map(|verdict| {
        let count = judged.iter().filter(|(_, judgement)| judgement.verdict == verdict).count();
        format!("{count} {verdict}")
    });
    let text = format!(
        "{}. Better is what the study looks for: a higher value, or a lower one where it minimises.",
        counts.join(", ")
    );
    section.text(text);
    let rows =
        judged.into_iter().map(|(claim, judgement)| vec![claim, judgement.verdict.to_owned(), judgement.because]);
    section.table(Table::new(["claim", "verdict", "because"]).with_rows(rows));
    section
}
