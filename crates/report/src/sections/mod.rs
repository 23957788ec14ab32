//! What a report says, in the order in which it is read.

mod about;
mod best;
mod comparison;
mod experiments;
mod findings;
mod hypotheses;
mod overview;
mod parameters;
mod training;
mod trials;

pub use about::settings_of;
pub(crate) use findings::{converged, epochs_to, milestone};
pub(crate) use overview::Saved;

use crate::Report;
use crate::document::Document;

/// All sections of a study's report; those that have nothing to say are left out.
pub(crate) fn all(report: &Report<'_>) -> Document {
    let sections = [
        overview::overview(report),
        findings::findings(report),
        hypotheses::hypotheses(report),
        comparison::comparison(report),
        best::best(report),
        experiments::experiments(report),
        parameters::parameters(report),
        training::training(report),
        trials::trials(report),
        about::notes(report),
        about::settings(report),
    ];
    let sections = sections.into_iter().filter(|section| !section.blocks.is_empty());
    Document {
        title: report.study.header.name.clone(),
        subtitle: overview::subtitle(report),
        sections: sections.collect(),
    }
}
