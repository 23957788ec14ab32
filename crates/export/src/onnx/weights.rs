//! The model's tensors, each of which the network has to take.

use std::collections::HashMap;

use tunefork_nn::Tensor;

use super::builder::Builder;
use crate::ExportError;

/// The tensors that no layer has taken yet, by name.
pub(super) struct Weights<'a> {
    left: HashMap<&'a str, &'a Tensor>,
}

impl<'a> Weights<'a> {
    pub(super) fn new(tensors: &'a [Tensor]) -> Self {
        Self { left: tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect() }
    }

    /// Puts the tensor `layer.what` into the graph, under its name.
    ///
    /// # Errors
    /// If the model lacks it, or has it in another shape.
    pub(super) fn add(
        &mut self,
        graph: &mut Builder,
        layer: &str,
        what: &str,
        shape: &[usize],
    ) -> Result<String, ExportError> {
        self.add_as(graph, layer, what, shape, shape)
    }

    /// The same in another shape of as many values.
    pub(super) fn add_as(
        &mut self,
        graph: &mut Builder,
        layer: &str,
        what: &str,
        shape: &[usize],
        shown: &[usize],
    ) -> Result<String, ExportError> {
        let name = format!("{layer}.{what}");
        let Some(tensor) = self.left.remove(name.as_str()) else {
            return Err(ExportError::MissingTensor { name });
        };
        if tensor.shape != shape || tensor.values.len() != shape.iter().product::<usize>() {
            return Err(ExportError::TensorShape { name, found: tensor.shape.clone(), expected: shape.to_vec() });
        }
        Ok(graph.floats(&name, shown, &tensor.values))
    }

    /// Whether all were taken.
    ///
    /// # Errors
    /// If the network has no use for one: it was not trained so.
    pub(super) fn finish(self) -> Result<(), ExportError> {
        match self.left.into_keys().min() {
            Some(name) => Err(ExportError::UnknownTensor { name: name.to_owned() }),
            None => Ok(()),
        }
    }
}
