//! How good samplers are, and how long they take.
//!
//! `cargo run --release --example compare -- best SAMPLER TRIALS SEEDS [SLOTS [FUNCTION]]` prints a JSON line for each function (`stepped`: those of
//! integers and steps) and seed:
//! the value, without noise, of the trial that came out best. With several slots so many trials run at once, and the oldest
//! ends first. `-- time SAMPLER` prints milliseconds per proposal by the number of trials before it, on ten mixed parameters.

mod functions;
mod stepped;

use std::time::{Duration, Instant};

use tunefork_rng::{Key, Purpose, Stream};
use tunefork_sampler::{
    Ask, Auto, CmaEs, CmaEsOptions, GaussianProcess, GaussianProcessOptions, HyperoptOptions, Proposal, QuasiRandom,
    Random, Region, Sampler, SamplerKind, Sequence, Tpe, TpeOptions,
};
use tunefork_trial::{Direction, History, TrialNumber, TrialState};

use self::functions::{Function, functions};
use self::stepped::stepped;

fn sampler(name: &str) -> Box<dyn Sampler> {
    match name.parse().unwrap() {
        SamplerKind::Auto => Box::new(Auto::default()),
        SamplerKind::Tpe => Box::new(Tpe::new(TpeOptions::default()).unwrap()),
        SamplerKind::Hyperopt => Box::new(Tpe::hyperopt(HyperoptOptions::default()).unwrap()),
        SamplerKind::Gp => Box::new(GaussianProcess::new(GaussianProcessOptions::default()).unwrap()),
        SamplerKind::CmaEs => Box::new(CmaEs::new(CmaEsOptions::default()).unwrap()),
        SamplerKind::Sobol => Box::new(QuasiRandom::new(Sequence::Sobol)),
        SamplerKind::Halton => Box::new(QuasiRandom::new(Sequence::Halton)),
        SamplerKind::Random => Box::new(Random::new()),
        SamplerKind::Grid => panic!("a grid has no end of points here"),
    }
}

/// A study of a function, of which one trial after the other is told to `each`.
fn study(
    sampler: &mut dyn Sampler,
    function: &Function,
    (trials, slots): (u32, u32),
    seed: u64,
    mut each: impl FnMut(u32, Duration),
) -> History {
    let mut history = History::new(function.space.clone(), Direction::Minimize);
    let key = Key::study(seed);
    let mut noise = key.stream(Purpose::Generate);
    for number in 0..trials + slots - 1 {
        if number < trials {
            let trial = TrialNumber(number);
            let ask = Ask { history: &history, number: trial, proposed: number, key, region: Region::WHOLE };
            let begin = Instant::now();
            let proposal = sampler.propose(&ask);
            each(number, begin.elapsed());
            let Proposal::Point(point) = proposal else { break };
            history.start(trial, point).unwrap();
        }
        if number + 1 >= slots {
            finish(&mut history, TrialNumber(number + 1 - slots), function, &mut noise);
        }
    }
    history
}

fn finish(history: &mut History, trial: TrialNumber, function: &Function, noise: &mut Stream) {
    let value = function.value(&history.point(trial)) + function.noise * noise.normal();
    history.finish(trial, TrialState::Complete, Some(value)).unwrap();
}

fn print_best(name: &str, trials: u32, seeds: u64, slots: u32, only: Option<&String>) {
    let all = functions().into_iter().chain(stepped());
    let is_wanted = |function: &Function| match only.map(String::as_str) {
        None => functions().iter().any(|other| other.name == function.name),
        Some("stepped") => stepped().iter().any(|other| other.name == function.name),
        Some(name) => name == function.name,
    };
    for function in all.filter(is_wanted) {
        for seed in 0..seeds {
            let begin = Instant::now();
            let history = study(&mut *sampler(name), &function, (trials, slots), seed, |_, _| {});
            let best = history.best().map_or(f64::INFINITY, |best| function.value(&history.point(best)));
            println!(
                r#"{{"sampler": "{name}", "function": "{}", "seed": {seed}, "slots": {slots}, "best": {best:e}, "seconds": {:.3}}}"#,
                function.name,
                begin.elapsed().as_secs_f64()
            );
        }
    }
}

fn print_times(name: &str) {
    let all = functions();
    let function = all.iter().find(|function| function.name == "noisy mixed10").unwrap();
    let mut times = Vec::new();
    study(&mut *sampler(name), function, (541, 1), 0, |_, time| times.push(time.as_secs_f64() * 1e3));
    for trials in [25, 50, 100, 200, 300, 500] {
        let window = &mut times[trials - 16..trials + 16];
        let mean = window.iter().sum::<f64>() / 32.0;
        window.sort_by(f64::total_cmp);
        println!("{name} at {trials:3} trials, ms: mean {mean:.2}, median {:.2}, most {:.2}", window[16], window[31]);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: u32| arguments.get(place).map_or(default, |text| text.parse().unwrap());
    match arguments.first().map(String::as_str) {
        Some("best") => print_best(&arguments[1], number(2, 100), number(3, 30).into(), number(4, 1), arguments.get(5)),
        Some("time") => print_times(&arguments[1]),
        _ => eprintln!("compare best SAMPLER [TRIALS [SEEDS [SLOTS [FUNCTION]]]] | compare time SAMPLER"),
    }
}
