//! What the program is asked to do.

use std::path::PathBuf;

use clap::{Parser, ValueEnum, value_parser};

/// Checks every kernel on a GPU, and times it.
#[derive(Clone, Debug, Parser)]
#[command(name = "gpu-check")]
pub(crate) struct Options {
    /// What is done, in this order
    #[arg(long, value_delimiter = ',', default_value = "checks,kernels,networks")]
    pub parts: Vec<Part>,
    /// Cases of each check of a kernel
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Training steps of each network beside the processor's
    #[arg(long, default_value_t = 200, value_parser = value_parser!(u64).range(20..))]
    pub steps: u64,
    /// Checks whose names start so: conv, block/backward, run/m3
    #[arg(long, default_value = "")]
    pub only: String,
    /// How many seconds a measurement lasts at least
    #[arg(long, default_value_t = 0.5, value_parser = seconds)]
    pub window: f64,
    /// Where the results go
    #[arg(long, default_value = "gpu-check.json")]
    pub json: PathBuf,
    /// What checks of a process before this one found, in which the card was lost: written and read by the program itself
    #[arg(long, hide = true)]
    pub after: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Part {
    /// All checks of kernels and of whole steps.
    Checks,
    /// The kernels' times.
    Kernels,
    /// The networks' times.
    Networks,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (1e-3..=1e9).contains(&seconds) => Ok(seconds),
        _ => Err("it is no number of at least 0.001".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        let words = ["gpu-check"].into_iter().chain(line.split_whitespace());
        Options::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn all_is_done_unless_parts_are_named() {
        assert_eq!(read("").unwrap().parts, [Part::Checks, Part::Kernels, Part::Networks]);
        let some = read("--parts kernels,networks --window 0.1").unwrap();
        assert_eq!((some.parts, some.window), (vec![Part::Kernels, Part::Networks], 0.1));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, named) in [
            ("--parts speed", "'speed'"),
            ("--steps 3", "3 is not in 20.."),
            ("--seeds many", "'many'"),
            ("--window NaN", "no number of at least 0.001"),
            ("--json", "--json"),
            ("--fast", "--fast"),
        ] {
            let message = read(line).unwrap_err();
            assert!(message.contains(named), "{message}");
        }
    }
}
