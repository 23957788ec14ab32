//! `--set key=value`: one setting given on the command line.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{FileError, Problem};
use super::keys::Key;
use super::place::{Place, Source};
use super::reader::Reader;
use super::setting::{Assignment, bare_name, key_of};
use super::table::KEYS;
use super::{StudyFile, domain};

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
    /// let mut file = tunefork::file::StudyFile::parse("study.toml", "[train]\nepochs = 10")?;
    /// file.set("epochs=3")?;
    /// file.set("train.optimizer=sgd")?;
    /// file.set("dropout={ uniform = [0.0, 0.5] }")?;
    /// assert!(file.set("epochs=none").is_err());
    /// # Ok::<(), tunefork::file::FileError>(())
    /// ```
    pub fn set(&mut self, assignment: &str) -> Result<(), FileError> {
        let source = Source::new("--set", assignment);
        let reader = Reader::new(&source);
        let Some((name, text)) = assignment.split_once('=') else {
            let text = format!("--set {assignment} has no value");
            return Err(FileError::new(Problem::Contradiction(text)).note("write --set key=value"));
        };
        let document = document(name, text);
        let value = parse(&document);
        let name_place = Place::new(&source, 0..name.len());
        let name = bare_name(name.trim());
        let key = key_of(name).ok_or_else(|| {
            let known = KEYS.iter().map(|key| key.name);
            reader.unknown(name, "a key of a study file", &name_place, known)
        })?;
        if name == key.name {
            let setting = reader.value_of(key, &value)?;
            self.pinned.retain(|pin| key_of(&pin.name) != Some(key));
            self.replace(setting);
        } else {
            self.pin(&reader, key, name, &value)?;
        }
        Ok(())
    }

    fn pin(
        &mut self,
        reader: &Reader<'_>,
        key: &'static Key,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), FileError> {
        let place = reader.place(value.span());
        let value = domain::constant(reader, key, value)?;
        self.pinned.retain(|pin| pin.name != name);
        self.pinned.push(Assignment {
            name: name.to_string(),
            value,
            place,
        });
        Ok(())
    }
}

/// A document with one key, `k`, whose value starts at the same byte as in `name=text`.
fn document(name: &str, text: &str) -> String {
    format!("k{}={text}", " ".repeat(name.len().saturating_sub(1)))
}

/// The value in a [`document`]; a text that is no TOML is taken as if it stood in quotes.
fn parse(document: &str) -> Spanned<DeValue<'_>> {
    if let Ok(table) = DeTable::parse(document) {
        let mut values = table.into_inner().into_iter();
        if let (Some((_, value)), None) = (values.next(), values.next()) {
            return value;
        }
    }
    let start = document.find('=').map_or(0, |equals| equals + 1);
    let word = document[start..].trim();
    let start = document.len() - document[start..].trim_start().len();
    Spanned::new(start..start + word.len(), DeValue::String(word.into()))
}
