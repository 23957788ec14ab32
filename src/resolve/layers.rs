//! Keys with a value per layer: how many layers there may be, and which cell each has.

use tunefork_report::counted;
use tunefork_space::{Domain, Value};

use crate::study_file::{Content, FileError, Form, Key, Setting, Shape, Term, key_of};

use super::cells::{Builder, Cell, cells_of, contradiction};

impl<'f> Builder<'f> {
    /// The cells of a per-layer key, one for each layer that there may be.
    pub(super) fn layers(
        &mut self,
        key: &'static Key,
        setting: Option<&'f Setting>,
        layers: usize,
        each: bool,
    ) -> Result<Vec<Cell>, FileError> {
        let name = |layer: usize| format!("{}.{layer}", key.name);
        let Some(setting) = setting else {
            let cell = |layer| {
                let default = self.default_at(key, layer).expect("every per-layer key has one");
                self.pinned_or(key, layer, Cell::Fixed(default))
            };
            return Ok((0..layers).map(cell).collect());
        };
        match &setting.form {
            Form::One(term) => {
                let own = match &term.content {
                    Content::Constant(_) => false,
                    Content::Domain(varying) => varying.per_layer.unwrap_or(each),
                };
                if own {
                    return (0..layers).map(|layer| self.cell(key, name(layer), term, layer)).collect();
                }
                if layers == 0 {
                    return Ok(Vec::new());
                }
                let shared = self.cell(key, key.name.into(), term, 0)?;
                Ok((0..layers).map(|layer| self.pinned_or(key, layer, shared.clone())).collect())
            }
            Form::List(terms) if terms.len() < layers => Err(contradiction(
                format!(
                    "`{}` lists {} but there may be {}",
                    key.name,
                    counted(terms.len(), "value"),
                    counted(layers, "layer")
                ),
                &setting.place,
            )
            .note("list one value for each layer, or write one value for all")),
            Form::List(terms) => {
                let terms = terms.iter().take(layers).enumerate();
                terms.map(|(layer, term)| self.cell(key, name(layer), term, layer)).collect()
            }
            Form::Growing { start, factor } => {
                if layers == 0 {
                    return Ok(Vec::new());
                }
                let start = self.cell(key, format!("{}.start", key.name), start, 0)?;
                let mut times = 1;
                let mut cells = Vec::new();
                for layer in 0..layers {
                    cells.push(self.pinned_or(key, layer, start.times(times)));
                    times = times.saturating_mul(*factor);
                }
                Ok(cells)
            }
        }
    }

    /// The most layers that a configuration may have.
    pub(super) fn most_layers(&self, counted_by: &str) -> usize {
        let key = Key::counter(counted_by);
        let otherwise = self.default_at(key, 0).and_then(|v| v.as_i64()).unwrap_or(0);
        let most = match self.file.setting(key).map(|setting| &setting.form) {
            Some(Form::One(Term { content: Content::Constant(value), .. })) => value.as_i64(),
            Some(Form::One(Term { content: Content::Domain(varying), .. })) => {
                let otherwise = if varying.when.is_empty() { 0 } else { otherwise };
                whole_values(&varying.domain).into_iter().max().map(|most| most.max(otherwise))
            }
            _ => None,
        };
        most.unwrap_or(otherwise).max(0) as usize
    }

    /// `cell`, unless `--set` fixed this layer.
    fn pinned_or(&self, key: &Key, layer: usize, cell: Cell) -> Cell {
        let name = format!("{}.{layer}", key.name);
        let pin = self.file.pinned().iter().find(|pin| pin.name == name);
        pin.map_or(cell, |pin| Cell::Fixed(pin.value.clone()))
    }

    pub(super) fn cells_of(&self, key: &Key) -> &[Cell] {
        cells_of(&self.entries, key)
    }

    /// Every pin must have met a layer.
    pub(super) fn check_pins(&self) -> Result<(), FileError> {
        for pin in self.file.pinned() {
            let key = key_of(&pin.name).expect("checked when it was set");
            let layers = match key.shape {
                Shape::PerLayer { .. } => self.cells_of(key).len(),
                _ => 0,
            };
            let part = &pin.name[key.name.len() + 1..];
            let growing = matches!(self.file.setting(key), Some(Setting { form: Form::Growing { .. }, .. }));
            if !(part == "start" && growing || part.parse().is_ok_and(|layer: usize| layer < layers)) {
                let error = contradiction(format!("there is no `{}`", pin.name), &pin.place);
                return Err(error.note(self.way_to(key, part, &pin.value)));
            }
        }
        Ok(())
    }

    /// What can be set where there is no such layer.
    fn way_to(&self, key: &Key, part: &str, value: &Value) -> String {
        let name = key.name;
        let Shape::PerLayer { counted_by, .. } = key.shape else {
            return format!("`{name}` is not divided into layers: --set {name}={value}");
        };
        match (self.cells_of(key).len(), part.parse::<usize>()) {
            (0, Ok(layer)) if self.most_layers(counted_by) == 0 => {
                match self.file.setting(key).map(|given| &given.form) {
                    Some(Form::List(_)) => format!("`{name}` lists none: --set {name}=[...]"),
                    _ => format!("`{counted_by}` is 0: --set {counted_by}={} as well", layer + 1),
                }
            }
            (0, _) => format!("give `{name}` for all layers first"),
            (layers, _) => format!("`{name}` has {}, counted from 0", counted(layers, "layer")),
        }
    }
}

/// All whole numbers in a domain of a counter; counters are small.
pub(super) fn whole_values(domain: &Domain) -> Vec<i64> {
    match domain {
        Domain::Int { low, high, .. } => (*low..=*high).filter(|count| domain.contains(&Value::Int(*count))).collect(),
        Domain::Categorical { choices, .. } => choices.iter().filter_map(Value::as_i64).collect(),
        _ => Vec::new(),
    }
}
