//! `tunefork keys`

use std::process::ExitCode;

use tunefork::study_file::{Key, Section, keys_markdown, schema};

use crate::args::KeysArgs;
use crate::output::{print, table};

pub(crate) fn keys(args: &KeysArgs) -> anyhow::Result<ExitCode> {
    let text = match &args.name {
        Some(name) => Key::named(name)?.in_full(),
        None if args.markdown => keys_markdown(),
        None if args.schema => serde_json::to_string_pretty(&schema())? + "\n",
        None => list(),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// All keys with their defaults, section by section.
fn list() -> String {
    let of = |section: &Section| {
        let row = |key: &Key| vec![key.name.to_string(), key.default.to_string(), key.help.to_string()];
        let rows: Vec<Vec<String>> = section.keys().map(row).collect();
        format!("{}\n", table(&[&section.title(), "default", "what it is"], &rows))
    };
    Section::ALL.iter().map(of).collect::<String>() + "tunefork keys NAME tells more of one.\n"
}
