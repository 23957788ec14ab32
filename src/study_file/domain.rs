//! Reads one term: a constant such as `0.3` or a domain such as `{ uniform = [0.0, 0.5] }`.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use tunefork_names::{closest, number};
use tunefork_space::{Domain, Value};

use super::error::{BACKSLASH, FileError, Problem};
use super::key::{Key, Shape};
use super::kind::Range;
use super::location::Location;
use super::reader::Reader;
use super::setting::{Content, Term, Varying, When, bare_name};
use super::synonyms::{Meant, is_a_table, word_meant_by, written_as};
use super::table::SOURCE;
use crate::files::FOLDER_NAME;

const BESIDE: [&str; 4] = ["step", "when", "default", "per_layer"];

/// Whether this names a part of a domain, such as `uniform` or `step`.
pub(super) fn is_part_of_a_domain(name: &str) -> bool {
    Range::NAMES.contains(&name) || BESIDE.contains(&name)
}

/// A constant or a domain for `key`.
pub(super) fn term(reader: &Reader<'_>, key: &'static Key, value: &Spanned<DeValue<'_>>) -> Result<Term, FileError> {
    let place = reader.place(value.span());
    let content = match value.get_ref() {
        DeValue::Table(table) => Content::Domain(varying(reader, key, table, &place)?),
        _ => Content::Constant(constant(reader, key, value).map_err(|error| match value.get_ref() {
            DeValue::Array(items) => match to_try(reader, key, items) {
                Some(note) => error.note(note),
                None => error,
            },
            _ => error,
        })?),
    };
    Ok(Term { content, place })
}

/// How several values are tried that stand where one is meant.
fn to_try(reader: &Reader<'_>, key: &'static Key, items: &[Spanned<DeValue<'_>>]) -> Option<String> {
    let name = key.name;
    match key.shape {
        // One value for each layer is a list already.
        Shape::PerLayer { .. } => Some(whole_lists(name)),
        Shape::One if key.can_vary() && !items.is_empty() => {
            let are_values = items.iter().all(|item| constant(reader, key, item).is_ok());
            are_values.then(|| format!("to try several, write {name} = {{ choice = [...] }}"))
        }
        Shape::One | Shape::List => None,
    }
}

fn whole_lists(name: &str) -> String {
    format!("whole lists are tried by an [[experiment]] with vary = {{ {name} = [[...], [...]] }}")
}

pub(super) fn constant(
    reader: &Reader<'_>,
    key: &'static Key,
    value: &Spanned<DeValue<'_>>,
) -> Result<Value, FileError> {
    let accepted = reader.plain(value)?.and_then(|value| key.kind.accept(&value));
    accepted.ok_or_else(|| refused(reader, key, value))
}

/// The error for a value that `key` does not take.
pub(super) fn refused(reader: &Reader<'_>, key: &Key, value: &Spanned<DeValue<'_>>) -> FileError {
    let place = reader.place(value.span());
    let shown = match value.get_ref() {
        DeValue::Array(_) => "a list".to_string(),
        DeValue::Table(_) => "a table".to_string(),
        _ => place.text().to_string(),
    };
    let error = FileError::new(Problem::Value { key: key.name.to_string(), value: shown }).at(&place).note(format!(
        "`{}` takes {}",
        key.name,
        key.takes_one()
    ));
    if let Ok(Some(plain)) = reader.plain(value)
        && let Some(rounded) = key.kind.rounded_away(&plain)
    {
        let rounded = if rounded.is_finite() { number(rounded) } else { "infinite".to_string() };
        return error.note(format!("training computes in single precision, in which that is {rounded}"));
    }
    let near = match reader.plain(value) {
        Ok(Some(Value::Text(word))) if word.contains(char::is_control) && place.text().contains('\\') => {
            return error.note(if *key == *SOURCE { BACKSLASH } else { FOLDER_NAME });
        }
        Ok(Some(Value::Text(word))) => meant(key, &word),
        _ => None,
    };
    match near {
        Some(near) => error.note(near),
        None => error,
    }
}

/// What was meant by a word that is none of a key's: another one of its words, or one of another key.
fn meant(key: &Key, word: &str) -> Option<String> {
    match word_meant_by(key, word) {
        Some(Meant::This(own)) => return Some(format!("here that is \"{own}\"")),
        Some(Meant::Nothing) => return None,
        None => {}
    }
    let near = closest(word, key.kind.words()).map(|near| format!("did you mean \"{near}\"?"));
    near.or_else(|| written_as(word, key.section).filter(|_| is_a_table(key)))
}

fn varying(
    reader: &Reader<'_>,
    key: &'static Key,
    table: &DeTable<'_>,
    place: &Location,
) -> Result<Varying, FileError> {
    let parts = [Range::NAMES, &BESIDE].concat();
    let note = "a domain is { uniform = [a, b] }, { log = [a, b] }, { int = [a, b] } or { choice = [...] }, with step, \
                when, default or per_layer beside it";
    reader.check_parts(table, "part of a domain", &parts, note)?;
    if !key.can_vary() {
        return Err(FileError::new(Problem::Value { key: key.name.to_string(), value: "a domain".to_string() })
            .at(place)
            .note(format!("`{}` is the same for all trials: {}", key.name, key.kind)));
    }
    let (domain, missed) = domain(reader, key, table, place)?;
    let default = match table.get("default") {
        Some(value) => Some(in_domain(reader, key, &domain, value)?),
        None => None,
    };
    let per_layer =
        match table.get("per_layer") {
            Some(value) => Some(value.get_ref().as_bool().ok_or_else(|| {
                FileError::domain(key, "`per_layer` is true or false").at(&reader.place(value.span()))
            })?),
            None => None,
        };
    let when = match table.get("when") {
        Some(value) => conditions(reader, key, value)?,
        None => Vec::new(),
    };
    Ok(Varying { domain, missed, when, default, per_layer })
}

/// The domain, and the end that was given to it if its step does not lead there.
fn domain(
    reader: &Reader<'_>,
    key: &'static Key,
    table: &DeTable<'_>,
    place: &Location,
) -> Result<(Domain, Option<f64>), FileError> {
    let mut given = Range::ALL.iter().filter(|range| table.contains_key(range.name()));
    let (Some(form), None) = (given.next(), given.next()) else {
        let reason = "it needs exactly one of uniform, log, int and choice";
        return Err(FileError::domain(key, reason).at(place));
    };
    let value = &table[form.name()];
    let built = match form {
        Range::Choice => Domain::choice(choices(reader, key, value)?),
        Range::Uniform | Range::Log | Range::Int => range(reader, key, *form, value)?,
    };
    let domain = built.map_err(|e| FileError::domain(key, e.to_string()).at(&reader.place(value.span())))?;
    match table.get("step") {
        Some(step) => {
            let stepped = with_step(reader, key, domain.clone(), step)?;
            let end = last_of(&domain);
            let missed = end.filter(|end| last_of(&stepped) != Some(*end));
            Ok((stepped, missed))
        }
        None => Ok((domain, None)),
    }
}

/// The largest number of a range.
fn last_of(domain: &Domain) -> Option<f64> {
    match domain {
        Domain::Float { high, .. } => Some(*high),
        Domain::Int { high, .. } => Some(*high as f64),
        Domain::Categorical { .. } => None,
    }
}

/// The checked bounds of `{ uniform = [low, high] }` and its relatives.
fn range(
    reader: &Reader<'_>,
    key: &'static Key,
    form: Range,
    value: &Spanned<DeValue<'_>>,
) -> Result<Result<Domain, tunefork_space::DomainError>, FileError> {
    let place = reader.place(value.span());
    let whole = form == Range::Int || (form == Range::Log && key.kind.is_whole());
    if !key.kind.domains().contains(&form) {
        let instead = if key.kind.is_whole() { "int or choice" } else { "choice" };
        let reason = format!("`{form}` is not for it");
        return Err(FileError::domain(key, reason)
            .at(&place)
            .note(format!("`{}` takes {}: use {instead}", key.name, key.kind)));
    }
    let bounds = value.get_ref().as_array().map_or(&[][..], |list| &list[..]);
    let [low, high] = bounds else {
        let reason = format!("`{form}` takes two bounds");
        return Err(FileError::domain(key, reason).at(&place).note(format!("write {form} = [lowest, highest]")));
    };
    let (lowest, highest) = (bound(reader, key, low, whole)?, bound(reader, key, high, whole)?);
    if form == Range::Log && lowest <= 0.0 {
        return Err(FileError::domain(key, "a log range must stay above zero").at(&reader.place(low.span())));
    }
    if lowest > highest {
        return Err(FileError::domain(key, format!("{} is above {}", number(lowest), number(highest)))
            .at(&place)
            .note("write the lower bound first"));
    }
    if lowest == highest {
        return Err(FileError::domain(key, format!("it holds {} alone", number(lowest))).at(&place).note(format!(
            "for a constant, write {} = {}",
            key.name,
            number(lowest)
        )));
    }
    for bound in [low, high] {
        constant(reader, key, bound)?;
    }
    Ok(match form {
        Range::Log if whole => Domain::int_log(lowest as i64, highest as i64),
        Range::Log => Domain::log(lowest, highest),
        Range::Int => Domain::int(lowest as i64, highest as i64),
        Range::Uniform | Range::Choice => Domain::uniform(lowest, highest),
    })
}

/// A bound of a range as a number.
fn bound(reader: &Reader<'_>, key: &'static Key, value: &Spanned<DeValue<'_>>, whole: bool) -> Result<f64, FileError> {
    let place = reader.place(value.span());
    match reader.plain(value)? {
        Some(Value::Int(number)) => Ok(number as f64),
        Some(Value::Float(number)) if !whole && number.is_finite() => Ok(number),
        _ => {
            let what = if whole { "a whole number" } else { "a number" };
            let reason = format!("{} is not {what}", place.text());
            Err(FileError::domain(key, reason).at(&place))
        }
    }
}

fn choices(reader: &Reader<'_>, key: &'static Key, value: &Spanned<DeValue<'_>>) -> Result<Vec<Value>, FileError> {
    let place = reader.place(value.span());
    let items = value.get_ref().as_array().ok_or_else(|| FileError::domain(key, "`choice` takes a list").at(&place))?;
    if items.is_empty() {
        return Err(FileError::domain(key, "there is nothing to choose from").at(&place));
    }
    let mut values = Vec::new();
    for item in items {
        let value = constant(reader, key, item).map_err(|error| match item.get_ref() {
            DeValue::Array(_) => match key.shape {
                Shape::PerLayer { counted_by, .. } => error.note(format!(
                    "each layer chooses for itself: {} = {{ choice = [...], per_layer = true }} with {counted_by} = \
                     {{ int = [...] }}; {}",
                    key.name,
                    whole_lists(key.name)
                )),
                Shape::One | Shape::List => error,
            },
            _ => error,
        })?;
        if values.contains(&value) {
            let place = reader.place(item.span());
            return Err(FileError::domain(key, format!("{} stands there twice", place.text())).at(&place));
        }
        values.push(value);
    }
    Ok(values)
}

fn with_step(
    reader: &Reader<'_>,
    key: &'static Key,
    domain: Domain,
    value: &Spanned<DeValue<'_>>,
) -> Result<Domain, FileError> {
    let place = reader.place(value.span());
    let whole = matches!(domain, Domain::Int { .. });
    let step = bound(reader, key, value, whole)?;
    if step <= 0.0 {
        return Err(FileError::domain(key, "a step must be above zero").at(&place));
    }
    domain.with_step(step).map_err(|e| FileError::domain(key, e.to_string()).at(&place))
}

/// A constant that is accepted by the key and lies in the domain.
pub(super) fn in_domain(
    reader: &Reader<'_>,
    key: &'static Key,
    domain: &Domain,
    value: &Spanned<DeValue<'_>>,
) -> Result<Value, FileError> {
    let constant = constant(reader, key, value)?;
    if domain.contains(&constant) {
        return Ok(constant);
    }
    let reason = format!("its default {constant} is outside of it");
    Err(FileError::domain(key, reason).at(&reader.place(value.span())))
}

/// `when = { optimizer = "sgd", layers = [2, 3] }`
fn conditions(reader: &Reader<'_>, key: &'static Key, value: &Spanned<DeValue<'_>>) -> Result<Vec<When>, FileError> {
    let place = reader.place(value.span());
    let table = match value.get_ref() {
        DeValue::Table(table) if !table.is_empty() => Ok(table),
        DeValue::Table(_) => Err("it names nothing"),
        _ => Err("it is a table of names and values"),
    };
    let table = table.map_err(|reason| {
        condition_error(key, reason, &place).note("write when = { optimizer = \"sgd\" } or when = { layers = [2, 3] }")
    })?;
    let mut conditions = Vec::new();
    for (name, name_place, value) in reader.flatten(table) {
        let any_of = match value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| reader.plain(item)).collect(),
            _ => reader.plain(value).map(|value| vec![value]),
        }?;
        let any_of: Option<Vec<Value>> = any_of.into_iter().collect();
        let any_of = any_of.filter(|values| !values.is_empty()).ok_or_else(|| {
            let place = reader.place(value.span());
            condition_error(key, "it compares with no value", &place)
        })?;
        conditions.push(When { name: bare_name(&name).to_string(), any_of, place: name_place });
    }
    Ok(conditions)
}

fn condition_error(key: &Key, reason: impl Into<String>, place: &Location) -> FileError {
    let (key, reason) = (key.name.to_string(), reason.into());
    FileError::new(Problem::Condition { key, reason }).at(place)
}
