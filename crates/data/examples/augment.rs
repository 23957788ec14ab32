//! What random changes cost: microseconds to write an image of 28 by 28 grey pixels (32 by 32 in
//! colour) into a batch, plain and with each kind of change. The least of many short windows, so that
//! other work on the machine counts as little as can be; kinds take turns.
//!
//! `cargo run --release -p tunefork-data --example augment`

use std::time::Instant;

use tunefork_data::{Augmentation, Dataset, Generated, Image, Normalisation};
use tunefork_rng::{Key, Purpose};

const IMAGES: usize = 64;
const TURNS: usize = 2000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (side, channels) in [(28, 1), (32, 3)] {
        let generated =
            Generated { height: side, width: side, channels, train: IMAGES, test: 0, ..Generated::default() };
        measure(&generated.draw()?)?;
    }
    Ok(())
}

fn measure(data: &Dataset) -> Result<(), Box<dyn std::error::Error>> {
    let shape = data.shape();
    let indices: Vec<u32> = (0..IMAGES as u32).collect();
    let normalisation = Normalisation::of(data, &indices)?;
    let kinds = kinds();
    let mut batch = vec![0.0; IMAGES * shape.elements()];
    let mut least = vec![f64::INFINITY; kinds.len()];
    for turn in 0..TURNS {
        for ((_, augmentation), least) in kinds.iter().zip(&mut least) {
            let start = Instant::now();
            if augmentation.is_none() {
                data.gather(&indices, &normalisation, &mut batch);
            } else {
                change(data, augmentation, &normalisation, turn as u32, &mut batch);
            }
            *least = least.min(start.elapsed().as_secs_f64());
        }
    }
    let Image { height, width, .. } = shape;
    println!("{height}x{width}, {} channels:", shape.channels);
    for ((name, _), least) in kinds.iter().zip(least) {
        println!("  {name:10} {:.2} µs an image", least / IMAGES as f64 * 1e6);
    }
    Ok(())
}

/// Draws and makes the changes of an epoch.
fn change(data: &Dataset, augmentation: &Augmentation, normalisation: &Normalisation, epoch: u32, batch: &mut [f32]) {
    let key = Key::study(0).counter_key(Purpose::Augment);
    let shape = data.shape();
    for (index, out) in (0..).zip(batch.chunks_exact_mut(shape.elements())) {
        let transform = augmentation.draw(shape, key, epoch, index);
        normalisation.apply_changed(&transform, data.pixels(index), shape, out);
    }
}

fn kinds() -> [(&'static str, Augmentation); 6] {
    let none = Augmentation::default();
    let (flip, crop) = (0.5, 4);
    let (rotate, cutout, brightness, contrast) = (15.0, 8, 0.2, 0.2);
    [
        ("plain", none),
        ("flip, crop", Augmentation { flip, crop, ..none }),
        ("rotate", Augmentation { rotate, ..none }),
        ("cutout", Augmentation { cutout, ..none }),
        ("light", Augmentation { brightness, contrast, ..none }),
        ("all", Augmentation { flip, crop, rotate, cutout, brightness, contrast }),
    ]
}
