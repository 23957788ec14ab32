//! Puts a trained model to work.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tunefork_data::{Dataset, Pictures, shown};
use tunefork_export::Model;
use tunefork_train::{Images, Precision, Predictor};

use crate::{Error, Machine};

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

/// The `top` likeliest classes of each image in `paths`, which are files or folders.
///
/// # Errors
/// When the model is none of ours, or an image that was named cannot be read.
pub fn predict(model: &Path, paths: &[PathBuf], top: usize, machine: &Machine) -> Result<Predictions, Error> {
    let path = model;
    let model = Model::read(path)?;
    if let Some(tensor) = model.broken_tensor() {
        let path = shown(path);
        return Err(Error::Unsupported(format!(
            "`{path}` can tell nothing: its tensor `{tensor}` holds NaN or infinite values; train it again, with a lower \
             `learning_rate` or with `clip`"
        )));
    }
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
        let path = shown(path);
        return Err(Error::Unsupported(format!(
            "`{path}` can tell nothing: the probabilities that it gives are no numbers; a running variance of its norms may be \
             negative; train it again"
        )));
    }
    let rows = probabilities.chunks_exact(classes.len());
    let named = |(file, row): (PathBuf, &[f32])| Prediction { file, classes: likeliest(&classes, row, top) };
    Ok(Predictions { images: files.into_iter().zip(rows).map(named).collect(), warnings: warnings.sentences() })
}

/// The classes with the largest probabilities; equal ones in the order of the classes.
fn likeliest(classes: &[String], row: &[f32], top: usize) -> Vec<(String, f32)> {
    let mut ranked: Vec<(String, f32)> = classes.iter().cloned().zip(row.iter().copied()).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(top);
    ranked
}
