//! A space around configurations that are given: what differs among them is a parameter.

use tunefork_space::{Condition, Domain, Parameter, Params, Space, Value};

use crate::study_file::{KEYS, Key, Shape};

use super::cells::{Cell, Cells, Entry};
use super::config::{Config, Constant};

/// The space that just holds some configurations.
pub(super) struct Union {
    /// A parameter for each value that differs, its domain all that the configurations have there.
    pub cells: Cells,
    pub params: Vec<Params>,
}

impl Union {
    /// Around `configs`, of which the first is the baseline.
    pub(super) fn of(configs: &[&Config]) -> Self {
        let mut builder = UnionBuilder {
            configs,
            parameters: Vec::new(),
            baseline: Vec::new(),
            params: vec![Params::default(); configs.len()],
        };
        let entries = KEYS.iter().map(|key| builder.entry(key)).collect();
        let space = Space::new(builder.parameters);
        let cells = Cells {
            entries,
            space: space.expect("counters come before what they count, under names of keys"),
            baseline: builder.baseline,
        };
        Self { cells, params: builder.params }
    }
}

struct UnionBuilder<'c> {
    configs: &'c [&'c Config],
    parameters: Vec<Parameter>,
    baseline: Vec<Value>,
    params: Vec<Params>,
}

impl UnionBuilder<'_> {
    fn entry(&mut self, key: &'static Key) -> Entry {
        match key.shape {
            Shape::One => {
                let value = |config: &&Config| config.value(key).cloned();
                let values = self.configs.iter().map(value);
                // A key that only some configurations have holds nothing in the others.
                let values = values.map(|value| Some(value.unwrap_or(Value::Null)));
                match self.cell(key.name.into(), values.collect(), None) {
                    Cell::Fixed(Value::Null) => Entry::Absent,
                    cell => Entry::One(cell),
                }
            }
            Shape::List => match self.configs[0].get(key) {
                Some(Constant::List(values)) => Entry::Many(values.iter().cloned().map(Cell::Fixed).collect()),
                _ => Entry::Absent,
            },
            Shape::PerLayer { counted_by, each } => match self.layers(key, counted_by, each) {
                cells if cells.contains(&Cell::Fixed(Value::Null)) => Entry::Absent,
                cells => Entry::Many(cells),
            },
        }
    }

    /// A cell for each layer of the deepest configuration.
    fn layers(&mut self, key: &'static Key, counted_by: &str, each: bool) -> Vec<Cell> {
        let list = |config: &&Config| match config.get(key) {
            Some(Constant::List(values)) => values.clone(),
            // As above: nothing in each of its layers.
            Some(Constant::One(_)) | None => vec![Value::Null; config.count(key).unwrap_or(0)],
        };
        let lists: Vec<Vec<Value>> = self.configs.iter().map(list).collect();
        let longest = lists.iter().map(|list| list.len()).max().unwrap_or(0);
        let layer = |layer: usize| lists.iter().map(|list| list.get(layer).cloned()).collect();
        let even = |list: &Vec<Value>| list.windows(2).all(|pair| pair[0] == pair[1]);
        if !each && longest > 0 && lists.iter().all(even) {
            let shared = self.cell(key.name.into(), layer(0), Some((counted_by, 0)));
            return vec![shared; longest];
        }
        (0..longest)
            .map(|at| {
                let name = format!("{}.{at}", key.name);
                self.cell(name, layer(at), Some((counted_by, at)))
            })
            .collect()
    }

    /// The cell of the values that the configurations have in one place; nothing stands where a
    /// configuration has fewer layers, counted by the key beside the layer.
    fn cell(&mut self, name: String, values: Vec<Option<Value>>, layer: Option<(&str, usize)>) -> Cell {
        let mut choices: Vec<Value> = Vec::new();
        for value in values.iter().flatten() {
            if !choices.contains(value) {
                choices.push(value.clone());
            }
        }
        if let [only] = &choices[..] {
            return Cell::Fixed(only.clone());
        }
        let otherwise = values[0].clone().unwrap_or_else(|| choices[0].clone());
        if choices.iter().all(|choice| choice.as_f64().is_some()) {
            choices.sort_by(|a, b| f64::total_cmp(&number(a), &number(b)));
        }
        for (params, value) in self.params.iter_mut().zip(&values) {
            if let Some(value) = value {
                params.set(name.clone(), value.clone());
            }
        }
        let everywhere = values.iter().all(Option::is_some);
        self.parameters.push(Parameter {
            name: name.clone(),
            domain: Domain::choice(choices).expect("several choices, all different"),
            when: match layer.filter(|_| !everywhere) {
                Some((counted_by, layer)) => vec![self.deep_enough(counted_by, layer)],
                None => Vec::new(),
            },
        });
        self.baseline.push(otherwise.clone());
        Cell::Parameter { name, otherwise, times: 1 }
    }

    /// That there is a layer of this number.
    fn deep_enough(&self, counted_by: &str, layer: usize) -> Condition {
        let counter = Key::counter(counted_by);
        let mut counts: Vec<i64> = (self.configs.iter())
            .filter_map(|config| config.value(counter)?.as_i64())
            .filter(|count| *count > layer as i64)
            .collect();
        counts.sort_unstable();
        counts.dedup();
        Condition { parameter: counted_by.into(), any_of: counts.into_iter().map(Value::Int).collect() }
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
