//! `cargo xtask <task>`: what is done by hand in this repository.

mod bits;
mod edit;
mod faults;
mod gpu_check;
mod house;
mod listing;
mod mutate;
mod omit;
mod resources;
mod roofline;
mod shared;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A task's name, what it does, and its function, which gets the arguments behind the name.
type Task = (&'static str, &'static str, fn(&[String]) -> Result<()>);

const TASKS: &[Task] = &[
    ("bits", "run every shipped study at a small budget with a built program and print digests to compare", bits::run),
    ("shared", "write kernels/shared.cuh: structs, codes and constants that launchers and kernels share", shared::run),
    (
        "resources",
        "write kernels/RESOURCES.md: registers, shared memory and occupancy of every kernel (needs NVRTC)",
        resources::run,
    ),
    (
        "roofline",
        "write benches/ROOFLINE.md: floors and predictions of a training step on cards that are not at hand",
        roofline::run,
    ),
    (
        "gpu-check",
        "build the program that checks and times all kernels on a GPU, and run it; it needs a driver and NVRTC only",
        gpu_check::run,
    ),
    (
        "faults",
        "kill a study, stop it, fail its disk and spoil its files, at random, and hold it against the undisturbed one",
        faults::run,
    ),
    ("house", "count the lines of the house and name files and functions that are too long", house::run),
    (
        "mutate",
        "plant faults in the kernels, one at a time, and list which check on the emulator sees each",
        mutate::run,
    ),
    ("omit", "leave out one place of a thing at a time and list how the compiler or a test names it", omit::run),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let task = arguments.first().and_then(|name| TASKS.iter().find(|(task, _, _)| task == name));
    let Some((_, _, run)) = task else {
        for (name, what, _) in TASKS {
            eprintln!("cargo xtask {name:<12} {what}");
        }
        bail!("name one of these tasks");
    };
    run(&arguments[1..])
}

fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the repository")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Cargo, in the repository's folder.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} cannot be started"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}
