//! The program as its users have it: started with arguments, judged by what it prints and leaves.

mod ask_tell;
mod choices;
mod device;
mod downloads;
mod equal_runs;
mod events;
mod experiments;
mod folds;
mod keys;
mod models;
mod predict;
mod program;
mod questions;
mod ray;
mod refusals;
#[cfg(target_os = "linux")]
mod relaunch;
mod schema;
#[expect(dead_code, reason = "the downloads' own tests use all of it")]
#[path = "../../../download/tests/servers/server.rs"]
mod server;
mod show;
mod sources;
mod study;
mod support;
#[cfg(unix)]
mod terminal;
mod time_limit;
mod told;
mod tracking;
