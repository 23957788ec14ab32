//! The trainable tensors of a network: names, shapes, first values, and the way to and from PyTorch's
//! order of weights.
//!
//! Tunefork keeps convolution weights as `[height, width, inputs, outputs]` and dense weights as
//! `[inputs, outputs]`, with the inputs of a flattened map in the order (height, width, channels).
//! PyTorch keeps `[outputs, inputs, height, width]` and `[outputs, inputs]`, flattened as (channels,
//! height, width). A dense layer is a convolution whose window is the whole map, so one permutation
//! serves both.

use tunefork_rng::{Key, Purpose};

use crate::initialisation::{Fan, Initialisation, uniform};
use crate::layer::{Layer, LayerKind};
use crate::{Image, Network, NetworkError};

/// A named tensor as PyTorch would hold it.
#[derive(Clone, PartialEq, Debug)]
pub struct Tensor {
    /// Path, for example `blocks.0.conv.weight` or `blocks.0.norm.running_mean`.
    pub name: String,
    /// `[outputs, inputs, height, width]`, `[outputs, inputs]` or `[length]`.
    pub shape: Vec<usize>,
    /// Values, the last axis innermost.
    pub values: Vec<f32>,
}

/// A trainable tensor before it has values.
#[derive(Clone, PartialEq, Debug)]
pub struct Parameter {
    /// Path, for example `blocks.0.conv.weight`.
    pub name: String,
    /// What it does in its layer, with its sizes.
    pub kind: ParameterKind,
    /// What [`Parameter::initialise`] writes.
    pub start: Start,
}

/// Role and shape of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParameterKind {
    /// Convolution weights over a window of height x width x input channels.
    Conv {
        /// Kernel height and width, input channels.
        window: Image,
        /// Number of filters.
        outputs: usize,
    },
    /// Dense weights over a whole map of height x width x channels.
    Dense {
        /// The map that is flattened; one pixel after another dense layer.
        window: Image,
        /// Number of units.
        outputs: usize,
    },
    /// A bias, or a norm's scale or shift.
    Vector {
        /// One value for each channel or unit.
        len: usize,
    },
}

/// How a parameter starts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Start {
    /// Weights, by a rule.
    Weights {
        /// The network's.
        rule: Initialisation,
        /// The layer's, which the rule's spread depends on.
        fan: Fan,
    },
    /// A bias: uniform within 1 / sqrt(fan in).
    Bias {
        /// Inputs of one output value.
        fan_in: usize,
    },
    /// Zeros: a norm's shift.
    Zeros,
    /// Ones: a norm's scale.
    Ones,
}

impl Network {
    /// The trainable tensors in PyTorch's order: by layer, weights before bias.
    ///
    /// # Errors
    /// As [`Network::layers`].
    pub fn parameters(&self) -> Result<Vec<Parameter>, NetworkError> {
        Ok(self.layers()?.iter().flat_map(|layer| parameters_of(layer, self.initialisation)).collect())
    }
}

fn parameters_of(layer: &Layer, rule: Initialisation) -> Vec<Parameter> {
    let outputs = layer.output.channels;
    let named = |suffix: &str, kind, start| Parameter { name: format!("{}.{suffix}", layer.name), kind, start };
    let weight_and_bias = |weight: ParameterKind, window: Image, bias: bool| {
        let area = match weight {
            ParameterKind::Conv { window, .. } => window.height * window.width,
            ParameterKind::Dense { .. } | ParameterKind::Vector { .. } => 1,
        };
        let fan = Fan { fan_in: window.elements(), fan_out: area * outputs };
        let mut both = vec![named("weight", weight, Start::Weights { rule, fan })];
        if bias {
            let start = Start::Bias { fan_in: fan.fan_in };
            both.push(named("bias", ParameterKind::Vector { len: outputs }, start));
        }
        both
    };
    match layer.kind {
        LayerKind::Conv { kernel, bias, .. } => {
            let window = Image::new(kernel, kernel, layer.input.channels);
            weight_and_bias(ParameterKind::Conv { window, outputs }, window, bias)
        }
        LayerKind::Shortcut { projection_stride: Some(_) } => {
            let window = Image::vector(layer.input.channels);
            weight_and_bias(ParameterKind::Conv { window, outputs }, window, false)
        }
        LayerKind::Dense => {
            let window = layer.input;
            weight_and_bias(ParameterKind::Dense { window, outputs }, window, true)
        }
        LayerKind::BatchNorm | LayerKind::GroupNorm { .. } => vec![
            named("weight", ParameterKind::Vector { len: outputs }, Start::Ones),
            named("bias", ParameterKind::Vector { len: outputs }, Start::Zeros),
        ],
        LayerKind::Shortcut { projection_stride: None }
        | LayerKind::Activation(_)
        | LayerKind::Pool(_)
        | LayerKind::GlobalAverage
        | LayerKind::Flatten
        | LayerKind::Dropout => Vec::new(),
    }
}

impl Parameter {
    /// Number of values, the product of its shape.
    pub fn len(&self) -> usize {
        match self.kind {
            ParameterKind::Conv { window, outputs } | ParameterKind::Dense { window, outputs } => {
                window.elements() * outputs
            }
            ParameterKind::Vector { len } => len,
        }
    }

    /// Whether the tensor is empty, which no tensor of a valid network is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shape PyTorch gives this tensor: `[outputs, inputs, height, width]`, `[outputs, inputs]` or
    /// `[length]`.
    pub fn torch_shape(&self) -> Vec<usize> {
        match self.kind {
            ParameterKind::Conv { window, outputs } => {
                vec![outputs, window.channels, window.height, window.width]
            }
            ParameterKind::Dense { window, outputs } => vec![outputs, window.elements()],
            ParameterKind::Vector { len } => vec![len],
        }
    }

    /// Writes the first values of the parameter with this `index` in [`Network::parameters`].
    ///
    /// Each parameter has a stream of its own, and the values are drawn in PyTorch's order, so they
    /// depend neither on the other parameters nor on the layout in memory.
    ///
    /// # Panics
    /// If `values` has another length than the parameter.
    pub fn initialise(&self, index: usize, key: Key, values: &mut [f32]) {
        assert_eq!(values.len(), self.len(), "{}: wrong length", self.name);
        let mut stream = key.stream_at(Purpose::Initialise, index as u64);
        match self.start {
            Start::Zeros => values.fill(0.0),
            Start::Ones => values.fill(1.0),
            Start::Weights { rule, fan } => {
                let drawn = rule.draw(fan, values.len() / fan.fan_in, &mut stream);
                self.in_torch_order(|here, there| values[here] = drawn[there]);
            }
            Start::Bias { fan_in } => {
                values.copy_from_slice(&uniform(values.len(), 1.0 / (fan_in as f64).sqrt(), &mut stream));
            }
        }
    }

    /// These weights in PyTorch's order.
    ///
    /// # Errors
    /// If the number of weights is not the parameter's.
    pub fn to_torch(&self, weights: &[f32]) -> Result<Vec<f32>, NetworkError> {
        self.check_len(weights)?;
        let mut torch = vec![0.0; weights.len()];
        self.in_torch_order(|here, there| torch[there] = weights[here]);
        Ok(torch)
    }

    /// Weights that came in PyTorch's order, in ours.
    ///
    /// # Errors
    /// If the number of weights is not the parameter's.
    pub fn from_torch(&self, torch: &[f32]) -> Result<Vec<f32>, NetworkError> {
        self.check_len(torch)?;
        let mut weights = vec![0.0; torch.len()];
        self.in_torch_order(|here, there| weights[here] = torch[there]);
        Ok(weights)
    }

    /// Calls `visit(index here, index in PyTorch)` with the second counting up from 0.
    fn in_torch_order(&self, mut visit: impl FnMut(usize, usize)) {
        let (window, outputs) = match self.kind {
            ParameterKind::Conv { window, outputs } | ParameterKind::Dense { window, outputs } => (window, outputs),
            ParameterKind::Vector { len } => (Image::vector(1), len),
        };
        let pixels = window.height * window.width;
        let mut there = 0;
        for output in 0..outputs {
            for channel in 0..window.channels {
                for pixel in 0..pixels {
                    visit((pixel * window.channels + channel) * outputs + output, there);
                    there += 1;
                }
            }
        }
    }

    fn check_len(&self, weights: &[f32]) -> Result<(), NetworkError> {
        if weights.len() == self.len() {
            return Ok(());
        }
        Err(NetworkError::WeightCount { name: self.name.clone(), received: weights.len(), expected: self.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConvBlock;

    fn parameter(kind: ParameterKind) -> Parameter {
        Parameter { name: "p".into(), kind, start: Start::Zeros }
    }

    #[test]
    fn conv_weights_are_transposed_as_oihw() {
        // [height 1, width 2, inputs 2, outputs 3] <-> [outputs 3, inputs 2, height 1, width 2]
        let p = parameter(ParameterKind::Conv { window: Image::new(1, 2, 2), outputs: 3 });
        let ours: Vec<f32> = (0..12u8).map(f32::from).collect();
        let torch = p.to_torch(&ours).unwrap();
        // output 0, input 0: pixels at ours[0] and ours[6]; output 0, input 1: ours[3], ours[9]
        assert_eq!(torch[..4], [0.0, 6.0, 3.0, 9.0]);
        assert_eq!(p.torch_shape(), [3, 2, 1, 2]);
        assert_eq!(p.from_torch(&torch).unwrap(), ours);
    }

    #[test]
    fn dense_weights_follow_the_flattened_map() {
        let p = parameter(ParameterKind::Dense { window: Image::new(2, 1, 2), outputs: 2 });
        // PyTorch's inputs in the order (channel, row): c0 r0, c0 r1, c1 r0, c1 r1
        let torch = [10.0, 11.0, 12.0, 13.0, 20.0, 21.0, 22.0, 23.0];
        let ours = p.from_torch(&torch).unwrap();
        assert_eq!(ours, [10.0, 20.0, 12.0, 22.0, 11.0, 21.0, 13.0, 23.0]);
        assert_eq!(p.to_torch(&ours).unwrap(), torch);
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let p = parameter(ParameterKind::Vector { len: 3 });
        assert!(matches!(p.to_torch(&[0.0; 2]), Err(NetworkError::WeightCount { received: 2, expected: 3, .. })));
        assert!(p.from_torch(&[0.0; 4]).is_err());
        assert!(!p.is_empty() && parameter(ParameterKind::Vector { len: 0 }).is_empty());
    }

    #[test]
    fn first_values_are_uniform_and_depend_on_key_and_index_alone() {
        let network = Network { blocks: vec![ConvBlock::new(8)], ..Network::new(Image::new(12, 12, 3), 10) };
        let parameters = network.parameters().unwrap();
        let draw = |index: usize, key: Key| {
            let mut values = vec![9.0; parameters[index].len()];
            parameters[index].initialise(index, key, &mut values);
            values
        };
        let key = Key::study(7).trial(3);
        let weights = draw(0, key);
        let bound = 1.0 / 27f32.sqrt();
        assert!(weights.iter().all(|w| w.abs() <= bound));
        assert!(weights.iter().any(|w| w.abs() > 0.9 * bound));
        let mean: f32 = weights.iter().sum::<f32>() / weights.len() as f32;
        assert!(mean.abs() < 0.2 * bound, "mean {mean}");
        assert_eq!(weights, draw(0, key));
        assert_ne!(weights, draw(0, Key::study(7).trial(4)));
        let biases = draw(1, key);
        assert_ne!(biases, weights[..8]);
        assert!(biases.iter().all(|b| b.abs() <= bound) && biases.iter().any(|b| b.abs() > 0.5 * bound), "{biases:?}");
        assert_eq!(draw(2, key), [1.0; 8]);
        assert_eq!(draw(3, key), [0.0; 8]);
    }

    /// A rule gets the sizes of the whole tensor: eight filters of 27 weights each, orthonormal as PyTorch sees them.
    #[test]
    fn orthogonal_filters_are_orthonormal() {
        let initialisation = Initialisation::Orthogonal;
        let network =
            Network { blocks: vec![ConvBlock::new(8)], initialisation, ..Network::new(Image::new(12, 12, 3), 10) };
        let filters = &network.parameters().unwrap()[0];
        let mut values = vec![0.0; filters.len()];
        filters.initialise(0, Key::study(7), &mut values);
        let torch = filters.to_torch(&values).unwrap();
        for (i, a) in torch.chunks(27).enumerate() {
            for (j, b) in torch.chunks(27).enumerate() {
                let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((product - f32::from(u8::from(i == j))).abs() < 1e-6, "filters {i} and {j}: {product}");
            }
        }
    }
}
