//! What of a study must stay the same when it goes on.

use tunefork_study::Facts;

use crate::file::KEYS;

use super::StudySpec;
use super::cells::{Cell, Entry};

impl StudySpec {
    /// Everything that decides a study's course, each with its name.
    ///
    /// Two files that mean the same have the same settings whatever their comments and the order of
    /// their keys. The budget is left out, for it may grow; the name decides nothing.
    pub fn settings(&self) -> Facts {
        let mut facts = Vec::new();
        for (key, entry) in KEYS.iter().zip(&self.cells.entries) {
            if key.is_budget() || matches!(key.name, "name" | "as_trial") {
                continue;
            }
            match entry {
                Entry::Absent => {}
                Entry::One(cell) => facts.push((key.name.to_string(), written(cell))),
                Entry::Many(cells) => {
                    let cells: Vec<String> = cells.iter().map(written).collect();
                    facts.push((key.name.to_string(), format!("[{}]", cells.join(", "))));
                }
            }
        }
        for parameter in self.space().parameters() {
            let when = parameter.when.iter().map(|condition| {
                let values: Vec<String> =
                    condition.any_of.iter().map(|v| format!("{v:?}")).collect();
                format!(" when {} is {}", condition.parameter, values.join(" or "))
            });
            let domain = format!("{:?}{}", parameter.domain, when.collect::<String>());
            facts.push((format!("domain of {}", parameter.name), domain));
        }
        for (number, point) in self.enqueued().iter().enumerate() {
            facts.push((
                format!("trial {number}"),
                self.space().params(point).to_string(),
            ));
        }
        Facts::new(facts)
    }
}

fn written(cell: &Cell) -> String {
    match cell {
        Cell::Fixed(value) => format!("{value:?}"),
        Cell::Parameter {
            name,
            otherwise,
            times,
        } => format!("{name} * {times} or {otherwise:?}"),
    }
}
