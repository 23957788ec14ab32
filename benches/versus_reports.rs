//! Prints what this machine takes for the networks of the source reports, beside the figures that the reports name.
//!
//! Theirs are quoted: other machines, other programs, other data. Ours are measured here and now, from windows of random
//! images as in `epoch_time`: seconds for an image times the images of the report's epoch, trained on and validated on.
//! Criterion cannot set two machines side by side, so this is a table of its own, the last that `cargo bench` prints.

mod networks;

use networks::{NETWORKS, Network, cpu, cuda, trainer};
use tunefork::Machine;
use tunefork::train::Precision;

/// Windows, of which the middle one counts.
const WINDOWS: usize = 3;

/// A figure of a report, and how ours is got from a measurement.
struct Figure {
    what: &'static str,
    theirs: &'static str,
    network: &'static str,
    /// Images of its epoch: trained on, then validated on.
    epoch: [usize; 2],
    ours: fn(Ours) -> String,
}

const FIGURES: [Figure; 4] = [
    Figure {
        what: "Tiny ImageNet, an epoch: 100,000 images, 10,000 to validate",
        theirs: "8.2 min (T4)",
        network: "m3",
        epoch: [100_000, 10_000],
        ours: |m| format!("{:.2} min", m.epoch / 60.0),
    },
    Figure {
        what: "Tiny ImageNet, memory",
        theirs: "5.2 GB peak (T4)",
        network: "m3",
        epoch: [100_000, 10_000],
        ours: |m| format!("{:.3} GB planned for the engine", m.engine_bytes as f64 / 1e9),
    },
    Figure {
        what: "Fashion-MNIST, an epoch: 60,000 images, 10,000 to validate",
        theirs: "18 s (RTX 3060)",
        network: "m1",
        epoch: [60_000, 10_000],
        ours: |m| format!("{:.2} s", m.epoch),
    },
    Figure {
        what: "Flowers, ten trials of up to ten epochs, six stopped early",
        theirs: "17.7 min (RTX 3060)",
        network: "m2",
        epoch: [2_936, 734],
        ours: |m| {
            let minutes = 100.0 * m.epoch / 60.0;
            format!("{minutes:.1} min, computed: 100 epochs of the best trial's network, none stopped")
        },
    },
];

/// What a figure is written from.
struct Ours {
    /// Seconds of the report's epoch.
    epoch: f64,
    engine_bytes: u64,
}

struct Measured {
    /// Seconds for an image that is trained on, and for one that is validated on.
    image: [f64; 2],
    engine_bytes: u64,
}

fn main() {
    // What does not begin with a dash is criterion's filter of names.
    let mut filters = std::env::args().skip(1).filter(|word| !word.starts_with('-'));
    if filters.next().is_some_and(|filter| !"versus_reports".contains(&filter)) {
        return;
    }
    let mut rows = vec![(cpu(), Precision::F32)];
    if let Some((gpu, precisions)) = cuda("versus_reports") {
        rows.extend(precisions.into_iter().map(|name| (gpu.clone(), name)));
    }
    println!("\n| report's figure | theirs, quoted | ours, measured here | here |\n|---|---|---|---|");
    for (machine, precision) in &rows {
        let here = format!("{}{}, {precision}", machine.line(), processor(machine));
        for network in NETWORKS {
            let figures = || FIGURES.iter().filter(|figure| figure.network == network.name);
            if figures().next().is_none() {
                continue;
            }
            let measured = measure(network, machine, *precision);
            for Figure { what, theirs, epoch, ours, .. } in figures() {
                let seconds = measured.image.iter().zip(epoch).map(|(image, images)| image * *images as f64);
                let ours = ours(Ours { epoch: seconds.sum(), engine_bytes: measured.engine_bytes });
                println!("| {what} | {theirs} | {ours} | {here} |");
            }
        }
    }
}

fn measure(network: Network, machine: &Machine, precision: Precision) -> Measured {
    let mut trainer = trainer(network, machine, precision);
    let mut window = || {
        let metrics = trainer.epoch().expect("random images train");
        [metrics.seconds, metrics.validation_seconds]
    };
    window();
    let median = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        seconds[WINDOWS / 2]
    };
    let windows: Vec<[f64; 2]> = (0..WINDOWS).map(|_| window()).collect();
    let part = |part: usize, images: usize| median(windows.iter().map(|window| window[part]).collect()) / images as f64;
    let image = [part(0, network.training), part(1, network.validation)];
    Measured { image, engine_bytes: trainer.compiled().engine_bytes }
}

/// The model of the processor, where Linux tells and it is what trains.
fn processor(machine: &Machine) -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    match (machine.gpu(), line.and_then(|line| line.split_once(": "))) {
        (None, Some((_, model))) => format!(" ({model})"),
        _ => String::new(),
    }
}
