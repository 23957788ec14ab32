//! What fANOVA costs: `cargo run --release -p tunefork-importance --example cost`.

use std::time::{Duration, Instant};

use tunefork_importance::{Fanova, fanova};
use tunefork_rng::{Key, Purpose};
use tunefork_space::{Domain, Parameter, Space};
use tunefork_trial::{Direction, History, TrialState};

/// A study of a noisy function of three of its parameters.
fn study(trials: usize, parameters: usize) -> Result<History, Box<dyn std::error::Error>> {
    let unit = |number| Ok(Parameter::new(format!("p{number}"), Domain::uniform(0.0, 1.0)?));
    let space = Space::new((0..parameters).map(unit).collect::<Result<_, tunefork_space::DomainError>>()?)?;
    let mut history = History::new(space, Direction::Minimize);
    let mut stream = Key::study(1).stream(Purpose::Generate);
    for _ in 0..trials {
        let at: Vec<f64> = (0..parameters).map(|_| stream.f64()).collect();
        let value = (at[0] - 0.3).powi(2) + at[1] * at[2 % parameters] + 0.05 * stream.normal();
        let number = history.next_number();
        history.start(number, at.into())?;
        history.finish(number, TrialState::Complete, Some(value))?;
    }
    Ok(history)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("trials  parameters  milliseconds (median of 5)");
    for (trials, parameters) in [(100, 10), (1000, 2), (1000, 10), (1000, 30), (2000, 2), (2000, 10), (5000, 10)] {
        let history = study(trials, parameters)?;
        let mut times: Vec<Duration> = (0..5)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(fanova(&history, Fanova::default()));
                start.elapsed()
            })
            .collect();
        times.sort();
        println!("{trials:6}  {parameters:10}  {:12.1}", times[2].as_secs_f64() * 1e3);
    }
    Ok(())
}
