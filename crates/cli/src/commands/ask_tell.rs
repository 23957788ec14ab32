//! `tunefork ask-tell`

use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use tunefork::{AskTell, AskTellOptions, read_space};

use crate::args::AskTellArgs;

pub(crate) fn ask_tell(args: &AskTellArgs) -> anyhow::Result<ExitCode> {
    let mut study = AskTell::open(AskTellOptions {
        space: read_space(&args.space)?,
        sampler: args.sampler,
        scheduler: args.scheduler,
        direction: args.direction,
        storage: args.storage.as_deref().map(path_of),
        seed: args.seed,
    })?;
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        // What is no UTF-8 is no JSON either, and is answered so.
        let answer = study.answer(String::from_utf8_lossy(&line).trim());
        match writeln!(output, "{answer}").and_then(|()| output.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written?,
        }
    }
}

/// The file of a database, from its path or from an address as Optuna has it.
fn path_of(url: &str) -> PathBuf {
    url.strip_prefix("sqlite:///").unwrap_or(url).into()
}
