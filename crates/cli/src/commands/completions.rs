//! `tunefork completions`

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::args::{CompletionsArgs, Tunefork};
use crate::output::print;

pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Tunefork::command(), "tunefork", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
