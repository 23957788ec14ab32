//! What the loop asks of an engine and what it makes of the answers, on an engine that keeps a record
//! of every call.

mod checkpoints;
mod counts;
mod course;
mod epochs;
mod refusals;
mod support;
