//! Puts a trained model to work.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tunefork_data::{Dataset, Pictures, shown};
use tunefork_report::csv_line;
use tunefork_train::{Images, Precision, Predictor};

use crate::files::write_named;
use crate::{Error, Machine, read_model};

/// What an image was taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The image's file, as it was named or found in a folder.
    pub file: PathBuf,
    /// Classes with their probabilities, the likeliest first.
    pub classes: Vec<(String, f32)>,
}

/// What was predicted, and what could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// One for each image, in the order of the paths; those of folders by name.
    pub images: Vec<Prediction>,
    /// Files in folders that were left out, as sentences.
    pub warnings: Vec<String>,
}

impl Predictions {
    /// Writes a table with the columns `file`, `class` and `probability`, and a row for each class that is named of an image, the likeliest
    /// first.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written; [`Error::Unsupported`] when there is a file that is no such table.
    pub fn write_csv(&self, path: &Path) -> Result<(), Error> {
        let header = csv_line(&["file", "class", "probability"]);
        let mut text = header.clone();
        for Prediction { file, classes } in &self.images {
            let file = shown(file);
            let rows = classes.iter().map(|(class, share)| csv_line(&[file.as_str(), class, &share.to_string()]));
            text.extend(rows);
        }
        write_named(path, text.as_bytes(), "table of predictions", |start| start.starts_with(header.as_bytes()))
    }
}

/// The `top` likeliest classes of each image in `paths`, which are files or folders. The model is a file, or the folder of a run.
///
/// # Errors
/// When the model is none of ours, or an image that was named cannot be read.
pub fn predict(model: &Path, paths: &[PathBuf], top: usize, machine: &Machine) -> Result<Predictions, Error> {
    let path = model;
    let model = read_model(path)?;
    let shape = model.network.input;
    let Pictures { files, pixels, warnings } = Pictures::read(paths, shape, model.fit)?;
    let labels = vec![0; files.len()];
    let counts = [0, 0, files.len()];
    let data = Dataset::from_memory(shape, model.classes.clone(), counts, labels, pixels)?;
    let images = Images { data: Arc::new(data), normalisation: model.normalisation.clone() };
    let indices: Vec<u32> = (0..files.len() as u32).collect();
    let device = machine.device(machine.threads(), Precision::F32)?;
    let classes = model.classes.clone();
    let mut predictor = Predictor::new(model.network.clone(), &model.tensors, &*device)?;
    let probabilities = predictor.probabilities(&images, &indices)?;
    if probabilities.iter().any(|share| !share.is_finite()) {
        return Err(gives_no_numbers(path));
    }
    let rows = probabilities.chunks_exact(classes.len());
    let named = |(file, row): (PathBuf, &[f32])| Prediction { file, classes: likeliest(&classes, row, top) };
    Ok(Predictions { images: files.into_iter().zip(rows).map(named).collect(), warnings: warnings.sentences() })
}

/// The error of a model whose results are NaN or infinite.
pub(crate) fn gives_no_numbers(model: &Path) -> Error {
    Error::Unsupported(format!(
        "`{}` can tell nothing: the probabilities that it gives are no numbers; a running variance of its norms may be negative; \
         train it again",
        shown(model)
    ))
}

/// The classes with the largest probabilities; equal ones in the order of the classes.
fn likeliest(classes: &[String], row: &[f32], top: usize) -> Vec<(String, f32)> {
    let mut ranked: Vec<(String, f32)> = classes.iter().cloned().zip(row.iter().copied()).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(top);
    ranked
}
