//! Trained models: where they lie, and whether they can be used.

use std::fs;
use std::path::{Path, PathBuf};

use tunefork_data::shown;
use tunefork_export::{Model, OnnxOptions};

use crate::files::write_named;
use crate::run_folder::{Kept, digest_of};
use crate::{Error, RunFolder};

tunefork_names::named_enum! {
    /// A form of models in files.
    pub enum ModelFormat: "format" {
        /// The form that runs leave and Tunefork reads.
        Safetensors = "safetensors",
        /// The form that onnxruntime and other programs run.
        Onnx = "onnx",
    }
}

impl ModelFormat {
    /// The format of a file that is called so.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?;
        Self::ALL.iter().copied().find(|format| ending.eq_ignore_ascii_case(format.name()))
    }
}

/// The model's file: `path` itself, or in a run folder the weights of the best trial, in the folder of a single training its own.
///
/// # Errors
/// [`Error::NoModel`] when the folder holds none, or several of which nothing says which one is meant.
pub fn find_model(path: &Path) -> Result<PathBuf, Error> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let usual = [RunFolder::new(path).model(), path.join("model.safetensors")];
    if let Some(model) = usual.iter().find(|model| model.is_file()) {
        return Ok(model.clone());
    }
    let failed = Error::io("list", path);
    let entries = fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let entries: Vec<PathBuf> = entries.map_err(failed)?;
    let is_model = |path: &PathBuf| ModelFormat::of(path) == Some(ModelFormat::Safetensors);
    let mut found: Vec<PathBuf> = entries.into_iter().filter(is_model).collect();
    found.sort();
    if found.is_empty() {
        // A run folder without a study.
        let of_training = RunFolder::new(path).training().join("model.safetensors");
        found.extend(of_training.is_file().then_some(of_training));
    }
    Err(Error::NoModel { folder: path.to_path_buf(), found })
}

/// A run folder says whose its model is; another one in its place is not taken for it.
fn refuse_exchanged(folder: &Path, model: &Path) -> Result<(), Error> {
    let folder = RunFolder::new(folder);
    if *model != folder.model() {
        return Ok(());
    }
    match Kept::read(&folder.kept()).zip(digest_of(model)) {
        Some((kept, found)) if !kept.sha256.contains(&found) => Err(Error::Unsupported(format!(
            "`{}` is not the model of the best trial, as its SHA-256 in best.json says: run the study again, which trains that anew, or \
             name this file itself",
            shown(model)
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Reads a model that can tell something, from a file or as [`find_model`] finds it.
///
/// # Errors
/// When there is none, it is none of ours, or holds numbers that are none.
pub fn read_model(path: &Path) -> Result<Model, Error> {
    let folder = path;
    let path = find_model(folder)?;
    refuse_exchanged(folder, &path)?;
    if ModelFormat::of(&path) == Some(ModelFormat::Onnx) {
        return Err(Error::Unsupported(format!(
            "`{}` is an ONNX file, which Tunefork writes and does not run: name the .safetensors file from which it was exported, or \
             run it with onnxruntime",
            shown(&path)
        )));
    }
    let model = Model::read(&path)?;
    match model.broken_tensor() {
        None => Ok(model),
        Some(tensor) => Err(Error::Unsupported(format!(
            "`{}` can tell nothing: its tensor `{tensor}` holds NaN or infinite values; train it again, with a lower \
             `learning_rate` or with `clip`",
            shown(&path)
        ))),
    }
}

/// What a model is exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportAs {
    /// A safetensors file.
    Safetensors,
    /// An ONNX file.
    Onnx(OnnxOptions),
}

/// Writes the model at `path`, a file or what [`find_model`] finds, into the file `out`, and returns it.
///
/// # Errors
/// When the model cannot be read or written so; [`Error::Unsupported`] when `out` is the model itself.
pub fn export_model(path: &Path, format: ExportAs, out: &Path) -> Result<Model, Error> {
    let model = read_model(path)?;
    let path = find_model(path)?;
    let same = |path: &Path| fs::canonicalize(path).ok();
    if same(out).is_some_and(|out| same(&path) == Some(out)) {
        let message = format!("`{}` is the model itself: name another file with --out", shown(out));
        return Err(Error::Unsupported(message));
    }
    match format {
        // Eight bytes of length, then JSON.
        ExportAs::Safetensors => {
            write_named(out, &model.to_bytes()?, "safetensors file", |start| start.get(8) == Some(&b'{'))
        }
        // The first field of a model, its version, as a number.
        ExportAs::Onnx(options) => {
            write_named(out, &model.to_onnx(&options)?, "ONNX file", |start| start.first() == Some(&8))
        }
    }?;
    Ok(model)
}
