//! The table and the file.

use std::path::Path;

use serde_json::{Value, json};
use tunefork_kernels::Gpu;

use super::checks::{Checked, outcome};
use super::timings::Timed;
use super::training::Trained;

/// What was measured on.
pub struct Header {
    /// In words.
    pub sentence: String,
    json: Value,
}

/// The card, the driver, the compiler, the time.
pub fn header(gpu: &Gpu) -> Header {
    let card = gpu.card();
    let (driver, nvrtc) = (card.driver, gpu.compiler().nvrtc().version());
    let (free, total) = gpu.memory().unwrap_or_default();
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Header {
        sentence: format!(
            "{card}, {} multiprocessors, {:.1} of {:.1} GB free, driver for CUDA {}.{}, NVRTC {}.{}",
            card.multiprocessors,
            free as f64 / 1e9,
            total as f64 / 1e9,
            driver.0,
            driver.1,
            nvrtc.0,
            nvrtc.1
        ),
        json: json!({
            "card": card.name,
            "architecture": card.architecture,
            "multiprocessors": card.multiprocessors,
            "memory_bytes": total,
            "bytes_at_start": gpu.bytes_at_start(),
            "driver_cuda": format!("{}.{}", driver.0, driver.1),
            "nvrtc": format!("{}.{}", nvrtc.0, nvrtc.1),
            "program": env!("CARGO_PKG_VERSION"),
            "unix_seconds": seconds.map_or(0, |time| time.as_secs()),
        }),
    }
}

/// How many checks passed, and again those that did not.
pub fn print_checks(checked: &[Checked]) {
    let failed: Vec<_> = checked
        .iter()
        .filter(|check| check.failure.is_some())
        .collect();
    println!(
        "\n{} of {} checks passed",
        checked.len() - failed.len(),
        checked.len()
    );
    for check in failed {
        println!("{} ({}): {}", check.name, check.target, outcome(check));
    }
}

/// One line for each piece of work.
pub fn print_timings(timed: &[Timed]) {
    if timed.is_empty() {
        return;
    }
    println!(
        "\n{:<4} {:<21} {:<26} {:<5} {:>10} {:>10} {:>8} {:>8}",
        "net", "work", "shape", "", "us", "GFLOP/s", "GB/s", "% floor"
    );
    for Timed {
        work,
        seconds,
        floor,
    } in timed
    {
        let precision = format!("{:?}", work.precision).to_lowercase();
        let rate = |amount: f64| match amount > 0.0 {
            true => format!("{:.0}", amount / seconds / 1e9),
            false => String::new(),
        };
        let share = floor.map_or(String::new(), |floor| {
            format!("{:.1}", 100.0 * floor / seconds)
        });
        println!(
            "{:<4} {:<21} {:<26} {precision:<5} {:>10.2} {:>10} {:>8} {share:>8}",
            work.network,
            work.name,
            work.shape,
            seconds * 1e6,
            rate(work.flops),
            rate(work.bytes)
        );
    }
}

/// One line for each network and precision.
pub fn print_training(trained: &[Trained]) {
    if trained.is_empty() {
        return;
    }
    println!(
        "\n{:<4} {:<5} {:>5} {:>18} {:>14} {:>14}",
        "net", "", "batch", "s / 1,000 images", "planned bytes", "driver's bytes"
    );
    for t in trained {
        let precision = format!("{:?}", t.precision).to_lowercase();
        println!(
            "{:<4} {precision:<5} {:>5} {:>18.6} {:>14} {:>14}",
            t.network, t.batch, t.seconds_per_1000_images, t.planned_bytes, t.driver_bytes
        );
    }
}

/// Writes everything as JSON.
pub fn write(
    file: &Path,
    header: &Header,
    checked: &[Checked],
    timed: &[Timed],
    trained: &[Trained],
) -> std::io::Result<()> {
    let checks: Vec<_> = checked
        .iter()
        .map(|check| {
            json!({
                "name": check.name, "target": check.target, "cases": check.cases,
                "seconds": check.seconds, "failure": check.failure,
            })
        })
        .collect();
    let timings: Vec<_> = timed
        .iter()
        .map(|timed| {
            let work = &timed.work;
            json!({
                "network": work.network, "work": work.name, "shape": work.shape,
                "precision": format!("{:?}", work.precision).to_lowercase(),
                "seconds": timed.seconds, "flops": work.flops, "bytes": work.bytes, "floor_seconds": timed.floor,
            })
        })
        .collect();
    let training: Vec<_> = trained
        .iter()
        .map(|t| {
            json!({
                "network": t.network, "precision": format!("{:?}", t.precision).to_lowercase(), "batch": t.batch,
                "seconds_per_1000_images": t.seconds_per_1000_images,
                "planned_bytes": t.planned_bytes, "driver_bytes": t.driver_bytes,
            })
        })
        .collect();
    let all = json!({
        "machine": header.json, "checks": checks, "timings": timings, "training": training,
    });
    std::fs::write(file, format!("{all:#}\n"))
}
