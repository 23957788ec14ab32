//! How the study came to be, and how it is repeated.

use crate::Report;
use crate::document::{Block, Section, Table};

pub(super) fn notes(report: &Report<'_>) -> Section {
    let mut section = Section::new("Notes");
    if !report.notes.is_empty() {
        section.blocks.push(Block::List(report.notes.clone()));
    }
    section
}

/// Settings as the file has them; of a study that was read from a database alone, as they are stored there.
pub(super) fn settings(report: &Report<'_>) -> Section {
    let mut section = Section::new("Settings");
    let header = &report.study.header;
    if !report.settings.is_empty() {
        let rows = report.settings.iter().map(|(name, value)| vec![name.clone(), value.clone()]);
        section.table(Table::new(["setting", "value"]).with_rows(rows));
    }
    let fingerprint: Vec<Vec<String>> =
        header.fingerprint.iter().map(|(name, value)| vec![name.to_string(), value.to_string()]).collect();
    if !fingerprint.is_empty() {
        section.text(format!(
            "The same file with seed {} gives the same study, to the bit, wherever these are the same:",
            header.seed
        ));
        section.table(Table::new(["bits depend on", ""]).with_rows(fingerprint));
    }
    section
}
