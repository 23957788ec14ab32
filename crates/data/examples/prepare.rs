//! Prepares a set from nothing and opens it again, and says how fast both were:
//! `cargo run --release -p tunefork-data --example prepare -- data/cifar10 [SIDE]`.

use std::path::Path;
use std::time::Instant;

use tunefork_data::{Normalisation, PrepareOptions, Source, Split, SplitOptions};
use tunefork_rng::Key;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a folder or an archive")?;
    let side: Option<usize> = arguments.next().map(|side| side.parse()).transpose()?;
    let cache = std::env::temp_dir().join(format!("tunefork-prepare-{}", std::process::id()));
    let options =
        PrepareOptions { size: side.map(|side| (side, side)), cache: Some(cache.clone()), ..PrepareOptions::default() };
    let source = Source::at(Path::new(&path))?;
    for _ in 0..2 {
        let start = Instant::now();
        let opened = source.open(&options, &mut |_| {})?;
        let (seconds, images) = (start.elapsed().as_secs_f64(), opened.data.len());
        let done = if opened.reused { "opened" } else { "prepared" };
        let speed = images as f64 / seconds;
        println!("{done} {images} images in {seconds:.4} s: {speed:.0} images/s");
        let data = opened.data;
        let start = Instant::now();
        let digest = data.digest();
        println!("  digest {digest} in {:.4} s", start.elapsed().as_secs_f64());
        let start = Instant::now();
        let split = Split::new(&data, &SplitOptions::default(), Key::study(1))?;
        println!("  divided in {:.4} s", start.elapsed().as_secs_f64());
        let start = Instant::now();
        Normalisation::of(&data, &split.train)?;
        println!("  mean and deviation in {:.4} s", start.elapsed().as_secs_f64());
    }
    std::fs::remove_dir_all(cache)?;
    Ok(())
}
