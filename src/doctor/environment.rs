//! Variables of the environment that change what the program does.

use std::ffi::OsStr;

use serde::Serialize;
use tunefork_names::closest;

/// All variables that the program reads, with what they are for.
const KNOWN: [(&str, &str); 9] = [
    ("TUNEFORK_DATA", "where data sets lie"),
    ("TUNEFORK_MIRROR", "the address that `data get` tries first"),
    ("TUNEFORK_CACHE", "where compiled kernels of a GPU are kept"),
    ("TUNEFORK_NVRTC", "the library that compiles kernels of a GPU"),
    ("CUDA_VISIBLE_DEVICES", "which GPUs there are for this program"),
    ("MLFLOW_TRACKING_USERNAME", "who asks a server of MLflow"),
    ("MLFLOW_TRACKING_PASSWORD", "who asks a server of MLflow"),
    ("MLFLOW_TRACKING_TOKEN", "who asks a server of MLflow"),
    ("NO_COLOR", "no colours in help and errors"),
];

/// What all variables of ours begin with.
const OURS: &str = "TUNEFORK_";

/// A variable that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value; none if it may hold a password.
    pub value: Option<String>,
    /// What it is for, or that nothing reads it.
    pub about: String,
}

impl Variable {
    /// Those that are set, in the order of the table; then those that are called like ours and that nothing reads.
    pub(super) fn all() -> Vec<Self> {
        let known = KNOWN.iter().filter_map(|(name, about)| Some(Self::of(name, &std::env::var_os(name)?, about)));
        let others = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(OURS))?;
            let is_known = KNOWN.iter().any(|(known, _)| *known == name);
            (!is_known).then(|| Self::of(&name, &value, &unread(&name)))
        });
        let mut others: Vec<Self> = others.collect();
        others.sort_by(|a, b| a.name.cmp(&b.name));
        known.chain(others).collect()
    }

    fn of(name: &str, value: &OsStr, about: &str) -> Self {
        let value = value.to_string_lossy();
        let is_secret = ["PASSWORD", "TOKEN"].iter().any(|word| name.ends_with(word)) || value.contains('@');
        Self { name: name.to_owned(), value: (!is_secret).then(|| value.into_owned()), about: about.to_owned() }
    }
}

fn unread(name: &str) -> String {
    match closest(name, KNOWN.iter().map(|(known, _)| *known)) {
        Some(meant) => format!("nothing reads it: did you mean {meant}?"),
        None => "nothing reads it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_told() {
        for (name, value, told) in [
            ("TUNEFORK_DATA", "/data", true),
            ("TUNEFORK_MIRROR", "http://me:secret@host/", false),
            ("MLFLOW_TRACKING_TOKEN", "abc", false),
            ("MLFLOW_TRACKING_PASSWORD", "", false),
        ] {
            assert_eq!(Variable::of(name, value.as_ref(), "").value.is_some(), told, "{name}={value}");
        }
    }

    #[test]
    fn a_misspelt_variable_is_corrected() {
        assert_eq!(unread("TUNEFORK_DATE"), "nothing reads it: did you mean TUNEFORK_DATA?");
    }
}
