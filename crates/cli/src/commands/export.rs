//! `tunefork export`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tunefork::data::shown;
use tunefork::export::{OnnxInput, OnnxOptions};
use tunefork::report::bytes;
use tunefork::{Error, ExportAs, ModelFormat, export_model, find_model};

use crate::args::ExportArgs;
use crate::output::print;

pub(crate) fn export(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let format = format(args)?;
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
    let exported = export_model(&model, export_as, &out)?;
    let size = std::fs::metadata(&out).map_or(0, |file| file.len());
    let mut text = format!("{format}: {} ({})\n", shown(&out), bytes(size));
    if let ExportAs::Onnx(options) = export_as {
        text.push_str(&format!("takes `images`: {}\n", options.input.form(exported.network.input)));
        text.push_str(&format!("gives `probabilities` and `logits`: float32 [batch, {}]\n", exported.classes.len()));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The format that was asked for, in words or by the ending of the file.
fn format(args: &ExportArgs) -> Result<ModelFormat, Error> {
    match (args.format, &args.out) {
        (Some(format), _) => Ok(format),
        (None, None) => Ok(ModelFormat::Onnx),
        (None, Some(out)) => ModelFormat::of(out).ok_or_else(|| {
            let endings: Vec<String> = ModelFormat::NAMES.iter().map(|name| format!(".{name}")).collect();
            let endings = endings.join(" or ");
            Error::Unsupported(format!("`{}` does not end in {endings}: say with --format what it is", shown(out)))
        }),
    }
}

fn beside(model: &Path, format: ModelFormat) -> PathBuf {
    model.with_extension(format.name())
}
