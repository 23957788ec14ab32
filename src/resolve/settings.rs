//! What of a study must stay the same when it goes on.

use tunefork_study::{Difference, Facts};

use crate::study_file::{KEYS, Key, Role, key_of};

use super::StudySpec;
use super::cells::{Cell, Entry};
use super::config::toml_value;

impl StudySpec {
    /// Everything that decides a study's course, each with its name.
    ///
    /// Two files that mean the same have the same settings whatever their comments and the order of
    /// their keys. The budget is left out, for it may grow.
    ///
    /// They are stored and compared, so that their texts stay what they are; `told_settings` is for people.
    pub fn settings(&self) -> Facts {
        let mut facts = Vec::new();
        for (key, entry) in KEYS.iter().zip(&self.cells.entries) {
            let is_compared = match key.role {
                Role::Costs | Role::Free | Role::Fixed => true,
                Role::RecordedOfOne => self.members().are_several(),
                Role::Recorded | Role::Budget | Role::Label => false,
            };
            if !is_compared {
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
                let values: Vec<String> = condition.any_of.iter().map(|v| format!("{v:?}")).collect();
                format!(" when {} is {}", condition.parameter, values.join(" or "))
            });
            let domain = format!("{}{}", parameter.domain, when.collect::<String>());
            facts.push((format!("{DOMAIN_OF}{}", parameter.name), domain));
        }
        for (number, point) in self.enqueued().iter().enumerate() {
            facts.push((format!("trial {number}"), self.space().params(point).to_string()));
            let runs = self.runs_of(number as u32).into_iter();
            let runs: Vec<String> = runs.map(|(name, run)| format!("{name}: {run}")).collect();
            if !runs.is_empty() {
                facts.push((format!("runs of trial {number}"), runs.join("; ")));
            }
        }
        Facts::new(facts)
    }

    /// The keys that the file does not name: what they hold is the default, also for a study that was begun before
    /// there was such a key.
    pub fn presumed(&self) -> impl Iterator<Item = &'static str> {
        let is_written = |key: &Key| self.written.iter().any(|(name, _)| key_of(name) == Some(key));
        KEYS.iter().filter(move |key| !is_written(key)).map(|key| key.name)
    }
}

/// A difference in the words of the file: what [`StudySpec::settings`] says of a key that varies is that it is searched.
pub(crate) fn in_words(difference: Difference) -> Difference {
    if difference.name.starts_with(DOMAIN_OF) {
        let plain = |text: Option<String>| text.map(|text| plain(&text));
        return Difference { was: plain(difference.was), now: plain(difference.now), ..difference };
    }
    let searched = |text: &Option<String>| match text {
        Some(text) if text.contains(BETWEEN) => Some("searched".to_string()),
        other => other.clone(),
    };
    let (was, now) = (searched(&difference.was), searched(&difference.now));
    // Where both are, what they hold elsewhere is the difference.
    if was == now { difference } else { Difference { was, now, ..difference } }
}

/// Settings as [`StudySpec::settings`] has them, in the words of the file.
pub(crate) fn told_settings(settings: &Facts) -> Facts {
    Facts::new(settings.iter().map(|(name, text)| match name.starts_with(DOMAIN_OF) {
        true => (name, plain(text)),
        false => (name, text.to_string()),
    }))
}

/// With which the names of domains begin.
const DOMAIN_OF: &str = "domain of ";

/// The values of a domain's conditions as a study file has them, without their kinds: `Text("sgd")` is `"sgd"`.
fn plain(domain: &str) -> String {
    const BEGINS: &str = " when ";
    let mut text = domain.to_string();
    let Some(from) = text.find(BEGINS) else { return text };
    for kind in ["Text(", "Int(", "Float(", "Bool("] {
        while let Some(begin) = text[from..].find(kind).map(|begin| from + begin) {
            let ends = [") or ", ") when "].iter().filter_map(|end| text[begin..].find(end));
            let last = text.len() - begin - usize::from(text.ends_with(')'));
            let end = begin + ends.min().unwrap_or(last);
            let value = text[begin + kind.len()..end].to_string();
            text.replace_range(begin..(end + 1).min(text.len()), &value);
        }
    }
    text
}

/// Stands between a parameter and what a key holds where there is no such parameter.
const BETWEEN: &str = ", else ";

fn written(cell: &Cell) -> String {
    match cell {
        Cell::Fixed(value) => toml_value(value),
        Cell::Parameter { name, otherwise, times } => {
            let times = if *times == 1 { String::new() } else { format!(" * {times}") };
            format!("{name}{times}{BETWEEN}{}", toml_value(otherwise))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_domains_are_told_as_a_file_has_them() {
        for (stored, told) in [
            ("[0.5, 0.95]", "[0.5, 0.95]"),
            ("[1e-5, 0.1] (log)", "[1e-5, 0.1] (log)"),
            (r#"[0.5, 0.95] when optimizer is Text("sgd")"#, r#"[0.5, 0.95] when optimizer is "sgd""#),
            (
                r#"[0.1, 1.0] (log) when optimizer is Text("sgd") or Text("rmsprop") when layers is Int(2) or Int(3)"#,
                r#"[0.1, 1.0] (log) when optimizer is "sgd" or "rmsprop" when layers is 2 or 3"#,
            ),
            (
                "{1, 2} when nesterov is Bool(true) when dropout is Float(0.5)",
                "{1, 2} when nesterov is true when dropout is 0.5",
            ),
        ] {
            assert_eq!(plain(stored), told);
        }
    }
}
