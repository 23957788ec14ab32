//! Variables of the environment that change what the program does.

use std::ffi::OsStr;

use serde::Serialize;
use tunefork_names::closest;

/// All variables that the program reads, with what they are for.
const KNOWN: [(&str, &str); 10] = [
    ("TUNEFORK_DATA", "where data sets lie"),
    ("TUNEFORK_MIRROR", "the address that `data get` tries first"),
    ("TUNEFORK_CACHE", "where compiled kernels of a GPU are kept"),
    ("TUNEFORK_NVRTC", "the library that compiles kernels of a GPU"),
    ("TUNEFORK_RELAUNCHED", "what `run` tells itself where it goes on after a fault of the GPU"),
    ("CUDA_VISIBLE_DEVICES", "which GPUs there are for this program"),
    ("MLFLOW_TRACKING_USERNAME", "who asks a server of MLflow"),
    ("MLFLOW_TRACKING_PASSWORD", "who asks a server of MLflow"),
    ("MLFLOW_TRACKING_TOKEN", "who asks a server of MLflow"),
    ("NO_COLOR", "no colours"),
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
    use std::collections::BTreeSet;
    use std::path::Path;

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

    /// Names that follow `variable("` and the like in the sources of a folder.
    fn read_below(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read_below(&path, names);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let asked = ["var(\"", "var_os(\"", "variable(\""].into_iter().flat_map(|call| text.split(call).skip(1));
            names.extend(asked.filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()));
        }
    }

    #[test]
    fn every_variable_that_is_read_is_known() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut names = BTreeSet::new();
        for sources in [
            "src",
            "crates/cli/src",
            "crates/data/src",
            "crates/download/src",
            "crates/kernels/src",
            "crates/track/src",
        ] {
            read_below(&root.join(sources), &mut names);
        }
        // Only a test asks for it.
        names.remove("TUNEFORK_SHARED");
        let ours: Vec<&String> =
            names.iter().filter(|name| name.starts_with(OURS) || name.starts_with("MLFLOW_")).collect();
        assert!(ours.len() >= 7, "{ours:?}");
        for name in ours {
            assert!(KNOWN.iter().any(|(known, _)| known == name), "{name} has no row");
        }
    }

    #[test]
    fn a_misspelt_variable_is_corrected() {
        assert_eq!(unread("TUNEFORK_DATE"), "nothing reads it: did you mean TUNEFORK_DATA?");
    }
}
