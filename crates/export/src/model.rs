//! A trained classifier, and its way into and out of a file.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use tunefork_data::{Fit, Normalisation};
use tunefork_nn::{Network, Tensor};

use crate::ExportError;

/// Largest file that is read, in bytes: 4 billion weights.
const MAX_FILE_BYTES: u64 = 1 << 34;

/// The metadata key under which the description stands.
pub const DESCRIPTION_KEY: &str = "tunefork";

/// The version of the description that is written.
pub const FORMAT: u32 = 1;

/// A trained classifier with all that is needed to use it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The network, which also says what shape its images have.
    pub network: Network,
    /// How images of another height or width are brought to that of the network.
    pub fit: Fit,
    /// How bytes of an image become numbers.
    pub normalisation: Normalisation,
    /// Names of the classes, one for each output.
    pub classes: Vec<String>,
    /// Weights and running statistics, under PyTorch's names and in its shapes.
    pub tensors: Vec<Tensor>,
}

/// What stands in the metadata.
#[derive(Serialize, Deserialize)]
struct Description {
    format: u32,
    version: String,
    network: Network,
    /// Models of before it was a setting were cropped.
    #[serde(default)]
    fit: Fit,
    normalisation: Normalisation,
    classes: Vec<String>,
}

/// The part of a description that every version has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Model {
    /// The file's content. Equal models give equal bytes.
    ///
    /// # Errors
    /// [`ExportError::NotSafetensors`] when a tensor's shape and number of values disagree.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ExportError> {
        let description = Description {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_string(),
            network: self.network.clone(),
            fit: self.fit,
            normalisation: self.normalisation.clone(),
            classes: self.classes.clone(),
        };
        let description = serde_json::to_string(&description)?;
        let bytes: Vec<Vec<u8>> = self.tensors.iter().map(bytes).collect();
        let mut views = Vec::new();
        for (tensor, bytes) in self.tensors.iter().zip(&bytes) {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?;
            views.push((tensor.name.as_str(), view));
        }
        // One key only: the order of several in a HashMap would differ from run to run.
        let metadata = HashMap::from([(DESCRIPTION_KEY.to_string(), description)]);
        Ok(safetensors::serialize(views, Some(metadata))?)
    }

    /// Reads a file's content. Tensors come in the order in which they are stored, which is by
    /// name.
    ///
    /// That the tensors are those of the network is for whoever loads them into it to check.
    ///
    /// # Errors
    /// When the bytes are not such a file, each reason with its own [`ExportError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ExportError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let file = SafeTensors::deserialize(bytes)?;
        let description = metadata.metadata().as_ref().and_then(|all| all.get(DESCRIPTION_KEY));
        let Some(description) = description else {
            return Err(ExportError::Foreign { tensors: metadata.offset_keys() });
        };
        let Format { format } = serde_json::from_str(description)?;
        if format > FORMAT {
            return Err(ExportError::NewerFormat { found: format, known: FORMAT });
        }
        let Description { network, fit, normalisation, classes, .. } = serde_json::from_str(description)?;
        if classes.len() != network.classes {
            let (names, outputs) = (classes.len(), network.classes);
            return Err(ExportError::Classes { names, outputs });
        }
        let mut tensors = Vec::new();
        for name in metadata.offset_keys() {
            tensors.push(tensor(&name, &file.tensor(&name)?)?);
        }
        Ok(Self { network, fit, normalisation, classes, tensors })
    }

    /// The first tensor with a value that is NaN or infinite: the model can tell nothing then.
    pub fn broken_tensor(&self) -> Option<&str> {
        let broken = |tensor: &&Tensor| tensor.values.iter().any(|value| !value.is_finite());
        self.tensors.iter().find(broken).map(|tensor| tensor.name.as_str())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is not such a file.
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        let bytes = tunefork_atomic_file::read(path, MAX_FILE_BYTES).map_err(|source| {
            let path = path.to_path_buf();
            ExportError::Unreadable { path, source }
        })?;
        Self::from_bytes(&bytes)
            .map_err(|source| ExportError::File { path: path.to_path_buf(), source: Box::new(source) })
    }
}

fn bytes(tensor: &Tensor) -> Vec<u8> {
    tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn tensor(name: &str, view: &TensorView<'_>) -> Result<Tensor, ExportError> {
    if view.dtype() != Dtype::F32 {
        let (name, found) = (name.to_string(), format!("{:?}", view.dtype()));
        return Err(ExportError::Type { name, found });
    }
    let (values, _) = view.data().as_chunks();
    Ok(Tensor {
        name: name.to_string(),
        shape: view.shape().to_vec(),
        values: values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
    })
}
