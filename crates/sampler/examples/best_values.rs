//! Prints the best values that a sampler finds on test functions, one JSON line per function and seed.
//!
//! ```sh
//! cargo run --release -p tunefork-sampler --example best_values -- cma-es 30 1
//! ```
//!
//! The arguments are the sampler (`cma-es`, `tpe` or `random`), the number of seeds, how many trials run at the same time, and a population.
//! Each line has the best value after 100 and after 300 trials; of the noisy function, the true value of the trial that looked best.

use tunefork_rng::{Key, Purpose, Stream};
use tunefork_sampler::{Ask, CmaEs, CmaEsOptions, Proposal, Random, Region, Sampler, Tpe, TpeOptions};
use tunefork_space::{Domain, Parameter, Point, Space};
use tunefork_trial::{Direction, History, TrialNumber, TrialState};

/// A function with its name, space and noise.
struct Function {
    name: &'static str,
    domains: Vec<Domain>,
    value: fn(&[f64]) -> f64,
    noise: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |place: usize, usual: &str| arguments.get(place).map_or(usual.to_owned(), String::clone);
    let (name, seeds): (String, u64) = (argument(0, "cma-es"), argument(1, "3").parse()?);
    let (slots, population): (usize, u32) = (argument(2, "1").parse()?, argument(3, "0").parse()?);
    for function in functions()? {
        for seed in 0..seeds {
            let mut sampler: Box<dyn Sampler> = match name.as_str() {
                "cma-es" => {
                    let population = (population > 0).then_some(population);
                    Box::new(CmaEs::new(CmaEsOptions { population, ..CmaEsOptions::default() })?)
                }
                "tpe" => Box::new(Tpe::new(TpeOptions::default())?),
                _ => Box::new(Random::new()),
            };
            let [early, late] = study(&mut *sampler, &function, seed, slots)?;
            let title = function.name;
            println!(r#"{{"function":"{title}","seed":{seed},"slots":{slots},"at_100":{early:e},"at_300":{late:e}}}"#);
        }
    }
    Ok(())
}

/// The best values after 100 and 300 trials, of which `slots` run at a time, each as long as chance has it.
fn study(
    sampler: &mut dyn Sampler,
    function: &Function,
    seed: u64,
    slots: usize,
) -> Result<[f64; 2], Box<dyn std::error::Error>> {
    let named = |(i, domain): (usize, &Domain)| Parameter::new(format!("x{i}"), domain.clone());
    let mut history =
        History::new(Space::new(function.domains.iter().enumerate().map(named).collect())?, Direction::Minimize);
    let mut chance = Key::study(seed).stream(Purpose::Generate);
    let mut running: Vec<(f64, TrialNumber, Point)> = Vec::new();
    let (mut time, mut ended) = (0.0, 0);
    let mut found = [f64::INFINITY; 2];
    let mut best_true = f64::NAN;
    while ended < 300 {
        while running.len() < slots {
            let number = history.next_number();
            let ask =
                Ask { history: &history, number, proposed: number.0, key: Key::study(seed), region: Region::WHOLE };
            let Proposal::Point(point) = sampler.propose(&ask) else { return Ok(found) };
            history.start(number, point.clone())?;
            running.push((time + libm::exp(0.5 * chance.normal()), number, point));
        }
        running.sort_by(|a, b| b.0.total_cmp(&a.0));
        let Some((now, number, point)) = running.pop() else { break };
        time = now;
        let true_value = (function.value)(point.values());
        history.finish(number, TrialState::Complete, Some(true_value + noise(function, &mut chance)))?;
        if history.best() == Some(number) {
            best_true = true_value;
        }
        ended += 1;
        if ended == 100 {
            found[0] = best_true;
        }
    }
    found[1] = best_true;
    Ok(found)
}

fn noise(function: &Function, chance: &mut Stream) -> f64 {
    if function.noise > 0.0 { function.noise * chance.normal() } else { 0.0 }
}

fn functions() -> Result<Vec<Function>, Box<dyn std::error::Error>> {
    let real = |d: usize, end: f64| vec![Domain::uniform(-end, end); d].into_iter().collect::<Result<Vec<_>, _>>();
    let plain = |name, domains, value| Function { name, domains, value, noise: 0.0 };
    let stepped = vec![Domain::uniform(-5.0, 5.0)?.with_step(0.5)?; 4];
    let network =
        vec![Domain::log(1e-5, 1e-1)?, Domain::int_log(1, 1024)?, Domain::int(1, 8)?, Domain::uniform(0.0, 0.9)?];
    let mut mixed = real(4, 5.0)?;
    mixed.extend([Domain::log(1e-5, 1e-1)?, Domain::int(1, 8)?]);
    mixed.extend([Domain::choice(["relu", "tanh", "sigmoid", "leaky"])?, Domain::choice(["sgd", "adam", "adamw"])?]);
    Ok(vec![
        plain("one-dimensional", real(1, 5.0)?, |x| square(x[0] - 1.7) + 1.0 - libm::cos(6.0 * (x[0] - 1.7))),
        plain("sphere-5", real(5, 5.0)?, sphere),
        plain("sphere-10", real(10, 5.0)?, sphere),
        plain("ellipsoid-5", real(5, 5.0)?, |x| ellipsoid(&shifted(x), 1e6)),
        plain("rotated-ellipsoid-4", real(4, 5.0)?, |x| ellipsoid(&rotated(&shifted(x)), 1e6)),
        plain("rosenbrock-3", real(3, 3.0)?, rosenbrock),
        plain("rastrigin-3", real(3, 5.12)?, rastrigin),
        plain("ackley-5", real(5, 30.0)?, ackley),
        plain("branin", vec![Domain::uniform(-5.0, 10.0)?, Domain::uniform(0.0, 15.0)?], branin),
        plain("log-3", vec![Domain::log(1e-6, 1.0)?; 3], logarithmic),
        plain("integer-5", vec![Domain::int(-10, 10)?; 5], |x| ellipsoid(&shifted(x), 10.0)),
        plain("stepped-4", stepped, |x| ellipsoid(&rotated(&shifted(x)), 100.0)),
        plain("network", network, network_loss),
        Function { name: "noisy-5", noise: 1.0, ..plain("", real(5, 5.0)?, sphere) },
        plain("mixed", mixed, mixed_loss),
    ])
}

fn square(x: f64) -> f64 {
    x * x
}

/// Moves the optimum away from the centre, elsewhere in each coordinate.
fn shifted(x: &[f64]) -> Vec<f64> {
    x.iter().enumerate().map(|(i, x)| x - ((i * 37 % 11) as f64 / 11.0 * 5.0 - 2.2)).collect()
}

/// Mirrored at a plane that is oblique to all axes.
fn rotated(x: &[f64]) -> Vec<f64> {
    let normal = |i: usize| i as f64 + 1.0;
    let along: f64 = x.iter().enumerate().map(|(i, x)| x * normal(i)).sum();
    let square_length: f64 = (0..x.len()).map(|i| square(normal(i))).sum();
    x.iter().enumerate().map(|(i, x)| x - 2.0 * along / square_length * normal(i)).collect()
}

fn sphere(x: &[f64]) -> f64 {
    shifted(x).iter().map(|x| square(*x)).sum()
}

fn ellipsoid(x: &[f64], condition: f64) -> f64 {
    let last = (x.len() - 1) as f64;
    x.iter().enumerate().map(|(i, x)| libm::pow(condition, i as f64 / last) * square(*x)).sum()
}

fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|pair| 100.0 * square(pair[1] - square(pair[0])) + square(1.0 - pair[0])).sum()
}

fn rastrigin(x: &[f64]) -> f64 {
    shifted(x).iter().map(|x| square(*x) + 10.0 - 10.0 * libm::cos(std::f64::consts::TAU * x)).sum()
}

fn ackley(x: &[f64]) -> f64 {
    let (x, n) = (shifted(x), x.len() as f64);
    let root = (x.iter().map(|x| square(*x)).sum::<f64>() / n).sqrt();
    let waves = x.iter().map(|x| libm::cos(std::f64::consts::TAU * x)).sum::<f64>() / n;
    20.0 - 20.0 * libm::exp(-0.2 * root) + std::f64::consts::E - libm::exp(waves)
}

fn branin(x: &[f64]) -> f64 {
    let pi = std::f64::consts::PI;
    let valley = x[1] - 5.1 / (4.0 * pi * pi) * square(x[0]) + 5.0 / pi * x[0] - 6.0;
    square(valley) + 10.0 * (1.0 - 1.0 / (8.0 * pi)) * libm::cos(x[0]) + 10.0 - 0.397_887_357_729_738_16
}

fn logarithmic(x: &[f64]) -> f64 {
    let y: Vec<f64> = x.iter().map(|x| libm::log10(*x)).collect();
    square(y[0] + 2.0) + 4.0 * square(y[1] + 4.5 - 0.5 * y[0]) + 0.5 * square(y[2] + 1.0 + 0.3 * y[1])
}

fn network_loss(x: &[f64]) -> f64 {
    let width = libm::log2(x[1]);
    square(libm::log10(x[0]) + 2.5 + 0.15 * width)
        + 0.1 * square(width - 7.0)
        + 0.05 * square(x[2] - 5.0)
        + square(x[3] - 0.1 * x[2] + 0.2)
}

fn mixed_loss(x: &[f64]) -> f64 {
    sphere(&x[..4])
        + square(libm::log10(x[4]) + 3.0)
        + (x[5] - 4.0).abs()
        + [0.0, 1.0, 2.0, 0.2][x[6] as usize]
        + [1.0, 0.0, 0.1][x[7] as usize]
}
