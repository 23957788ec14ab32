//! What `inspect` says of a set with every kind of fault in it.

use crate::common::{JPEG, Place, flat, png};
use crate::images::held;
use png::{BitDepth, ColorType};
use tunefork_data::image::Changed;
use tunefork_data::{Dataset, Image, InspectOptions, Inspection, Part, PrepareOptions, Source, Spread};

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
    let inspection = source.inspect(&InspectOptions::default(), &mut |_| {}).expect("a readable set");

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
    assert_eq!((duplicates.within, duplicates.across_parts, duplicates.across_classes), ([1, 0, 0], 1, 1));
    assert_eq!(inspection.near, None);
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
    let inspection = source.inspect(&InspectOptions::default(), &mut |_| {}).expect("a readable set");
    assert_eq!(inspection.changed, Changed { turned: 1, scaled: 1, flattened: 1, mended: 1 });
    let told = ["`a/twelve.png` has values of 16 bits, none above 4095: 4095 is taken for white"];
    assert_eq!(inspection.warnings.sentences(), told);
    let options = PrepareOptions { size: Some((4, 4)), ..PrepareOptions::default() };
    let opened = source.open(&options, &mut |_| {}).expect("a set of six");
    assert_eq!((opened.warnings.sentences(), opened.data.len()), (told.map(str::to_owned).to_vec(), 6));
}

/// A photo, the same one smaller, a brighter one, one laid over another's class, and pictures of something else.
#[test]
fn what_looks_alike_is_found_if_it_is_asked_for() {
    let picture = |side: u32, shift: u8, turned: bool| {
        let sample = |place: u32| {
            let (row, column) = (place / side * 64 / side, place % side * 64 / side);
            let value = if turned { row * 3 } else { column * 3 };
            value as u8 + shift
        };
        let samples: Vec<u8> = (0..side * side).map(sample).collect();
        png(side, side, ColorType::Grayscale, BitDepth::Eight, &samples)
    };
    let place = Place::new().with(&[
        ("set/train/a/1.png", &picture(64, 0, false)),
        ("set/train/a/copy.png", &picture(64, 0, false)),
        ("set/train/a/smaller.png", &picture(32, 0, false)),
        ("set/train/b/turned.png", &picture(64, 0, true)),
        ("set/train/b/twice.png", &picture(64, 40, true)),
        ("set/train/b/twice again.png", &picture(64, 40, true)),
        ("set/test/a/1.png", &picture(48, 2, false)),
        ("set/test/b/brighter.png", &picture(64, 20, false)),
    ]);
    let source = Source::locate("set", Some(place.data.path())).expect("a set");
    let inspect =
        |near, threads| source.inspect(&InspectOptions { threads, near }, &mut |_| {}).expect("a readable set").near;
    let near = inspect(Some(4), 1).expect("it was asked for");
    assert_eq!((near.groups, near.images, near.within, near.across_parts, near.across_classes), (1, 4, [0; 3], 1, 0));
    assert_eq!(near.listed, [["train/a/1.png", "train/a/copy.png", "train/a/smaller.png", "test/a/1.png"]]);
    // What is equal is a duplicate and not told again; a wide reach joins the brighter one, too.
    assert_eq!(inspect(Some(0), 3).expect("it was asked for").groups, 0);
    assert_eq!(inspect(Some(21), 3).expect("it was asked for").images, 5);
    assert_eq!(inspect(None, 2), None);
}

/// As users of the first release of Fashion-MNIST counted them (zalandoresearch/fashion-mnist #44).
#[test]
fn a_set_of_which_nothing_can_be_trained_on_gives_the_error_of_training() {
    let image = flat(4, 4, 1);
    let cases: [&[(&str, &[u8])]; 2] = [
        &[("set/a/1.png", b""), ("set/b/1.png", b"x")],
        &[
            ("set/train/a/1.png", b""),
            ("set/train/b/1.png", b"x"),
            ("set/val/a/1.png", &image),
            ("set/val/b/1.png", &image),
        ],
    ];
    for files in cases {
        let place = Place::new().with(files);
        let source = Source::locate("set", Some(place.data.path())).expect("a set");
        let inspected = source.inspect(&InspectOptions::default(), &mut |_| {}).expect_err("nothing to train on");
        let opened = place.open("set", &place.options(Some((4, 4)), Some(1))).expect_err("nothing to train on");
        assert_eq!(inspected.to_string(), opened.to_string());
        assert!(opened.to_string().contains("is empty (zero bytes)"), "{opened}");
    }
}

#[test]
fn duplicates_are_counted_within_and_across_parts() {
    let (train, test) = (120, 30);
    // 43 training images are like another one, 1 test image is, and 10 test images are like training images.
    let shown = |image: usize| match image {
        77..=119 => image - 77,
        149 => 120,
        121..=130 => image - 70,
        _ => image,
    };
    let pixels: Vec<u8> = (0..train + test).flat_map(|image| [shown(image) as u8, 7]).collect();
    let labels = (0..train + test).map(|image| (shown(image) % 2) as u16).collect();
    let classes = vec!["even".to_owned(), "odd".to_owned()];
    let data =
        Dataset::from_memory(Image::new(1, 2, 1), classes, [train, 0, test], labels, pixels).expect("a good set");
    let duplicates = Inspection::of(&data).duplicates;
    assert_eq!((duplicates.groups, duplicates.within, duplicates.across_parts), (54, [43, 0, 1], 10));
    assert_eq!((duplicates.images, duplicates.across_classes), (108, 0));
}
