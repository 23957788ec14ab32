//! Search spaces: domains, conditions, values and their validation.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
