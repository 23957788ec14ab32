//! How the study came to be, and how it is repeated.

use tunefork_study::StudyRecord;

use crate::Report;
use crate::document::{Block, Section, Table};
use crate::hypotheses::HYPOTHESES;
use crate::report::NOTES;

pub(super) fn notes(report: &Report<'_>) -> Section {
    let mut section = Section::new("Notes");
    let stored = report.study.header.attributes.iter().find(|(name, _)| name == NOTES);
    let stored = stored.and_then(|(_, notes)| notes.as_array()).into_iter().flatten();
    let stored = stored.filter_map(|note| note.as_str().map(str::to_owned));
    let mut notes: Vec<String> = Vec::new();
    for note in stored.chain(report.notes.iter().cloned()) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    if !notes.is_empty() {
        section.blocks.push(Block::List(notes));
    }
    section
}

/// What a study's file says of all its trials, or what another program has noted of it: the attributes of the study, as texts.
pub fn settings_of(study: &StudyRecord) -> impl Iterator<Item = (&str, String)> {
    let settings = study.header.attributes.iter().filter(|(name, _)| ![NOTES, HYPOTHESES].contains(&name.as_str()));
    settings.map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // As a study file has it, in quotes.
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).filter(|text| !text.contains('"'));
        (name.as_str(), bare.map_or(text.clone(), str::to_owned))
    })
}

/// What the study's file says, or what another program has noted of it, and what its bits depend on.
pub(super) fn settings(report: &Report<'_>) -> Section {
    let mut section = Section::new("Settings");
    let header = &report.study.header;
    let settings: Vec<Vec<String>> =
        settings_of(report.study).map(|(name, value)| vec![name.to_owned(), value]).collect();
    if !settings.is_empty() {
        section.table(Table::new(["setting", "value"]).with_rows(settings));
    }
    let fingerprint: Vec<Vec<String>> =
        header.fingerprint.iter().map(|(name, value)| vec![name.to_string(), value.to_string()]).collect();
    if !fingerprint.is_empty() {
        section.text(format!(
            "The same settings with seed {} give the same study, to the bit, wherever these are the same:",
            header.seed
        ));
        section.table(Table::new(["bits depend on", ""]).with_rows(fingerprint));
    }
    section
}
