//! The program `tunefork`: reads what was typed, calls the library, prints what it says.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod events;
mod output;
mod progress;
mod relaunch;
mod screen;
mod values;

use std::process::ExitCode;

use args::{Command, Tunefork};
use clap::Parser as _;

/// Ctrl-C, and the study can go on: 128 + SIGINT, as shells count.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    outlast_file_limit();
    let result = match Tunefork::parse_from(args::typed(std::env::args_os())).command {
        Command::Run(args) => commands::run::run(&args),
        Command::Plan(args) => commands::plan::plan(&args),
        Command::Report(args) => commands::report::report(&args),
        Command::Show(args) => commands::show::show(&args),
        Command::Train(args) => commands::train::train(&args),
        Command::Predict(args) => commands::predict::predict(&args),
        Command::Evaluate(args) => commands::evaluate::evaluate(&args),
        Command::Export(args) => commands::export::export(&args),
        Command::Bench(args) => commands::bench::bench(&args),
        Command::Data(args) => commands::data::data(&args),
        Command::AskTell(args) => commands::ask_tell::ask_tell(&args),
        Command::Keys(args) => commands::keys::keys(&args),
        Command::Doctor(args) => commands::doctor::doctor(&args),
        Command::Schema(args) => commands::schema::schema(&args),
        Command::Completions(args) => commands::completions::completions(&args),
        Command::Man(args) => commands::man::man(&args),
    };
    match result {
        Ok(code) => output::ended(code),
        Err(error) => output::report(&error),
    }
}

/// A file that would be longer than allowed (ulimit -f) is an error of the write then, which can be told, and no signal that
/// kills. It is the thread that writes which gets the signal; threads have what their first one blocks.
fn outlast_file_limit() {
    #[cfg(unix)]
    {
        let mut signals = nix::sys::signal::SigSet::empty();
        signals.add(nix::sys::signal::Signal::SIGXFSZ);
        // Where it cannot be blocked, it is as it was.
        let _ = signals.thread_block();
    }
}
