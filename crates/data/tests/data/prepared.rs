//! Prepared files: when one is used, made anew, or not believed.

use std::fs;

use crate::common::{Place, flat, write_files};
use crate::folders::small_set;
use tunefork_data::{DataError, Fit, PrepareOptions};

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
