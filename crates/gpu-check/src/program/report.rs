//! The table and the file.

use std::path::Path;

use serde_json::{Value, json};
use tunefork_kernels::{DeviceError, Gpu, Precision};

use super::checks::{Checked, outcome};
use super::floor::Peaks;
use super::timings::Timed;
use super::training::Trained;

/// What was measured on.
pub(crate) struct Header {
    pub sentence: String,
    json: Value,
}

/// The card, what it can do at most, the driver, the compiler, the time.
pub(crate) fn header(gpu: &Gpu) -> Result<Header, DeviceError> {
    let card = gpu.card();
    let version = |(major, minor): (u32, u32)| format!("{major}.{minor}");
    let compiler = gpu.compiler().nvrtc();
    let (driver, nvrtc) = (version(card.driver), version(compiler.version()));
    let cache = gpu.compiler().folder().map_or("nowhere".into(), |folder| folder.display().to_string());
    let precisions: Vec<_> = Precision::of_architecture(card.architecture).map(Precision::name).collect();
    let (free, total) = gpu.memory()?;
    let (peaks, giga) = (Peaks::of(gpu)?, |bytes: u64| bytes as f64 / 1e9);
    let tera = |precision| peaks.flops(precision).map(|flops| flops / 1e12);
    let known = |precision| tera(precision).map_or("unknown".into(), |tera| format!("{tera:.1}"));
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Ok(Header {
        sentence: format!(
            "{card}, {} multiprocessors, {:.1} of {:.1} GB free\n\
             driver for CUDA {driver}; NVRTC {nvrtc} (build {}) from {}\n\
             kernels become {}, kept in {cache}; precisions {}\n\
             at its highest clocks {} TFLOP/s in f32, {} in tf32, {} in f16, {:.0} GB/s; taken before anything \
             was allocated: {:.3} GB",
            card.multiprocessors,
            giga(free),
            giga(total),
            compiler.build(),
            compiler.path().display(),
            gpu.told_target(),
            precisions.join(", "),
            known(Precision::F32),
            known(Precision::Tf32),
            known(Precision::F16),
            peaks.bandwidth() / 1e9,
            giga(gpu.bytes_at_start()),
        ),
        json: json!({
            "card": card.name,
            "architecture": card.architecture,
            "multiprocessors": card.multiprocessors,
            "peak_tflops": {
                "f32": tera(Precision::F32), "tf32": tera(Precision::Tf32), "f16": tera(Precision::F16),
            },
            "peak_bytes_per_second": peaks.bandwidth(),
            "memory_bytes": total,
            "bytes_at_start": gpu.bytes_at_start(),
            "driver_cuda": driver,
            "nvrtc": nvrtc,
            "nvrtc_build": compiler.build(),
            "target": gpu.target().to_string(),
            "program": env!("CARGO_PKG_VERSION"),
            "unix_seconds": seconds.map_or(0, |time| time.as_secs()),
        }),
    })
}

/// How many checks passed, and again those that did not.
pub(crate) fn print_checks(checked: &[Checked]) {
    let failed: Vec<_> = checked.iter().filter(|check| check.failure.is_some()).collect();
    println!("\n{} of {} checks passed", checked.len() - failed.len(), checked.len());
    for check in failed {
        println!("{} ({}): {}", check.name, check.target, outcome(check));
    }
}

/// One line for each piece of work.
pub(crate) fn print_timings(timed: &[Timed]) {
    if timed.is_empty() {
        return;
    }
    println!(
        "\nThe floor is the time of all products or of all bytes at the card's highest clocks, whichever is longer.\n\
         What fits into the card's cache may be faster than its memory: more than 100 %.\n\
         {:<4} {:<21} {:<26} {:<5} {:>10} {:>10} {:>8} {:>8}",
        "net", "work", "shape", "", "us", "GFLOP/s", "GB/s", "% floor"
    );
    for Timed { work, seconds, floor } in timed {
        let rate = |amount: f64| match amount > 0.0 {
            true => format!("{:.0}", amount / seconds / 1e9),
            false => String::new(),
        };
        let share = floor.map_or(String::new(), |floor| format!("{:.1} {}", 100.0 * floor.seconds / seconds, floor.by));
        println!(
            "{:<4} {:<21} {:<26} {:<5} {:>10.2} {:>10} {:>8} {share:>8}",
            work.network,
            work.name,
            work.shape,
            work.precision,
            seconds * 1e6,
            rate(work.flops),
            rate(work.bytes)
        );
    }
}

/// One line for each network and precision.
pub(crate) fn print_training(trained: &[Trained]) {
    if trained.is_empty() {
        return;
    }
    println!(
        "\nBytes without the data set, the context and the kernels' code; the driver hands out 2 MiB at a time.\n\
         {:<4} {:<5} {:>5} {:>18} {:>10} {:>14} {:>14} {:>14}",
        "net", "", "batch", "s / 1,000 images", "s / epoch", "planned", "arena", "driver"
    );
    for t in trained {
        println!(
            "{:<4} {:<5} {:>5} {:>18.6} {:>10.3} {:>14} {:>14} {:>14}{}",
            t.network,
            t.precision,
            t.batch,
            t.seconds_per_1000_images,
            t.epoch_seconds,
            t.planned_bytes,
            t.arena_bytes,
            t.driver_bytes,
            if t.is_as_planned() { "" } else { " NOT AS PLANNED" },
        );
    }
}

pub(crate) fn write(
    file: &Path,
    header: &Header,
    checked: &[Checked],
    timed: &[Timed],
    trained: &[Trained],
) -> std::io::Result<()> {
    let timings: Vec<_> = timed
        .iter()
        .map(|timed| {
            let work = &timed.work;
            json!({
                "network": work.network, "work": work.name, "shape": work.shape,
                "precision": work.precision,
                "seconds": timed.seconds, "flops": work.flops, "bytes": work.bytes,
                "floor_seconds": timed.floor.map(|floor| floor.seconds), "floor_by": timed.floor.map(|floor| floor.by),
            })
        })
        .collect();
    let all = json!({
        "machine": header.json, "checks": checked, "timings": timings, "training": trained,
    });
    std::fs::write(file, format!("{all:#}\n"))
}
