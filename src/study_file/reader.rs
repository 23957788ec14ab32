//! Reads the text of a study file.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use tunefork_space::Value;

use super::domain;
use super::error::{BACKSLASH, FileError, Problem};
use super::key::{Key, Section, Shape};
use super::location::{Location, SourceText};
use super::setting::{Assignment, Change, Content, Form, Setting, bare_name, key_of};
use super::synonyms::{Meant, NAMES_OF_KINDS, meant_by, part_meant_by, written_as};
use super::table::NAME;
use crate::files::FOLDER_NAME;

/// The parts of a value that grows from layer to layer.
pub(super) const GROWING: [&str; 2] = ["start", "factor"];

/// Turns spans of one text into places and TOML values into ours.
pub(super) struct Reader<'s> {
    source: &'s Arc<SourceText>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(source: &'s Arc<SourceText>) -> Self {
        Self { source }
    }

    pub(super) fn place(&self, span: Range<usize>) -> Location {
        Location::new(self.source, span)
    }

    pub(super) fn syntax(&self, error: &toml::de::Error) -> FileError {
        let problem = FileError::new(Problem::Syntax(error.message().to_string()));
        let Some(place) = error.span().map(|span| self.place(span)) else { return problem };
        let is_a_name = place.line_begins(NAME.name);
        match place.follows('\\') {
            true => problem.at(&place).note(if is_a_name { FOLDER_NAME } else { BACKSLASH }),
            false => problem.at(&place),
        }
    }

    /// The value if it is a single one; nothing for lists, tables and dates.
    pub(super) fn plain(&self, value: &Spanned<DeValue<'_>>) -> Result<Option<Value>, FileError> {
        let too_large = || {
            let place = self.place(value.span());
            FileError::new(Problem::Syntax(format!("{} is too large a number", place.text()))).at(&place)
        };
        Ok(Some(match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Integer(whole) => {
                Value::Int(i64::from_str_radix(whole.as_str(), whole.radix()).map_err(|_| too_large())?)
            }
            DeValue::Float(number) => Value::Float(number.as_str().parse().map_err(|_| too_large())?),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => return Ok(None),
        }))
    }

    /// Names with dots for nested tables, so that `model.dropout` and `"model.dropout"` are equal.
    pub(super) fn flatten<'t>(&self, table: &'t DeTable<'_>) -> Vec<(String, Location, &'t Spanned<DeValue<'t>>)> {
        let mut flat = Vec::new();
        for (name, value) in table {
            let place = self.place(name.span());
            match value.get_ref() {
                DeValue::Table(inner) => flat.extend(
                    self.flatten(inner)
                        .into_iter()
                        .map(|(rest, place, value)| (format!("{}.{rest}", name.get_ref()), place, value)),
                ),
                _ => flat.push((name.get_ref().to_string(), place, value)),
            }
        }
        flat
    }

    /// That every name in a table is one of `known`; else it is told that it is no `what`, and a note.
    pub(super) fn check_parts(
        &self,
        table: &DeTable<'_>,
        what: &str,
        known: &[&str],
        note: &str,
    ) -> Result<(), FileError> {
        let Some((name, _)) = table.iter().find(|(name, _)| !known.contains(&&**name.get_ref())) else {
            return Ok(());
        };
        let unguessed = || FileError::unknown(name.get_ref(), what, []);
        let error = match part_meant_by(name.get_ref()) {
            Some(Meant::This(part)) if known.contains(&part) => unguessed().note(format!("here that is `{part}`")),
            Some(_) => unguessed(),
            None => FileError::unknown(name.get_ref(), what, known.iter().copied()),
        };
        Err(error.at(&self.place(name.span())).note(note))
    }

    /// One `key = value` of a section.
    pub(super) fn setting(
        &self,
        section: Section,
        name: &str,
        name_place: &Location,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Setting, FileError> {
        match Key::find(name).filter(|key| key.section == section) {
            Some(key) => self.value_of(key, value),
            None => Err(no_key(section, name, value.get_ref()).at(name_place)),
        }
    }

    pub(super) fn value_of(&self, key: &'static Key, value: &Spanned<DeValue<'_>>) -> Result<Setting, FileError> {
        let place = self.place(value.span());
        let form = match (value.get_ref(), key.shape) {
            (DeValue::Array(items), Shape::PerLayer { counted_by, .. }) => {
                self.check_length(key, counted_by, items.len(), &place)?;
                let terms = items.iter().map(|item| domain::term(self, key, item));
                Form::List(terms.collect::<Result<_, _>>()?)
            }
            (DeValue::Array(items), Shape::List) if items.is_empty() => {
                let text = format!("`{}` lists no value", key.name);
                return Err(FileError::contradiction(text)
                    .at(&place)
                    .note("list one for each channel, or leave it out"));
            }
            (DeValue::Array(items), Shape::List) => {
                let terms = items.iter().map(|item| domain::term(self, key, item));
                Form::List(terms.collect::<Result<_, _>>()?)
            }
            (DeValue::Table(table), Shape::PerLayer { .. }) if table.contains_key("start") => {
                self.growing(key, table, &place)?
            }
            _ => Form::One(domain::term(self, key, value)?),
        };
        Ok(Setting { key, form, place })
    }

    /// No list may be longer than there may be layers.
    fn check_length(&self, key: &Key, counted_by: &str, length: usize, place: &Location) -> Result<(), FileError> {
        let counter = Key::counter(counted_by);
        if counter.kind.accept(&Value::Int(length as i64)).is_some() {
            return Ok(());
        }
        let text = format!("`{}` lists {length} values", key.name);
        let error = FileError::contradiction(text).at(place);
        Err(error.note(format!("`{counted_by}` takes {}", counter.kind)))
    }

    /// `{ start = { choice = [16, 32, 64] }, factor = 2 }`
    fn growing(&self, key: &'static Key, table: &DeTable<'_>, place: &Location) -> Result<Form, FileError> {
        let what = format!("part of a growing `{}`", key.name);
        self.check_parts(table, &what, &GROWING, "write { start = 32, factor = 2 }; start may be a domain")?;
        let wrong = |reason: &str, place: &Location| FileError::domain(key, reason).at(place);
        if !key.kind.is_whole() {
            return Err(wrong("only whole numbers can grow from layer to layer", place));
        }
        let start = domain::term(self, key, &table["start"])?;
        if let Content::Domain(varying) = &start.content
            && varying.per_layer.is_some()
        {
            return Err(wrong("`per_layer` has no meaning inside `start`", &start.place));
        }
        let factor =
            table.get("factor").ok_or_else(|| wrong("`start` needs a `factor`", place).note("write factor = 2"))?;
        match self.plain(factor)? {
            Some(Value::Int(factor @ 1..=64)) => Ok(Form::Growing { start, factor }),
            _ => Err(wrong("`factor` is a whole number from 1 to 64", &self.place(factor.span()))),
        }
    }

    /// A change of `key`, or of the part of it that `name` says (`channels.0`).
    pub(super) fn change(
        &self,
        key: &'static Key,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Change, FileError> {
        if name == key.name {
            return self.value_of(key, value).map(Change::Key);
        }
        Ok(Change::Part(Assignment {
            name: name.to_string(),
            value: domain::constant(self, key, value)?,
            place: self.place(value.span()),
        }))
    }

    /// Values given to parameters by name: a `[[trial]]`.
    pub(super) fn assignments(&self, table: &DeTable<'_>) -> Result<Vec<Assignment>, FileError> {
        let mut assignments: Vec<Assignment> = Vec::new();
        for (name, name_place, value) in self.flatten(table) {
            let name = bare_name(&name);
            let key = key_of(name).ok_or_else(|| {
                let known = Key::varying().map(|key| key.name);
                FileError::unknown_key(name, None, "a parameter", known).at(&name_place)
            })?;
            let mut assign = |name: String, value: &Spanned<DeValue<'_>>| {
                if assignments.iter().any(|other| other.name == name) {
                    let text = format!("`{name}` is given twice");
                    return Err(FileError::contradiction(text).at(&name_place));
                }
                let place = self.place(value.span());
                let value = domain::constant(self, key, value)?;
                assignments.push(Assignment { name, value, place });
                Ok(())
            };
            match value.get_ref() {
                DeValue::Array(items) if matches!(key.shape, Shape::PerLayer { .. }) => {
                    for (layer, item) in items.iter().enumerate() {
                        assign(format!("{name}.{layer}"), item)?;
                    }
                }
                _ => assign(name.to_string(), value)?,
            }
        }
        Ok(assignments)
    }
}

/// The error for a name that is no key of a section: what it is elsewhere, or what the section takes.
fn no_key(section: Section, name: &str, value: &DeValue<'_>) -> FileError {
    let what = format!("a key of {}", section.title());
    let named = value.as_str().filter(|_| NAMES_OF_KINDS.contains(&name));
    if let Some(written) = named.and_then(|word| written_as(word, section)) {
        return FileError::unknown(name, what, []).note(written);
    }
    let error = FileError::unknown_key(name, Some(section), what, section.keys().map(|key| key.name));
    match (Key::find(name), meant_by(name, Some(section))) {
        (Some(elsewhere), Some(Meant::This(_))) => match elsewhere.only {
            Some(only) => error.note(format!("`{name}` of {} is only for {only}", elsewhere.section.title())),
            None => error,
        },
        (Some(elsewhere), None) => {
            let only = elsewhere.only.map(|only| format!(", and is only for {only}")).unwrap_or_default();
            error.note(format!("`{name}` belongs into {}{only}", elsewhere.section.title()))
        }
        (Some(_), Some(Meant::Nothing)) | (None, _) => {
            let names: Vec<_> = section.keys().map(|key| key.name).collect();
            error.note(format!("{} takes {}", section.title(), names.join(", ")))
        }
    }
}
