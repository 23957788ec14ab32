//! What a study found: tables as Markdown and CSV.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
