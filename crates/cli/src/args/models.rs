//! What can be typed of commands that put a trained model to work.

use std::path::PathBuf;

use clap::Args;
use tunefork::data::Part;

use super::{DataDirArgs, MachineArgs};
use crate::values::{ExportFormat, at_least_one, export_format, part};

/// Say what is on images.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork predict runs/quickstart photo.jpg  by the best model of a run
  tunefork predict best.safetensors holiday/ --top 1
  tunefork predict best.safetensors holiday/ --out holiday.csv
  tunefork predict best.safetensors a.png b.png --json")]
pub(crate) struct PredictArgs {
    /// A run folder, or a model that a study or a training run left: best.safetensors, model.safetensors
    pub model: PathBuf,
    /// Images (JPEG, PNG, WebP, BMP, GIF, TIFF) or folders of images
    #[arg(value_name = "IMAGE_OR_FOLDER", required = true)]
    pub images: Vec<PathBuf>,
    /// How many classes to name
    #[arg(long, value_name = "K", default_value_t = 3, value_parser = at_least_one)]
    pub top: usize,
    /// One JSON object per image
    #[arg(long)]
    pub json: bool,
    /// Write a table instead of printing: file, class and probability, a line for each class that is named
    #[arg(long, value_name = "FILE.csv", conflicts_with = "json")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Measure a model on labelled images.
///
/// Accuracy, precision, recall and F1 (means over classes, and of each class), and the confusion matrix. Every image
/// of the set counts, or those of one `--part`: name images that the model was not trained on. Classes are matched by
/// name; one that the model does not know is an error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork evaluate runs/shoes new-photos/  a folder for each class
  tunefork evaluate best.safetensors set.tar.gz
  tunefork evaluate runs/shoes fashion-mnist --part test
  tunefork evaluate runs/shoes new-photos/ --json | jq .accuracy")]
pub(crate) struct EvaluateArgs {
    /// A run folder or a model
    pub model: PathBuf,
    /// A folder, an archive, or the name of a data set
    #[arg(value_name = "PATH_OR_NAME")]
    pub set: String,
    #[command(flatten)]
    pub data: DataDirArgs,
    /// The images that count [default: all]
    #[arg(long, value_parser = part())]
    pub part: Option<Part>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub machine: MachineArgs,
}

/// Write a model or a whole study for other programs: ONNX, safetensors, Ray Tune.
///
/// The ONNX file takes any number of images as `images`: float32 [batch, channels, height, width], bytes divided by
/// 255. Normalisation is part of it. It gives `probabilities` and `logits`; names of the classes stand in its
/// metadata. docs/load_tunefork.py loads the safetensors file into PyTorch.
///
/// `--format ray` writes all trials as the folder of an experiment of Ray Tune: params.json, result.json and progress.csv of each
/// trial, and experiment_state-*.json, by which `ray.tune.ExperimentAnalysis(FOLDER)` opens it (as Ray 2.60 does). There is no
/// tuner.pkl, so `Tuner.restore` does not go on with it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tunefork export runs/quickstart               the best model, as best.onnx
  tunefork export best.safetensors --out web/model.onnx
  tunefork export runs/quickstart --raw         takes images of any size
  tunefork export runs/quickstart --out model.safetensors
  tunefork export runs/quickstart --format ray  all trials, in its folder ray")]
pub(crate) struct ExportArgs {
    /// A run folder or a model; for ray a run folder or a study's database
    #[arg(value_name = "RUN_OR_MODEL")]
    pub model: PathBuf,
    /// Form of the file [default: as --out ends, else onnx]
    #[arg(long, value_parser = export_format())]
    pub format: Option<ExportFormat>,
    /// The file [default: the model's name with the ending of the format, beside the model], or the folder of ray [default: ray,
    /// in the run folder]
    #[arg(long, value_name = "FILE_OR_FOLDER")]
    pub out: Option<PathBuf>,
    /// The ONNX file takes images as decoders give them, uint8 [batch, height, width, channels] of any size, and resizes
    /// them itself
    #[arg(long)]
    pub raw: bool,
    /// The ONNX file takes images that are normalised already
    #[arg(long, conflicts_with = "raw")]
    pub no_normalisation: bool,
}
