//! Claims that a study makes of its parameters, and what its trials say of them.

mod chance;
mod claim;
mod interaction;
mod judge;
mod series;

pub(crate) use chance::{Chance, reach};
pub use claim::{Claim, ClaimError, Values, is_named};
pub(crate) use judge::{Judgement, Verdict, judge};

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

/// What the study claims, each with what its trials say of it. Where two parameters depend on each other, what one of them brings in the
/// mean is no answer for each value of the other.
pub(crate) fn judged(report: &Report<'_>) -> Vec<(Hypothesis, Judgement)> {
    let stored = report.study.header.attributes.iter().find(|(name, _)| name == HYPOTHESES);
    let hypotheses = stored.and_then(|(_, stored)| stored.as_array()).into_iter().flatten();
    let hypotheses = hypotheses.filter_map(Hypothesis::read);
    let judged = hypotheses.filter_map(|hypothesis| {
        let claim: Claim = hypothesis.claim.parse().ok()?;
        let judgement = judge(report, &claim);
        Some((hypothesis, claim, judgement))
    });
    let mut judged: Vec<(Hypothesis, Claim, Judgement)> = judged.collect();
    let pairs = judged.iter().filter_map(|(_, claim, judgement)| match claim {
        Claim::Interact { parameters } if judgement.verdict == Verdict::Supported => Some(parameters.clone()),
        Claim::Interact { .. } | Claim::Better { .. } | Claim::Rises { .. } => None,
    });
    let pairs: Vec<[String; 2]> = pairs.collect();
    for (_, claim, judgement) in judged.iter_mut().filter(|(.., judgement)| judgement.verdict != Verdict::NotTested) {
        match claim {
            Claim::Better { parameter, .. } | Claim::Rises { parameter, .. } => {
                let depends = partners(parameter, &pairs).map(|other| format!(" What it brings depends on {other}."));
                judgement.because.extend(depends);
            }
            Claim::Interact { .. } => {}
        }
    }
    judged.into_iter().map(|(hypothesis, _, judgement)| (hypothesis, judgement)).collect()
}

/// With which parameters one stands in a pair, however the claims write its name.
fn partners<'a>(parameter: &str, pairs: &'a [[String; 2]]) -> impl Iterator<Item = &'a str> {
    let is_it = move |name: &str| is_named(parameter, name) || is_named(name, parameter);
    pairs.iter().filter_map(move |[one, other]| match (is_it(one), is_it(other)) {
        (true, _) => Some(other.as_str()),
        (_, true) => Some(one.as_str()),
        (false, false) => None,
    })
}
