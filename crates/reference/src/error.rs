//! What can be wrong with the data that a graph is run on.

use thiserror::Error;

/// Why a graph cannot be run on a state and a batch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// A tensor of another size than the graph asks for.
    #[error("{what} has {got} values, but the graph asks for {expected}")]
    WrongLength {
        /// Which tensor or list.
        what: String,
        /// Values that were given.
        got: usize,
        /// Values that the graph asks for.
        expected: usize,
    },
    /// More rows than the graph was built for, or none.
    #[error("the batch has {rows} rows, but must have 1 to {batch}")]
    WrongRows {
        /// Rows that were given.
        rows: usize,
        /// Most rows: the graph's batch.
        batch: usize,
    },
    /// A label that is no class.
    #[error("label {label} of row {row} is not below the {classes} classes")]
    WrongLabel {
        /// Which row of the batch.
        row: usize,
        /// The label of that row.
        label: u16,
        /// Classes of the graph: labels are below it.
        classes: usize,
    },
    /// Batch statistics over a single value.
    #[error("batch_norm \"{name}\" has a single value per channel: it has no variance to train with")]
    SingleValue {
        /// Name of the layer.
        name: String,
    },
    /// No loss to compute.
    #[error("the graph has no loss")]
    NoLoss,
}
