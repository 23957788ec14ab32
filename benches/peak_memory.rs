//! Criterion group `peak_memory`: the most memory that training the reports' networks takes.
//!
//! On the CPU a sample is a process of its own, because a process that has trained one network keeps some
//! of its memory for the next. The measured value is the peak of its resident bytes, program and
//! images included, as Linux tells; elsewhere these rows are skipped, and that is said.
//!
//! On a GPU an engine allocates once and nothing afterwards, so one sample says all: `cuda-…` is what the
//! driver has less of while a network is trained, images and compiled kernels included. A line beside it
//! has the plan's bytes, those of the engine's one allocation (its arena), and the driver's.

mod networks;

use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{Criterion, Throughput};
use networks::{NETWORKS, Network, cpu, cuda, trainer};
use std::process::Command;
use std::time::Duration;
use tunefork::Machine;
use tunefork::train::Precision;

/// Set in a process that trains the network it names, and prints its peak.
const CHILD: &str = "TUNEFORK_BENCH_PEAK_OF";

fn main() {
    if let Ok(name) = std::env::var(CHILD) {
        return train_and_print(&name);
    }
    let mut criterion = Criterion::default().with_measurement(Bytes).configure_from_args();
    let mut group = criterion.benchmark_group("peak_memory");
    // The smallest numbers that criterion takes: the value hardly varies.
    group.sample_size(10).warm_up_time(Duration::from_nanos(1)).measurement_time(Duration::from_nanos(1));
    match peak_of_this_process() {
        Some(_) => {
            for network in NETWORKS {
                group.bench_function(network.name, |bencher| {
                    bencher.iter_custom(|iterations| (0..iterations).map(|_| peak_of_a_child(network.name)).sum());
                });
            }
        }
        None => {
            println!("peak_memory: the rows of the CPU are skipped: this system does not tell a process's peak memory")
        }
    }
    if let Some((machine, precisions)) = cuda("peak_memory") {
        for precision in precisions {
            for network in NETWORKS {
                let row = format!("cuda-{precision}/{}", network.name);
                group.bench_function(row.as_str(), |bencher| {
                    bencher.iter_custom(|iterations| iterations * bytes_on_the_gpu(&row, network, &machine, precision));
                });
            }
        }
    }
    group.finish();
    criterion.final_summary();
}

/// What the driver has less of while a network is trained.
fn bytes_on_the_gpu(row: &str, network: Network, machine: &Machine, precision: Precision) -> u64 {
    let gpu = machine.gpu().expect("a GPU");
    let free = || gpu.memory().expect("the driver tells").0;
    let before = free();
    let mut trainer = trainer(network, machine, precision);
    trainer.epoch().expect("random images train");
    let taken = before.saturating_sub(free());
    let compiled = trainer.compiled();
    println!(
        "{row}: plan {} bytes, arena {} bytes, driver {taken} bytes",
        compiled.plan.bytes().total(),
        compiled.engine_bytes
    );
    taken
}

/// Trains one epoch and prints the peak of this process.
fn train_and_print(name: &str) {
    let network = NETWORKS.into_iter().find(|network| network.name == name).expect("a known network");
    trainer(network, &cpu(), Precision::F32).epoch().expect("random images train");
    println!("{}", peak_of_this_process().expect("asked only where it is told"));
}

fn peak_of_a_child(name: &str) -> u64 {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program).env(CHILD, name).output().expect("this program starts again");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("no peak from the child: {output:?}"))
}

fn peak_of_this_process() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Counts bytes instead of nanoseconds.
struct Bytes;

impl Measurement for Bytes {
    type Intermediate = u64;
    type Value = u64;

    fn start(&self) -> u64 {
        peak_of_this_process().unwrap_or(0)
    }

    fn end(&self, before: u64) -> u64 {
        peak_of_this_process().unwrap_or(0).saturating_sub(before)
    }

    fn add(&self, a: &u64, b: &u64) -> u64 {
        a + b
    }

    fn zero(&self) -> u64 {
        0
    }

    fn to_f64(&self, value: &u64) -> f64 {
        *value as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for Bytes {
    fn scale_values(&self, _typical: f64, values: &mut [f64]) -> &'static str {
        values.iter_mut().for_each(|value| *value /= f64::from(1 << 20));
        "MiB"
    }

    fn scale_throughputs(&self, _typical: f64, _throughput: &Throughput, _values: &mut [f64]) -> &'static str {
        "MiB"
    }

    fn scale_for_machines(&self, _values: &mut [f64]) -> &'static str {
        "B"
    }
}
