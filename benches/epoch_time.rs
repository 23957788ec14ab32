//! Criterion group `epoch_time`: training the reports' networks m0 to m4 on the CPU, with all threads.
//!
//! An iteration is an epoch over a window of random images: gathering and normalising them, forward,
//! backward, and the optimizer. Criterion prints images a second; `tunefork bench` measures the same
//! for any study file.

mod networks;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use networks::{NETWORKS, trainer};
use std::time::Duration;

fn epoch_time(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("epoch_time");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(8));
    for network in NETWORKS {
        let mut trainer = trainer(network);
        group.throughput(Throughput::Elements(network.images as u64));
        group.bench_function(BenchmarkId::new("cpu", network.name), |bencher| {
            bencher.iter(|| trainer.epoch().expect("random images train"));
        });
    }
    group.finish();
}

criterion_group!(benches, epoch_time);
criterion_main!(benches);
