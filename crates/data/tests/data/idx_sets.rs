//! IDX files and sets, whole and damaged.

use crate::common::{Place, gzip, idx, zip};
use proptest::prelude::*;
use tunefork_data::{Part, idx as format};

/// Six training and two test images of 2×3 pixels in two classes.
fn images() -> (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>) {
    let train: Vec<u8> = (0..36).collect();
    let test: Vec<u8> = (100..112).collect();
    (idx(&[6, 2, 3], &train), idx(&[6], &[0, 1, 0, 1, 0, 1]), idx(&[2, 2, 3], &test), idx(&[2], &[1, 0]))
}

fn place_with(train_images: &[u8], train_labels: &[u8], test_images: &[u8], test_labels: &[u8]) -> Place {
    Place::new().with(&[
        ("set/train-images-idx3-ubyte.gz", &gzip(train_images)),
        ("set/train-labels-idx1-ubyte.gz", &gzip(train_labels)),
        // Unpacked files are read as well.
        ("set/t10k-images-idx3-ubyte", test_images),
        ("set/t10k-labels-idx1-ubyte", test_labels),
    ])
}

#[test]
fn a_whole_set_opens_in_file_order() {
    let (a, b, c, d) = images();
    let place = place_with(&a, &b, &c, &d);
    let opened = place.open("set", &place.options(None, None)).expect("a good set");
    let data = opened.data;
    assert_eq!((data.part(Part::Train), data.part(Part::Validation), data.part(Part::Test)), (0..6, 6..6, 6..8));
    assert_eq!(data.pixels(1), [6, 7, 8, 9, 10, 11]);
    assert_eq!(data.pixels(6), [100, 101, 102, 103, 104, 105]);
    assert_eq!(data.labels(), [0, 1, 0, 1, 0, 1, 1, 0]);
    assert_eq!(data.classes(), ["0", "1"]);
}

#[test]
fn names_count_in_any_case_and_what_is_packed_is_told_by_its_bytes() {
    let (a, b, c, d) = images();
    let files: [(&str, &[u8]); 4] = [
        ("set/TRAIN-IMAGES-IDX3-UBYTE", &gzip(&a)),
        ("set/Train-Labels-idx1-ubyte.GZ", &gzip(&b)),
        ("set/t10k-images-idx3-ubyte.gz", &c),
        ("set/T10K-labels.idx1-ubyte", &d),
    ];
    let named = files.map(|(name, bytes)| (name.trim_start_matches("set/"), bytes));
    for place in [Place::new().with(&files), Place::new().with(&[("set.zip", &zip(&named))])] {
        assert_eq!(place.opened("set").data.labels(), [0, 1, 0, 1, 0, 1, 1, 0]);
    }
}

/// Files of 4 GiB of which nothing is on the disk, and what unpacks to as much: told by their first bytes and their length.
#[test]
fn what_is_too_long_is_refused_unread() {
    let (a, b, c, d) = images();
    let long = |name: &str| {
        let place = place_with(&a, &b, &c, &d);
        let file = std::fs::File::options().write(true).open(place.path(name)).expect("a file");
        file.set_len(4 << 30).expect("a longer file");
        place.error("set")
    };
    let message = long("set/t10k-images-idx3-ubyte");
    assert!(message.contains("need 12 bytes of data, more are there"), "{message}");
    let message = long("set/train-images-idx3-ubyte.gz");
    assert!(message.contains("train-images") && message.contains("has more than the"), "{message}");
    let place = place_with(&a, &b, &[], &d);
    std::fs::File::create(place.path("set/t10k-images-idx3-ubyte"))
        .and_then(|file| file.set_len(4 << 30))
        .expect("a file");
    let message = place.error("set");
    assert!(message.contains("begins with [00, 00, 00, 00]"), "{message}");
    // In an archive the header counts, too.
    let bomb = gzip(&idx(&[1 << 20, 32, 64], &[0; 1000]));
    let entries: [(&str, &[u8]); 2] = [("train-images-idx3-ubyte.gz", &bomb), ("train-labels-idx1-ubyte", &b)];
    let message = Place::new().with(&[("set.zip", &zip(&entries))]).error("set");
    assert!(message.contains("need 2147483648 bytes, far more than"), "{message}");
    let message = place_with(&a[..7], &b, &c, &d).error("set");
    assert!(message.contains("it ends within its header"), "{message}");
}

#[test]
fn fashion_mnist_has_class_names() {
    let labels: Vec<u8> = (0..10).collect();
    let place = Place::new().with(&[
        ("fashion-mnist/train-images-idx3-ubyte", &idx(&[10, 2, 2], &[7; 40])),
        ("fashion-mnist/train-labels-idx1-ubyte", &idx(&[10], &labels)),
    ]);
    let opened = place.open("fashion-mnist", &place.options(None, None)).expect("a good set");
    assert_eq!(opened.data.classes()[9], "Ankle boot");
}

#[test]
fn damaged_sets_are_refused_with_the_file_named() {
    let (a, b, c, d) = images();
    let packed = gzip(&a);

    let place = place_with(&a, &b, &c, &d);
    std::fs::write(place.path("set/train-images-idx3-ubyte.gz"), &packed[..packed.len() / 2]).expect("a file");
    let message = place.error("set");
    assert!(message.contains("train-images-idx3-ubyte.gz") && message.contains("truncated"), "{message}");

    let place = place_with(&a[..a.len() - 1], &b, &c, &d);
    let message = place.error("set");
    assert!(message.contains("need 36 bytes of data, 35 are there"), "{message}");

    let place = place_with(&a, &idx(&[5], &[0, 1, 0, 1, 0]), &c, &d);
    let message = place.error("set");
    assert!(message.contains("has 6 images") && message.contains("has 5 labels"), "{message}");

    let place = place_with(&a, &b, &c, &idx(&[2], &[1, 2]));
    let message = place.error("set");
    assert!(message.contains("label 2 of image 1 is not below the number of classes, 2"), "{message}");

    let place = place_with(&a, &idx(&[6], &[0, 2, 0, 2, 0, 2]), &c, &d);
    let message = place.error("set");
    assert!(message.contains("image 1 has label 2, but none has label 1"), "{message}");

    let place = place_with(&b, &b, &c, &d);
    let message = place.error("set");
    assert!(message.contains("has 1 dimensions; 3 expected"), "{message}");

    let place = place_with(&a, &b, &c, &d);
    std::fs::remove_file(place.path("set/t10k-labels-idx1-ubyte")).expect("a file");
    let message = place.error("set");
    assert!(message.contains("t10k-labels-idx1-ubyte"), "{message}");
}

#[test]
fn a_label_out_of_range_in_fashion_mnist_is_named() {
    let place = Place::new().with(&[
        ("fashion-mnist/train-images-idx3-ubyte", &idx(&[2, 2, 2], &[7; 8])),
        ("fashion-mnist/train-labels-idx1-ubyte", &idx(&[2], &[3, 10])),
    ]);
    let message = place.error("fashion-mnist");
    assert!(message.contains("label 10 of image 1"), "{message}");
}

#[test]
fn sizes_beyond_the_limit_are_refused_without_taking_memory() {
    let file = idx(&[u32::MAX, u32::MAX, 2], &[1, 2, 3]);
    assert!(matches!(format::parse(&file), Err(format::IdxError::TooLarge(_))));
    assert!(matches!(format::read(file.as_slice()), Err(format::IdxError::TooLarge(_))));
    // Within the limit but far more than there is: told by the bytes seen, none reserved.
    let file = idx(&[1_000_000, 28, 28], &[1, 2, 3]);
    assert!(matches!(format::read(file.as_slice()), Err(format::IdxError::Length { found: 3, .. })));
}

proptest! {
    /// Both readers agree on any bytes.
    #[test]
    fn reader_and_parser_agree(
        dimensions in 0..5_u8,
        sizes in prop::collection::vec(0..4_u32, 0..4),
        data in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut file = idx(&sizes, &data);
        file[3] = dimensions;
        match (format::parse(&file), format::read(file.as_slice())) {
            (Ok(parsed), Ok(read)) => {
                prop_assert_eq!(parsed.sizes, read.sizes);
                prop_assert_eq!(parsed.data, read.data.as_slice());
            }
            (Err(_), Err(_)) => {}
            (parsed, read) => prop_assert!(false, "{:?} {:?}", parsed, read),
        }
    }
}
