//! The one place that maps files into memory.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::DataError;

/// A prepared file, mapped for reading.
#[derive(Debug)]
pub(crate) struct Map(Mmap);

impl Map {
    /// Maps all of `file`; `path` is named in errors.
    pub(crate) fn open(file: &File, path: &Path) -> Result<Self, DataError> {
        // SAFETY: a mapping is sound as long as nobody changes or shortens the file behind it.
        // Only prepared files are mapped, and this crate never writes to one in place: it writes a
        // new file and renames it over the old name, which leaves an existing mapping on the old
        // file. Other programs have no business with them.
        let map = unsafe { Mmap::map(file) };
        map.map(Self).map_err(|source| DataError::io("map", path, source))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
