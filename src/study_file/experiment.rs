//! `[[experiment]]`: configurations that are given, each by what it changes in the rest of the file.

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::domain::{self, is_part_of_a_domain, refused};
use super::error::{FileError, Problem};
use super::key::Key;
use super::location::Location;
use super::reader::Reader;
use super::setting::{Change, Content, Form, Term, bare_name, key_of};
use crate::files::{FOLDER_NAME, is_folder_name};

/// Runs that the experiments of one file may have together. More are a mistake, or want a search.
pub(crate) const MOST_RUNS: usize = 10_000;

const PARTS: [&str; 3] = ["name", "vary", "runs"];
const SHAPE: &str = "an experiment is a name with vary = { \"model.dropout\" = [0.0, 0.3] } or \
                     runs = [{ name = \"deep\", layers = 3 }]";

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Experiment {
    /// Its name, which no other experiment of the file has.
    pub name: String,
    /// Whether its runs are all combinations of some keys' values; otherwise each was written out.
    pub varied: bool,
    /// Its runs, in the order of the values: that of the last key changes fastest.
    pub runs: Vec<ExperimentRun>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExperimentRun {
    /// The name that was given, or what it changes: `dropout=0.3`. No other run of the experiment
    /// has it.
    pub name: String,
    /// What it changes, each key or part of a key at most once.
    pub changes: Vec<Change>,
}

impl Experiment {
    /// Reads one `[[experiment]]`; `room` is how many runs it may have.
    pub(super) fn read(reader: &Reader<'_>, value: &Spanned<DeValue<'_>>, room: usize) -> Result<Self, FileError> {
        let place = reader.place(value.span());
        let table = value.get_ref().as_table();
        let table = table.ok_or_else(|| wrong(SHAPE, &place))?;
        reader.check_parts(table, "part of an experiment", &PARTS, SHAPE)?;
        let name = match table.get("name") {
            Some(name) => title(reader, name)?,
            None => return Err(wrong("an experiment needs a name", &place).note(SHAPE)),
        };
        let (varied, runs) = match (table.get("vary"), table.get("runs")) {
            (Some(vary), None) => (true, combinations(reader, vary, room)?),
            (None, Some(runs)) => (false, named(reader, runs, room)?),
            (None, None) => {
                let text = format!("the experiment `{name}` has neither `vary` nor `runs`");
                return Err(wrong(text, &place).note(SHAPE));
            }
            (Some(_), Some(runs)) => {
                let text = format!("the experiment `{name}` has both `vary` and `runs`");
                let error = wrong(text, &reader.place(runs.span()));
                return Err(error.note("make two experiments of it"));
            }
        };
        Ok(Self { name, varied, runs })
    }
}

/// The name of an experiment or of a run. An experiment that is run alone has a folder of its name.
fn title(reader: &Reader<'_>, value: &Spanned<DeValue<'_>>) -> Result<String, FileError> {
    match value.get_ref() {
        DeValue::String(text) if is_folder_name(text) => Ok(text.to_string()),
        _ => {
            let place = reader.place(value.span());
            let text = format!("{} is not a name", place.text());
            Err(wrong(text, &place).note(FOLDER_NAME))
        }
    }
}

/// All combinations of the values in `vary = { "model.dropout" = [0.0, 0.3], ... }`.
fn combinations(
    reader: &Reader<'_>,
    vary: &Spanned<DeValue<'_>>,
    room: usize,
) -> Result<Vec<ExperimentRun>, FileError> {
    let place = reader.place(vary.span());
    let table = vary.get_ref().as_table().filter(|table| !table.is_empty());
    let table = table.ok_or_else(|| {
        wrong("`vary` names no key", &place).note("write vary = { \"model.dropout\" = [0.0, 0.3, 0.5] }")
    })?;
    let mut factors: Vec<Vec<Change>> = Vec::new();
    for (name, name_place, values) in reader.flatten(table) {
        let factor = factor(reader, bare_name(&name), &name_place, values)?;
        let firsts: Vec<&Change> = factors.iter().map(|factor| &factor[0]).collect();
        refuse_twice(&firsts, &factor[0], &name_place)?;
        factors.push(factor);
    }
    let counts = factors.iter().map(Vec::len);
    let count = counts.clone().fold(1, usize::saturating_mul);
    if count > room {
        let counts: Vec<String> = counts.map(|count| count.to_string()).collect();
        let text = format!("{} are {count} runs", counts.join(" x "));
        return Err(too_many(text, &place));
    }
    let mut runs = vec![Vec::new()];
    for factor in &factors {
        let longer = |run: &Vec<Change>| {
            let values = factor.iter().cloned();
            values.map(|change| [&run[..], &[change]].concat()).collect::<Vec<_>>()
        };
        runs = runs.iter().flat_map(longer).collect();
    }
    let run =
        |changes: Vec<Change>| ExperimentRun { name: changes.iter().map(words).collect::<Vec<_>>().join(" "), changes };
    Ok(runs.into_iter().map(run).collect())
}

/// The values of one key, each as a change.
fn factor(
    reader: &Reader<'_>,
    name: &str,
    name_place: &Location,
    values: &Spanned<DeValue<'_>>,
) -> Result<Vec<Change>, FileError> {
    let key = varying_key(name, name_place)?;
    let place = reader.place(values.span());
    let items = values.get_ref().as_array().map_or(&[][..], |list| list);
    if items.is_empty() {
        let text = format!("there are no values of `{name}` to try");
        return Err(wrong(text, &place).note(format!("write a list: {name} = [...]")));
    }
    let mut changes: Vec<Change> = Vec::new();
    for item in items {
        let change = change(reader, key, name, item)?;
        if changes.iter().any(|other| words(other) == words(&change)) {
            let place = reader.place(item.span());
            return Err(wrong(format!("{} stands there twice", place.text()), &place));
        }
        changes.push(change);
    }
    Ok(changes)
}

/// The runs in `runs = [{ name = "deep", layers = 3 }, ...]`.
fn named(reader: &Reader<'_>, runs: &Spanned<DeValue<'_>>, room: usize) -> Result<Vec<ExperimentRun>, FileError> {
    const EXAMPLE: &str = "write runs = [{ name = \"deep\", layers = 3 }]";
    let place = reader.place(runs.span());
    let empty: &DeArray<'_> = &DeArray::new();
    let items = runs.get_ref().as_array().unwrap_or(empty);
    if items.is_empty() {
        return Err(wrong("`runs` lists no run", &place).note(EXAMPLE));
    }
    if items.len() > room {
        return Err(too_many(format!("there are {} runs", items.len()), &place));
    }
    let mut read: Vec<ExperimentRun> = Vec::new();
    for item in items {
        let place = reader.place(item.span());
        let table = item.get_ref().as_table();
        let table = table.ok_or_else(|| wrong("a run is a table with a name", &place).note(EXAMPLE))?;
        let name = table.get("name");
        let name = name.ok_or_else(|| wrong("a run needs a name", &place).note(EXAMPLE))?;
        let run = ExperimentRun { name: title(reader, name)?, changes: changes(reader, table)? };
        if read.iter().any(|other| other.name == run.name) {
            let text = format!("two runs are called `{}`", run.name);
            return Err(wrong(text, &reader.place(name.span())));
        }
        read.push(run);
    }
    Ok(read)
}

/// What a written out run changes: everything in its table but its name.
fn changes(reader: &Reader<'_>, table: &DeTable<'_>) -> Result<Vec<Change>, FileError> {
    let mut changes: Vec<Change> = Vec::new();
    for (name, name_place, value) in reader.flatten(table) {
        if name == "name" {
            continue;
        }
        let name = bare_name(&name);
        let key = varying_key(name, &name_place)?;
        let change = change(reader, key, name, value)?;
        refuse_twice(&changes.iter().collect::<Vec<_>>(), &change, &name_place)?;
        changes.push(change);
    }
    Ok(changes)
}

/// The key behind a name, which may differ from trial to trial.
fn varying_key(name: &str, place: &Location) -> Result<&'static Key, FileError> {
    let part_exists = |key: &&Key| {
        let part = name.strip_prefix(key.name).unwrap_or_default();
        let layered = key.is_for_each_layer();
        let layer = |part: &str| part == "start" || part.parse::<usize>().is_ok();
        part.is_empty() || layered && part.strip_prefix('.').is_some_and(layer)
    };
    if let Some((key, part)) = name.split_once('.').and_then(|(key, part)| Some((Key::find(key)?, part)))
        && is_part_of_a_domain(part)
    {
        let (key, value) = (key.name.to_string(), "a domain in an experiment".to_string());
        let note = format!("list its values: vary = {{ {key} = [...] }}");
        return Err(FileError::new(Problem::Value { key, value }).at(place).note(note));
    }
    let Some(key) = key_of(name).filter(part_exists) else {
        let known = Key::varying().map(|key| key.name);
        let what = "a key that an experiment can set";
        return Err(FileError::unknown_key(name, None, what, known).at(place));
    };
    if key.can_vary() {
        return Ok(key);
    }
    let (key, value) = (key.name.to_string(), "set by an experiment".to_string());
    let note = format!("`{key}` is the same for all trials");
    Err(FileError::new(Problem::Value { key, value }).at(place).note(note))
}

/// One value of a key or of a part of it.
fn change(
    reader: &Reader<'_>,
    key: &'static Key,
    name: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<Change, FileError> {
    let whole = name == key.name;
    let layered = key.is_for_each_layer();
    match value.get_ref() {
        DeValue::Array(items) if whole && layered => {
            // Only to refuse domains where they stand.
            for item in items {
                domain::constant(reader, key, item)?;
            }
        }
        DeValue::Array(_) => return Err(refused(reader, key, value)),
        _ => drop(domain::constant(reader, key, value)?),
    }
    reader.change(key, name, value)
}

/// Nothing may be set twice, not as a list and by its parts either.
fn refuse_twice(changes: &[&Change], change: &Change, place: &Location) -> Result<(), FileError> {
    let overlaps = |other: &&&Change| {
        let whole = matches!(other, Change::Key(_)) || matches!(change, Change::Key(_));
        other.key() == change.key() && (whole || other.name() == change.name())
    };
    let Some(other) = changes.iter().find(overlaps) else {
        return Ok(());
    };
    let text = match other.name() == change.name() {
        true => format!("`{}` is given twice", change.name()),
        false => format!("`{}` and `{}` set the same", other.name(), change.name()),
    };
    Err(wrong(text, place))
}

/// `dropout=0.3`, `channels=[32, 64]`
fn words(change: &Change) -> String {
    let term = |term: &Term| match &term.content {
        Content::Constant(value) => value.to_string(),
        Content::Domain(_) => term.place.text().to_string(),
    };
    let value = match change {
        Change::Part(assignment) => assignment.value.to_string(),
        Change::Key(setting) => match &setting.form {
            Form::One(one) => term(one),
            Form::List(terms) => {
                let terms: Vec<String> = terms.iter().map(term).collect();
                format!("[{}]", terms.join(", "))
            }
            Form::Growing { .. } => setting.place.text().to_string(),
        },
    };
    format!("{}={value}", change.name())
}

fn too_many(text: String, place: &Location) -> FileError {
    wrong(text, place).note(format!(
        "the experiments of a file may have {MOST_RUNS} runs in all; for more, write domains and let \
         [search] choose"
    ))
}

fn wrong(text: impl Into<String>, place: &Location) -> FileError {
    FileError::contradiction(text).at(place)
}
