//! Criterion group `kernels`: everything that a training step launches, at the shapes of the reports' networks and in
//! each precision that the GPU has, by the device's own clock.
//!
//! Throughput is in operations a second where products count, else in bytes a second. A piece of work runs on
//! the same memory again and again, so small ones stay in the GPU's cache. `cargo xtask gpu-check` sets the
//! same work beside the card's floor.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tunefork_gpu_check::work::visit;
use tunefork_kernels::{DeviceError, Gpu, Precision, discover};

fn kernels(criterion: &mut Criterion) {
    match discover() {
        Ok(gpu) => time(criterion, &gpu).expect("the GPU does its work"),
        Err(reason) => println!("kernels: skipped, nothing is timed without a GPU: {reason}"),
    }
}

fn time(criterion: &mut Criterion, gpu: &Gpu) -> Result<(), DeviceError> {
    let mut group = criterion.benchmark_group("kernels");
    group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
    for precision in Precision::of_architecture(gpu.card().architecture) {
        visit(&gpu.stream(), precision, &mut |work, launch| {
            group.throughput(match work.flops > 0.0 {
                true => Throughput::Elements(work.flops as u64),
                false => Throughput::Bytes(work.bytes as u64),
            });
            let precision = format!("{precision:?}").to_lowercase();
            let name = format!("{}/{precision}/{} {}", work.network, work.name, work.shape);
            let mut failure = None;
            group.bench_function(name.as_str(), |bencher| {
                bencher.iter_custom(|times| {
                    let seconds = gpu.time(|| (0..times).try_for_each(|_| launch()));
                    Duration::from_secs_f64(seconds.unwrap_or_else(|error| {
                        failure = Some(error);
                        1e-9
                    }))
                });
            });
            failure.map_or(Ok(()), Err)
        })?;
    }
    group.finish();
    Ok(())
}

criterion_group!(benches, kernels);
criterion_main!(benches);
