//! Criterion group `epoch_time`: training and validating the reports' networks m0 to m4, on the CPU with all threads and,
//! where there is one, on the GPU in each precision that it has.
//!
//! `training`: an iteration is a window of random images: gathering and normalising them, forward, backward, and the
//! optimizer; what `tunefork bench` measures for any study file. `validation`: a window of other images, forward and the
//! figures. Criterion prints images a second of each; an epoch of a report is so many of both, and `versus_reports`
//! counts them together.

#[path = "networks/forecast.rs"]
mod forecast;
mod networks;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use networks::{NETWORKS, cpu, cuda, trainer};
use std::time::{Duration, Instant};
use tunefork::train::Precision;

/// The fewest that criterion takes.
const SAMPLES: usize = 10;
const TIME: Duration = Duration::from_secs(8);
const WARM_UP: Duration = Duration::from_secs(1);

fn epoch_time(criterion: &mut Criterion) {
    let mut rows = vec![(cpu(), Precision::F32)];
    if let Some((gpu, precisions)) = cuda("epoch_time") {
        rows.extend(precisions.into_iter().map(|name| (gpu.clone(), name)));
    }
    forecast::tell(&rows);
    let mut group = criterion.benchmark_group("epoch_time");
    group.sample_size(SAMPLES).warm_up_time(WARM_UP).measurement_time(TIME);
    for (machine, precision) in &rows {
        let row = match machine.name() {
            "cpu" => "cpu".to_string(),
            device => format!("{device}-{precision}"),
        };
        for network in NETWORKS {
            let mut trainer = trainer(network, machine, *precision);
            let name = format!("{row}/{}", network.name);
            group.throughput(Throughput::Elements(network.training as u64));
            group.bench_function(BenchmarkId::new(&name, "training"), |bencher| {
                bencher.iter_custom(|times| {
                    let mut epoch = || trainer.epoch().expect("random images train").seconds;
                    Duration::from_secs_f64((0..times).map(|_| epoch()).sum())
                });
            });
            let split = trainer.task().split.clone();
            group.throughput(Throughput::Elements(network.validation as u64));
            group.bench_function(BenchmarkId::new(&name, "validation"), |bencher| {
                bencher.iter_custom(|times| {
                    let begin = Instant::now();
                    for _ in 0..times {
                        trainer.evaluate(&split.validation).expect("random images are evaluated");
                    }
                    begin.elapsed()
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, epoch_time);
criterion_main!(benches);
