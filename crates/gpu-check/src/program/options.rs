//! What the program is asked to do.

use std::path::PathBuf;

const USAGE: &str = "\
usage: gpu-check [--parts LIST] [--seeds N] [--steps N] [--only NAME] [--window SECONDS] [--json FILE]
  --parts LIST      what is done, of: checks,kernels,networks (all, in this order)
  --seeds N         cases of each check of a kernel (10)
  --steps N         training steps of each network beside the processor's (200)
  --only NAME       checks whose names start so: conv, block/backward, run/m3
  --window SECONDS  how long a measurement lasts at least (0.5)
  --json FILE       where the results go (gpu-check.json)";

/// The options, with their defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether kernels and networks are checked.
    pub checks: bool,
    /// Whether kernels are timed.
    pub kernels: bool,
    /// Whether networks are timed.
    pub networks: bool,
    /// Cases of each check of a kernel.
    pub seeds: u64,
    /// Training steps of each network beside the processor's.
    pub steps: usize,
    /// How the names of the wanted checks start.
    pub only: String,
    /// Seconds that a measurement lasts at least.
    pub window: f64,
    /// Where the results go.
    pub json: PathBuf,
}

impl Options {
    /// Reads the command line.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            checks: true,
            kernels: true,
            networks: true,
            seeds: 10,
            steps: 200,
            only: String::new(),
            window: 0.5,
            json: "gpu-check.json".into(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} wants a value\n{USAGE}"));
            match argument.as_str() {
                "--parts" => options.parts(&value()?)?,
                "--seeds" => options.seeds = number(&argument, &value()?, 1.0)? as u64,
                "--steps" => options.steps = number(&argument, &value()?, 20.0)? as usize,
                "--only" => options.only = value()?,
                "--window" => options.window = number(&argument, &value()?, 1e-3)?,
                "--json" => options.json = value()?.into(),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }

    fn parts(&mut self, list: &str) -> Result<(), String> {
        (self.checks, self.kernels, self.networks) = (false, false, false);
        for part in list.split(',') {
            *match part {
                "checks" => &mut self.checks,
                "kernels" => &mut self.kernels,
                "networks" => &mut self.networks,
                _ => return Err(format!("--parts: {part} is no part\n{USAGE}")),
            } = true;
        }
        Ok(())
    }
}

fn number(argument: &str, text: &str, least: f64) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number >= least && number <= 1e9 => Ok(number),
        _ => Err(format!("{argument}: {text} is no number of at least {least}\n{USAGE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn all_is_done_unless_parts_are_named() {
        let all = read("").unwrap();
        assert!(all.checks && all.kernels && all.networks);
        let some = read("--parts kernels,networks --window 0.1").unwrap();
        assert!(!some.checks && some.kernels && some.networks);
        assert_eq!(some.window, 0.1);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, named) in [
            ("--parts speed", "speed is no part"),
            ("--steps 3", "3 is no number of at least 20"),
            ("--seeds many", "many is no number"),
            ("--window NaN", "NaN is no number"),
            ("--json", "--json wants a value"),
            ("--fast", "usage"),
        ] {
            let message = read(line).unwrap_err();
            assert!(message.contains(named), "{message}");
        }
    }
}
