//! Each optimizer against PyTorch, Lion against its paper's formula: `golden/optimizers.py` wrote the numbers.

use ndarray::arr1;
use tunefork_graph::optimizer::{GivenScalars, OptimizerKind, UpdateRule};
use tunefork_reference::optimizer::Optimizer;

const GRADIENTS: [[f64; 3]; 6] =
    [[0.3, -0.2, 0.0], [-0.01, 0.5, 0.0], [-4.0, 0.1, 1e-3], [0.2, 0.2, -2e-4], [0.5, -0.3, 0.1], [0.02, 0.7, -1.5]];

/// The rule of a line: an optimizer's name, and what is said of it besides.
fn rule(name: &str) -> UpdateRule {
    let (kind, variant) = name.split_once(' ').unwrap_or((name, ""));
    let kind: OptimizerKind = kind.parse().expect("the name of an optimizer");
    let given = GivenScalars::NONE;
    kind.rule(&match variant {
        "" => given,
        "dampened" => GivenScalars { momentum: Some(0.9), dampening: Some(0.25), ..given },
        "nesterov" => GivenScalars { momentum: Some(0.9), nesterov: Some(true), ..given },
        "centered" => GivenScalars { centered: Some(true), ..given },
        "centered momentum" => GivenScalars {
            alpha: Some(0.9),
            epsilon: Some(1e-3),
            centered: Some(true),
            rmsprop_momentum: Some(0.9),
            ..given
        },
        "decaying" => GivenScalars {
            beta1: Some(0.8),
            beta2: Some(0.9),
            epsilon: Some(1e-3),
            momentum_decay: Some(0.5),
            lr_decay: Some(0.5),
            ..given
        },
        other => panic!("nothing is known of {other}"),
    })
}

#[test]
fn every_optimizer_follows_its_golden_values() {
    let mut seen = Vec::new();
    for line in include_str!("golden/optimizers.txt").lines() {
        let (name, values) = line.split_once(": ").expect("a name and numbers");
        let golden: Vec<f64> = values.split(' ').map(|value| value.parse().expect("a number")).collect();
        let mut parameters = [arr1(&[0.5, -1.0, 0.25]).into_dyn()];
        let mut optimizer = Optimizer::new(rule(name), &parameters);
        for (gradient, golden) in GRADIENTS.iter().zip(golden.chunks(3)) {
            optimizer.update(&mut parameters, &[arr1(gradient).into_dyn()], 0.1, 0.01);
            for (p, expected) in parameters[0].iter().zip(golden) {
                assert!((p - expected).abs() < 1e-14 * (1.0 + expected.abs()), "{name}: {p} instead of {expected}");
            }
        }
        assert_eq!(golden.len(), 3 * GRADIENTS.len(), "{name}");
        seen.push(optimizer.rule.kind());
    }
    for kind in OptimizerKind::ALL {
        assert!(seen.contains(kind), "{kind} has no golden values");
    }
}

#[test]
fn weight_decay_may_leave_out_parameters_of_one_axis() {
    let start = [arr1(&[1.0]).into_dyn(), ndarray::arr2(&[[1.0]]).into_dyn()];
    let gradients = [arr1(&[0.0]).into_dyn(), ndarray::arr2(&[[0.0]]).into_dyn()];
    for (decay_norms_and_biases, expected) in [(true, [0.75, 0.75]), (false, [1.0, 0.75])] {
        let mut parameters = start.clone();
        let mut optimizer = Optimizer::new(UpdateRule::SGD, &start);
        optimizer.decay_norms_and_biases = decay_norms_and_biases;
        optimizer.update(&mut parameters, &gradients, 0.5, 0.5);
        assert_eq!(parameters.map(|p| p.sum()), expected);
    }
}
