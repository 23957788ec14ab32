//! One configuration: a constant behind every key.

use std::fmt::Write as _;

use tunefork_space::{Params, Value};

use crate::study_file::{KEYS, Key, Section, Shape};

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
    /// One value.
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
                    Constant::List(cells.map(|cell| value(cell, params)).collect())
                }
            };
            config.values.push((key, constant));
        }
        config
    }

    /// The number of layers that a per-layer key has; the counter comes before it in the table.
    fn count(&self, key: &Key) -> Option<usize> {
        match key.shape {
            Shape::PerLayer { counted_by, .. } => usize::try_from(self.whole(counted_by)).ok(),
            _ => None,
        }
    }

    /// All keys that hold something, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Key, &Constant)> {
        self.values.iter().map(|(key, constant)| (*key, constant))
    }

    /// What a key holds, if it holds anything.
    pub fn get(&self, name: &str) -> Option<&Constant> {
        self.iter().find(|(key, _)| key.name == name).map(|(_, constant)| constant)
    }

    /// Changes one key, for example the number of the trial that a written configuration belongs to.
    ///
    /// # Panics
    /// When there is no such key.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        let key = Key::find(name).expect("a key of the table");
        self.values.retain(|(other, _)| other.name != name);
        self.values.push((key, Constant::One(value)));
        let rank = |key: &Key| KEYS.iter().position(|other| other.name == key.name);
        self.values.sort_by_key(|(key, _)| rank(key));
        self
    }

    /// The single value behind a key, if there is one.
    pub fn value(&self, name: &str) -> Option<&Value> {
        match self.get(name)? {
            Constant::One(value) => Some(value),
            Constant::List(_) => None,
        }
    }

    /// The values behind a key that holds a list; none where it holds nothing.
    pub fn list(&self, name: &str) -> &[Value] {
        match self.get(name) {
            Some(Constant::List(values)) => values,
            _ => &[],
        }
    }

    /// A whole number.
    ///
    /// # Panics
    /// When the key is not a whole number with a default; so do the next three for theirs.
    pub fn whole(&self, name: &str) -> i64 {
        let value = self.value(name).and_then(Value::as_i64);
        value.unwrap_or_else(|| panic!("`{name}` is a whole number with a default"))
    }

    /// A number.
    pub fn number(&self, name: &str) -> f64 {
        let value = self.value(name).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("`{name}` is a number with a default"))
    }

    /// A word.
    pub fn word(&self, name: &str) -> &str {
        let value = self.value(name).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("`{name}` is a word with a default"))
    }

    /// A flag.
    pub fn flag(&self, name: &str) -> bool {
        let value = self.value(name).and_then(Value::as_bool);
        value.unwrap_or_else(|| panic!("`{name}` is a flag with a default"))
    }

    /// The configuration as a study file without anything to tune: what makes one training run.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for section in [Section::Study, Section::Data, Section::Model, Section::Train] {
            if !text.is_empty() {
                text.push('\n');
            }
            writeln!(text, "{section}").expect("a String takes all text");
            for (key, constant) in self.iter() {
                let only_for_a_search = key.is_budget() || key.name == "slots";
                if key.section == section && !only_for_a_search {
                    writeln!(text, "{} = {}", key.name, constant.to_toml()).expect("a String takes all text");
                }
            }
        }
        text
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
