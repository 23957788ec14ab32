//! Claims are about what the study varies.

use tunefork_report::{Hypothesis, is_named, shortened};
use tunefork_space::Space;

use crate::study_file::{FileError, StudyFile};

/// The claims of a file, as they are written.
///
/// # Errors
/// A claim about what does not vary: nothing could be said of it.
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
    }
    Ok(file.hypotheses().iter().map(|hypothesis| hypothesis.told.clone()).collect())
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
