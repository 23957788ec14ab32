//! Seconds for sequential ask and tell on a mixed space of ten parameters.
//!
//! ```text
//! cargo run --release -p tunefork-study --example ask_tell -- --sampler tpe|random --trials 1000
//!     --storage memory|sqlite [--reports 20] [--seed 0]
//! ```
//!
//! The objective is a cheap closed form, so what is timed is the tuner alone; `peers/optuna_ask.py` does
//! the same with Optuna. `--reports N` adds N reports a trial, each of them committed and answered by
//! the median rule. `marks` are seconds after so many trials. Prints one line of JSON.

use std::error::Error;
use std::time::Instant;
use tunefork_sampler::{Random, Sampler, Tpe, TpeOptions};
use tunefork_scheduler::Percentile;
use tunefork_storage::SqliteStorage;
use tunefork_study::{MemoryStorage, Storage, Study, StudyError, StudyHeader, Trial};
use tunefork_trial::Direction;

const MARKS: [u32; 5] = [100, 300, 1000, 3000, 10_000];
const USAGE: &str =
    "usage: ask_tell [--sampler tpe|tpe-uni|random] [--trials 1000] [--storage memory|sqlite] [--reports 0] [--seed 0]";

struct Arguments {
    sampler: String,
    trials: u32,
    storage: String,
    reports: u32,
    seed: u64,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut arguments =
        Arguments { sampler: "tpe".to_owned(), trials: 1000, storage: "memory".to_owned(), reports: 0, seed: 0 };
    let mut words = std::env::args().skip(1);
    while let Some(name) = words.next() {
        let value = words.next().ok_or(USAGE)?;
        match name.as_str() {
            "--sampler" => arguments.sampler = value,
            "--trials" => arguments.trials = value.parse()?,
            "--storage" => arguments.storage = value,
            "--reports" => arguments.reports = value.parse()?,
            "--seed" => arguments.seed = value.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(arguments)
}

fn objective(trial: &mut Trial) -> Result<f64, StudyError> {
    let mut sum = 0.0;
    for i in 0..4 {
        sum += (trial.suggest_float(&format!("x{i}"), -5.0, 5.0)? - f64::from(i)).powi(2);
    }
    sum += (trial.suggest_log("lr", 1e-5, 1e-1)?.log10() + 3.0).powi(2);
    sum += (trial.suggest_log("wd", 1e-6, 1e-2)?.log10() + 4.0).powi(2);
    sum += (trial.suggest_int("layers", 1, 8)? - 4).abs() as f64;
    sum += (trial.suggest_int_step("units", 16, 512, 16)? - 128).abs() as f64 / 64.0;
    sum += match trial.suggest_categorical("act", &["relu", "tanh", "sigmoid", "leaky"])? {
        "relu" => 0.0,
        "leaky" => 0.2,
        "tanh" => 1.0,
        _ => 2.0,
    };
    sum += match trial.suggest_categorical("opt", &["sgd", "adam", "adamw", "rmsprop"])? {
        "adam" => 0.0,
        "adamw" => 0.1,
        "rmsprop" => 0.5,
        _ => 1.0,
    };
    Ok(sum)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let sampler: Box<dyn Sampler> = match arguments.sampler.as_str() {
        "tpe" => Box::new(Tpe::new(TpeOptions::default())?),
        "tpe-uni" => Box::new(Tpe::new(TpeOptions { multivariate: false, ..TpeOptions::default() })?),
        "random" => Box::new(Random::new()),
        _ => return Err(USAGE.into()),
    };
    let folder = tempfile::tempdir()?;
    let storage: Box<dyn Storage> = match arguments.storage.as_str() {
        "memory" => Box::new(MemoryStorage::default()),
        "sqlite" => Box::new(SqliteStorage::open(folder.path().join("t.db"), "ask_tell")?),
        _ => return Err(USAGE.into()),
    };
    let header = StudyHeader::new("ask_tell", Direction::Minimize, arguments.seed);
    let study = Study::open(header, storage, sampler, Box::new(Percentile::median()))?;

    let mut marks = serde_json::Map::new();
    let begin = Instant::now();
    let seconds = || (begin.elapsed().as_secs_f64() * 1e3).round() / 1e3;
    for number in 1..=arguments.trials {
        let mut trial = study.ask()?;
        let value = objective(&mut trial)?;
        for step in 0..arguments.reports {
            // What the median rule says is not followed, so that all trials do the same work.
            let _ = trial.report(step, value + 1.0 / f64::from(step + 1))?;
        }
        study.tell(trial, value)?;
        if MARKS.contains(&number) {
            marks.insert(number.to_string(), seconds().into());
        }
    }
    let elapsed = begin.elapsed().as_secs_f64();
    let best = study.best().map(|(_, value)| (value * 1e5).round() / 1e5);
    let line = serde_json::json!({
        "peer": concat!("tunefork ", env!("CARGO_PKG_VERSION")),
        "sampler": arguments.sampler,
        "storage": arguments.storage,
        "trials": arguments.trials,
        "reports": arguments.reports,
        "seconds": (elapsed * 1e3).round() / 1e3,
        "ms_per_trial": (elapsed / f64::from(arguments.trials) * 1e6).round() / 1e3,
        "marks": marks,
        "best": best,
    });
    println!("{line}");
    Ok(())
}
