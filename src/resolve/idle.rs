//! Keys that are given where they do nothing.

use tunefork_report::counted;
use tunefork_space::{Domain, Parameter, Value};

use super::StudySpec;
use super::cells::{Cell, cells_of};
use super::config::toml_value;
use crate::study_file::{Content, Form, KEYS, Key, Location, Only, Preset, Setting, StudyFile, key_of};

/// What is said of a key that does not do what it seems to.
pub(super) struct Remark {
    pub(super) key: &'static Key,
    place: Location,
    text: String,
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
        let unsaid = self.other_count_unsaid(file);
        let unsaid = unsaid.and_then(|(key, text)| Some(Remark { key, place: file.setting(key)?.place.clone(), text }));
        told.chain(unsaid).collect()
    }

    /// A domain whose condition never holds.
    fn never_searched(&self, key: &'static Key, setting: &Setting) -> Option<String> {
        let is_domain = setting.form.terms().any(|term| matches!(term.content, Content::Domain(_)));
        let cells = self.cells_of(key);
        let is_fixed = !cells.is_empty() && cells.iter().all(|cell| matches!(cell, Cell::Fixed(_)));
        let says = || format!("`{}` is never searched: its `when` holds in no trial", key.name);
        (is_domain && is_fixed).then(says)
    }

    /// For each value that the other key may have, whether a key acts beside it.
    fn acts(&self, only: &Only, file: &StudyFile) -> Vec<bool> {
        let Some(other) = Key::find(only.key) else { return Vec::new() };
        match only.words.is_empty() {
            true => vec![file.setting(other).is_some()],
            false => {
                self.cells_of(other).iter().flat_map(|cell| self.values_of(cell)).map(|v| only.names(&v)).collect()
            }
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
        let name = key.name;
        match layers {
            _ if values <= layers => None,
            0 => Some(format!("`{name}` does nothing: there are no such layers")),
            _ => {
                let (values, layers) = (counted(values, "value"), counted(layers, "layer"));
                Some(format!("`{name}` lists {values} for {layers}: the rest does nothing"))
            }
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
            return Some(format!("`{}` does nothing: it is only for {only}", key.name));
        }
        if !acts.contains(&false) || !self.experiments().is_empty() {
            return None;
        }
        let mut own = self.space().parameters().iter().filter(|parameter| key_of(&parameter.name) == Some(key));
        let (free, deciders) = own.find_map(|own| Some((own, self.deciders(key, own, other, &only)?)))?;
        let text = format!("`{}` is searched also where it does nothing, for it is only for {only}", free.name);
        Some(match &deciders[..] {
            [one] => match self.condition(one, &only) {
                Some(condition) => format!("{text}: write when = {{ {condition} }} beside its domain"),
                None => text,
            },
            _ => text,
        })
    }

    /// The parameters that decide whether the parameter `own` of a key does anything; nothing where it always does
    /// something, or has a condition on one of them.
    fn deciders(&self, key: &Key, own: &Parameter, other: &Key, only: &Only) -> Option<Vec<&Parameter>> {
        let is_own = |cell: &Cell| matches!(cell, Cell::Parameter { name, .. } if *name == own.name);
        let uses: Vec<bool> = self.cells_of(key).iter().map(is_own).collect();
        let by_layer = other.is_for_each_layer() && key.is_for_each_layer();
        let cells = self.cells_of(other).iter().enumerate();
        let cells = cells.filter(|(layer, _)| !by_layer || uses.get(*layer) == Some(&true)).map(|(_, cell)| cell);
        let mut deciders: Vec<&Parameter> = Vec::new();
        for cell in cells {
            let values = self.values_of(cell);
            if values.iter().all(|value| only.names(value)) {
                return None;
            }
            let Cell::Parameter { name, .. } = cell else { continue };
            if own.when.iter().any(|when| when.parameter == *name && when.any_of.iter().all(|value| only.names(value)))
            {
                return None;
            }
            let decider = self.parameter(name).filter(|_| values.iter().any(|value| only.names(value)));
            deciders.extend(decider.filter(|decider| deciders.iter().all(|other| other.name != decider.name)));
        }
        Some(deciders)
    }

    /// What a condition would say that holds exactly where the parameter has a value beside which a key does something;
    /// nothing where it also does something while the parameter does not exist.
    fn condition(&self, decider: &Parameter, only: &Only) -> Option<String> {
        let everywhere = decider.when.is_empty();
        let is_default = |cell: &Cell| match cell {
            Cell::Parameter { name, otherwise, .. } => *name == decider.name && only.names(otherwise),
            Cell::Fixed(_) => false,
        };
        let other = key_of(&decider.name)?;
        if !everywhere && self.cells_of(other).iter().any(is_default) {
            return None;
        }
        let values = values_in(&decider.domain);
        let words: Vec<String> = values.iter().filter(|value| only.names(value)).map(toml_value).collect();
        Some(match &words[..] {
            [word] => format!("{} = {word}", decider.name),
            words => format!("{} = [{}]", decider.name, words.join(", ")),
        })
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.space().parameters().iter().find(|parameter| parameter.name == name)
    }

    /// What a cell may hold in the trials of this study.
    pub(super) fn values_of(&self, cell: &Cell) -> Vec<Value> {
        match cell {
            Cell::Fixed(value) => vec![value.clone()],
            Cell::Parameter { name, otherwise, .. } => {
                let parameter = self.parameter(name);
                let elsewhere = parameter.is_none_or(|parameter| !parameter.when.is_empty());
                let values = parameter.iter().flat_map(|parameter| values_in(&parameter.domain));
                values.chain(elsewhere.then(|| otherwise.clone())).collect()
            }
        }
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

/// All values of a domain; none where there is no end of them.
fn values_in(domain: &Domain) -> Vec<Value> {
    let size = domain.size().unwrap_or(0);
    (0..size).map(|at| domain.to_value(domain.nth(at))).collect()
}

/// Whether this is what holds where the key is not given: nobody minds that it does nothing.
pub(super) fn is_default(key: &Key, value: &Value) -> bool {
    match (key.default, value) {
        (Preset::Flag(default), Value::Bool(flag)) => default == *flag,
        (Preset::Whole(default), Value::Int(whole)) => default == *whole,
        (Preset::Number(default), Value::Float(number)) => default == *number,
        (Preset::Word(default), Value::Text(word)) => default == word,
        _ => false,
    }
}
