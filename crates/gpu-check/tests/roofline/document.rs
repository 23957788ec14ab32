//! `benches/ROOFLINE.md` from the steps on all cards.

use std::fmt::Write as _;

use tunefork_kernels::Precision;
use tunefork_networks::NETWORKS;

use crate::cards::{CARDS, Card};
use crate::model::Times;
use crate::step::TrainingStep;

type On = (&'static Card, TrainingStep);

const HEAD: &str = "\
# Rooflines: computed, not measured

Written by `cargo xtask roofline`, compared by `crates/gpu-check/tests/roofline`. **Nothing here was measured.** All of it is
computed from the plans of the reports' networks and from what their launches ask for, at full batch and image size, with Adam
and without clipping. What was measured stands in RESULTS.md.

- **Floor**: for each launch the longer of all products, as it forms them, at the peak of the precision, and all bytes (each tensor once) at the
  memory's bandwidth; for a step their sum. It knows no cache, so a launch that finds its tensors in one may take less.
- **Predicted**: the model below with the assumptions below, which nobody has checked on a card. Where a launch takes a few
  microseconds the gap and the latencies are most of it, and the prediction is no better than they are.
- An **epoch** is predicted as the images of the report's epoch over the batch, times a step: without validation, without the
  waits between graphs and calls, with images that are on the card.

## The model

A launch takes gap + loads that wait for each other (2; 4 in gather and loss) + the longest of the following + sums of parts.

- Units: the multiprocessor with the most blocks does their products, tiles beyond the edges included, at a share of its peak.
  A warp keeps to one quarter of a multiprocessor, so its warps count in fours. First layers use the plain units in f32 and
  tf32. Winograd's products count as the 16 multiplications that they do instead of 36, here and in the floor.
- Path: steps of depth one after the other (products; two more for each level of the tree in which sets of threads of a block are
  added) or loads of 2 x 16 bytes a thread (all else), for each wave of blocks; where a dense layer's backward pass updates the
  weights whose gradient it has formed, then also 2 x 16 bytes of each tensor.
  A wave is what registers (kernels/RESOURCES.md) and shared memory let reside on the whole card.
- Memory: the bytes that are not in the cache, at a share of the bandwidth. In the cache are the tensors that were used last, up
  to its size over the number of trials, each whole or not at all. Parts of sums count here, twice, where they are larger than the cache.
- Cache: the operands that each block reads for itself (rows + columns of its tile, times depth), and parts of sums, twice.
  The first cache, of each multiprocessor, through which the rows of convolutions go from sm_80 on, counts for nothing here.
- Sums of parts: two levels, each with four latencies' worth of arrival and reads of the root of all parts, eight at once.

K trials side by side have K times the blocks (`blockIdx.z`), operations and bytes, and the gap once.
";

pub(crate) fn write(steps: &[On]) -> String {
    let mut text = HEAD.to_string();
    assumptions(&mut text);
    networks(&mut text, steps);
    lanes(&mut text, steps);
    aims(&mut text, steps);
    for network in NETWORKS.iter() {
        writeln!(text, "\n## The launches of {}", network.name).expect("a string");
        for precision in [Precision::F32, Precision::Tf32, Precision::F16, Precision::Bf16] {
            let is_it = |(_, step): &&On| step.network.name == network.name && step.precision == precision;
            launches(&mut text, precision, &steps.iter().filter(is_it).collect::<Vec<_>>());
        }
    }
    text
}

fn row(text: &mut String, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<_> = cells.into_iter().collect();
    writeln!(text, "| {} |", cells.join(" | ")).expect("a string");
}

fn heading<const N: usize>(text: &mut String, cells: [&str; N]) {
    row(text, cells.map(str::to_string));
    row(text, cells.map(|_| "---".to_string()));
}

fn micro(seconds: f64) -> String {
    let micro = 1e6 * seconds;
    match micro {
        ..100.0 => format!("{micro:.1}"),
        _ => format!("{micro:.0}"),
    }
}

/// With three digits.
fn short(value: f64) -> String {
    match value {
        ..1.0 => format!("{value:.3}"),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn assumptions(text: &mut String) {
    text.push_str(
        "\n## The cards\n\nFrom NVIDIA's data sheets and papers on Turing, Ampere (GA102) and Hopper: peaks without sparsity, sums in \
         f32 (which halves the tensor cores of cards for games).\n\n",
    );
    heading(text, ["", CARDS[0].name, CARDS[1].name, CARDS[2].name, CARDS[3].name]);
    let mut line =
        |name: &str, of: fn(&Card) -> String| row(text, [name.to_string()].into_iter().chain(CARDS.iter().map(of)));
    line("architecture, multiprocessors", |card| format!("sm_{}, {}", card.architecture, card.multiprocessors));
    line("TFLOP/s: f32, tf32, 16 bits", |card| {
        let [plain, tf32, half] = card.tera_flops;
        format!("{plain}, {}, {half}", if tf32 > 0.0 { tf32.to_string() } else { "–".into() })
    });
    line("memory, GB/s and GB", |card| format!("{}, {}", card.bandwidth, card.memory));
    line("shared cache, MB", |card| card.cache.to_string());
    text.push_str(
        "\nAssumed: estimates, none of them measured for this document; `cards.rs` says what there is to say for a number.\n\n",
    );
    heading(text, ["", CARDS[0].name, CARDS[1].name, CARDS[2].name, CARDS[3].name]);
    let mut line =
        |name: &str, of: fn(&Card) -> String| row(text, [name.to_string()].into_iter().chain(CARDS.iter().map(of)));
    line("gap between launches of a graph, us", |card| card.assumed.gap.to_string());
    line("latency of memory and of the cache, us", |card| {
        format!("{}, {}", card.assumed.memory_latency, card.assumed.cache_latency)
    });
    line("bandwidth of the cache, GB/s", |card| card.assumed.cache_bandwidth.to_string());
    line("share of the clock under load", |card| card.assumed.clock.to_string());
    line("share of the memory's bandwidth", |card| card.assumed.memory.to_string());
    line("share of the plain units' peak, 64, 32, 16 results a thread", |card| {
        card.assumed.plain.map(|share| share.to_string()).join(", ")
    });
    line("share of the tensor cores' peak", |card| card.assumed.tensor.to_string());
    line("a step of depth of one block, us", |card| card.assumed.depth_step.to_string());
}

fn networks(text: &mut String, steps: &[On]) {
    text.push_str(
        "\n## Steps and epochs, predicted\n\nThe three launches with the largest distance between prediction and floor have their number \
         in the step, and the distance in us.\n\n",
    );
    let columns =
        ["", "card", "launches", "GFLOP", "MB", "floor, us", "predicted, us", "epoch, s", "% of floor", "farthest"];
    heading(text, columns);
    for (card, step) in steps {
        let (times, least) = (Times::new(step, card, 1), step.least());
        let mut gaps: Vec<(usize, f64)> =
            times.predicted.iter().zip(&times.floors).map(|(predicted, floor)| predicted - floor).enumerate().collect();
        gaps.sort_by(|a, b| b.1.total_cmp(&a.1));
        let farthest = gaps
            .iter()
            .take(3)
            .map(|&(number, gap)| format!("{} {} ({})", number + 1, step.launches[number].described.name, micro(gap)));
        let cells = [
            format!("{} {}", step.network.name, step.precision),
            card.name.to_string(),
            step.launches.len().to_string(),
            short(least.flops as f64 / 1e9),
            short(least.bytes() as f64 / 1e6),
            micro(times.floor()),
            micro(times.total()),
            short(times.total() * step.steps_of_epoch()),
            format!("{:.0}", 100.0 * times.floor() / times.total()),
            farthest.collect::<Vec<_>>().join(", "),
        ];
        row(text, cells);
    }
}

fn lanes(text: &mut String, steps: &[On]) {
    text.push_str(
        "\n## Trials side by side, predicted\n\nMicroseconds of a step of K trials whose launches are one, and their throughput over that of \
         one trial. –: K trials do not fit into the card's memory.\n\n",
    );
    heading(text, ["", "card", "K = 1", "K = 8", "K = 16", "8 over 1", "16 over 1"]);
    for (card, step) in steps {
        let time = |lanes: usize| {
            let fits = step.trial_bytes as f64 * lanes as f64 <= 0.9e9 * card.memory;
            fits.then(|| Times::new(step, card, lanes).total())
        };
        let times = [1, 8, 16].map(time);
        let told = |time: Option<f64>| time.map_or("–".to_string(), micro);
        let over = |lanes: usize, time: Option<f64>| {
            let ratio = times[0].zip(time).map(|(one, all)| one * lanes as f64 / all);
            ratio.map_or("–".to_string(), |ratio| format!("{ratio:.2}"))
        };
        let name = format!("{} {}", step.network.name, step.precision);
        let cells = [name, card.name.to_string()].into_iter().chain(times.map(told));
        row(text, cells.chain([over(8, times[1]), over(16, times[2])]));
    }
}

fn aims(text: &mut String, steps: &[On]) {
    text.push_str(
        "\n## Aims\n\nThe aims are ratios to PyTorch's time on the same card. That time follows from no plan of ours, and was measured \
         on none of these cards, so there are no ratios here; `peers/gpu.py` measures both. Seconds of an epoch, predicted:\n\n",
    );
    let columns: Vec<(&Card, Precision)> =
        CARDS.iter().flat_map(|card| card.precisions.iter().map(move |&precision| (card, precision))).collect();
    let names = columns.iter().map(|(card, precision)| format!("{} {precision}", card.name));
    row(text, [String::new()].into_iter().chain(names));
    row(text, vec!["---".to_string(); columns.len() + 1]);
    for network in NETWORKS.iter() {
        let seconds = steps.iter().filter(|(_, step)| step.network.name == network.name);
        let seconds = seconds.map(|(card, step)| short(Times::new(step, card, 1).total() * step.steps_of_epoch()));
        row(text, [network.name.to_string()].into_iter().chain(seconds));
    }
}

/// A network's launches in a precision, on all cards that have it: the grids are the same.
fn launches(text: &mut String, precision: Precision, on: &[&On]) {
    let names: Vec<_> = on.iter().map(|(card, _)| card.name).collect();
    writeln!(text, "\n### {precision}\n\nFor each card: waves, share in the cache, floor and prediction in us.\n")
        .expect("a string");
    let first = ["", "kernel", "work", "blocks", "MFLOP", "read, KB", "written, KB"].map(str::to_string);
    row(text, first.into_iter().chain(names.iter().map(|name| name.to_string())));
    row(text, vec!["---".to_string(); 7 + names.len()]);
    let cards: Vec<_> =
        on.iter().map(|(card, step)| (*card, step, Times::new(step, card, 1), step.cached(card, 1))).collect();
    let Some((_, step)) = on.first() else { return };
    for (number, launch) in step.launches.iter().enumerate() {
        let [x, y, _] = launch.asked.grid;
        let least = launch.described.least;
        let cells = [
            (number + 1).to_string(),
            format!("`{}`", launch.asked.kernel),
            launch.described.shape.clone(),
            if y == 1 { x.to_string() } else { format!("{x} x {y}") },
            short(least.flops as f64 / 1e6),
            short(least.read as f64 / 1e3),
            short(least.written as f64 / 1e3),
        ];
        let of_card = |(card, step, times, cached): &(&Card, &TrainingStep, Times, Vec<f64>)| {
            let waves = step.launches[number].waves(card, 1);
            let (floor, predicted) = (micro(times.floors[number]), micro(times.predicted[number]));
            format!("{waves:.1}, {:.0} %, {floor}, {predicted}", 100.0 * cached[number])
        };
        row(text, cells.into_iter().chain(cards.iter().map(of_card)));
    }
}
