//! Tiny ImageNet's original layout, whole and with every kind of gap.

use crate::common::{JPEG, Place, gzip, sentences, tar, write_files, zip};
use tar::EntryType;
use tunefork_data::Part;

const GREY: &[u8] = include_bytes!("images/grey.jpg");

/// Two classes, not in the order of their numbers; one training image is grey.
const SET: [(&str, &[u8]); 9] = [
    ("wnids.txt", b"n2\nn1\n"),
    ("words.txt", b"n1\tcrane\nn2\tEgyptian cat, Mau\nn3\tcrane\n"),
    ("train/n1/images/n1_0.JPEG", JPEG),
    ("train/n1/n1_boxes.txt", b"n1_0.JPEG\t0\t0\t9\t9\n"),
    ("train/n2/images/n2_0.JPEG", GREY),
    ("train/n2/images/n2_1.JPEG", JPEG),
    ("val/images/val_0.JPEG", JPEG),
    ("val/images/val_1.JPEG", GREY),
    ("val/val_annotations.txt", b"val_0.JPEG\tn1\t0\t0\t9\t9\nval_1.JPEG\tn2\t0\t0\t9\t9\n"),
];

/// A place with the set in a folder, changed by other files.
fn place(changes: &[(&str, &[u8])]) -> Place {
    let place = Place::new();
    write_files(&place.path("set"), &SET);
    write_files(&place.path("set"), changes);
    place
}

#[test]
fn the_original_layout_is_read_wherever_it_lies() {
    let names: Vec<String> = SET.iter().map(|(name, _)| format!("tiny-imagenet-200/{name}")).collect();
    let deeper: Vec<(&str, &[u8])> = names.iter().zip(SET).map(|(name, (_, bytes))| (name.as_str(), bytes)).collect();
    let entries: Vec<(&str, EntryType, &[u8])> =
        deeper.iter().map(|(name, bytes)| (*name, EntryType::Regular, *bytes)).collect();
    let inside = Place::new();
    write_files(&inside.path("set"), &deeper);
    let places = [
        place(&[]),
        inside,
        Place::new().with(&[("set.tgz", &gzip(&tar(&entries)))]),
        Place::new().with(&[("set/tiny-imagenet-200.zip", &zip(&deeper))]),
    ];
    for place in places {
        let opened = place.opened("set");
        let data = &opened.data;
        assert_eq!(sentences(&opened), [""; 0]);
        assert_eq!(data.classes(), ["Egyptian cat", "crane"]);
        assert_eq!((data.part(Part::Train), data.part(Part::Validation)), (0..3, 3..5));
        assert_eq!(data.labels(), [0, 0, 1, 0, 1]);
        // Grey images among coloured ones have three equal channels.
        assert_eq!(data.shape().channels, 3);
        for grey in [0, 3] {
            let mut pixels = data.pixels(grey).chunks_exact(3);
            assert!(pixels.all(|pixel| pixel == [pixel[0]; 3]));
        }
        assert!(data.pixels(1).chunks_exact(3).any(|pixel| pixel[0] != pixel[1]));
    }
}

#[test]
fn gaps_in_the_annotations_are_told_one_by_one() {
    let table = b"val_0.JPEG\tn1\nval_0.JPEG\tn2\nval_1.JPEG\tn9\nval_7.JPEG\tn1\nval_8.JPEG\n";
    let opened = place(&[
        ("val/val_annotations.txt", table),
        ("val/images/val_2.JPEG", JPEG),
        ("train/n4/images/n4_0.JPEG", JPEG),
        ("test/images/test_0.JPEG", JPEG),
    ])
    .opened("set");
    assert_eq!(opened.data.part(Part::Validation).len(), 1);
    assert_eq!(
        sentences(&opened),
        [
            "left out: `train/n4` is no class of wnids.txt; its 1 images are not used",
            "`val/val_annotations.txt` says that `val_0.JPEG` shows n1 and n2; the first is used",
            "`val/val_annotations.txt` has no file and class in line 5",
            "left out: `val/images/val_1.JPEG` shows the class `n9`, which wnids.txt does not list",
            "left out: `val/images/val_2.JPEG` has no line in val_annotations.txt",
            "left out: `val/images/val_7.JPEG` is named in val_annotations.txt, but is not there",
            "`test` has 1 images without labels, not used",
        ]
    );
}

#[test]
fn what_the_set_cannot_do_without_is_an_error() {
    let gone = |name: &str| {
        let place = place(&[]);
        std::fs::remove_file(place.path("set").join(name)).expect("a file");
        place
    };
    let message = gone("val/val_annotations.txt").error("set");
    assert!(message.contains("val_annotations.txt` is missing"), "{message}");
    let message = gone("train/n1/images/n1_0.JPEG").error("set");
    assert!(message.contains("class `crane`"), "{message}");
    let message = place(&[("wnids.txt", b"n1\n")]).error("set");
    assert!(message.contains("has 1 class"), "{message}");
    // Without words the classes keep their numbers; equal words are told apart by them.
    assert_eq!(gone("words.txt").opened("set").data.classes(), ["n2", "n1"]);
    let twice = place(&[("words.txt", b"n1\tcrane\nn2\tcrane\n")]).opened("set");
    assert_eq!(twice.data.classes(), ["crane (n2)", "crane (n1)"]);
}
