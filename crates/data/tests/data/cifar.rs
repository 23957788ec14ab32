//! CIFAR's binary files, whole and damaged, in folders and archives.

use crate::common::{Place, flat, gzip, sentences, tar, zip};
use tar::EntryType;
use tunefork_data::{Labels, Part, PrepareOptions};

/// A record: the labels, then red, green and blue.
fn record(labels: &[u8], red: u8, green: u8, blue: u8) -> Vec<u8> {
    let mut bytes = labels.to_vec();
    for colour in [red, green, blue] {
        bytes.extend([colour; 1024]);
    }
    bytes
}

/// Files by name.
type Files = Vec<(String, Vec<u8>)>;

/// CIFAR-10 with two images of each class in every training file and one in the test file.
fn ten() -> Files {
    let batch = |file: u8, images: u8| -> Vec<u8> {
        let image = |number: u8| record(&[number % 10], number, file, 255);
        (0..images).flat_map(image).collect()
    };
    let mut files: Files = (1..=5).map(|file| (format!("data_batch_{file}.bin"), batch(file, 20))).collect();
    files.push(("test_batch.bin".to_owned(), batch(6, 10)));
    let names: String = (0..10).map(|class| format!("name {class}\n")).collect();
    files.push(("batches.meta.txt".to_owned(), format!("{names}\n").into()));
    files
}

/// CIFAR-100 with one image of each class in both files; coarse labels stand before the fine ones.
fn hundred() -> Files {
    let images: Vec<u8> = (0..100).flat_map(|label| record(&[label / 5, label], label, 1, 2)).collect();
    let names = |kind: &str, classes: u8| -> Vec<u8> {
        let lines: String = (0..classes).map(|class| format!("{kind} {class}\n")).collect();
        lines.into()
    };
    vec![
        ("train.bin".to_owned(), images.clone()),
        ("test.bin".to_owned(), images),
        ("fine_label_names.txt".to_owned(), names("fine", 100)),
        ("coarse_label_names.txt".to_owned(), names("coarse", 20)),
    ]
}

/// A place with the files in the folder `set`.
fn folder(files: &Files) -> Place {
    let names: Vec<String> = files.iter().map(|(name, _)| format!("set/{name}")).collect();
    let named: Vec<(&str, &[u8])> =
        names.iter().zip(files).map(|(name, (_, bytes))| (name.as_str(), bytes.as_slice())).collect();
    Place::new().with(&named)
}

fn change(files: &mut Files, name: &str, action: impl FnOnce(&mut Vec<u8>)) {
    let file = files.iter_mut().find(|(file, _)| file == name);
    action(&mut file.expect("a file of this name").1);
}

#[test]
fn cifar10_is_read_wherever_its_files_lie() {
    let files = ten();
    let top = "cifar-10-batches-bin";
    let deeper: Files = files.iter().map(|(name, bytes)| (format!("{top}/{name}"), bytes.clone())).collect();
    let entries: Vec<(&str, EntryType, &[u8])> =
        deeper.iter().map(|(name, bytes)| (name.as_str(), EntryType::Regular, bytes.as_slice())).collect();
    let packed = gzip(&tar(&entries));
    let flat: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let places = [
        folder(&files),
        folder(&deeper),
        Place::new().with(&[("set/cifar-10-binary.tar.gz", &packed)]),
        Place::new().with(&[("set.tar.gz", &packed)]),
        Place::new().with(&[("set.zip", &zip(&flat))]),
    ];
    for place in places {
        let opened = place.opened("set");
        let data = &opened.data;
        assert_eq!(sentences(&opened), [""; 0]);
        assert_eq!(data.classes()[9], "name 9");
        assert_eq!((data.part(Part::Train), data.part(Part::Test)), (0..100, 100..110));
        // Image 13 of the third file.
        assert_eq!((data.label(53), &data.pixels(53)[..3]), (3, [13, 3, 255].as_slice()));
        assert_eq!(data.pixels(53).len(), 32 * 32 * 3);
        assert_eq!(data.pixels(109)[..3], [9, 6, 255]);
    }
}

#[test]
fn cifar100_gives_its_fine_labels() {
    let opened = folder(&hundred()).opened("set");
    assert_eq!(opened.data.classes()[42], "fine 42");
    assert_eq!((opened.data.label(42), opened.data.pixels(42)[0]), (42, 42));
    assert_eq!(opened.data.part(Part::Test).len(), 100);
}

#[test]
fn cifar100_gives_its_coarse_labels_beside_the_fine_ones() {
    let place = folder(&hundred());
    let fine = place.options(None, None);
    let coarse = PrepareOptions { labels: Labels::Coarse, ..fine.clone() };
    // Each has a prepared file of its own: the second does not open the first's.
    assert_eq!(place.open("set", &fine).expect("fine").data.label(42), 42);
    let opened = place.open("set", &coarse).expect("coarse labels");
    assert_eq!(opened.data.classes().len(), 20);
    assert_eq!(opened.data.classes()[8], "coarse 8");
    assert_eq!((opened.data.label(42), opened.data.pixels(42)[0]), (8, 42));
    assert!(place.open("set", &coarse).expect("again").reused);
    assert!(place.open("set", &fine).expect("again").reused);
}

#[test]
fn other_sets_have_no_coarse_labels() {
    let pixel = flat(1, 1, 9);
    let images: [(&str, &[u8]); 2] = [("set/a/1.png", &pixel), ("set/b/1.png", &pixel)];
    for place in [folder(&ten()), Place::new().with(&images)] {
        let options = PrepareOptions { labels: Labels::Coarse, ..place.options(None, None) };
        let error = place.open("set", &options).expect_err("no such labels");
        assert_eq!(error.to_string(), "`labels` is \"coarse\"; only CIFAR-100 in its binary form has coarse labels");
    }
}

#[test]
fn without_names_classes_are_numbered_and_that_is_told() {
    let mut files = ten();
    files.pop();
    let opened = folder(&files).opened("set");
    assert_eq!(opened.data.classes()[3], "3");
    let told = sentences(&opened);
    assert_eq!(told, ["`batches.meta.txt` is missing; classes are called by their numbers"]);
    assert_eq!(opened.warnings.left_out(), 0);
}

#[test]
fn damaged_sets_are_refused_with_the_file() {
    let error = |action: &dyn Fn(&mut Files)| {
        let mut files = ten();
        action(&mut files);
        folder(&files).error("set")
    };
    let message = error(&|files| change(files, "data_batch_2.bin", |bytes| bytes.truncate(40_000)));
    assert!(message.contains("data_batch_2.bin"), "{message}");
    assert!(message.contains("13 images of 3073 bytes and 51 bytes more"), "{message}");
    let message = error(&|files| change(files, "test_batch.bin", |bytes| bytes.push(0)));
    assert!(message.contains("10 images of 3073 bytes and 1 bytes more"), "{message}");
    let message = error(&|files| change(files, "test_batch.bin", Vec::clear));
    assert!(message.contains("test_batch.bin` is empty"), "{message}");
    let message = error(&|files| change(files, "data_batch_5.bin", |bytes| bytes[3073] = 10));
    assert!(message.contains("label 10 of image 1"), "{message}");
    assert!(message.contains("data_batch_5.bin"), "{message}");
    let message = error(&|files| drop(files.remove(3)));
    assert!(message.contains("data_batch_4.bin` is missing"), "{message}");
    let message = error(&|files| change(files, "batches.meta.txt", |text| text.truncate(14)));
    assert!(message.contains("has 2 class names"), "{message}");
}

#[test]
fn a_class_without_training_image_is_refused() {
    let mut files = hundred();
    change(&mut files, "train.bin", |bytes| bytes.truncate(99 * 3074));
    assert!(folder(&files).error("set").contains("class `fine 99`"));
}

#[test]
fn of_two_sets_in_one_folder_neither_is_guessed() {
    let mut files: Files = ten();
    for file in &mut files {
        file.0 = format!("ten/{}", file.0);
    }
    for (name, bytes) in hundred() {
        files.push((format!("hundred/{name}"), bytes));
    }
    let message = folder(&files).error("set");
    assert!(message.contains("CIFAR-10 in ") && message.contains("CIFAR-100 in "), "{message}");
}
