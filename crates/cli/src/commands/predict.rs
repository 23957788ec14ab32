//! `tunefork predict`

use std::process::ExitCode;

use serde_json::json;
use tunefork::Prediction;
use tunefork::data::{printable, shown};
use tunefork::report::counted;

use crate::args::PredictArgs;
use crate::output::{complain, print};

pub(crate) fn predict(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    let machine = args.machine.machine()?;
    let predictions = tunefork::predict(&args.model, &args.images, args.top, &machine)?;
    for warning in &predictions.warnings {
        complain(warning);
    }
    if let Some(out) = &args.out {
        predictions.write_csv(out)?;
        // Not after the table, if that went to the terminal.
        if out.is_file() {
            print(&format!("{}: {}\n", shown(out), counted(predictions.images.len(), "image")))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let line = |prediction: &Prediction| match args.json {
        true => json(prediction),
        false => line(prediction),
    };
    print(&predictions.images.iter().map(line).collect::<String>())?;
    Ok(ExitCode::SUCCESS)
}

fn line(prediction: &Prediction) -> String {
    let classes = prediction.classes.iter();
    let classes = classes.map(|(class, share)| format!("{} {:.1} %", printable(class), share * 100.0));
    let classes = classes.collect::<Vec<_>>().join(", ");
    format!("{}: {classes}\n", shown(&prediction.file))
}

fn json(prediction: &Prediction) -> String {
    let classes = prediction.classes.iter();
    let classes = classes.map(|(class, share)| json!({ "class": class, "probability": share }));
    let object = json!({
        "file": shown(&prediction.file),
        "classes": classes.collect::<Vec<_>>(),
    });
    object.to_string() + "\n"
}
