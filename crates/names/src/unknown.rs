//! What is said of a name that is not in the table.

use std::error::Error;
use std::fmt;

use crate::closest;

/// A name that an enum does not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownName {
    /// What was asked for, for example `activation`.
    pub kind: &'static str,
    /// What was written in place of a name.
    pub received: String,
    /// What could have been written.
    pub allowed: &'static [&'static str],
}

impl UnknownName {
    /// `received` is none of the `allowed` names of a `kind`.
    pub fn new(kind: &'static str, received: &str, allowed: &'static [&'static str]) -> Self {
        Self { kind, received: received.to_owned(), allowed }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, received, allowed } = self;
        write!(f, "there is no {kind} `{received}`: use {}", listed(allowed))?;
        match closest(received, allowed.iter().copied()) {
            Some(name) => write!(f, " (did you mean `{name}`?)"),
            None => Ok(()),
        }
    }
}

impl Error for UnknownName {}

/// Names as a sentence lists them: `a`, `a or b`, `a, b or c`.
///
/// ```
/// assert_eq!(tunefork_names::listed(&["f32", "tf32", "bf16"]), "f32, tf32 or bf16");
/// ```
pub fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}
