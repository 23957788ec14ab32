//! `tunefork schema`

use std::process::ExitCode;

use crate::args::SchemaArgs;
use crate::events;
use crate::output::print;

/// What there is a schema of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SchemaName {
    /// Study files
    Study,
    /// The lines of `tunefork run --json`
    Events,
}

pub(crate) fn schema(args: &SchemaArgs) -> anyhow::Result<ExitCode> {
    let schema = match args.of {
        SchemaName::Study => tunefork::study_file::schema(),
        SchemaName::Events => events::schema(),
    };
    print(&(serde_json::to_string_pretty(&schema)? + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
