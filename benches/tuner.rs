//! Criterion groups `ask_tell` and `storage`: the tuner alone, on an objective that costs nothing.
//!
//! `ask_tell`: a study of 200 trials in memory, by sampler. `storage`: a study of 50 trials with 20 reports
//! each, every report committed, by storage.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tunefork::sampler::{Random, Sampler, Tpe, TpeOptions};
use tunefork::scheduler::Percentile;
use tunefork::storage::SqliteStorage;
use tunefork::study::{MemoryStorage, Storage, Study, StudyHeader, Trial};
use tunefork::trial::Direction;

fn objective(trial: &mut Trial) -> f64 {
    let mut sum = 0.0;
    for (name, target) in [("x0", 0.0), ("x1", 1.0), ("x2", 2.0), ("x3", 3.0)] {
        sum += (trial.suggest_float(name, -5.0, 5.0).expect("a float") - target).powi(2);
    }
    sum += trial.suggest_log("learning_rate", 1e-5, 1e-1).expect("a float");
    sum += trial.suggest_int("layers", 1, 8).expect("an int") as f64;
    let activation = trial.suggest_categorical("activation", &["relu", "tanh", "sigmoid"]);
    sum + f64::from(u8::from(activation.expect("a choice") != "relu"))
}

fn study(sampler: Box<dyn Sampler>, storage: Box<dyn Storage>, trials: u32, reports: u32) {
    let header = StudyHeader::new("bench", Direction::Minimize, 0);
    let study = Study::open(header, storage, sampler, Box::new(Percentile::median())).expect("a new study");
    for _ in 0..trials {
        let mut trial = study.ask().expect("an infinite space");
        let value = objective(&mut trial);
        for step in 1..=reports {
            let _ = trial.report(step, value + 1.0 / f64::from(step)).expect("steps grow");
        }
        study.tell(trial, value).expect("a finite value");
    }
}

fn ask_tell(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ask_tell");
    group.sample_size(10).throughput(Throughput::Elements(200));
    group.bench_function("random", |bencher| {
        bencher.iter(|| study(Box::new(Random::new()), Box::new(MemoryStorage::default()), 200, 0));
    });
    group.bench_function("tpe", |bencher| {
        bencher.iter(|| {
            let tpe = Tpe::new(TpeOptions::default()).expect("the defaults are valid");
            study(Box::new(tpe), Box::new(MemoryStorage::default()), 200, 0);
        });
    });
    group.finish();
}

fn storage(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("storage");
    group.sample_size(10).throughput(Throughput::Elements(50));
    group.bench_function("memory", |bencher| {
        bencher.iter(|| study(Box::new(Random::new()), Box::new(MemoryStorage::default()), 50, 20));
    });
    group.bench_function("sqlite", |bencher| {
        bencher.iter(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let storage = SqliteStorage::open(folder.path().join("study.db"), "bench").expect("a new database");
            study(Box::new(Random::new()), Box::new(storage), 50, 20);
        });
    });
    group.finish();
}

criterion_group!(benches, ask_tell, storage);
criterion_main!(benches);
