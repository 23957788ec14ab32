//! A network's tensors by name, in PyTorch's shapes and order, and the slab that an engine keeps them
//! in.

use std::ops::Range;

use tunefork_graph::SlabLayout;
use tunefork_nn::{Network, Parameter, Tensor};
use tunefork_rng::Key;

use crate::{TrainError, WeightsError};

/// Translates between an engine's slab and named tensors.
#[derive(Clone, Debug)]
pub struct WeightMap {
    parameters: Vec<Parameter>,
    layout: SlabLayout,
}

impl WeightMap {
    /// For a network and the layout that its plan gave it.
    ///
    /// # Errors
    /// If the network cannot be.
    pub fn new(network: &Network, layout: SlabLayout) -> Result<Self, TrainError> {
        Ok(Self { parameters: network.parameters()?, layout })
    }

    pub(crate) fn slab_len(&self) -> usize {
        self.layout.len
    }

    /// A slab as a run starts: PyTorch's initial values, means 0, variances 1.
    pub fn initial(&self, key: Key) -> Vec<f32> {
        let mut slab = vec![0.0; self.layout.len];
        for (index, (parameter, slot)) in self.parameters.iter().zip(&self.layout.parameters).enumerate() {
            parameter.initialise(index, key, &mut slab[slot.range()]);
        }
        for norm in &self.layout.norms {
            slab[norm.variance..][..norm.len].fill(1.0);
        }
        slab
    }

    /// All tensors of a slab: parameters in PyTorch's order, then running statistics.
    ///
    /// # Panics
    /// If the slab is shorter than the layout.
    pub fn tensors(&self, slab: &[f32]) -> Vec<Tensor> {
        let mut tensors = Vec::new();
        for (parameter, slot) in self.parameters.iter().zip(&self.layout.parameters) {
            tensors.push(Tensor {
                name: parameter.name.clone(),
                shape: parameter.torch_shape(),
                values: parameter.to_torch(&slab[slot.range()]).expect("a slot is as long as its parameter"),
            });
        }
        for (name, range) in self.statistics() {
            tensors.push(Tensor { name, shape: vec![range.len()], values: slab[range].to_vec() });
        }
        tensors
    }

    /// The slab of a complete set of tensors, in any order.
    ///
    /// # Errors
    /// [`TrainError::Weights`] if a tensor is missing, unknown or of another shape.
    pub fn slab(&self, tensors: &[Tensor]) -> Result<Vec<f32>, TrainError> {
        let mut slab = vec![0.0; self.layout.len];
        let mut known = 0;
        for (parameter, slot) in self.parameters.iter().zip(&self.layout.parameters) {
            let tensor = find(tensors, &parameter.name, &parameter.torch_shape())?;
            slab[slot.range()].copy_from_slice(&parameter.from_torch(&tensor.values)?);
            known += 1;
        }
        for (name, range) in self.statistics() {
            slab[range.clone()].copy_from_slice(&find(tensors, &name, &[range.len()])?.values);
            known += 1;
        }
        if tensors.len() == known {
            return Ok(slab);
        }
        let is_known = |tensor: &&Tensor| {
            self.parameters.iter().any(|p| p.name == tensor.name)
                || self.statistics().any(|(name, _)| name == tensor.name)
        };
        let stranger = tensors.iter().find(|tensor| !is_known(tensor)).unwrap_or(&tensors[0]);
        Err(WeightsError::Unknown { name: stranger.name.clone() }.into())
    }

    fn statistics(&self) -> impl Iterator<Item = (String, Range<usize>)> + '_ {
        self.layout.norms.iter().flat_map(|norm| {
            let [mean, variance] = norm.ranges();
            [(format!("{}.running_mean", norm.name), mean), (format!("{}.running_var", norm.name), variance)]
        })
    }
}

fn find<'a>(tensors: &'a [Tensor], name: &str, shape: &[usize]) -> Result<&'a Tensor, WeightsError> {
    let tensor =
        tensors.iter().find(|tensor| tensor.name == name).ok_or_else(|| WeightsError::Missing { name: name.into() })?;
    if tensor.shape != shape || tensor.values.len() != shape.iter().product::<usize>() {
        return Err(WeightsError::Shape { name: name.into(), found: tensor.shape.clone(), expected: shape.to_vec() });
    }
    Ok(tensor)
}
