//! Under which conditions parameters exist.

use tunefork_names::closest;
use tunefork_report::shortened;
use tunefork_space::{Condition, SpaceError, Value};

use crate::study_file::{FileError, KEYS, Key, Problem, Shape, When, belongs_elsewhere, key_of};

use super::cells::{Builder, Candidate, Cell, Entry};
use super::layers::whole_values;

enum Settled {
    Always,
    Never,
    Depends(Condition),
}

impl Builder<'_> {
    /// A layer's parameters exist only where the layer does.
    pub(super) fn need_layers(&mut self) {
        for at in 0..self.candidates.len() {
            let Shape::PerLayer { counted_by, .. } = self.candidates[at].key.shape else {
                continue;
            };
            let Some(counter) = self.candidates.iter().find(|c| c.name == counted_by) else {
                continue;
            };
            let counts = whole_values(&counter.varying.domain);
            let layer = self.candidates[at].layer as i64;
            let enough: Vec<Value> =
                counts.iter().filter(|count| **count > layer).map(|count| Value::Int(*count)).collect();
            if enough.len() < counts.len() {
                self.candidates[at].conditions.push(Condition { parameter: counted_by.into(), any_of: enough });
            }
        }
    }

    /// Turns `when` into conditions between parameters, and decides at once what depends on constants.
    pub(super) fn settle_conditions(&mut self) -> Result<(), FileError> {
        for at in 0..self.candidates.len() {
            let varying = self.candidates[at].varying;
            for when in &varying.when {
                match self.condition(at, when)? {
                    Settled::Always => {}
                    Settled::Never => self.candidates[at].dead = true,
                    Settled::Depends(condition) => self.candidates[at].conditions.push(condition),
                }
            }
        }
        // What depends on a parameter that never exists never exists either.
        loop {
            let dead: Vec<String> = self.candidates.iter().filter(|c| c.dead).map(|c| c.name.clone()).collect();
            let follows =
                |c: &&mut Candidate<'_>| !c.dead && c.conditions.iter().any(|when| dead.contains(&when.parameter));
            let mut changed = false;
            for candidate in self.candidates.iter_mut().filter(follows) {
                candidate.dead = true;
                changed = true;
            }
            if !changed {
                return Ok(());
            }
        }
    }

    fn condition(&self, at: usize, when: &When) -> Result<Settled, FileError> {
        let candidate = &self.candidates[at];
        let error = |reason: String| {
            let key = candidate.name.clone();
            FileError::new(Problem::Condition { key, reason }).at(&when.place)
        };
        let target = self.candidates.iter().find(|other| other.name == when.name);
        let fixed = self.fixed(&when.name);
        let Some(key) = key_of(&when.name).filter(|_| target.is_some() || fixed.is_some()) else {
            let names = Key::varying().map(|key| key.name);
            let names: Vec<&str> = names.chain(self.candidates.iter().map(|c| c.name.as_str())).collect();
            let error = error(format!("there is no `{}`", when.name));
            let is_layered = key_of(&when.name).is_some_and(Key::is_for_each_layer);
            if let Some(note) = belongs_elsewhere(&when.name) {
                return Err(error.note(note));
            }
            return Err(match closest(&when.name, names) {
                _ if is_layered => {
                    error.note(format!("it differs from layer to layer: name one, as `{}.0`", when.name))
                }
                Some(near) => error.note(format!("did you mean `{near}`?")),
                None => error.note("a condition names a key or a parameter of this file"),
            });
        };
        let mut any_of = Vec::new();
        for value in &when.any_of {
            let accepted = key.kind.accept(value).ok_or_else(|| {
                error(format!("`{}` is never {value}", when.name)).note(format!("`{}` takes {}", when.name, key.kind))
            })?;
            any_of.push(accepted);
        }
        match (target, fixed) {
            (Some(target), _) => {
                let domain = &target.varying.domain;
                if let Some(value) = any_of.iter().find(|value| !domain.contains(value)) {
                    return Err(error(format!("`{}` is never {value}", when.name))
                        .note(format!("its domain is {}", shortened(domain))));
                }
                Ok(Settled::Depends(Condition { parameter: when.name.clone(), any_of }))
            }
            (None, Some(value)) if any_of.contains(&value) => Ok(Settled::Always),
            (None, _) => Ok(Settled::Never),
        }
    }

    /// The constant behind a key, or behind one layer of it (`channels.0`).
    fn fixed(&self, name: &str) -> Option<Value> {
        let key = key_of(name)?;
        let at = KEYS.iter().position(|other| *other == key)?;
        let cell = match (&self.entries[at], name.split_once('.')) {
            (Entry::One(cell), None) => cell,
            // One constant for all layers.
            (Entry::Many(cells), None) if key.is_for_each_layer() => {
                cells.first().filter(|first| cells.iter().all(|cell| cell == *first))?
            }
            (Entry::Many(cells), Some((_, layer))) => cells.get(layer.parse::<usize>().ok()?)?,
            _ => return None,
        };
        match cell {
            Cell::Fixed(value) => Some(value.clone()),
            Cell::Parameter { .. } => None,
        }
    }
}

/// The place of what [`Space::new`] refused.
pub(super) fn refused_space(error: &SpaceError, candidates: &[&Candidate<'_>]) -> FileError {
    let named = match error {
        SpaceError::Circle { parameters } => parameters.first(),
        SpaceError::ContinuousCondition { parameter, .. }
        | SpaceError::NeverTaken { parameter, .. }
        | SpaceError::EmptyCondition { parameter, .. }
        | SpaceError::UnknownCondition { parameter, .. } => Some(parameter),
        _ => None,
    };
    let Some(candidate) = candidates.iter().find(|c| Some(&c.name) == named) else {
        return FileError::contradiction(error.to_string());
    };
    let (key, reason) = (candidate.name.clone(), error.to_string());
    let place = candidate.varying.when.first().map_or(candidate.place, |when| &when.place);
    FileError::new(Problem::Condition { key, reason }).at(place)
}
