//! Functions to minimise, most of them well known: Surjanovic and Bingham's "Virtual library of simulation experiments" has
//! their definitions.

use std::f64::consts::{E, PI, TAU};

use tunefork_space::{Domain, Parameter, Point, Space};

/// A function with its space; all are to be minimised.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) space: Space,
    pub(crate) loss: fn(&[f64]) -> f64,
    /// The deviation of the noise that is added to each value.
    pub(crate) noise: f64,
}

fn cube(dimensions: usize, low: f64, high: f64) -> Space {
    let axis = |i| Parameter::new(format!("x{i}"), Domain::uniform(low, high).unwrap());
    Space::new((0..dimensions).map(axis).collect()).unwrap()
}

pub(crate) fn integers(dimensions: usize, low: i64, high: i64) -> Space {
    let axis = |i| Parameter::new(format!("x{i}"), Domain::int(low, high).unwrap());
    Space::new((0..dimensions).map(axis).collect()).unwrap()
}

/// Ten parameters of all kinds.
pub(crate) fn mixed_space() -> Space {
    let mut parameters: Vec<Parameter> =
        (0..4).map(|i| Parameter::new(format!("x{i}"), Domain::uniform(-5.0, 5.0).unwrap())).collect();
    let more = [
        ("rate", Domain::log(1e-5, 1e-1)),
        ("decay", Domain::log(1e-6, 1e-2)),
        ("layers", Domain::int(1, 8)),
        ("units", Domain::int(16, 512).unwrap().with_step(16.0)),
        ("activation", Domain::choice(["relu", "tanh", "sigmoid", "leaky"])),
        ("optimizer", Domain::choice(["sgd", "adam", "adamw", "rmsprop"])),
    ];
    parameters.extend(more.map(|(name, domain)| Parameter::new(name, domain.unwrap())));
    Space::new(parameters).unwrap()
}

/// Two optimisers with parameters of their own.
fn conditional_space() -> Space {
    let float = |name: &str, low, high| Parameter::new(name, Domain::uniform(low, high).unwrap());
    let log = |name: &str, low, high| Parameter::new(name, Domain::log(low, high).unwrap());
    Space::new(vec![
        Parameter::new("optimizer", Domain::choice(["sgd", "adam"]).unwrap()),
        log("rate", 1e-5, 1.0),
        float("momentum", 0.0, 1.0).when("optimizer", ["sgd"]),
        Parameter::new("nesterov", Domain::choice([false, true]).unwrap()).when("optimizer", ["sgd"]),
        log("epsilon", 1e-9, 1e-3).when("optimizer", ["adam"]),
        float("beta", 0.5, 1.0).when("optimizer", ["adam"]),
        Parameter::new("layers", Domain::int(1, 6).unwrap()),
    ])
    .unwrap()
}

pub(crate) fn square(x: f64) -> f64 {
    x * x
}

fn pairs(x: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    x.iter().copied().zip(x[1..].iter().copied())
}

fn sphere(x: &[f64]) -> f64 {
    x.iter().map(|x| square(x - 1.3)).sum()
}

pub(crate) fn rosenbrock(x: &[f64]) -> f64 {
    pairs(x).map(|(a, b)| 100.0 * square(b - a * a) + square(1.0 - a)).sum()
}

pub(crate) fn ackley(x: &[f64]) -> f64 {
    let n = x.len() as f64;
    let squares = x.iter().map(|x| square(x - 0.7)).sum::<f64>() / n;
    let waves = x.iter().map(|x| (TAU * (x - 0.7)).cos()).sum::<f64>() / n;
    20.0 + E - 20.0 * (-0.2 * squares.sqrt()).exp() - waves.exp()
}

pub(crate) fn rastrigin(x: &[f64]) -> f64 {
    x.iter().map(|x| square(x - 0.4) + 10.0 - 10.0 * (TAU * (x - 0.4)).cos()).sum()
}

pub(crate) fn levy(x: &[f64]) -> f64 {
    let w: Vec<f64> = x.iter().map(|x| 1.0 + (x - 1.0) / 4.0).collect();
    let last = w[w.len() - 1];
    let middle = w[..w.len() - 1].iter().map(|w| square(w - 1.0) * (1.0 + 10.0 * square((PI * w + 1.0).sin())));
    square((PI * w[0]).sin()) + middle.sum::<f64>() + square(last - 1.0) * (1.0 + square((TAU * last).sin()))
}

fn griewank(x: &[f64]) -> f64 {
    let waves = x.iter().enumerate().map(|(i, x)| (x / ((i + 1) as f64).sqrt()).cos());
    1.0 + x.iter().map(|x| square(*x)).sum::<f64>() / 4000.0 - waves.product::<f64>()
}

fn styblinski_tang(x: &[f64]) -> f64 {
    39.166_165_703_771_4 * x.len() as f64 + x.iter().map(|x| square(x * x) - 16.0 * x * x + 5.0 * x).sum::<f64>() / 2.0
}

fn michalewicz(x: &[f64]) -> f64 {
    let wave = |(i, x): (usize, &f64)| x.sin() * ((i + 1) as f64 * x * x / PI).sin().powi(20);
    4.687_658 - x.iter().enumerate().map(wave).sum::<f64>()
}

fn branin(x: &[f64]) -> f64 {
    let (a, b) = (15.0 * x[0] - 5.0, 15.0 * x[1]);
    let valley = square(b - 5.1 / (4.0 * PI * PI) * a * a + 5.0 / PI * a - 6.0);
    valley + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * a.cos() + 10.0 - 0.397_887_357_7
}

pub(crate) fn hartmann6(x: &[f64]) -> f64 {
    const HEIGHT: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const SHARPNESS: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const CENTRE: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let hill = |i: usize| {
        let distance: f64 = (0..6).map(|j| SHARPNESS[i][j] * square(x[j] - CENTRE[i][j])).sum();
        HEIGHT[i] * (-distance).exp()
    };
    3.322_368_011_4 - (0..4).map(hill).sum::<f64>()
}

/// A loss that explodes in half of its range, as that of a learning rate does.
fn exploding(x: &[f64]) -> f64 {
    (3.0 * (x[0] + x[1]).max(0.0)).exp() + square(x[0] + 2.0) + square(x[1] + 1.0) + square(x[2] - x[0])
}

fn integer_bowl(x: &[f64]) -> f64 {
    x.iter().enumerate().map(|(i, x)| square(x - 3.0 * i as f64) * (1.0 + i as f64)).sum::<f64>()
        + (x[0] + x[1] - 3.0).abs() * 5.0
}

pub(crate) fn mixed(x: &[f64]) -> f64 {
    (0..4).map(|i| square(x[i] - i as f64)).sum::<f64>()
        + square(x[4].log10() + 3.0)
        + square(x[5].log10() + 4.0)
        + (x[6] - 4.0).abs()
        + (x[7] - 128.0).abs() / 64.0
        + [0.0, 1.0, 2.0, 0.2][x[8] as usize]
        + [1.0, 0.0, 0.1, 0.5][x[9] as usize]
}

fn conditional(x: &[f64]) -> f64 {
    let rate = x[1].log10();
    let own = if x[0] == 0.0 {
        square(rate + 1.0) + 4.0 * square(x[2] - 0.9) + 0.2 * (1.0 - x[3])
    } else {
        0.1 + square(rate + 3.0) + 0.05 * square(x[4].log10() + 8.0) + 8.0 * square(x[5] - 0.95)
    };
    own + 0.1 * square(x[6] - 4.0)
}

/// All functions that samplers are compared on.
pub(crate) fn functions() -> Vec<Function> {
    let function = |name, space, loss| Function { name, space, loss, noise: 0.0 };
    vec![
        function("branin", cube(2, 0.0, 1.0), branin),
        function("hartmann6", cube(6, 0.0, 1.0), hartmann6),
        function("sphere5", cube(5, -5.0, 5.0), sphere),
        Function { noise: 1.0, ..function("noisy sphere5", cube(5, -5.0, 5.0), sphere) },
        Function { noise: 0.2, ..function("noisy hartmann6", cube(6, 0.0, 1.0), hartmann6) },
        function("rosenbrock4", cube(4, -2.0, 2.0), rosenbrock),
        function("ackley5", cube(5, -5.0, 5.0), ackley),
        function("rastrigin4", cube(4, -5.0, 5.0), rastrigin),
        function("levy6", cube(6, -10.0, 10.0), levy),
        function("griewank3", cube(3, -50.0, 40.0), griewank),
        function("styblinski4", cube(4, -5.0, 5.0), styblinski_tang),
        function("michalewicz5", cube(5, 0.0, PI), michalewicz),
        function("sphere20", cube(20, -5.0, 5.0), sphere),
        function("exploding", cube(3, -5.0, 5.0), exploding),
        function("integers5", integers(5, 0, 20), integer_bowl),
        function("mixed10", mixed_space(), mixed),
        Function { noise: 0.3, ..function("noisy mixed10", mixed_space(), mixed) },
        function("conditional", conditional_space(), conditional),
    ]
}

impl Function {
    /// The value without noise.
    pub(crate) fn value(&self, point: &Point) -> f64 {
        (self.loss)(point.values())
    }
}
