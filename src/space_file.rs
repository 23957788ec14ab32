//! A space in a file of its own, for those who train something else than a network of ours.
//!
//! ```toml
//! [space]
//! learning_rate = { log = [1e-5, 1e-1] }
//! layers = { int = [1, 4] }
//! optimizer = { choice = ["sgd", "adam"] }
//! momentum = { uniform = [0.0, 0.99], when = { optimizer = "sgd" } }
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tunefork_space::{Domain, DomainError, Parameter, Space, Value};

use crate::Error;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpaceFile {
    space: BTreeMap<String, DomainTable>,
}

/// A domain as a study file has it: one of the first four, and what may stand beside it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DomainTable {
    uniform: Option<[f64; 2]>,
    log: Option<[Bound; 2]>,
    int: Option<[i64; 2]>,
    choice: Option<Vec<Value>>,
    step: Option<f64>,
    #[serde(default)]
    when: BTreeMap<String, OneOf>,
}

/// A whole number or another one: between whole bounds a log range has whole numbers.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Bound {
    Whole(i64),
    Real(f64),
}

/// A value, or several of which one has to be there.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOf {
    Many(Vec<Value>),
    One(Value),
}

impl DomainTable {
    fn domain(&self) -> Result<Domain, String> {
        let domain = match (self.uniform, self.log, self.int, &self.choice) {
            (Some([low, high]), None, None, None) => Domain::uniform(low, high),
            (None, Some([Bound::Whole(low), Bound::Whole(high)]), None, None) => Domain::int_log(low, high),
            (None, Some(bounds), None, None) => {
                let [low, high] = bounds.map(|bound| match bound {
                    Bound::Whole(whole) => whole as f64,
                    Bound::Real(real) => real,
                });
                Domain::log(low, high)
            }
            (None, None, Some([low, high]), None) => Domain::int(low, high),
            (None, None, None, Some(values)) => Domain::choice(values.iter().cloned()),
            _ => return Err("it needs exactly one of uniform, log, int and choice".to_owned()),
        };
        let stepped = |domain: Domain| match self.step {
            Some(step) => domain.with_step(step),
            None => Ok(domain),
        };
        domain.and_then(stepped).map_err(|error: DomainError| error.to_string())
    }

    fn parameter(self, name: String) -> Result<Parameter, String> {
        let domain = self.domain().map_err(|reason| format!("`{name}`: {reason}"))?;
        let parameter = Parameter::new(name, domain);
        Ok(self.when.into_iter().fold(parameter, |parameter, (other, values)| match values {
            OneOf::Many(values) => parameter.when(other, values),
            OneOf::One(value) => parameter.when(other, [value]),
        }))
    }
}

/// Reads the `[space]` of a file, by name: the order of its lines changes nothing.
///
/// # Errors
/// A file that cannot be read, is not TOML, has another section, or a domain or a condition that makes no sense; the text names the file and
/// the parameter.
pub fn read_space(path: &Path) -> Result<Space, Error> {
    let refused = |reason: String| Error::Unsupported(format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    let file: SpaceFile = toml::from_str(&text).map_err(|error| refused(error.to_string()))?;
    let parameters = file.space.into_iter().map(|(name, table)| table.parameter(name)).collect::<Result<Vec<_>, _>>();
    let space = parameters.map_err(&refused)?;
    if space.is_empty() {
        return Err(refused("[space] names no parameter".to_owned()));
    }
    Space::new(space).map_err(|error| refused(error.to_string()))
}
