//! Where the time of a training step goes: `cargo run --release -p tunefork-cpu --example profile -- m1`.
//!
//! Networks m0 to m4 as in the benches; options after the name: `--threads N`, `--isa NAME`,
//! `--steps N`. Prints the time per 1,000 images of each step of the plan.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tunefork_cpu::{CpuWorkspace, Engine, StepSettings};
use tunefork_graph::Plan;
use tunefork_graph::optimizer::UpdateRule;
use tunefork_networks::Network;
use tunefork_simd::Isa;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("m1", String::as_str);
    let options: BTreeMap<&str, &str> =
        arguments[1.min(arguments.len())..].chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    let option = |key: &str, default: &str| options.get(key).map_or(default.to_owned(), |value| value.to_string());
    let isa: Isa = option("--isa", "auto").parse()?;
    let threads: usize = option("--threads", "2").parse()?;
    let graph = Network::named(name).graph()?;
    let batch = graph.batch();
    let default_steps = match name {
        "m2" => 4,
        "m3" => 8,
        "m4" => 256,
        _ => 64,
    };
    let steps: usize = option("--steps", &default_steps.to_string()).parse()?;

    let plan = Arc::new(Plan::new(&graph, batch, &CpuWorkspace)?);
    let mut engine = Engine::new(Arc::clone(&plan), isa, threads)?;
    let mut random = Random(1);
    for slot in &plan.slab.parameters {
        let fan_in = slot.len / slot.shape.sizes().last().unwrap_or(&1).max(&1);
        let bound = if slot.shape.rank() > 1 { 1.0 / (fan_in as f32).sqrt() } else { 1.0 };
        for value in &mut engine.slab_mut()[slot.range()] {
            *value = if slot.shape.rank() > 1 { bound * (2.0 * random.next() - 1.0) } else { bound };
        }
    }
    let images: Vec<f32> = (0..batch * plan.image.elements()).map(|_| random.next()).collect();
    let labels: Vec<u16> = (0..batch).map(|_| (random.next() * plan.classes as f32) as u16).collect();
    let dropout = vec![0.3; plan.dropouts];
    let mut windows = Vec::new();
    let mut warm_up: Vec<f64> = Vec::new();
    let mut loss = 0.0;
    for window in 0..6 {
        let start = Instant::now();
        for step in 0..if window == 0 { 3 } else { steps } {
            let settings = StepSettings { step: step as u64, dropout: &dropout, ..StepSettings::new(UpdateRule::ADAM) };
            loss = engine.train(|input| input.copy_from_slice(&images), &labels, &settings)?.loss_sum;
        }
        match window {
            0 => warm_up = engine.times().map(|(_, time)| time.as_secs_f64()).collect(),
            _ => windows.push(start.elapsed().as_secs_f64() / (steps * batch) as f64 * 1000.0),
        }
    }
    let total = (5 * steps * batch) as f64 / 1000.0;
    for ((name, time), before) in engine.times().zip(&warm_up) {
        println!("{name:>24} {:9.4} s/1000", (time.as_secs_f64() - before) / total);
    }
    windows.sort_by(f64::total_cmp);
    println!(
        "{name} {isa} {threads} threads: {:.4} s/1000 images (least {:.4}), {:.1} GFLOP/s, loss {:.3}, arena {:.1} MiB, planned {:.1} MiB",
        windows[2],
        windows[0],
        plan.training.cost.flops as f64 / batch as f64 * 1000.0 / windows[2] / 1e9,
        loss / batch as f64,
        plan.arena_len() as f64 * 4.0 / (1 << 20) as f64,
        Engine::planned_bytes(&plan, threads) as f64 / (1 << 20) as f64,
    );
    Ok(())
}

/// xorshift: enough for timings.
struct Random(u32);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 8) as f32 / (1 << 24) as f32
    }
}
