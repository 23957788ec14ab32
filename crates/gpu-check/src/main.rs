//! Checks every kernel on a GPU, and times it: `gpu-check`, one program that needs a driver and NVRTC only.
//!
//! All checks run through the code for the card's own architecture, and again through the code path of
//! sm_75 as PTX, which the driver translates for any newer card, unless NVRTC is newer than the driver: then it takes none of its PTX,
//! which is said. After a fault another process goes on behind the check that met it, for the card is lost to this one. Each check runs twice with the same
//! numbers and must give the same bits. The reports' networks are trained for 200 steps beside the engine of
//! the processor. Then kernels and networks are timed, and planned bytes stand beside allocated ones and the
//! driver's. Tables go to standard output, one JSON file beside them.
//!
//! Exit code: 0 if all checks passed, also without a GPU (which is said plainly); 1 if one failed, or other
//! bytes were allocated than planned; 2 for arguments that are not understood.

mod program;

use std::process::ExitCode;

use clap::Parser;
use program::options::{Options, Part};
use program::{checks, report, timings, training};
use tunefork_kernels::discover;

fn main() -> ExitCode {
    let options = Options::parse();
    let wants = |part| options.parts.contains(&part);
    let gpu = match discover() {
        Ok(gpu) => gpu,
        Err(reason) => {
            println!("Nothing was checked: {reason}.");
            return ExitCode::SUCCESS;
        }
    };
    let header = match report::header(&gpu) {
        Ok(header) => header,
        Err(reason) => {
            println!("the GPU does not answer: {reason}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", header.sentence);

    let checked = match wants(Part::Checks) {
        true => checks::run(&gpu, &options),
        false => Ok(Vec::new()),
    };
    let checked = match checked {
        Ok(checked) => checked,
        Err(reason) => {
            println!("the checks cannot go on: {reason}");
            return ExitCode::FAILURE;
        }
    };
    report::print_checks(&checked);
    let mut failed = checked.iter().any(|check| check.failure.is_some());
    let (mut timed, mut trained) = (Vec::new(), Vec::new());
    if failed {
        println!("nothing was timed, because a check failed");
    } else {
        if wants(Part::Kernels) {
            timed = or_nothing("the kernels' times", timings::run(&gpu, options.window));
        }
        if wants(Part::Networks) {
            trained = or_nothing("the networks' times", training::run(&gpu, options.window));
        }
    }
    report::print_timings(&timed);
    report::print_training(&trained);
    failed |= trained.iter().any(|trained| !trained.is_as_planned());
    match report::write(&options.json, &header, &checked, &timed, &trained) {
        Ok(()) => println!("written: {}", options.json.display()),
        Err(error) => println!("{} cannot be written: {error}", options.json.display()),
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Results, or none and why.
fn or_nothing<T, E: std::fmt::Display>(what: &str, results: Result<Vec<T>, E>) -> Vec<T> {
    results.unwrap_or_else(|error| {
        println!("{what} are missing: {error}");
        Vec::new()
    })
}
