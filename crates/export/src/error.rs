//! Why a file is not a model of ours.

use std::path::PathBuf;

use tunefork_names::bytes;
use tunefork_nn::NetworkError;

/// Why a model cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file that was asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not a model; `source` says why.
    #[error("`{}` cannot be used as a model: {source}", path.display())]
    File {
        /// The file that was asked for.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<ExportError>,
    },
    /// The bytes are not in the safetensors format.
    #[error("it is not a safetensors file: {0}")]
    NotSafetensors(#[from] safetensors::SafeTensorError),
    /// A safetensors file without a description of the network.
    #[error(
        "it was written by another program: the metadata lack `tunefork`, which says what network the \
         weights belong to; its tensors are {}",
        list(tensors)
    )]
    Foreign {
        /// Names of the tensors in it.
        tensors: Vec<String>,
    },
    /// The description is of a later version.
    #[error(
        "it was written by a newer version (format {found}, this program knows up to {known}); update \
         this program"
    )]
    NewerFormat {
        /// Format of the description in the file.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// The description of the network is damaged.
    #[error("its description of the network is damaged: {0}")]
    Description(#[from] serde_json::Error),
    /// A tensor in another type.
    #[error("tensor `{name}` holds {found} values, only F32 can be used")]
    Type {
        /// Name of the first such tensor.
        name: String,
        /// Its type as safetensors calls it, `F16` for example.
        found: String,
    },
    /// Names of classes that do not fit the network.
    #[error("it names {names} classes, its network has {outputs} outputs")]
    Classes {
        /// Classes that the description names.
        names: usize,
        /// Outputs of the network that it describes.
        outputs: usize,
    },
    /// The network that is described cannot be.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A tensor of the network is not there.
    #[error("the model lacks the tensor `{name}` of its network")]
    MissingTensor {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor does not have the shape of the network's.
    #[error("the tensor `{name}` has the shape {found:?}, its network needs {expected:?}")]
    TensorShape {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the network needs.
        expected: Vec<usize>,
    },
    /// A tensor that no layer of the network has.
    #[error("the model has a tensor `{name}`, its network has none of this name")]
    UnknownTensor {
        /// Name of the first such tensor.
        name: String,
    },
    /// More weights than fit into an ONNX file.
    #[error("its weights take {}, an ONNX file holds {} of them at most: keep to safetensors", bytes(*found as u64), bytes(*limit as u64))]
    TooLong {
        /// Bytes of all tensors.
        found: usize,
        /// The most that are written.
        limit: usize,
    },
}

/// The first names of a list that may be long.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        text.push_str("none");
    } else if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
