//! One configuration: a constant behind every key.

use std::fmt::Write as _;

use tunefork_space::{Params, Value};

use crate::study_file::{KEYS, Key, Many, One, Optional, Section, Shape};

use super::cells::{Cell, Cells, Entry, multiplied};

/// One configuration of a study: every key with its constant, those of the baseline or of a trial.
///
/// [`Config::to_toml`] writes it as a study file in which nothing varies.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    values: Vec<(&'static Key, Constant)>,
}

/// What stands behind a key of a [`Config`].
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// The one value of a key such as `epochs`.
    One(Value),
    /// A value for each layer or channel.
    List(Vec<Value>),
}

impl Config {
    pub(super) fn new(cells: &Cells, params: &Params) -> Self {
        let mut config = Self { values: Vec::new() };
        for (key, entry) in KEYS.iter().zip(&cells.entries) {
            let constant = match entry {
                Entry::Absent => continue,
                Entry::One(cell) => match value(cell, params) {
                    // In this configuration the key holds nothing.
                    Value::Null => continue,
                    value => Constant::One(value),
                },
                Entry::Many(cells) => {
                    let count = config.count(key).unwrap_or(cells.len());
                    let cells = cells.iter().take(count);
                    let values: Vec<Value> = cells.map(|cell| value(cell, params)).collect();
                    if values.contains(&Value::Null) {
                        continue;
                    }
                    Constant::List(values)
                }
            };
            config.values.push((key, constant));
        }
        config
    }

    /// The number of layers that a per-layer key has; the counter comes before it in the table.
    pub(super) fn count(&self, key: &Key) -> Option<usize> {
        match key.shape {
            Shape::PerLayer { counted_by, .. } => self.value(Key::counter(counted_by))?.as_i64()?.try_into().ok(),
            _ => None,
        }
    }

    /// All keys that hold something, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Key, &Constant)> {
        self.values.iter().map(|(key, constant)| (*key, constant))
    }

    /// What a key holds, if it holds anything.
    pub fn get(&self, key: &Key) -> Option<&Constant> {
        self.iter().find(|(other, _)| *other == key).map(|(_, constant)| constant)
    }

    /// Changes one key, for example the number of the trial that a written configuration belongs to.
    #[must_use]
    pub fn with(mut self, key: &'static Key, value: Value) -> Self {
        self.values.retain(|(other, _)| *other != key);
        self.values.push((key, Constant::One(value)));
        self.values.sort_by_cached_key(|(key, _)| KEYS.iter().position(|other| other == key));
        self
    }

    /// The single value behind a key, if there is one.
    pub fn value(&self, key: &Key) -> Option<&Value> {
        match self.get(key)? {
            Constant::One(value) => Some(value),
            Constant::List(_) => None,
        }
    }

    /// The values behind a key that holds a list; none where it holds nothing.
    pub fn list(&self, key: &Key) -> &[Value] {
        match self.get(key) {
            Some(Constant::List(values)) => values,
            Some(Constant::One(_)) | None => &[],
        }
    }

    /// The configuration as a study file without anything to tune: what makes one training run.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for section in [Section::Study, Section::Data, Section::Model, Section::Train] {
            if !text.is_empty() {
                text.push('\n');
            }
            writeln!(text, "[{section}]").expect("a String takes all text");
            for (key, constant) in self.iter() {
                if key.section == section && !key.is_for_a_search() {
                    writeln!(text, "{} = {}", key.name, constant.to_toml()).expect("a String takes all text");
                }
            }
        }
        text
    }
}

/// What the table of keys and the space let through, every handle can read.
const READABLE: &str = "values are of the kind of their key";

impl<T> One<T> {
    /// The value in a configuration.
    pub fn of(&self, config: &Config) -> T {
        config.value(self).and_then(self.read).expect(READABLE)
    }
}

impl<T> Optional<T> {
    /// The value in a configuration, where it was given.
    pub fn of(&self, config: &Config) -> Option<T> {
        config.value(self).map(|value| (self.read)(value).expect(READABLE))
    }
}

impl<T> Many<T> {
    /// The values in a configuration, one for each layer or channel.
    pub fn of(&self, config: &Config) -> Vec<T> {
        config.list(self).iter().map(|value| (self.read)(value).expect(READABLE)).collect()
    }
}

impl Constant {
    /// As it stands in a study file.
    pub fn to_toml(&self) -> String {
        match self {
            Constant::One(value) => toml_value(value),
            Constant::List(values) => {
                let values: Vec<String> = values.iter().map(toml_value).collect();
                format!("[{}]", values.join(", "))
            }
        }
    }
}

/// A value as TOML, with the shortest digits that read back to the same number.
pub(super) fn toml_value(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(whole) => whole.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => toml::Value::String(text.clone()).to_string(),
    }
}

fn value(cell: &Cell, params: &Params) -> Value {
    match cell {
        Cell::Fixed(value) => value.clone(),
        Cell::Parameter { name, otherwise, times } => multiplied(params.get(name).unwrap_or(otherwise), *times),
    }
}
