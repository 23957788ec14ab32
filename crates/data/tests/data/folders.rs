//! Image folders: layouts, bad files, preparation and its reuse.

use std::fs;
use std::path::PathBuf;

use crate::common::{JPEG, Place, flat, sentences, tar, write_files};
use tunefork_data::{DataError, Fit, Part, PrepareOptions, Source, Stage};

fn small_set() -> Place {
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
fn the_prepared_file_is_used_until_something_changes() {
    let place = small_set();
    let options = place.options(None, None);
    let first = place.open("set", &options).expect("a good set");
    assert!(!first.reused);
    assert!(place.open("set", &options).expect("a good set").reused);

    // Another file.
    write_files(&place.path("set"), &[("dark/c.png", &flat(4, 4, 30))]);
    let more = place.open("set", &options).expect("a good set");
    assert!(!more.reused);
    assert_eq!(more.data.len(), 5);
    // The first one was mapped before and still is what it was.
    assert_eq!((first.data.len(), first.data.pixels(3)[0]), (4, 210));

    // A file of other content and length.
    write_files(&place.path("set"), &[("dark/c.png", &flat(4, 4, 31)[..50])]);
    let changed = place.open("set", &options).expect("a good set");
    assert!(!changed.reused);
    assert_eq!((changed.data.len(), changed.warnings.count()), (4, 1));

    // A folder without files is a class without images, whatever was prepared before.
    fs::create_dir(place.path("set/empty")).expect("a folder");
    assert!(matches!(place.open("set", &options), Err(DataError::EmptyClasses { .. })));
    // All of them are named at once.
    fs::create_dir_all(place.path("set/void/deeper")).expect("a folder");
    let told = place.open("set", &options).expect_err("two classes are empty").to_string();
    assert!(told.ends_with("have no usable image: empty, void; remove them or add images"), "{told}");
    fs::remove_dir_all(place.path("set/void")).expect("a folder");
    fs::remove_dir(place.path("set/empty")).expect("a folder");
    assert!(place.open("set", &options).expect("a good set").reused);

    // Classes that change places, with files of equal names, lengths and times.
    #[cfg(unix)]
    {
        let (dark, light, between) = (place.path("set/dark"), place.path("set/light"), place.path("between"));
        let time = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        for folder in [&dark, &light] {
            fs::remove_dir_all(folder).expect("a folder");
            let image = flat(4, 4, if folder == &dark { 30 } else { 31 });
            write_files(folder, &[("a.png", &image)]);
            fs::File::open(folder.join("a.png")).and_then(|file| file.set_times(time)).expect("a time");
        }
        let lengths = [&dark, &light].map(|folder| fs::metadata(folder.join("a.png")).expect("a file").len());
        assert_eq!(lengths[0], lengths[1]);
        let pixel = |label: u16| {
            let data = place.open("set", &options).expect("a good set").data;
            data.pixels(data.labels().iter().position(|other| *other == label).expect("an image") as u32)[0]
        };
        assert_eq!([pixel(0), pixel(1)], [30, 31]);
        for (from, to) in [(&dark, &between), (&light, &dark), (&between, &light)] {
            fs::rename(from, to).expect("a folder");
        }
        assert_eq!([pixel(0), pixel(1)], [31, 30]);
    }

    // Other options have a file of their own, and the set says how it was made.
    let stretched = PrepareOptions { fit: Fit::Stretch, ..place.options(Some((6, 6)), None) };
    let made = place.open("set", &stretched).expect("a good set");
    assert_eq!((made.reused, made.data.fit()), (false, Fit::Stretch));
    let again = place.open("set", &stretched).expect("a good set");
    assert_eq!((again.reused, again.data.fit()), (true, Fit::Stretch));
    assert_eq!(made.data.digest(), again.data.digest());
    let grown = place.options(Some((6, 6)), None);
    assert!(!place.open("set", &grown).expect("a good set").reused);
    assert!(place.open("set", &grown).expect("a good set").reused);
    assert!(place.open("set", &options).expect("a good set").reused);
}

#[test]
fn a_damaged_prepared_file_is_made_again() {
    let place = small_set();
    let options = place.options(None, None);
    let path = place.open("set", &options).expect("a good set").prepared;
    let whole = fs::read(&path).expect("the prepared file");
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("not empty") ^= 1;
    let mut damages = vec![whole[..whole.len() - 1].to_vec(), whole[..30].to_vec(), Vec::new(), flipped];
    // One bit of any byte: of the header, the pixels, the labels, the digests or what follows them.
    damages.extend((0..whole.len()).step_by(7).map(|place| {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << (place % 8);
        flipped
    }));
    for damaged in damages {
        // Replaced, not changed in place: nothing maps it now, but that is the rule.
        fs::remove_file(&path).expect("the prepared file");
        fs::write(&path, &damaged).expect("a file");
        let opened = place.open("set", &options).expect("a good set");
        assert!(!opened.reused);
        // A file of another version of the program is no damage.
        let told = if damaged.get(8..16) == whole.get(8..16) || damaged.len() < 16 { 1 } else { 0 };
        let sentence = format!("`{}` was damaged; the images were prepared again", path.display());
        assert_eq!(opened.warnings.sentences(), vec![sentence; told]);
        assert_eq!(fs::read(&path).expect("the prepared file"), whole);
        let again = place.open("set", &options).expect("a good set");
        assert!(again.reused && again.warnings.count() == 0);
    }
}

/// Three images of more than a MiB, so that blocks end within them.
#[test]
fn a_large_prepared_file_is_compared_block_by_block() {
    let place = Place::new().with(&[
        ("set/a/1.png", &flat(1000, 1100, 10)),
        ("set/a/2.png", &flat(1000, 1100, 20)),
        ("set/b/1.png", &flat(1000, 1100, 30)),
    ]);
    let options = place.options(None, None);
    let path = place.open("set", &options).expect("a good set").prepared;
    assert!(place.open("set", &options).expect("a good set").reused);
    let whole = fs::read(&path).expect("the prepared file");
    for block in 0..4 {
        let mut damaged = whole.clone();
        damaged[64 + (block << 20) + 17] ^= 1;
        fs::remove_file(&path).expect("the prepared file");
        fs::write(&path, &damaged).expect("a file");
        let opened = place.open("set", &options).expect("a good set");
        assert_eq!((opened.reused, opened.warnings.count()), (false, 1), "block {block}");
    }
}

/// As a `kill -9` leaves it.
#[test]
fn what_a_killed_preparation_left_is_removed() {
    let place = small_set();
    fs::write(place.cache.path().join("photos-0123456789abcdef.prepared.4711-0.part"), [0; 100]).expect("a file");
    let prepared = place.open("set", &place.options(None, None)).expect("a good set").prepared;
    let entries = fs::read_dir(place.cache.path()).expect("a folder");
    assert_eq!(entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>(), [prepared]);
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
fn nothing_is_left_behind_when_preparation_fails() {
    let place = Place::new().with(&[("set/a/1.png", b""), ("set/b/1.png", b"")]);
    let failed = place.open("set", &place.options(Some((4, 4)), Some(1)));
    assert!(matches!(failed, Err(DataError::NoImages { .. })));
    assert_eq!(fs::read_dir(place.cache.path()).expect("a folder").count(), 0);
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let place = small_set().with(&[("file", b"in the way")]);
    let cache = Some(place.path("file/cache"));
    let failed = place.open("set", &PrepareOptions { cache, ..PrepareOptions::default() });
    let message = failed.expect_err("no folder can be made there").to_string();
    assert!(message.contains("file/cache"), "{message}");
}

#[test]
fn by_default_the_prepared_file_lies_beside_the_source() {
    let place = small_set();
    let opened = place.open("set", &PrepareOptions::default()).expect("a good set");
    assert_eq!(opened.prepared.parent(), Some(place.path(".tunefork").as_path()));
    // And is not taken for a part of any set.
    let copy = small_set();
    fs::rename(place.path(".tunefork"), copy.path("set/.tunefork")).expect("a folder");
    assert_eq!(copy.open("set", &copy.options(None, None)).expect("a good set").data.len(), 4);
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
