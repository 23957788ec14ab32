//! From settings to the search space: which values are fixed, and which are parameters.

use tunefork_space::{Condition, Domain, Parameter, Space, Value};

use crate::study_file::{
    Content, FileError, Form, KEYS, Key, Location, Preset, Setting, Shape, StudyFile, Term, Varying,
};

use super::conditions::refused_space;

/// Where one value of a configuration comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// It is the same in every trial.
    Fixed(Value),
    /// It is a parameter's value times `times`; where the parameter does not exist, `otherwise`
    /// times `times`.
    Parameter { name: String, otherwise: Value, times: i64 },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    Absent,
    One(Cell),
    Many(Vec<Cell>),
}

/// The values of all keys, by the order of [`KEYS`], and the space of those that vary.
#[derive(Debug, Clone)]
pub(super) struct Cells {
    pub entries: Vec<Entry>,
    pub space: Space,
    /// The baseline's value of each parameter, in the space's order.
    pub baseline: Vec<Value>,
}

/// A parameter before its conditions are settled.
pub(super) struct Candidate<'f> {
    pub name: String,
    pub key: &'static Key,
    pub varying: &'f Varying,
    pub place: &'f Location,
    pub baseline: Value,
    /// The layer whose existence it needs.
    pub layer: usize,
    pub conditions: Vec<Condition>,
    /// Whether its conditions can never hold.
    pub dead: bool,
}

/// Collects cells and parameters while walking over the keys.
pub(super) struct Builder<'f> {
    pub file: &'f StudyFile,
    pub entries: Vec<Entry>,
    pub candidates: Vec<Candidate<'f>>,
}

impl Cells {
    pub(super) fn new(file: &StudyFile) -> Result<Self, FileError> {
        let mut builder = Builder { file, entries: Vec::new(), candidates: Vec::new() };
        for key in KEYS {
            let entry = builder.entry(key)?;
            builder.entries.push(entry);
        }
        builder.check_pins()?;
        builder.check_norms()?;
        builder.need_layers();
        builder.settle_conditions()?;
        builder.finish()
    }
}

impl<'f> Builder<'f> {
    fn entry(&mut self, key: &'static Key) -> Result<Entry, FileError> {
        let setting = self.file.setting(key);
        match (key.shape, setting) {
            (Shape::PerLayer { .. }, None) if !self.is_presumed(key) => Ok(Entry::Absent),
            (Shape::PerLayer { counted_by, each }, setting) => {
                let layers = self.most_layers(counted_by);
                self.layers(key, setting, layers, each).map(Entry::Many)
            }
            (Shape::List, Some(Setting { form: Form::List(terms), .. })) => {
                let cells = terms.iter().map(|term| self.cell(key, key.name.into(), term, 0));
                cells.collect::<Result<_, _>>().map(Entry::Many)
            }
            (Shape::List, Some(Setting { form: Form::One(term), .. })) => {
                Ok(Entry::Many(vec![self.cell(key, key.name.into(), term, 0)?]))
            }
            (_, Some(Setting { form: Form::One(term), .. })) => {
                if let Content::Domain(Varying { per_layer: Some(_), .. }) = &term.content {
                    return Err(contradiction(format!("`{}` has one value, not one per layer", key.name), &term.place));
                }
                self.cell(key, key.name.into(), term, 0).map(Entry::One)
            }
            _ => Ok(match self.default_at(key, 0) {
                Some(value) => Entry::One(Cell::Fixed(value)),
                None => Entry::Absent,
            }),
        }
    }

    /// What a key holds in a layer where nothing is said.
    pub(super) fn default_at(&self, key: &Key, layer: usize) -> Option<Value> {
        match key.default {
            Preset::Flag(flag) => Some(Value::Bool(flag)),
            Preset::Whole(whole) => Some(Value::Int(whole)),
            Preset::Number(number) => Some(Value::Float(number)),
            Preset::Word(word) => Some(Value::Text(word.into())),
            Preset::Doubling(first, most) => Some(Value::Int((0..layer).fold(first, |units, _| (2 * units).min(most)))),
            Preset::FileName => Some(Value::Text(self.file.stem().into())),
            Preset::Listed(other, otherwise) => Some(Value::Int(self.listed(other).unwrap_or(otherwise))),
            Preset::Absent(_) => None,
        }
    }

    /// How many values are listed behind a per-layer key, if a list stands there.
    fn listed(&self, key: &str) -> Option<i64> {
        match &self.file.setting(Key::find(key)?)?.form {
            Form::List(terms) => Some(terms.len() as i64),
            _ => None,
        }
    }

    /// The cell of one term; a domain becomes the parameter `name`.
    pub(super) fn cell(
        &mut self,
        key: &'static Key,
        name: String,
        term: &'f Term,
        layer: usize,
    ) -> Result<Cell, FileError> {
        if let Some(pin) = self.file.pinned().iter().find(|pin| pin.name == name) {
            return Ok(Cell::Fixed(pin.value.clone()));
        }
        let varying = match &term.content {
            Content::Constant(value) => return Ok(Cell::Fixed(value.clone())),
            Content::Domain(varying) => varying,
        };
        let default = self.default_at(key, layer);
        let baseline = match (&varying.default, &default) {
            (Some(given), _) => given.clone(),
            (None, default) => nearest(&varying.domain, default.as_ref()),
        };
        let otherwise = default.unwrap_or_else(|| baseline.clone());
        self.candidates.push(Candidate {
            name: name.clone(),
            key,
            varying,
            place: &term.place,
            baseline,
            layer,
            conditions: Vec::new(),
            dead: false,
        });
        Ok(Cell::Parameter { name, otherwise, times: 1 })
    }

    fn finish(mut self) -> Result<Cells, FileError> {
        let dead: Vec<&Candidate<'_>> = self.candidates.iter().filter(|c| c.dead).collect();
        for entry in &mut self.entries {
            let cells = match entry {
                Entry::Absent => continue,
                Entry::One(cell) => std::slice::from_mut(cell),
                Entry::Many(cells) => cells.as_mut_slice(),
            };
            for cell in cells {
                if let Cell::Parameter { name, otherwise, times } = cell
                    && dead.iter().any(|candidate| candidate.name == *name)
                {
                    *cell = Cell::Fixed(multiplied(otherwise, *times));
                }
            }
        }
        let alive: Vec<&Candidate<'_>> = self.candidates.iter().filter(|c| !c.dead).collect();
        let parameters = alive.iter().map(|candidate| Parameter {
            name: candidate.name.clone(),
            domain: candidate.varying.domain.clone(),
            when: candidate.conditions.clone(),
        });
        let space = Space::new(parameters.collect()).map_err(|e| refused_space(&e, &alive))?;
        let baseline = alive.iter().map(|candidate| candidate.baseline.clone()).collect();
        Ok(Cells { entries: self.entries, space, baseline })
    }
}

impl Cell {
    pub(super) fn times(&self, by: i64) -> Cell {
        match self {
            Cell::Fixed(value) => Cell::Fixed(multiplied(value, by)),
            Cell::Parameter { name, otherwise, times } => {
                Cell::Parameter { name: name.clone(), otherwise: otherwise.clone(), times: times.saturating_mul(by) }
            }
        }
    }
}

/// The cells of a key among the entries of all; none where it holds nothing.
pub(super) fn cells_of<'e>(entries: &'e [Entry], key: &Key) -> &'e [Cell] {
    match KEYS.iter().position(|other| *other == key).map(|at| &entries[at]) {
        Some(Entry::One(cell)) => std::slice::from_ref(cell),
        Some(Entry::Many(cells)) => cells,
        Some(Entry::Absent) | None => &[],
    }
}

/// A whole number times `by`; anything else as it is.
pub(super) fn multiplied(value: &Value, by: i64) -> Value {
    match value {
        Value::Int(whole) => Value::Int(whole.saturating_mul(by)),
        other => other.clone(),
    }
}

/// The value of the domain that is nearest to `wanted`; the first one where nothing is near.
fn nearest(domain: &Domain, wanted: Option<&Value>) -> Value {
    let first = domain.to_value(domain.nth(0));
    let Some(wanted) = wanted else { return first };
    if let Ok(internal) = domain.to_internal(wanted) {
        return domain.to_value(internal);
    }
    let (low, high) = match *domain {
        Domain::Float { low, high, .. } => (low, high),
        Domain::Int { low, high, .. } => (low as f64, high as f64),
        Domain::Categorical { .. } => return first,
    };
    match wanted.as_f64() {
        Some(number) if number >= high => domain.to_value(high),
        Some(number) if number > low => domain.to_value(domain.untransform(domain.transform(number))),
        _ => first,
    }
}

pub(super) fn contradiction(text: String, place: &Location) -> FileError {
    FileError::contradiction(text).at(place)
}
