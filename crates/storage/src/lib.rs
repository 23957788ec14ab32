//! SQLite storage in Optuna's schema, so that Optuna's own tools open a study live.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
