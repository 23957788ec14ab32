//! Claims are about what the study varies.

use tunefork_report::{Claim, Hypothesis, Values, is_named, shortened};
use tunefork_space::{Domain, Space};

use crate::study_file::{FileError, StudyFile};

/// The claims of a file, as they are written.
///
/// # Errors
/// A claim about what does not vary, or that no trials could decide: nothing could be said of it.
pub(super) fn hypotheses(file: &StudyFile, space: &Space) -> Result<Vec<Hypothesis>, FileError> {
    let varying: Vec<&str> = space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    for hypothesis in file.hypotheses() {
        let mut names = hypothesis.claim.parameters().into_iter();
        if let Some(name) = names.find(|name| !varying.iter().any(|known| is_named(known, name))) {
            return Err(unknown(name, &varying).at(&hypothesis.place));
        }
        let name = hypothesis.claim.parameters()[0];
        let of = space.parameters().iter().find(|parameter| is_named(&parameter.name, name));
        let of = of.expect("it was found among them");
        if let Some(value) = hypothesis.claim.values().find(|value| !value.are_in(&of.domain)) {
            let text = format!("`{value}` is no value of `{}`", of.name);
            let error = FileError::contradiction(text).at(&hypothesis.place);
            return Err(error.note(format!("here it is one of {}", shortened(&of.domain))));
        }
        if let Some(why) = never_decided(&hypothesis.claim, &of.name, &of.domain) {
            return Err(FileError::contradiction(why).at(&hypothesis.place));
        }
    }
    Ok(file.hypotheses().iter().map(|hypothesis| hypothesis.told.clone()).collect())
}

/// Why no trials could ever tell, where that is so.
fn never_decided(claim: &Claim, name: &str, domain: &Domain) -> Option<String> {
    match claim {
        Claim::Better { these, those, .. } => {
            let both = those.iter().find(|value| these.iter().any(|other| other.shares_with(value)));
            if let Some(value) = both {
                return Some(format!("`{value}` stands on both sides of the claim"));
            }
            (those.is_empty() && Values::are_all_of(these, domain))
                .then(|| format!("no others of `{name}` are left: it is one of {}", shortened(domain)))
        }
        Claim::Rises { .. } => match domain {
            Domain::Categorical { choices, .. } if !choices.iter().all(|choice| choice.as_f64().is_some()) => {
                Some(format!("`{name}` has no order in which it could rise: it is one of {}", shortened(domain)))
            }
            Domain::Categorical { .. } | Domain::Float { .. } | Domain::Int { .. } => None,
        },
        Claim::Interact { .. } => None,
    }
}

fn unknown(name: &str, varying: &[&str]) -> FileError {
    // What is meant is offered as this was written: with a section, or without.
    let section = name.split_once('.').map(|(section, _)| section);
    let written = |known: &&str| section.map_or_else(|| known.to_string(), |section| format!("{section}.{known}"));
    let known: Vec<String> = varying.iter().map(written).collect();
    let error = FileError::unknown(name, "a parameter that varies", known.iter().map(String::as_str));
    error.note(match varying {
        [] => "nothing varies: write a domain, as dropout = { choice = [0.0, 0.3] }, or an [[experiment]]".to_string(),
        varying => format!("what varies is {}", varying.join(", ")),
    })
}
