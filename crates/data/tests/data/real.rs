//! The real sets, where they are at hand: in the folder that TUNEFORK_DATA names, else in
//! `../shared/data` beside the repository. Where they are not, the tests say so and pass, unless
//! TUNEFORK_REQUIRE_DATA is set.

use std::path::{Path, PathBuf};

use tunefork_data::{Dataset, InspectOptions, Normalisation, Opened, Part, PrepareOptions, Source};

/// The folder of real sets, if the set `name` is in it.
fn folder_with(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let named = std::env::var_os("TUNEFORK_DATA").map(PathBuf::from);
    let folder = named.into_iter().chain([beside]).find(|folder| folder.join(name).is_dir());
    if folder.is_none() {
        let required = std::env::var_os("TUNEFORK_REQUIRE_DATA").is_some();
        assert!(!required, "no folder `{name}` in TUNEFORK_DATA or ../shared/data");
        println!("skipped: no folder `{name}` in TUNEFORK_DATA or ../shared/data");
    }
    folder
}

fn open(source: &Source, cache: &Path, size: Option<(usize, usize)>) -> Opened {
    let options = PrepareOptions { size, cache: Some(cache.to_path_buf()), ..PrepareOptions::default() };
    source.open(&options, &mut |_| {}).expect("a good set")
}

fn per_class(data: &Dataset, part: Part) -> Vec<usize> {
    let mut counts = vec![0; data.classes().len()];
    for index in data.part(part) {
        counts[usize::from(data.label(index))] += 1;
    }
    counts
}

fn check_close(found: &[f32], wanted: &[f32], tolerance: f32) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() < tolerance, "{found} {wanted}");
    }
}

#[test]
fn fashion_mnist_is_whole() {
    let Some(folder) = folder_with("fashion-mnist") else {
        return;
    };
    let cache = tempfile::tempdir().expect("a temporary folder");
    let source = Source::locate("fashion-mnist", Some(&folder)).expect("the set");
    let data = open(&source, cache.path(), None).data;
    assert_eq!(per_class(&data, Part::Train), [6000; 10]);
    assert_eq!(per_class(&data, Part::Test), [1000; 10]);
    assert_eq!(data.classes()[usize::from(data.label(0))], "Ankle boot");
    let train: Vec<u32> = data.part(Part::Train).collect();
    let normalisation = Normalisation::of(&data, &train).expect("images");
    // The values that everybody uses for this set.
    check_close(normalisation.mean(), &[0.2860], 5e-5);
    check_close(normalisation.std(), &[0.3530], 5e-5);
    // The first release had 54 (zalandoresearch/fashion-mnist #44); the files of today have none.
    let inspection = source.inspect(&InspectOptions::default(), &mut |_| {}).expect("the set");
    let duplicates = inspection.duplicates;
    assert_eq!((duplicates.groups, duplicates.within, duplicates.across_parts), (0, [0; 3], 0));
}

#[test]
fn cifar10_jpegs_are_read_from_their_archive_and_opened_again_quickly() {
    let Some(folder) = folder_with("cifar10") else {
        return;
    };
    let cache = tempfile::tempdir().expect("a temporary folder");
    let source = Source::locate("cifar10", Some(&folder)).expect("the set");
    let opened = open(&source, cache.path(), None);
    let data = opened.data;
    assert_eq!((data.shape().height, data.shape().width, data.shape().channels), (32, 32, 3));
    assert_eq!(per_class(&data, Part::Train), [5000; 10]);
    assert_eq!(per_class(&data, Part::Test), [1000; 10]);
    assert_eq!(data.classes()[0], "airplane");
    assert_eq!(opened.warnings.count(), 0);
    let train: Vec<u32> = data.part(Part::Train).collect();
    let normalisation = Normalisation::of(&data, &train).expect("images");
    // Pillow's values for these files; its decoder interpolates the reduced colours a little
    // otherwise, by a third of a grey level on average.
    check_close(normalisation.mean(), &[0.4913, 0.4821, 0.4465], 0.002);
    check_close(normalisation.std(), &[0.2452, 0.2428, 0.2606], 0.001);

    // Measured at 15 ms with the check of all bytes, in a release build; the best of several, as the machine may be busy.
    let again = (0..5).map(|_| {
        let start = std::time::Instant::now();
        assert!(open(&source, cache.path(), None).reused);
        start.elapsed()
    });
    let quickest = again.min().expect("five times");
    assert!(quickest.as_millis() < 100, "opening again took {quickest:?}");
}

#[test]
fn tiny_imagenet_is_read_from_its_archive() {
    let Some(folder) = folder_with("tiny-imagenet") else {
        return;
    };
    let cache = tempfile::tempdir().expect("a temporary folder");
    let source = Source::locate("tiny-imagenet-200", Some(&folder)).expect("the set");
    let opened = open(&source, cache.path(), None);
    let data = opened.data;
    assert_eq!((data.shape().elements(), opened.warnings.count()), (64 * 64 * 3, 0));
    assert_eq!(per_class(&data, Part::Train), [500; 20]);
    assert_eq!(per_class(&data, Part::Validation), [50; 20]);
    assert_eq!([0, 11, 19].map(|class| data.classes()[class].as_str()), ["Egyptian cat", "German shepherd", "organ"]);
    // A hundred and fifty-three of them are grey and have three equal channels.
    let is_grey = |image: &u32| data.pixels(*image).chunks_exact(3).all(|p| p == [p[0]; 3]);
    assert!((0..data.len() as u32).filter(is_grey).count() >= 153);
}

#[test]
fn cats_and_dogs_of_many_sizes_become_one() {
    let Some(folder) = folder_with("cats-dogs") else {
        return;
    };
    let cache = tempfile::tempdir().expect("a temporary folder");
    let source = Source::locate("cats-dogs", Some(&folder)).expect("the set");
    let opened = open(&source, cache.path(), Some((48, 64)));
    assert_eq!(opened.data.classes(), ["cats", "dogs"]);
    assert_eq!(per_class(&opened.data, Part::Train), [1000; 2]);
    assert_eq!((opened.data.shape().elements(), opened.warnings.count()), (48 * 64 * 3, 0));
}
