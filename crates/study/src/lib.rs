//! Ask and tell, the life of a trial, the storage contract and the executor with its virtual clock.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
