//! `norm` and the flag `batch_norm`, which says a part of the same.

use tunefork_space::Value;

use crate::study_file::table::{BATCH_NORM, NORM};
use crate::study_file::{FileError, Key, NormKind};

use super::Config;
use super::cells::{Builder, Cell, contradiction};

impl Builder<'_> {
    /// Whether a key holds its default where it is not given: `batch_norm` does not beside `norm`.
    pub(super) fn is_presumed(&self, key: &Key) -> bool {
        let replaced = *key == *BATCH_NORM && self.file.setting(&NORM).is_some();
        !replaced && self.default_at(key, 0).is_some()
    }

    /// Where `norm` and `batch_norm` are both given, they say the same.
    pub(super) fn check_norms(&self) -> Result<(), FileError> {
        let (Some(norm), Some(_)) = (self.file.setting(&NORM), self.file.setting(&BATCH_NORM)) else {
            return Ok(());
        };
        let agree = |cells: (&Cell, &Cell)| match cells {
            (Cell::Fixed(Value::Text(norm)), Cell::Fixed(Value::Bool(flag))) => {
                norm == if *flag { NormKind::Batch.name() } else { "none" }
            }
            _ => false,
        };
        if self.cells_of(&NORM).iter().zip(self.cells_of(&BATCH_NORM)).all(agree) {
            return Ok(());
        }
        Err(contradiction("`norm` and `batch_norm` do not say the same".to_string(), &norm.place)
            .note("leave `batch_norm` out: `norm` alone says which norm there is, \"none\" among them"))
    }
}

impl Config {
    /// The norm of each layer: as `norm` says, or where it is not given, the flag.
    pub(super) fn norms(&self) -> Vec<Option<NormKind>> {
        match NORM.of(self) {
            given if !given.is_empty() => given,
            _ => BATCH_NORM.of(self).into_iter().map(|flag| flag.then_some(NormKind::Batch)).collect(),
        }
    }
}
