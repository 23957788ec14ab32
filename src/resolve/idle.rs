//! Keys that are given where they do nothing.

use tunefork_space::{Condition, Domain, Value};

use super::StudySpec;
use super::cells::{Cell, cells_of};
use crate::study_file::{Content, Form, KEYS, Key, Location, Only, Preset, Setting, StudyFile, key_of};

/// What is said of a key that does not do what it seems to.
pub(super) struct Remark {
    pub(super) key: &'static Key,
    pub(super) place: Location,
    pub(super) text: String,
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

impl StudySpec {
    /// A remark on each key of the file that has no effect in any trial, or that is searched also where it has none.
    pub(super) fn remarks(&self, file: &StudyFile) -> Vec<Remark> {
        let given = KEYS.iter().copied().filter_map(|key| Some((key, file.setting(key)?)));
        let told = given.flat_map(|(key, setting)| {
            let idle = self.idle_key(key, file).or_else(|| self.idle_layers(key, setting));
            let idle = idle.or_else(|| self.never_searched(key, setting)).or_else(|| self.unreached(key, file));
            let idle = idle.map(|text| (text, &setting.place));
            let told = idle.into_iter().chain(missed_ends(key, setting));
            told.map(move |(text, place)| Remark { key, place: place.clone(), text })
        });
        told.collect()
    }

    /// A domain whose condition never holds.
    fn never_searched(&self, key: &'static Key, setting: &Setting) -> Option<String> {
        let is_domain = setting.form.terms().any(|term| matches!(term.content, Content::Domain(_)));
        let cells = self.cells_of(key);
        let is_fixed = !cells.is_empty() && cells.iter().all(|cell| matches!(cell, Cell::Fixed(_)));
        let says = || format!("`{}` is never searched: its `when` holds in no trial of this study", key.name);
        (is_domain && is_fixed).then(says)
    }

    /// For each value that the other key may have, whether a key acts beside it.
    fn acts(&self, only: &Only, file: &StudyFile) -> Vec<bool> {
        let Some(other) = Key::find(only.key) else { return Vec::new() };
        match only.words.is_empty() {
            true => vec![file.setting(other).is_some()],
            false => self.values_of(other).iter().map(|value| is_one_of(value, only)).collect(),
        }
    }

    /// Whether the key acts in any trial.
    pub(super) fn ever_acts(&self, key: &Key, file: &StudyFile) -> bool {
        key.only.is_none_or(|only| self.acts(&only, file).contains(&true))
    }

    /// Values for layers that there never are.
    fn idle_layers(&self, key: &Key, setting: &Setting) -> Option<String> {
        let layers = self.cells_of(key).len();
        if !key.is_for_each_layer() || !self.experiments().is_empty() {
            return None;
        }
        let values = match &setting.form {
            Form::List(values) => values.len(),
            Form::One(_) | Form::Growing { .. } => layers.max(1),
        };
        let (name, others) = (key.name, "there are no more such layers");
        match layers {
            _ if values <= layers => None,
            0 => Some(format!("`{name}` does nothing in this study: there are no such layers")),
            _ => Some(format!("of the {values} values of `{name}` only {layers} are used: {others}")),
        }
    }

    fn idle_key(&self, key: &'static Key, file: &StudyFile) -> Option<String> {
        let only = key.only?;
        let other = Key::find(only.key)?;
        let cells = self.cells_of(key);
        if cells.iter().all(|cell| matches!(cell, Cell::Fixed(value) if is_default(key, value))) {
            return None;
        }
        let acts = self.acts(&only, file);
        if !acts.contains(&true) {
            return Some(format!("`{}` does nothing in this study: it is only for {only}", key.name));
        }
        if !acts.contains(&false) || !self.experiments().is_empty() {
            return None;
        }
        let mut own = self.space().parameters().iter().filter(|parameter| key_of(&parameter.name) == Some(key));
        let is_held = |when: &Condition| {
            key_of(&when.parameter) == Some(other) && when.any_of.iter().all(|value| is_one_of(value, &only))
        };
        let is_free = own.any(|own| !own.when.iter().any(is_held));
        let word = only.words.first()?;
        is_free.then(|| {
            format!(
                "`{}` is searched also where it does nothing, for it is only for {only}: write \
                 when = {{ {} = \"{word}\" }} beside its domain",
                key.name, other.name
            )
        })
    }

    /// What a key may hold in the trials of this study.
    fn values_of(&self, key: &Key) -> Vec<Value> {
        let of = |cell: &Cell| match cell {
            Cell::Fixed(value) => vec![value.clone()],
            Cell::Parameter { name, otherwise, .. } => {
                let parameter = self.space().parameters().iter().find(|parameter| parameter.name == *name);
                let elsewhere = parameter.is_none_or(|parameter| !parameter.when.is_empty());
                let domain = parameter.map(|parameter| &parameter.domain);
                let size = domain.and_then(Domain::size).unwrap_or(0);
                let values = domain.iter().flat_map(|domain| (0..size).map(|at| domain.to_value(domain.nth(at))));
                values.chain(elsewhere.then(|| otherwise.clone())).collect()
            }
        };
        self.cells_of(key).iter().flat_map(of).collect()
    }

    pub(super) fn cells_of(&self, key: &Key) -> &[Cell] {
        cells_of(&self.cells.entries, key)
    }
}

/// Ends of ranges that their steps do not lead to.
fn missed_ends<'f>(key: &'static Key, setting: &'f Setting) -> impl Iterator<Item = (String, &'f Location)> {
    setting.form.terms().filter_map(move |term| {
        let Content::Domain(varying) = &term.content else { return None };
        let (end, last) = (varying.missed?, varying.domain.size()?.checked_sub(1)?);
        let last = varying.domain.to_value(varying.domain.nth(last));
        let text = format!("the values of `{}` end at {last}: its steps do not lead to {end}", key.name);
        Some((text, &term.place))
    })
}

fn is_one_of(value: &Value, only: &Only) -> bool {
    matches!(value, Value::Text(word) if only.words.contains(&word.as_str()))
}

/// Whether this is what holds where the key is not given: nobody minds that it does nothing.
fn is_default(key: &Key, value: &Value) -> bool {
    match (key.default, value) {
        (Preset::Flag(default), Value::Bool(flag)) => default == *flag,
        (Preset::Whole(default), Value::Int(whole)) => default == *whole,
        (Preset::Number(default), Value::Float(number)) => default == *number,
        (Preset::Word(default), Value::Text(word)) => default == word,
        _ => false,
    }
}
