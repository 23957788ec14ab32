//! A study that was stopped, and weights that go from the GPU to the CPU.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use tunefork::study::Ended;
use tunefork::{DeviceChoice, Machine};

use crate::card::World;
use crate::setting::{Setting, TINY, results};

#[test]
fn a_study_that_was_stopped_ends_with_the_same_bits() {
    let study = TINY.replace("slots = 1", "slots = 2");
    let whole = Setting::new(&study, World::plenty());
    let (expected, _) = whole.run();
    // In the middle of the first trials, and of the last; with checkpoints as it goes, and only at the end.
    for (stop_after, checkpoint_every) in [(3, Duration::ZERO), (10, Duration::MAX)] {
        let mut setting = Setting::new(&study, World::plenty());
        setting.checkpoint_every = checkpoint_every;
        setting.stop_after = Some(stop_after);
        let (stopped, _) = setting.run();
        assert_eq!(stopped.outcome.ended, Ended::Interrupted);
        // Another process: nothing is left of the first one's card.
        setting.world = World::plenty();
        setting.stop_after = None;
        let (report, heard) = setting.run();
        assert_eq!(report.outcome.ended, Ended::Done);
        assert!(heard.reports < 12, "what was known is not computed again");
        assert_eq!(results(&report), results(&expected));
        assert_eq!(report.test, expected.test);
        assert!(setting.model() == whole.model());
    }
}

/// A grey picture with a bright square of `edge` pixels in its corner.
fn write_png(path: &Path, side: u32, edge: u32) {
    let bright = |i: u32| i / side < edge && i % side < edge;
    let pixels: Vec<u8> = (0..side * side).map(|i| if bright(i) { 240 } else { 10 }).collect();
    let mut encoder = png::Encoder::new(File::create(path).unwrap(), side, side);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
}

#[test]
fn the_cpu_predicts_with_weights_of_the_gpu() {
    let setting = Setting::new(TINY, World::plenty());
    setting.run();
    let folder = setting.folder.path();
    let pictures = [3, 9].map(|edge| folder.join(format!("{edge}.png")));
    write_png(&pictures[0], 12, 3);
    write_png(&pictures[1], 12, 9);
    let model = folder.join("best.safetensors");
    let predict = |machine: &Machine| {
        let predicted = tunefork::predict(&model, &pictures, 2, machine).unwrap();
        predicted.images.into_iter().map(|image| image.classes).collect::<Vec<_>>()
    };
    let gpu = predict(&setting.world.machine());
    let cpu = predict(&Machine::new(DeviceChoice::Cpu, "auto", Some(1)).unwrap());
    assert_ne!(gpu[0], gpu[1], "the weights tell the pictures apart");
    for ((class, probability), (other, expected)) in gpu.concat().iter().zip(&cpu.concat()) {
        assert_eq!(class, other);
        assert!((probability - expected).abs() < 1e-5, "{probability} and {expected}");
    }
    // What the study left can be looked at without a card.
    let (shown, _) = tunefork::read_study(folder, None).unwrap();
    assert_eq!(shown.trials.len(), 3);
}
