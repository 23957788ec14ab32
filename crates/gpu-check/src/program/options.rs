//! What the program is asked to do.

use std::path::PathBuf;

const USAGE: &str = "\
usage: gpu-check [--seeds N] [--only NAME] [--no-timings] [--json FILE]
  --seeds N      cases of each check (10)
  --only NAME    checks whose names start so: conv, block/backward
  --no-timings   checks only
  --json FILE    where the results go (gpu-check.json)";

/// The options, with their defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// Cases of each check.
    pub seeds: u64,
    /// How the names of the wanted checks start.
    pub only: String,
    /// Whether kernels are timed.
    pub timings: bool,
    /// Where the results go.
    pub json: PathBuf,
}

impl Options {
    /// Reads the command line.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            seeds: 10,
            only: String::new(),
            timings: true,
            json: "gpu-check.json".into(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or(format!("{argument} wants a value\n{USAGE}"))
            };
            match argument.as_str() {
                "--seeds" => {
                    let text = value()?;
                    options.seeds = text
                        .parse()
                        .map_err(|_| format!("--seeds: {text} is no number\n{USAGE}"))?;
                }
                "--only" => options.only = value()?,
                "--json" => options.json = value()?.into(),
                "--no-timings" => options.timings = false,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }
}
