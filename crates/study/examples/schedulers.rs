//! Schedulers side by side, in the simulator: epochs and virtual time until a study has a configuration within 1 % of the best.
//!
//! ```text
//! cargo run --release -p tunefork-study --example schedulers -- [SEEDS] [TRIALS]
//! ```
//!
//! Trials are drawn at random, the same for all schedulers, so that only what becomes of them differs. A configuration counts by what its
//! curve is without noise, and a study by the one that it would name: the complete trial with the best report. For each number of slots and each
//! scheduler a line: epochs of the whole study, its virtual time as a share of that without a scheduler, share of the slots' time that was idle,
//! how often a configuration within 1 % of the best of all trials was named, and the time until then as a share of that without a scheduler.

use std::error::Error;
use tunefork_rng::Key;
use tunefork_sampler::Random;
use tunefork_scheduler::{
    Hyperband, HyperbandOptions, NoScheduler, Percentile, Promotion, Scheduler, SuccessiveHalving,
    SuccessiveHalvingOptions, SyncHyperband,
};
use tunefork_study::simulator::{Curves, Setting, Simulated, Synthetic, simulate};
use tunefork_trial::{TrialNumber, TrialState};

const SLOTS: [u32; 6] = [1, 4, 16, 64, 256, 512];

fn schedulers() -> Result<Vec<Box<dyn Scheduler>>, Box<dyn Error>> {
    let halving = SuccessiveHalvingOptions { factor: 3, ..SuccessiveHalvingOptions::default() };
    Ok(vec![
        Box::new(NoScheduler),
        Box::new(Percentile::median()),
        Box::new(SuccessiveHalving::new(halving)?),
        Box::new(Promotion::new(halving)?),
        Box::new(Hyperband::new(HyperbandOptions::default())?),
        Box::new(SyncHyperband::new(HyperbandOptions::default())?),
    ])
}

/// What a trial's curve ends with but for noise.
fn quality(curves: &Synthetic, study: &Simulated, trial: TrialNumber) -> f64 {
    let calm = Synthetic { noise: 0.0, diverges_above: f64::INFINITY, ..*curves };
    calm.value(&study.history.params(trial), Key::study(0), curves.epochs)
}

/// When the study names a configuration of this quality for good.
fn time_to(curves: &Synthetic, study: &Simulated, wanted: f64) -> Option<u64> {
    let complete = study.history.numbers().filter(|trial| study.history.state(*trial) == TrialState::Complete);
    let mut ends: Vec<(u64, TrialNumber)> = complete.map(|trial| (study.spans[trial.index()].1, trial)).collect();
    ends.sort_unstable();
    let (mut best, mut found) = (f64::NEG_INFINITY, None);
    for (time, trial) in ends {
        let value = study.history.value(trial).unwrap_or(f64::NEG_INFINITY);
        if value > best {
            best = value;
            found = (quality(curves, study, trial) >= wanted).then(|| found.unwrap_or(time));
        }
    }
    found
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let seeds: u64 = words.next().as_deref().unwrap_or("20").parse()?;
    let trials: u32 = words.next().as_deref().unwrap_or("1000").parse()?;
    let curves = Synthetic { epochs: 81, ..Synthetic::default() };
    println!("{trials} trials of {} epochs, {seeds} seeds", curves.epochs);
    println!(
        "{:>5}  {:14} {:>8} {:>8} {:>6} {:>6} {:>8}",
        "slots", "scheduler", "epochs", "time", "idle", "found", "until"
    );
    for slots in SLOTS {
        let mut without: Vec<(u64, Option<u64>)> = Vec::new();
        for index in 0..schedulers()?.len() {
            let name = schedulers()?[index].name();
            let (mut epochs, mut time, mut idle, mut until, mut found) = (vec![], vec![], vec![], vec![], 0);
            for seed in 0..seeds {
                let setting = Setting { seed, slots, trials, ..Setting::new(curves.space()) };
                let study = simulate(&setting, &curves, &mut Random::new(), &mut *schedulers()?[index]);
                let best = study.history.numbers().map(|trial| quality(&curves, &study, trial)).fold(0.0, f64::max);
                let reached = time_to(&curves, &study, 0.99 * best);
                if index == 0 {
                    without.push((study.makespan, reached));
                }
                let (whole, before) = without[seed as usize];
                epochs.push(study.epochs() as f64);
                time.push(study.makespan as f64 / whole as f64);
                idle.push(1.0 - study.busy as f64 / (study.makespan as f64 * f64::from(slots)));
                found += u32::from(reached.is_some());
                until.extend(reached.zip(before).map(|(reached, before)| reached as f64 / before as f64));
            }
            println!(
                "{slots:>5}  {name:14} {:>8.0} {:>8.3} {:>6.3} {found:>3}/{seeds:<2} {:>8.3}",
                mean(&epochs),
                mean(&time),
                mean(&idle),
                mean(&until)
            );
        }
    }
    Ok(())
}
