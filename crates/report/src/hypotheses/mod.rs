//! Claims that a study makes of its parameters, and what its trials say of them.

mod chance;
mod claim;
mod interaction;
mod judge;
mod series;

pub use claim::{Claim, ClaimError, Values, is_named};
pub(crate) use judge::{Judgement, judge};

use serde_json::{Value as Json, json};

use crate::Report;

/// The attribute of a study with what it claims: a list of [`Hypothesis::stored`].
pub const HYPOTHESES: &str = "hypotheses";

/// What a study claims, and the question that this answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hypothesis {
    /// A [`Claim`] as it is written.
    pub claim: String,
    /// What somebody wanted to know, in words: `Do more epochs help?`
    pub question: Option<String>,
}

impl Hypothesis {
    /// As it stands in the attribute of a study: the claim alone, or an object of both.
    pub fn stored(&self) -> Json {
        match &self.question {
            None => self.claim.as_str().into(),
            Some(question) => json!({ "claim": self.claim, "question": question }),
        }
    }

    fn read(stored: &Json) -> Option<Self> {
        let text = |json: &Json| json.as_str().map(str::to_owned);
        let claim = text(stored).or_else(|| text(&stored["claim"]))?;
        Some(Self { claim, question: text(&stored["question"]) })
    }
}

/// What the study claims, each with what its trials say of it.
pub(crate) fn judged(report: &Report<'_>) -> Vec<(Hypothesis, Judgement)> {
    let stored = report.study.header.attributes.iter().find(|(name, _)| name == HYPOTHESES);
    let hypotheses = stored.and_then(|(_, stored)| stored.as_array()).into_iter().flatten();
    let hypotheses = hypotheses.filter_map(Hypothesis::read);
    let judged = hypotheses.filter_map(|hypothesis| {
        let judgement = judge(report, &hypothesis.claim.parse().ok()?);
        Some((hypothesis, judgement))
    });
    judged.collect()
}
