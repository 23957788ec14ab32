//! `tunefork data get` and `tunefork data list`

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tunefork::data::Source;
use tunefork::download::{CATALOGUE, FetchOptions, KnownSet};
use tunefork::report::bytes;
use tunefork::{Error, SetFetched, fetch_set};

use super::{same_command, stop_flag};
use crate::INTERRUPTED;
use crate::args::{GetArgs, ListArgs};
use crate::output::{complain, print, say, table};
use crate::progress::Downloads;

/// Downloads a known set, or goes on with it.
pub(crate) fn get(args: &GetArgs) -> anyhow::Result<ExitCode> {
    let options = FetchOptions {
        mirror: FetchOptions::mirror(args.mirror.as_deref()).map_err(Error::from)?,
        stop: stop_flag()?,
        ..FetchOptions::default()
    };
    let mut downloads = Downloads::new(args.json);
    let data_dir = args.data.data_dir.as_deref();
    let fetched = fetch_set(&args.name, data_dir, &options, &mut |event| {
        downloads.show(event);
    });
    drop(downloads);
    match fetched {
        Ok(SetFetched::OtherForm(path)) => other_form(&args.name, &path, args.json),
        Ok(SetFetched::Files(_)) => {}
        Err(Error::Interrupted) => {
            let command = same_command();
            complain(format!("the download was stopped; to go on: {command}"));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn other_form(name: &str, path: &Path, json: bool) {
    let shown = path.display();
    match json {
        true => say(json!({ "event": "other_form", "name": name, "path": path })),
        false => {
            say(format!("`{name}` is there in another form, `{shown}`; move that away to download the publisher's"))
        }
    }
}

pub(crate) fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let data_dir = args.data.data_dir.as_deref();
    let text = match args.json {
        true => CATALOGUE.iter().map(|set| object(set, data_dir)).collect(),
        false => tables(data_dir),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn tables(data_dir: Option<&Path>) -> String {
    let mut contents = Vec::new();
    let mut terms = Vec::new();
    for set in CATALOGUE {
        contents.push(vec![
            set.name.to_owned(),
            bytes(set.length()),
            set.about.to_owned(),
            fetched_by(set).to_owned(),
            here(set, data_dir).unwrap_or_else(|| "-".to_owned()),
        ]);
        let row = [set.name, set.licence, set.page];
        terms.push(row.map(str::to_owned).to_vec());
    }
    table(&["name", "size", "what", "fetched", "here"], &contents) + "\n" + &table(&["name", "licence", "page"], &terms)
}

fn object(set: &KnownSet, data_dir: Option<&Path>) -> String {
    let files = set.files.iter().map(|file| {
        json!({
            "name": file.name,
            "bytes": file.length,
            "sha256": file.sha256,
            "published_by": file.published_by,
        })
    });
    let object = json!({
        "name": set.name,
        "about": set.about,
        "bytes": set.length(),
        "licence": set.licence,
        "page": set.page,
        "addresses": set.addresses,
        "files": files.collect::<Vec<_>>(),
        "here": here(set, data_dir),
    });
    format!("{object}\n")
}

/// Whether the program fetches the set.
fn fetched_by(set: &KnownSet) -> &'static str {
    match set.addresses {
        [] => "by hand",
        _ => "by `data get`",
    }
}

/// Where the set lies, if it is there.
fn here(set: &KnownSet, data_dir: Option<&Path>) -> Option<String> {
    let found = Source::locate(set.name, data_dir).ok()?;
    Some(found.path().display().to_string())
}
