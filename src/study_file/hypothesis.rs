//! `[[hypothesis]]`: what the study is to find out, as a claim that its report judges.

use toml::Spanned;
use toml::de::DeValue;
use tunefork_report::{Claim, Hypothesis as Told};

use super::error::FileError;
use super::location::Location;
use super::reader::Reader;

const SHAPE: &str = "a hypothesis is a claim about parameters: claim = \"train.optimizer: adam > sgd\", and question = \"...\" may say what it \
                     answers";

/// A claim of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hypothesis {
    /// What is claimed.
    pub claim: Claim,
    /// As it is written.
    pub told: Told,
    /// Where.
    pub place: Location,
}

impl Hypothesis {
    /// Reads one `[[hypothesis]]`.
    pub(super) fn read(reader: &Reader<'_>, value: &Spanned<DeValue<'_>>) -> Result<Self, FileError> {
        let place = reader.place(value.span());
        let wrong = |text: &str, place: &Location| FileError::contradiction(text).at(place).note(SHAPE);
        let table = value.get_ref().as_table().ok_or_else(|| wrong("this is no table", &place))?;
        reader.check_parts(table, "part of a hypothesis", &["claim", "question"], SHAPE)?;
        let claim = table.get("claim").ok_or_else(|| wrong("a hypothesis needs a claim", &place))?;
        let place = reader.place(claim.span());
        let text = claim.get_ref().as_str().ok_or_else(|| wrong("a claim is a text in quotes", &place))?;
        let claim = text.parse().map_err(|error| FileError::contradiction(format!("{error}")).at(&place));
        let question = table.get("question").map(|question| {
            let text = question.get_ref().as_str().map(str::to_owned);
            text.ok_or_else(|| wrong("a question is a text in quotes", &reader.place(question.span())))
        });
        let told = Told { claim: text.to_owned(), question: question.transpose()? };
        Ok(Self { claim: claim?, told, place })
    }
}
