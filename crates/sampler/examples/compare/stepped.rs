//! Functions of integers and of floats with steps, where observations are often equal.

use std::f64::consts::TAU;

use tunefork_space::{Domain, Parameter, Space};

use crate::functions::{
    Function, ackley, hartmann6, integers, levy, mixed, mixed_space, rastrigin, rosenbrock, square,
};

/// Floats from `low` to `high` in so many equal steps.
fn steps(dimensions: usize, low: f64, high: f64, count: u32) -> Space {
    let step = (high - low) / f64::from(count);
    let axis = |i| Parameter::new(format!("x{i}"), Domain::uniform(low, high).unwrap().with_step(step).unwrap());
    Space::new((0..dimensions).map(axis).collect()).unwrap()
}

/// Few values each, every one of which changes what is best for its neighbour.
fn chain(x: &[f64]) -> f64 {
    let links = x.windows(2).map(|pair| square(pair[0] + pair[1] - 7.0) + 0.5 * (pair[0] - 2.0).abs());
    links.sum::<f64>() + square(x[x.len() - 1] - 3.0)
}

/// A bowl whose middle is nobody's middle.
fn bowl(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, x)| (1.0 + i as f64) * square(x - 2.0 - 4.0 * i as f64)).sum()
}

/// Switches: each costs something, and some only help together.
fn switches(x: &[f64]) -> f64 {
    let on = |i: usize| x[i] == 1.0;
    let costs = x.iter().enumerate().map(|(i, x)| x * (0.2 + 0.1 * (i % 3) as f64)).sum::<f64>();
    5.0 + costs - 2.0 * f64::from(on(0) && on(3)) - 1.5 * f64::from(on(2) && !on(5)) - f64::from(on(7) == on(8))
}

/// A network: layers and units in powers of two, a kernel, a rate in steps of its logarithm.
fn network(x: &[f64]) -> f64 {
    let size = x[0] * 0.5 + x[1] * 0.3;
    square(size - 3.1) + 0.1 * (x[2] - 3.0).abs() + square(x[3] + 2.5 + 0.2 * x[0]) + 0.3 * (TAU * x[4] / 4.0).cos()
}

fn network_space() -> Space {
    Space::new(vec![
        Parameter::new("layers", Domain::int(1, 6).unwrap()),
        Parameter::new("units", Domain::int(4, 10).unwrap()),
        Parameter::new("kernel", Domain::int(1, 7).unwrap().with_step(2.0).unwrap()),
        Parameter::new("rate", Domain::uniform(-5.0, 0.0).unwrap().with_step(0.25).unwrap()),
        Parameter::new("norm", Domain::choice(["none", "batch", "group", "layer"]).unwrap()),
    ])
    .unwrap()
}

fn batch_and_rate(x: &[f64]) -> f64 {
    let (batch, rate) = (x[0].log2(), x[1].log10());
    square(rate + 4.0 - 0.3 * batch) + 0.05 * square(batch - 6.0) + square(x[2] - 0.3) * 4.0
}

fn batch_space() -> Space {
    Space::new(vec![
        Parameter::new("batch", Domain::int_log(8, 1024).unwrap()),
        Parameter::new("rate", Domain::log(1e-5, 1.0).unwrap()),
        Parameter::new("dropout", Domain::uniform(0.0, 0.8).unwrap().with_step(0.1).unwrap()),
    ])
    .unwrap()
}

/// All functions of this kind; the rule for equal observations was chosen on those at even places.
pub(crate) fn stepped() -> Vec<Function> {
    let function = |name, space, loss| Function { name, space, loss, noise: 0.0 };
    vec![
        function("chain of 3", integers(3, 0, 7), chain),
        function("chain of 8", integers(8, 0, 7), chain),
        function("bowl of 6", integers(6, 0, 31), bowl),
        function("bowl of 3", integers(3, 0, 99), bowl),
        function("switches", integers(10, 0, 1), switches),
        function("network", network_space(), network),
        Function { noise: 0.3, ..function("noisy network", network_space(), network) },
        function("batch and rate", batch_space(), batch_and_rate),
        function("stepped hartmann6", steps(6, 0.0, 1.0, 10), hartmann6),
        function("stepped levy6", steps(6, -10.0, 10.0, 40), levy),
        function("stepped rastrigin4", steps(4, -5.0, 5.0, 50), rastrigin),
        function("stepped rosenbrock2", steps(2, -2.0, 2.0, 40), rosenbrock),
        function("stepped ackley5", steps(5, -5.0, 5.0, 10), ackley),
        function("ackley of 10", integers(10, -5, 5), ackley),
        Function { noise: 1.0, ..function("noisy bowl of 6", integers(6, 0, 31), bowl) },
        function("mixed", mixed_space(), mixed),
    ]
}
