//! Criterion group `epoch_time`: training the reports' networks m0 to m4, on the CPU with all threads and,
//! where there is one, on the GPU in each precision that it has.
//!
//! An iteration is an epoch over a window of random images: gathering and normalising them, forward,
//! backward, and the optimizer; and the validation of 200 images. Criterion prints images a second;
//! `tunefork bench` measures the training alone for any study file.

mod networks;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use networks::{NETWORKS, cpu, cuda, trainer};
use std::time::Duration;
use tunefork::train::Precision;

fn epoch_time(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("epoch_time");
    group.sample_size(10).measurement_time(Duration::from_secs(8));
    let mut rows = vec![(cpu(), Precision::F32)];
    if let Some((gpu, precisions)) = cuda("epoch_time") {
        rows.extend(precisions.into_iter().map(|name| (gpu.clone(), name)));
    }
    for (machine, precision) in &rows {
        let row = match machine.name() {
            "cpu" => "cpu".to_string(),
            device => format!("{device}-{precision}"),
        };
        for network in NETWORKS {
            let mut trainer = trainer(network, machine, *precision);
            group.throughput(Throughput::Elements(network.images as u64));
            group.bench_function(BenchmarkId::new(&row, network.name), |bencher| {
                bencher.iter(|| trainer.epoch().expect("random images train"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, epoch_time);
criterion_main!(benches);
