//! Where data sets are looked for, and which known ones are there.

use std::path::Path;

use serde::Serialize;
use tunefork_data::{Source, data_folder, shown};
use tunefork_download::CATALOGUE;

/// Where data sets are looked for by name.
#[derive(Debug, Clone, Serialize)]
pub struct DataFound {
    /// The folder.
    pub folder: String,
    /// Who says so: `--data-dir`, `TUNEFORK_DATA` or `default`.
    pub said_by: &'static str,
    /// Whether it is there.
    pub exists: bool,
    /// The sets that are known by name.
    pub sets: Vec<SetFound>,
}

/// A set that is known by name.
#[derive(Debug, Clone, Serialize)]
pub struct SetFound {
    /// What a study file calls it.
    pub name: &'static str,
    /// Where it lies; none if it is not there.
    pub path: Option<String>,
    /// Bytes of its files as they are published.
    pub bytes: u64,
}

impl DataFound {
    pub(super) fn look(data_dir: Option<&Path>) -> Self {
        let folder = data_folder(data_dir);
        let default = folder == Path::new("data");
        let said_by = match data_dir {
            Some(_) => "--data-dir",
            None if default => "default",
            None => "TUNEFORK_DATA",
        };
        let sets = CATALOGUE.iter().map(|set| {
            let path = Source::locate(set.name, data_dir).ok().map(|found| shown(found.path()));
            SetFound { name: set.name, path, bytes: set.length() }
        });
        Self { exists: folder.is_dir(), said_by, sets: sets.collect(), folder: shown(&folder) }
    }
}
