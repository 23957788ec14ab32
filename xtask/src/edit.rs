//! A change of one place in a copy of files, which is taken back.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Edit {
    /// In the copy.
    pub file: String,
    /// Text that stands in the file once.
    find: String,
    replace: String,
}

impl Edit {
    pub(crate) fn text(&self, copy: &Path) -> Result<String> {
        let path = copy.join(&self.file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let found = text.matches(&self.find).count();
        ensure!(found == 1, "its place is {found} times in {}", self.file);
        Ok(text.replacen(&self.find, &self.replace, 1))
    }

    /// Does something while the change is there.
    pub(crate) fn during<T>(&self, copy: &Path, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = copy.join(&self.file);
        let sound = fs::read(&path)?;
        fs::write(&path, self.text(copy)?)?;
        let done = act();
        fs::write(&path, sound)?;
        done
    }
}
