//! Downloads from servers that behave, and from servers that do not. All of them are in this process.

mod answers;
mod fetching;
mod lengths;
mod resuming;
mod server;
mod sets;
mod support;
