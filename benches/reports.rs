//! Prints what this machine takes for the networks of the source reports, beside the figures that the reports name.
//!
//! Theirs are quoted: other machines, other programs, other data. Ours are measured here and now, from windows of random
//! images: seconds for an image times the images of the report's epoch. Criterion cannot set two machines
//! side by side, so this is a table of its own; its medians are those of `epoch_time`.

mod networks;

use networks::{NETWORKS, Network, cpu, cuda, trainer};
use tunefork::Machine;
use tunefork::train::Precision;

/// Windows of half a second at least, of which the middle one counts.
const WINDOWS: usize = 3;
const SECONDS: f64 = 0.5;

/// A figure of a report, and how ours is got from a measurement.
struct Figure {
    what: &'static str,
    theirs: &'static str,
    network: &'static str,
    ours: fn(&Measured) -> String,
}

const FIGURES: [Figure; 4] = [
    Figure {
        what: "Tiny ImageNet, an epoch of 100,000 images",
        theirs: "8.2 min (T4)",
        network: "m3",
        ours: |m| format!("{:.2} min", 100_000.0 * m.seconds_per_image / 60.0),
    },
    Figure {
        what: "Tiny ImageNet, memory",
        theirs: "5.2 GB peak (T4)",
        network: "m3",
        ours: |m| format!("{:.3} GB planned for the engine", m.engine_bytes as f64 / 1e9),
    },
    Figure {
        what: "Fashion-MNIST, an epoch of 60,000 images",
        theirs: "18 s (RTX 3060)",
        network: "m1",
        ours: |m| format!("{:.2} s", 60_000.0 * m.seconds_per_image),
    },
    Figure {
        what: "Flowers, ten trials of up to ten epochs, six stopped early",
        theirs: "17.7 min (RTX 3060)",
        network: "m2",
        ours: |m| {
            let minutes = 100.0 * 2_936.0 * m.seconds_per_image / 60.0;
            format!(
                "{minutes:.1} min, computed: 100 epochs of the best trial's network, 2,936 images each, none stopped"
            )
        },
    },
];

struct Measured {
    seconds_per_image: f64,
    engine_bytes: u64,
}

fn main() {
    // What does not begin with a dash is criterion's filter of names.
    let mut filters = std::env::args().skip(1).filter(|word| !word.starts_with('-'));
    if filters.next().is_some_and(|filter| !"reports".contains(&filter)) {
        return;
    }
    let mut rows = vec![(cpu(), Precision::F32)];
    if let Some((gpu, precisions)) = cuda("reports") {
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
            for Figure { what, theirs, ours, .. } in figures() {
                println!("| {what} | {theirs} | {} | {here} |", ours(&measured));
            }
        }
    }
}

fn measure(network: Network, machine: &Machine, precision: Precision) -> Measured {
    let mut trainer = trainer(network, machine, precision);
    let mut epoch = || {
        let metrics = trainer.epoch().expect("random images train");
        (metrics.seconds, metrics.images)
    };
    epoch();
    let mut windows: Vec<f64> = (0..WINDOWS)
        .map(|_| {
            let (mut seconds, mut images) = (0.0, 0);
            while seconds < SECONDS {
                let (more, of) = epoch();
                (seconds, images) = (seconds + more, images + of);
            }
            seconds / images as f64
        })
        .collect();
    windows.sort_by(f64::total_cmp);
    Measured { seconds_per_image: windows[WINDOWS / 2], engine_bytes: trainer.compiled().engine_bytes }
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
