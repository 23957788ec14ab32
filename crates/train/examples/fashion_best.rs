//! Test accuracy per epoch of the best Fashion-MNIST network of the reports: two convolution blocks, 421,834
//! parameters, Adam, batches of 64, all 60,000 images, dropout 0.3.
//!
//! ```text
//! cargo run --release -p tunefork-train --example fashion_best -- --data DIR [--epochs 10] [--seed 0]
//!     [--threads N] [--isa auto|portable|avx2|avx512]
//! ```
//! DIR holds the four gzipped IDX files. Prints one line of JSON, as peers/torch_fashion_best.py does. As
//! there, the test images stand in for validation: nothing is chosen by them.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use tunefork_data::{Normalisation, Part, PrepareOptions, Source, Split};
use tunefork_nn::{ConvBlock, Image, Network, Optimizer, UpdateRule};
use tunefork_rng::Key;
use tunefork_train::{Cpu, Images, Task, TrainSpec, Trainer};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let get = |name: &str| {
        let position = arguments.iter().position(|argument| argument == name)?;
        arguments.get(position + 1).map(String::as_str)
    };
    let folder = get("--data").ok_or("usage: fashion_best --data DIR [--epochs 10] [--seed 0] [--threads N]")?;
    let epochs = get("--epochs").unwrap_or("10").parse()?;
    let seed = get("--seed").unwrap_or("0").parse()?;
    let threads = get("--threads").map_or(Ok(default_threads()), str::parse)?;
    let device = Cpu::new(get("--isa").unwrap_or("auto").parse()?, threads);

    let source = Source::locate(folder, None)?;
    let data = source.open(&PrepareOptions::default(), &mut |_| ())?.data;
    let task = Task {
        network: Network {
            blocks: vec![ConvBlock::new(32), ConvBlock::new(64)],
            hidden: vec![128],
            dropout: 0.3,
            ..Network::new(Image::new(28, 28, 1), 10)
        },
        spec: TrainSpec { epochs, ..TrainSpec::new(Optimizer::new(UpdateRule::ADAM, 1e-3)) },
        split: Arc::new(Split {
            train: data.part(Part::Train).collect(),
            validation: data.part(Part::Test).collect(),
            test: Vec::new(),
        }),
        images: Images { data: Arc::new(data), normalisation: Normalisation::new(&[0.2860], &[0.3530])? },
        key: Key::study(seed),
    };
    let mut trainer = Trainer::new(task, &device)?;
    let start = Instant::now();
    let mut accuracies = Vec::new();
    for _ in 0..epochs {
        let metrics = trainer.epoch()?;
        eprintln!(
            "epoch {}: train loss {:.4}, accuracy {:.4}; test loss {:.4}, accuracy {:.4}; {:.0} images/s",
            metrics.epoch,
            metrics.train_loss,
            metrics.train_accuracy,
            metrics.validation.loss,
            metrics.validation.accuracy(),
            metrics.images_per_second(),
        );
        accuracies.push(metrics.validation.accuracy());
    }
    println!(
        "{{\"seed\": {seed}, \"threads\": {threads}, \"isa\": \"{}\", \"test_accuracy\": {accuracies:?}, \
         \"seconds\": {:.1}, \"planned_bytes\": {}}}",
        device.isa(),
        start.elapsed().as_secs_f64(),
        trainer.compiled().bytes,
    );
    Ok(())
}

fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
