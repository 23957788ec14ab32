//! `--set key=value`: one setting given on the command line.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::StudyFile;
use super::domain::is_part_of_a_domain;
use super::error::FileError;
use super::key::Key;
use super::kind::Range;
use super::location::{Location, OPTION, SourceText};
use super::reader::Reader;
use super::setting::{Change, bare_name, key_of};
use super::table::{BATCH_NORM, FOLDS, NORM, VALIDATION};

impl StudyFile {
    /// Puts `key=value` in place of what the file says.
    ///
    /// The key may carry its section (`model.dropout`). The value is written as in the file, domains
    /// included; a text that is no TOML, such as `sgd`, is taken as if it stood in quotes. A layer's
    /// parameter (`channels.0`) is fixed at the value.
    ///
    /// # Errors
    /// When there is no such key or it does not take the value.
    ///
    /// ```
    /// let mut file = tunefork::study_file::StudyFile::parse("study.toml", "[train]\nepochs = 10")?;
    /// file.set("epochs=3")?;
    /// file.set("train.optimizer=sgd")?;
    /// file.set("dropout={ uniform = [0.0, 0.5] }")?;
    /// assert!(file.set("epochs=none").is_err());
    /// # Ok::<(), tunefork::study_file::FileError>(())
    /// ```
    pub fn set(&mut self, assignment: &str) -> Result<(), FileError> {
        let source = SourceText::new(OPTION, assignment);
        let reader = Reader::new(&source);
        let Some((name, text)) = assignment.split_once('=') else {
            let text = format!("--set {assignment} has no value");
            return Err(FileError::contradiction(text).note("write --set key=value"));
        };
        let name_place = Location::new(&source, 0..name.len());
        let key = Key::named(name.trim()).map_err(|error| error.at(&name_place))?;
        let bare = bare_name(name.trim());
        let part = bare.strip_prefix(key.name).and_then(|rest| rest.strip_prefix('.'));
        let part = part.filter(|part| is_part_of_a_domain(part));
        let document = document(name, part, text);
        let value = parse(&reader, &document)?;
        let change = match part {
            Some(part) => {
                reader.value_of(key, &value).map(Change::Key).map_err(|error| match Range::NAMES.contains(&part) {
                    true => error,
                    false => error.note(format!(
                        "`--set` gives a domain as a whole: {}={{ uniform = [a, b], {part} = {text} }}",
                        key.name
                    )),
                })
            }
            None => reader.change(key, bare, &value),
        };
        self.change(change?);
        Ok(())
    }

    /// Puts a change in place of what was there.
    pub(super) fn change(&mut self, change: Change) {
        match change {
            Change::Key(setting) => {
                self.pinned.retain(|pin| key_of(&pin.name) != Some(setting.key));
                self.settings.retain(|other| other.key != setting.key && !are_one_choice(other.key, setting.key));
                self.settings.push(setting);
            }
            Change::Part(part) => {
                self.pinned.retain(|pin| pin.name != part.name);
                self.pinned.push(part);
            }
        }
    }
}

/// Keys of which one alone may stand in a file, for they say the same, or what excludes each other.
const CHOICES: &[[&Key; 2]] = &[[NORM.key(), BATCH_NORM.key()], [FOLDS.key(), VALIDATION.key()]];

/// Whether a change of one key takes the place of both.
fn are_one_choice(one: &Key, other: &Key) -> bool {
    one != other && CHOICES.iter().any(|keys| keys.contains(&one) && keys.contains(&other))
}

/// A document with one key, `k`, whose value starts at the same byte as in `name=text`; with `part` that is a part of it.
fn document(name: &str, part: Option<&str>, text: &str) -> String {
    let part = part.map(|part| format!(".{part}")).unwrap_or_default();
    format!("k{}{part}={text}", " ".repeat(name.len().saturating_sub(1 + part.len())))
}

/// The value in a [`document`]; a text that is no TOML is taken as if it stood in quotes, unless it begins like one.
fn parse<'d>(reader: &Reader<'_>, document: &'d str) -> Result<Spanned<DeValue<'d>>, FileError> {
    let start = document.find('=').map_or(0, |equals| equals + 1);
    let word = document[start..].trim();
    match DeTable::parse(document) {
        Ok(table) => {
            let mut values = table.into_inner().into_iter();
            if let (Some((_, value)), None) = (values.next(), values.next()) {
                return Ok(value);
            }
        }
        Err(error) if word.starts_with('"') => return Err(reader.syntax(&error)),
        Err(_) => {}
    }
    let start = document.len() - document[start..].trim_start().len();
    Ok(Spanned::new(start..start + word.len(), DeValue::String(word.into())))
}
