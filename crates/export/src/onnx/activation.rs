//! Functions of single values, in operators that every runtime has.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use tunefork_nn::Activation;

use super::builder::{Builder, float};

/// Of the argument of the hyperbolic tangent in the approximation of GELU: sqrt(2 / pi), and the weight of the cube.
const GELU_SCALE: f32 = FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
const GELU_CUBE: f32 = 0.044_715;

/// The activation of each value of `x`.
pub(super) fn add(graph: &mut Builder, layer: &str, activation: Activation, x: &str) -> String {
    match activation {
        Activation::Relu => graph.node(layer, "Relu", &[x], vec![]),
        Activation::LeakyRelu => {
            graph.node(layer, "LeakyRelu", &[x], vec![float("alpha", Activation::LEAKY_SLOPE as f32)])
        }
        Activation::Tanh => graph.node(layer, "Tanh", &[x], vec![]),
        Activation::Sigmoid => graph.node(layer, "Sigmoid", &[x], vec![]),
        // ONNX has both kinds of GELU, and Mish, only in later versions of its operators.
        Activation::Gelu => {
            let scale = graph.number(layer, FRAC_1_SQRT_2);
            let scaled = graph.node(layer, "Mul", &[x, &scale], vec![]);
            let erf = graph.node(layer, "Erf", &[&scaled], vec![]);
            half_of_x_and(graph, layer, x, &erf)
        }
        Activation::GeluTanh => {
            let [scale, cube, one] = [GELU_SCALE, GELU_CUBE, 1.0].map(|value| graph.number(layer, value));
            // scale x (1 + cube x x)
            let square = graph.node(layer, "Mul", &[x, x], vec![]);
            let weighted = graph.node(layer, "Mul", &[&square, &cube], vec![]);
            let factor = graph.node(layer, "Add", &[&weighted, &one], vec![]);
            let scaled = graph.node(layer, "Mul", &[x, &scale], vec![]);
            let argument = graph.node(layer, "Mul", &[&scaled, &factor], vec![]);
            let tanh = graph.node(layer, "Tanh", &[&argument], vec![]);
            half_of_x_and(graph, layer, x, &tanh)
        }
        Activation::Silu => {
            let sigmoid = graph.node(layer, "Sigmoid", &[x], vec![]);
            graph.node(layer, "Mul", &[x, &sigmoid], vec![])
        }
        Activation::Mish => {
            let softplus = graph.node(layer, "Softplus", &[x], vec![]);
            let tanh = graph.node(layer, "Tanh", &[&softplus], vec![]);
            graph.node(layer, "Mul", &[x, &tanh], vec![])
        }
        Activation::Elu => graph.node(layer, "Elu", &[x], vec![]),
        Activation::HardSwish => graph.node(layer, "HardSwish", &[x], vec![]),
    }
}

/// x (1 + f) / 2.
fn half_of_x_and(graph: &mut Builder, layer: &str, x: &str, f: &str) -> String {
    let [one, half] = [1.0, 0.5].map(|value| graph.number(layer, value));
    let sum = graph.node(layer, "Add", &[f, &one], vec![]);
    let half = graph.node(layer, "Mul", &[x, &half], vec![]);
    graph.node(layer, "Mul", &[&half, &sum], vec![])
}
