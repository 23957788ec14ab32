//! `tunefork export`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tunefork::data::shown;
use tunefork::export::{OnnxInput, OnnxOptions};
use tunefork::report::{bytes, counted};
use tunefork::{Error, ExportAs, ModelFormat, StudyFormat, export_model, export_study, find_model, read_study};

use crate::args::ExportArgs;
use crate::output::print;
use crate::values::ExportFormat;

pub(crate) fn export(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let asked = args.format.map_or_else(|| by_ending(args.out.as_deref()).map(ExportFormat::Model), Ok)?;
    match asked {
        ExportFormat::Model(format) => model(args, format),
        ExportFormat::Study(format) => study(args, format),
    }
}

fn study(args: &ExportArgs, format: StudyFormat) -> anyhow::Result<ExitCode> {
    if args.raw || args.no_normalisation {
        let message = format!("--raw and --no-normalisation are for models: leave them out with --format {format}");
        return Err(Error::Unsupported(message).into());
    }
    let (study, _) = read_study(&args.model, None)?;
    let run = if args.model.is_dir() { args.model.as_path() } else { args.model.parent().unwrap_or(Path::new(".")) };
    let folder = args.out.clone().unwrap_or_else(|| run.join(format.name()));
    export_study(&study, format, &folder)?;
    let mut text = format!("{format}: {} ({})\n", shown(&folder), counted(study.trials.len(), "trial"));
    match format {
        // Ray takes a path that is not absolute for the address of a server.
        StudyFormat::Ray => {
            let path = std::path::absolute(&folder).unwrap_or(folder);
            text.push_str(&format!("opens with ray.tune.ExperimentAnalysis(\"{}\")\n", shown(&path)));
        }
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn model(args: &ExportArgs, format: ModelFormat) -> anyhow::Result<ExitCode> {
    let model = find_model(&args.model)?;
    let out = args.out.clone().unwrap_or_else(|| beside(&model, format));
    let input = match (args.raw, args.no_normalisation) {
        (true, _) => OnnxInput::Raw,
        (false, true) => OnnxInput::Normalised,
        (false, false) => OnnxInput::Scaled,
    };
    let export_as = match format {
        ModelFormat::Onnx => ExportAs::Onnx(OnnxOptions { input }),
        ModelFormat::Safetensors if input == OnnxInput::Scaled => ExportAs::Safetensors,
        ModelFormat::Safetensors => {
            let message =
                "--raw and --no-normalisation say what an ONNX file takes: leave them out, or write --format onnx";
            return Err(Error::Unsupported(message.to_owned()).into());
        }
    };
    let exported = export_model(&args.model, export_as, &out)?;
    let size = std::fs::metadata(&out).map_or(0, |file| file.len());
    let mut text = format!("{format}: {} ({})\n", shown(&out), bytes(size));
    if let ExportAs::Onnx(options) = export_as {
        text.push_str(&format!("takes `images`: {}\n", options.input.form(exported.network.input)));
        text.push_str(&format!("gives `probabilities` and `logits`: float32 [batch, {}]\n", exported.classes.len()));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The format of a file's ending.
fn by_ending(out: Option<&Path>) -> Result<ModelFormat, Error> {
    let Some(out) = out else { return Ok(ModelFormat::Onnx) };
    ModelFormat::of(out).ok_or_else(|| {
        let endings: Vec<String> = ModelFormat::NAMES.iter().map(|name| format!(".{name}")).collect();
        let endings = endings.join(" or ");
        Error::Unsupported(format!("`{}` does not end in {endings}: say with --format what it is", shown(out)))
    })
}

fn beside(model: &Path, format: ModelFormat) -> PathBuf {
    model.with_extension(format.name())
}
