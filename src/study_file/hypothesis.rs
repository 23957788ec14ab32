//! `[[hypothesis]]`: what the study is to find out, as a claim that its report judges.

use toml::Spanned;
use toml::de::DeValue;
use tunefork_report::Claim;

use super::error::FileError;
use super::location::Location;
use super::reader::Reader;

const SHAPE: &str = "a hypothesis is a claim about parameters: claim = \"train.optimizer: adam > sgd\"";

/// A claim of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hypothesis {
    /// What is claimed.
    pub claim: Claim,
    /// As it is written.
    pub text: String,
    /// Where.
    pub place: Location,
}

impl Hypothesis {
    /// Reads one `[[hypothesis]]`.
    pub(super) fn read(reader: &Reader<'_>, value: &Spanned<DeValue<'_>>) -> Result<Self, FileError> {
        let place = reader.place(value.span());
        let wrong = |text: &str, place: &Location| FileError::contradiction(text).at(place).note(SHAPE);
        let table = value.get_ref().as_table().ok_or_else(|| wrong("this is no table", &place))?;
        reader.check_parts(table, "part of a hypothesis", &["claim"], SHAPE)?;
        let claim = table.get("claim").ok_or_else(|| wrong("a hypothesis needs a claim", &place))?;
        let place = reader.place(claim.span());
        let text = claim.get_ref().as_str().ok_or_else(|| wrong("a claim is a text in quotes", &place))?;
        let claim = text.parse().map_err(|error| FileError::contradiction(format!("{error}")).at(&place));
        Ok(Self { claim: claim?, text: text.to_owned(), place })
    }
}
