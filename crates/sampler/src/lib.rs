//! Where to look next: random, grid and TPE, as pure functions of the history.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
