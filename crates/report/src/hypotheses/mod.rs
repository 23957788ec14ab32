//! Claims that a study makes of its parameters, and what its trials say of them.

mod chance;
mod claim;
mod interaction;
mod judge;
mod series;

pub use claim::{Claim, ClaimError, Values, is_named};
pub(crate) use judge::{Judgement, judge};

use crate::Report;

/// The attribute of a study with its claims: a list of texts.
pub const HYPOTHESES: &str = "hypotheses";

/// The study's claims as they are written, each with what its trials say of it.
pub(crate) fn judged(report: &Report<'_>) -> Vec<(String, Judgement)> {
    let stored = report.study.header.attributes.iter().find(|(name, _)| name == HYPOTHESES);
    let claims = stored.and_then(|(_, claims)| claims.as_array()).into_iter().flatten();
    let claims = claims.filter_map(|claim| claim.as_str());
    claims.filter_map(|text| Some((text.to_owned(), judge(report, &text.parse().ok()?)))).collect()
}
