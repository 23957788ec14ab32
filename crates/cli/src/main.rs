//! The command line of Tunefork.
#![forbid(unsafe_code)]

fn main() {}
