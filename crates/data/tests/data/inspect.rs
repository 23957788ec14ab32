//! What `inspect` says of a set with every kind of fault in it.

use crate::common::{JPEG, Place, flat};
use tunefork_data::{Inspection, Part, Source, Spread};

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
