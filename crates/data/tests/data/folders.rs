//! Image folders: layouts, bad files, and names.

use std::fs;
use std::path::PathBuf;

use crate::common::{JPEG, Place, flat, sentences, tar, write_files};
use tunefork_data::{DataError, Fit, Part, PrepareOptions, Source, Stage};

pub(crate) fn small_set() -> Place {
    let (dark, light) = (flat(4, 4, 10), flat(4, 4, 200));
    Place::new().with(&[
        ("set/dark/a.png", &dark),
        ("set/dark/b.png", &flat(4, 4, 20)),
        ("set/light/a.PNG", &light),
        ("set/light/deeper/b.png", &flat(4, 4, 210)),
    ])
}

#[test]
fn classes_are_folders_and_images_are_in_the_order_of_their_names() {
    let place = small_set();
    let opened = place.open("set", &place.options(None, None)).expect("a good set");
    assert_eq!(opened.data.classes(), ["dark", "light"]);
    assert_eq!(opened.data.labels(), [0, 0, 1, 1]);
    let first_bytes: Vec<u8> = (0..4).map(|index| opened.data.pixels(index)[0]).collect();
    assert_eq!(first_bytes, [10, 20, 200, 210]);
    assert_eq!(opened.data.shape().channels, 1);
    assert_eq!(opened.warnings.count(), 0);
}

#[test]
fn parts_are_told_by_folder_names() {
    let image = flat(4, 4, 1);
    let place = Place::new().with(&[
        ("set/Train/a/1.png", &image),
        ("set/Train/b/1.png", &image),
        ("set/Train/b/2.png", &image),
        ("set/valid/b/1.png", &image),
        ("set/test/a/1.png", &image),
        ("set/notes/readme.txt", b"not an image"),
    ]);
    let data = place.open("set", &place.options(None, None)).expect("a good set").data;
    assert_eq!((data.part(Part::Train), data.part(Part::Validation), data.part(Part::Test)), (0..3, 3..4, 4..5));
    assert_eq!(data.labels(), [0, 1, 1, 1, 0]);
}

#[test]
fn a_class_may_be_called_train() {
    let image = flat(4, 4, 1);
    let place = Place::new().with(&[("set/plane/1.png", &image), ("set/train/1.png", &image)]);
    let data = place.open("set", &place.options(None, None)).expect("a good set").data;
    assert_eq!(data.classes(), ["plane", "train"]);
}

#[test]
fn photos_of_any_size_are_brought_to_one() {
    let place = Place::new().with(&[("set/a/photo.jpg", JPEG), ("set/b/grey.png", &flat(7, 30, 99))]);
    let message = place.error("set");
    assert!(message.contains("20x24 in `a/photo.jpg`") && message.contains("7x30 in `b/grey.png`"), "{message}");
    let data = place.open("set", &place.options(Some((8, 8)), None)).expect("a good set").data;
    assert_eq!((data.shape().height, data.shape().width, data.shape().channels), (8, 8, 3));
    assert_eq!(data.pixels(1), [99; 192]);
    let data = place.open("set", &place.options(Some((8, 8)), Some(1))).expect("a good set").data;
    assert_eq!(data.shape().channels, 1);
}

#[test]
fn bad_images_are_named_and_left_out() {
    let place = small_set().with(&[
        ("set/dark/0 empty.png", b""),
        ("set/dark/corrupt.jpg", &JPEG[..JPEG.len() / 2]),
        ("set/light/dot.png", &flat(1, 1, 0)),
        ("set/light/photo.gif", b"GIF89a"),
        ("set/light/text.jpg", b"no image"),
        ("set/loose.png", &flat(4, 4, 0)),
        ("set/dark/.hidden.png", b""),
    ]);
    for turn in 0..2 {
        let opened = place.open("set", &place.options(None, None)).expect("good images remain");
        assert_eq!(opened.reused, turn == 1);
        let mut named: Vec<String> = opened.warnings.named().iter().map(ToString::to_string).collect();
        named.sort();
        assert_eq!(opened.warnings.count(), 6, "{named:#?}");
        let starts = [
            "left out: `dark/0 empty.png` is empty",
            "left out: `dark/corrupt.jpg` is damaged",
            "left out: `light/dot.png` is 1x1 pixels",
            "left out: `light/photo.gif` is damaged",
            "left out: `light/text.jpg` is no image",
            "left out: `loose.png` lies in no class folder",
        ];
        for (named, start) in named.iter().zip(starts) {
            assert!(named.starts_with(start), "{named}");
        }
        // What is good keeps its place and its label.
        let first_bytes: Vec<u8> = (0..4).map(|index| opened.data.pixels(index)[0]).collect();
        assert_eq!(first_bytes, [10, 20, 200, 210]);
        assert_eq!(opened.data.labels(), [0, 0, 1, 1]);
    }
}

#[test]
fn what_no_training_can_start_from_is_an_error() {
    let image = flat(4, 4, 1);
    let place = small_set();
    fs::create_dir(place.path("set/empty")).expect("a folder");
    assert!(place.error("set").contains("class `empty`"));

    let place = Place::new().with(&[("set/a/1.png", &image), ("set/b/1.png", b"")]);
    assert!(place.error("set").contains("class `b`"));

    let place = Place::new().with(&[("set/a/1.png", b""), ("set/b/1.png", b"x")]);
    assert!(place.error("set").contains("none of 2 could be decoded"));

    let place = Place::new().with(&[("set/a/1.png", &image)]);
    assert!(place.error("set").contains("has 1 class"));

    let place = Place::new().with(&[("set/a/1.txt", b"text")]);
    assert!(place.error("set").contains("holds no usable image"));

    let place = Place::new().with(&[("set/test/a/1.png", &image), ("set/test/b/1.png", &image)]);
    assert!(place.error("set").contains("no training part, only test; put images to train on into train/class/"));

    let place = Place::new().with(&[
        ("set/train/a/1.png", &image),
        ("set/train/b/1.png", &image),
        ("set/test/c/1.png", &image),
    ]);
    assert!(place.error("set").contains("class `c`"));
}

#[test]
fn paths_with_spaces_and_umlauts_work() {
    let place = Place::new()
        .with(&[("Kühe & Äpfel/Kühe/Elsa 1.png", &flat(4, 4, 1)), ("Kühe & Äpfel/Äpfel/rot grün.png", &flat(4, 4, 2))]);
    let data = place.open("Kühe & Äpfel", &place.options(None, None)).expect("a good set").data;
    assert_eq!(data.classes(), ["Kühe", "Äpfel"]);
}

#[test]
fn threads_change_nothing_and_progress_counts_to_the_end() {
    let place = Place::new();
    let image = |number: usize| flat(4, 4, number as u8);
    for number in 0..300 {
        let name = format!("set/{}/{number:03}.png", number % 3);
        let bytes = if number % 50 == 7 { Vec::new() } else { image(number) };
        write_files(place.data.path(), &[(&name, &bytes)]);
    }
    let mut files = Vec::new();
    for threads in [1, 2, 7] {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let cache_path = Some(cache.path().to_path_buf());
        let options = PrepareOptions { cache: cache_path, threads, ..PrepareOptions::default() };
        let mut last = None;
        let source = Source::at(&place.path("set")).expect("a set");
        let opened = source.open(&options, &mut |progress| last = Some(progress)).expect("a good set");
        let last = last.expect("progress was told");
        assert_eq!((last.stage, last.done, last.total), (Stage::Check, 294, 294));
        files.push(fs::read(opened.prepared).expect("the prepared file"));
    }
    assert_eq!(files[0], files[1]);
    assert_eq!(files[0], files[2]);
}

#[test]
fn a_name_that_is_nowhere_lists_where_it_was_looked_for() {
    let place = Place::new();
    let message = place.error("no-such-set");
    for looked in ["no-such-set", "no-such-set.tar", "no-such-set.tar.gz"] {
        let path = place.path(looked);
        assert!(message.contains(&format!("`{}`", path.display())), "{message}");
    }
    assert!(message.contains("--data-dir") && message.contains("TUNEFORK_DATA"), "{message}");

    let place = Place::new().with(&[("set/one.tar", b""), ("set/two.tar.gz", b"")]);
    assert!(place.error("set").contains("one.tar, two.tar.gz"));
    let text = Place::new().with(&[("notes.txt", b"text")]);
    assert!(text.error("notes.txt").contains("is no data set"));
}

#[test]
fn single_images_are_read_for_prediction() {
    let place = small_set().with(&[("set/dark/broken.jpg", b"?")]);
    let shape = tunefork_data::Image::new(2, 2, 1);
    let paths: Vec<PathBuf> = vec![place.path("set/light/a.PNG"), place.path("set")];
    let pictures = tunefork_data::Pictures::read(&paths, shape, Fit::Crop).expect("good images");
    assert_eq!(pictures.files.len(), 5);
    assert_eq!(pictures.pixels[..8], [200, 200, 200, 200, 10, 10, 10, 10]);
    assert_eq!(pictures.warnings.count(), 1);
    let broken = tunefork_data::Pictures::read(&[place.path("set/dark/broken.jpg")], shape, Fit::Crop);
    assert!(matches!(broken, Err(DataError::Image { .. })));
}

#[test]
fn names_that_differ_only_by_case_are_told() {
    let (dark, light) = (flat(4, 4, 10), flat(4, 4, 200));
    let archive = tar(&[
        ("Cats/a.png", tar::EntryType::Regular, &dark),
        ("cats/a.png", tar::EntryType::Regular, &dark),
        ("cats/A.png", tar::EntryType::Regular, &light),
        ("dogs/a.png", tar::EntryType::Regular, &light),
    ]);
    let opened = Place::new().with(&[("set.tar", &archive)]).opened("set");
    assert_eq!(opened.data.classes(), ["Cats", "cats", "dogs"]);
    assert_eq!((opened.data.len(), opened.warnings.left_out()), (4, 0));
    let told = sentences(&opened);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].starts_with("`cats` differs from `Cats` only by capital letters"));
    assert!(told[1].starts_with("`cats/A.png` differs from `Cats/a.png`"), "{}", told[1]);
    assert!(told[2].starts_with("`cats/a.png` differs from `Cats/a.png`"), "{}", told[2]);
}

/// `.` is where the user is, whatever the data folder holds.
#[test]
fn what_begins_with_dots_is_a_path() {
    let place = small_set();
    for name in [".", "./set", "../set"] {
        match Source::locate(name, Some(&place.path("set"))) {
            Err(DataError::NotFound { looked, .. }) => assert_eq!(looked, [std::path::Path::new(name)]),
            Err(_) => {}
            Ok(found) => assert!(!found.path().starts_with(place.data.path()), "{found:?}"),
        }
    }
}

#[test]
fn well_known_sets_are_found_under_any_of_their_names() {
    let image = flat(4, 4, 10);
    for (name, path) in [
        ("flowers", "flower_photos"),
        ("tiny-imagenet", "tiny-imagenet-200"),
        ("cifar10", "cifar-10-batches-bin"),
        ("cats-dogs", "cats-dogs"),
    ] {
        let folder = Place::new();
        for class in ["a", "b"] {
            write_files(&folder.path(path), &[(&format!("{class}/1.png"), &image)]);
        }
        assert_eq!(folder.opened(name).data.len(), 2);
        let packed = tar(&[("a/1.png", tar::EntryType::Regular, &image), ("b/1.png", tar::EntryType::Regular, &image)]);
        let archive = Place::new().with(&[(&format!("{path}.tar"), &packed)]);
        assert_eq!(archive.opened(name).data.len(), 2);
    }
}
