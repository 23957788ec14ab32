//! The roofline of a training step on cards that are not at hand, computed from the plans and the launches themselves:
//! `benches/ROOFLINE.md`. `cargo xtask roofline` writes it anew, and a test says when it is out of date.

mod cache;
mod cards;
mod document;
mod model;
mod resources;
mod step;
#[path = "../support/mod.rs"]
mod support;

use tunefork_graph::UpdateRule;
use tunefork_kernels::Precision;
use tunefork_networks::NETWORKS;

use crate::cards::CARDS;
use crate::model::Times;
use crate::step::TrainingStep;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/ROOFLINE.md");

/// Every network on every card, in every precision that is looked at there.
fn steps() -> impl Iterator<Item = (&'static cards::Card, TrainingStep)> {
    let on = |network| {
        let cards = CARDS.iter().flat_map(|card| card.precisions.iter().map(move |&precision| (card, precision)));
        cards.map(move |(card, precision)| (card, TrainingStep::new(network, card, precision)))
    };
    NETWORKS.iter().flat_map(on)
}

#[test]
fn the_roofline_is_current() {
    let document = document::write(&steps().collect::<Vec<_>>());
    if std::env::var("TUNEFORK_ROOFLINE").is_ok_and(|mode| mode == "write") {
        std::fs::write(FILE, &document).expect("the file can be written");
        eprintln!("written: benches/ROOFLINE.md");
    }
    let stored = std::fs::read_to_string(FILE).unwrap_or_default();
    let new: Vec<_> = document.lines().filter(|line| !stored.lines().any(|old| old == *line)).take(20).collect();
    let new = new.join("\n");
    assert!(document == stored, "benches/ROOFLINE.md is out of date: run `cargo xtask roofline`. New lines:\n{new}");
}

/// The launches have the products that the plan has, but for those that are computed again.
#[test]
fn operations_are_the_plans() {
    for (card, step) in steps() {
        let launches = step.launches.iter().filter(|launch| !launch.described.again);
        let flops: usize = launches.map(|launch| launch.described.least.flops).sum();
        let (network, precision) = (step.network.name, step.precision);
        assert_eq!(flops as u64, step.planned_flops, "{network} in {precision} on {}", card.name);
    }
}

/// Tensors that a launch reads and writes are among the memory that it was given, and the update moves parameters, gradients
/// and states.
#[test]
fn bytes_are_those_of_the_memory_that_launches_are_given() {
    for (_, step) in steps() {
        for launch in &step.launches {
            let mut places = launch.asked.places.clone();
            places.sort_by_key(|place| place.address);
            places.dedup();
            let given: u64 = places.iter().map(|place| place.bytes).sum();
            let least = launch.described.least;
            let kernel = launch.asked.kernel;
            // What is added to, or changed where it lies, is read and written.
            assert!(least.read.max(least.written) as u64 <= given, "{kernel}: {least:?}, given {given} bytes");
            assert!(least.bytes() as u64 <= 2 * given, "{kernel}: {least:?}, given {given} bytes");
        }
        let update = step.launches.last().expect("an update");
        let values = 3 + 2 * UpdateRule::ADAM.states();
        let bytes = 4 * values + if step.precision.bytes() == 2 { 2 } else { 0 };
        assert_eq!(update.described.least.bytes() % bytes, 0, "parameters, gradients and states");
    }
}

/// The tiles of the model are those of the kernels: each has a block for each of its slices, or shares one with all of its strip.
#[test]
fn tiles_are_those_of_the_grids() {
    for (card, step) in steps() {
        for launch in &step.launches {
            let tiles: usize = model::tiles(launch, step.precision).iter().map(|[tiles, _]| tiles).sum();
            let is_sliced = ["conv weight gradient", "dense forward"].contains(&launch.described.name);
            let slices = if is_sliced { launch.described.parts.count.max(1) } else { 1 };
            let blocks = if tiles > 0 { launch.blocks() } else { 0 };
            let of_block = if launch.described.is_in_strips() { tiles / blocks } else { 1 };
            assert_eq!(blocks * of_block, tiles * slices, "{} on {}", launch.asked.kernel, card.name);
        }
    }
}

/// Nothing is predicted to be faster than its products at the peak, and the prediction grows with the number of trials,
/// but never beyond what they take one after the other.
#[test]
fn predictions_are_in_order() {
    for (card, step) in steps() {
        let one = Times::new(&step, card, 1);
        for (launch, &predicted) in step.launches.iter().zip(&one.predicted) {
            let products = model::multiplied(launch) / card.flops(step.precision);
            assert!(predicted > products, "{} on {}", launch.asked.kernel, card.name);
        }
        let times = [1, 2, 8, 16].map(|lanes| Times::new(&step, card, lanes).total());
        assert!(times.is_sorted(), "{} on {}: {times:?}", step.network.name, card.name);
    }
    let exact = |network| TrainingStep::new(network, &CARDS[0], Precision::F32);
    let times = NETWORKS.iter().map(|network| Times::new(&exact(network), &CARDS[0], 1).total());
    let [_, m1, m2, m3, m4] = times.collect::<Vec<_>>()[..] else { panic!("five networks") };
    assert!(m4 < m1 && m1 < m3 && m1 < m2, "a small network is fast");
}
