//! `tunefork show`

mod order;
mod runs;
mod trials;

use std::process::ExitCode;

use serde_json::Value as Json;
use tunefork::study::StudyRecord;
use tunefork::{Error, damaged, read_study, show_json};

use crate::args::ShowArgs;
use crate::output::{complain, print};
use order::Order;
use runs::Shown;

pub(crate) fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let text = match args.paths.as_slice() {
        [] => {
            let runs = runs::all()?;
            if args.json { runs::json(&runs) } else { runs::list(&runs) }
        }
        [path] => {
            let (study, test) = read_study(path, args.study.as_deref())?;
            damaged(path).iter().for_each(complain);
            let order = Order::new(&study, args.sort.as_deref(), args.top)?;
            match args.json {
                true => {
                    serde_json::to_string_pretty(&ordered(show_json(&study, test.as_ref()), &study, &order))? + "\n"
                }
                false => trials::text(&study, test.as_ref(), &order)?,
            }
        }
        paths => {
            if args.top.is_some() || args.sort.is_some() {
                let message = "--top and --sort are for the trials of one run: name one";
                return Err(Error::Unsupported(message.to_owned()).into());
            }
            let read = |path| Shown::read(path, args.study.as_deref());
            let runs = paths.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            if args.json { runs::json(&runs) } else { runs::side_by_side(&runs) }
        }
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The object of a study with its trials in another order, where one was asked for.
fn ordered(mut object: Json, study: &StudyRecord, order: &Order) -> Json {
    let places = order.places(study);
    for pointer in ["/trials", "/observed/trials"] {
        if let Some(Json::Array(trials)) = object.pointer_mut(pointer) {
            *trials = places.iter().map(|place| trials[*place].take()).collect();
        }
    }
    object
}
