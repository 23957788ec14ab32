//! What `inspect` says of a set with every kind of fault in it.

use crate::common::{JPEG, Place, flat, png};
use crate::images::held;
use png::{BitDepth, ColorType};
use tunefork_data::image::Changed;
use tunefork_data::{Inspection, Part, PrepareOptions, Source, Spread};

#[test]
fn an_inspection_tells_counts_sizes_colours_faults_and_duplicates() {
    let place = Place::new().with(&[
        ("set/train/a/1.png", &flat(4, 4, 0)),
        ("set/train/a/2.png", &flat(6, 8, 255)),
        ("set/train/b/1.png", &flat(4, 4, 0)),
        ("set/train/b/broken.jpg", &JPEG[..100]),
        ("set/test/a/1.png", &flat(6, 8, 255)),
        ("set/test/b/photo.jpg", JPEG),
    ]);
    let source = Source::locate("set", Some(place.data.path())).expect("a set");
    let inspection = source.inspect(2, &mut |_| {}).expect("a readable set");

    assert_eq!(inspection.classes, ["a", "b"]);
    let parts: Vec<_> = inspection.parts.iter().map(|p| (p.part, p.images, p.per_class.as_slice())).collect();
    assert_eq!(parts, [(Part::Train, 3, [2, 1].as_slice()), (Part::Test, 2, [1, 1].as_slice())]);
    assert_eq!(inspection.height, Spread { min: 4, median: 6, max: 20 });
    assert_eq!(inspection.width, Spread { min: 4, median: 8, max: 24 });
    assert_eq!((inspection.grey, inspection.colour), (4, 1));
    // 48 of 80 training pixels are white: mean 0.6, deviation sqrt(0.6 * 0.4).
    assert_eq!(inspection.mean.len(), 3);
    for channel in 0..3 {
        assert!((inspection.mean[channel] - 0.6).abs() < 1e-12);
        assert!((inspection.std[channel] - 0.24_f64.sqrt()).abs() < 1e-12);
    }
    assert_eq!(inspection.warnings.left_out(), 1);
    assert_eq!(inspection.warnings.named()[0].file, "train/b/broken.jpg");
    let duplicates = &inspection.duplicates;
    assert_eq!((duplicates.groups, duplicates.images), (2, 4));
    assert_eq!((duplicates.across_parts, duplicates.across_classes), (1, 1));
    assert_eq!(duplicates.listed, [["train/a/1.png", "train/b/1.png"], ["train/a/2.png", "test/a/1.png"]]);

    let text = serde_json::to_string(&inspection).expect("writing");
    assert_eq!(serde_json::from_str::<Inspection>(&text).expect("reading"), inspection);
}

#[test]
fn what_was_done_to_images_is_counted_and_what_needs_a_look_is_told() {
    let twelve = png(2, 2, ColorType::Grayscale, BitDepth::Sixteen, &[0, 0, 8, 0, 15, 255, 0, 0]);
    let sixteen = png(2, 2, ColorType::Grayscale, BitDepth::Sixteen, &[0, 0, 8, 0, 255, 255, 0, 0]);
    let clear = png(2, 2, ColorType::GrayscaleAlpha, BitDepth::Eight, &[0; 8]);
    let stray = [&JPEG[..2], &[0; 12], &JPEG[2..]].concat();
    let place = Place::new().with(&[
        ("set/a/twelve.png", &twelve),
        ("set/a/sixteen.png", &sixteen),
        ("set/a/clear.png", &clear),
        ("set/b/turned.jpg", &held(6, true)),
        ("set/b/upright.jpg", &held(1, true)),
        ("set/b/stray.jpg", &stray),
    ]);
    let source = Source::locate("set", Some(place.data.path())).expect("a set");
    let inspection = source.inspect(2, &mut |_| {}).expect("a readable set");
    assert_eq!(inspection.changed, Changed { turned: 1, scaled: 1, flattened: 1, mended: 1 });
    let told = ["`a/twelve.png` has values of 16 bits, none above 4095: 4095 is taken for white"];
    assert_eq!(inspection.warnings.sentences(), told);
    let options = PrepareOptions { size: Some((4, 4)), ..PrepareOptions::default() };
    let opened = source.open(&options, &mut |_| {}).expect("a set of six");
    assert_eq!((opened.warnings.sentences(), opened.data.len()), (told.map(str::to_owned).to_vec(), 6));
}
