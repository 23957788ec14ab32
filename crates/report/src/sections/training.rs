//! How trials learned, when they ended, and what they cost.

use crate::Report;
use crate::document::Section;
use crate::figures;

pub(super) fn training(report: &Report<'_>) -> Section {
    let mut section = Section::new("Training");
    section.figure(figures::curves(report));
    section.figure(figures::stopping(report));
    section.figure(figures::tried(report));
    section.figure(figures::distribution(report));
    section.figure(figures::cost(report));
    section.figure(figures::timeline(report));
    section
}
