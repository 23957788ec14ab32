//! A setting as it was written: a constant or a domain, for one or for many layers.

use tunefork_space::{Domain, Value};

use super::key::{Key, Section};
use super::location::Location;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    pub key: &'static Key,
    pub form: Form,
    pub place: Location,
}

/// How many terms a setting has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Form {
    /// One for everything: `kernel = 3`.
    One(Term),
    /// One for each layer: `kernel = [5, 3]`.
    List(Vec<Term>),
    /// One for the first layer, multiplied by `factor` from layer to layer:
    /// `channels = { start = 32, factor = 2 }`.
    Growing {
        start: Term,
        /// What each layer is multiplied by to give the next one's.
        factor: i64,
    },
}

impl Form {
    /// All terms that were written.
    pub(crate) fn terms(&self) -> impl Iterator<Item = &Term> {
        match self {
            Form::One(term) | Form::Growing { start: term, .. } => std::slice::from_ref(term).iter(),
            Form::List(terms) => terms.iter(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Term {
    pub content: Content,
    pub place: Location,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Constant(Value),
    Domain(Varying),
}

/// A domain with all that may stand beside it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Varying {
    pub domain: Domain,
    /// The end that was given to the range, if its step does not lead there.
    pub missed: Option<f64>,
    /// The conditions, all of which must hold for the parameter to exist.
    pub when: Vec<When>,
    /// The value of the baseline, if one was given.
    pub default: Option<Value>,
    /// Whether every layer has a parameter of its own, if that was said.
    pub per_layer: Option<bool>,
}

/// A condition: a parameter or constant has one of some values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct When {
    /// The name, without its section.
    pub name: String,
    pub any_of: Vec<Value>,
    pub place: Location,
}

/// A value given to a parameter by name, in a `[[trial]]` or by `--set`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    /// The parameter's name, without its section.
    pub name: String,
    pub value: Value,
    pub place: Location,
}

/// One thing that an option or an experiment changes in a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// What stands behind a key, as a whole.
    Key(Setting),
    /// The parameter of one layer, `channels.0`, or the first of growing ones, `channels.start`.
    Part(Assignment),
}

impl Change {
    pub(crate) fn key(&self) -> &'static Key {
        match self {
            Change::Key(setting) => setting.key,
            Change::Part(part) => key_of(&part.name).expect("parts are read by their key"),
        }
    }

    /// The name of the key or of its part, without the section.
    pub(crate) fn name(&self) -> &str {
        match self {
            Change::Key(setting) => setting.key.name,
            Change::Part(part) => &part.name,
        }
    }
}

/// The name of a key or parameter without its section: `model.dropout` and `dropout` are the same. One behind another
/// section than its own stays as it is, and is then no key's.
pub(crate) fn bare_name(name: &str) -> &str {
    match in_a_section(name) {
        Some((section, rest)) if key_of(rest).is_none_or(|key| key.section.name() == section) => rest,
        _ => name,
    }
}

/// Where the key belongs that stands behind another section in this name, if so.
pub(crate) fn belongs_elsewhere(name: &str) -> Option<String> {
    let (section, rest) = in_a_section(name)?;
    let key = key_of(rest).filter(|key| key.section.name() != section)?;
    Some(format!("`{}` is a key of {}", key.name, key.section.title()))
}

/// A section's name and what stands behind it.
fn in_a_section(name: &str) -> Option<(&str, &str)> {
    name.split_once('.').filter(|(section, _)| Section::NAMES.contains(section))
}

/// The key to which a parameter belongs: `channels` for `channels.0`.
pub(crate) fn key_of(parameter: &str) -> Option<&'static Key> {
    Key::find(parameter.split('.').next().unwrap_or(parameter))
}
