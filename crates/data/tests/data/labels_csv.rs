//! A table of labels beside the images: every way to write one, and what is wrong with others.

use proptest::prelude::*;
use tunefork_data::{DataError, Part};

use crate::common::{Place, flat, sentences, tar, zip};

/// Four images and this table in the folder `set`.
fn place(table: &[u8]) -> Place {
    let image = |brightness| flat(4, 4, brightness);
    Place::new().with(&[
        ("set/labels.csv", table),
        ("set/a.png", &image(10)),
        ("set/b.png", &image(20)),
        ("set/more/c d.png", &image(30)),
        ("set/more/e.png", &image(40)),
    ])
}

/// The labels of a, b, c d and e by their classes' names, without any warning.
#[track_caller]
fn shown(table: &[u8]) -> Vec<String> {
    let opened = place(table).opened("set");
    assert_eq!(sentences(&opened), [""; 0]);
    let data = &opened.data;
    let mut shown: Vec<(u8, String)> = (0..data.len())
        .map(|image| (data.pixels(image as u32)[0], data.classes()[usize::from(data.labels()[image])].clone()))
        .collect();
    shown.sort();
    shown.into_iter().map(|(_, class)| class).collect()
}

#[track_caller]
fn refused(table: &[u8], line: u64, words: &[&str]) {
    let place = place(table);
    let message = place.error("set");
    for words in ["labels.csv`", &format!("line {line} ")].iter().chain(words) {
        assert!(message.contains(words), "{words:?} is not in {message}");
    }
}

#[test]
fn a_table_is_read_however_it_is_written() {
    let plain = "a.png,cat\nb.png,dog\nmore/c d.png,cat\nmore/e.png,dog\n";
    let tables = [
        plain.to_owned(),
        format!("image,label\n{plain}"),
        format!("\u{feff}Image, Label\n{plain}"),
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\r\n"),
        plain.trim_end().to_owned(),
        "label,width,image\n cat ,4,a.png\ndog,4, ./b.png\n\"cat\",4,\"more/c d.png\"\n\ndog,4,more/e.png\n".to_owned(),
    ];
    for table in tables {
        assert_eq!(shown(table.as_bytes()), ["cat", "dog", "cat", "dog"], "{table:?}");
    }
}

#[test]
fn numbers_are_in_their_order_and_names_in_theirs() {
    let opened = |labels: [&str; 4]| {
        let [a, b, c, e] = labels;
        let table = format!("a.png,{a}\nb.png,{b}\nmore/c d.png,{c}\nmore/e.png,{e}\n");
        place(table.as_bytes()).opened("set").data.classes().to_vec()
    };
    assert_eq!(opened(["10", "09", "10", "00"]), ["0", "9", "10"]);
    assert_eq!(opened(["10", "9", "010", "0"]), ["0", "010", "10", "9"]);
    assert_eq!(opened(["10", "9", "b", "a"]), ["10", "9", "a", "b"]);
    assert_eq!(opened(["\"cat, small\"", "dog", "dog", "\"the \"\"dog\"\"\""]), ["cat, small", "dog", "the \"dog\""]);
}

#[test]
fn parts_are_kept() {
    let table = b"image,part,label\na.png,train,x\nb.png,train,y\nmore/c d.png,val,x\nmore/e.png,test,y\n";
    let data = place(table).opened("set").data;
    assert_eq!(Part::ALL.map(|part| data.part(part).len()), [2, 1, 1]);
    assert_eq!(data.labels(), [0, 1, 0, 1]);
}

#[test]
fn a_table_in_an_archive_or_below_a_folder_is_found() {
    let (one, two) = (flat(4, 4, 10), flat(4, 4, 20));
    let entries = [("x/labels.csv", &b"a.png,0\nb.png,1\n"[..]), ("x/a.png", &one[..]), ("x/b.png", &two[..])];
    let files = entries.map(|(name, bytes)| (name, tar::EntryType::Regular, bytes));
    for place in [Place::new().with(&[("set.zip", &zip(&entries))]), Place::new().with(&[("set.tar", &tar(&files))])] {
        assert_eq!(place.opened("set").data.classes(), ["0", "1"]);
    }
}

#[test]
fn images_without_a_line_and_lines_without_an_image_are_told() {
    let opened = place(b"a.png,0\nb.png,1\na.png,0\nc.png,1\nd.gif,0\nlabels.csv,0\n").opened("set");
    assert_eq!(opened.data.len(), 2);
    assert_eq!(
        sentences(&opened),
        [
            "`labels.csv` names `a.png` in line 1 and in line 3",
            "left out: `c.png` is named in line 4 of labels.csv, but is not there",
            "left out: `d.gif` is named in line 5 of labels.csv, but is not there",
            "left out: `labels.csv` is named in line 6 of labels.csv, but is no image",
            "`labels.csv` does not name 2 of the images that are there; they are not used",
        ]
    );
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    refused(b"", 1, &["empty"]);
    refused(b"id,breed\na.png,cat\n", 1, &["is `id,breed`", "`image` and `label`"]);
    refused(b"a.png,cat\nb.png\n", 2, &["no label", "column 2 of 1"]);
    refused(b"a.png,cat\n,dog\n", 2, &["no image", "column 1 of 2"]);
    refused(b"a.png,cat\nb.png,dog\na.png,dog\n", 3, &["says `dog` (train) of `a.png`", "line 1 says `cat` (train)"]);
    refused(b"image,label,part\na.png,cat,holdout\n", 2, &["part `holdout`; train, val or test"]);
    refused(b"a.png,cat\nb.png,\xff\n", 2, &["UTF-8"]);
    refused(b"a.png,\"cat\nb.png,\"dog\n", 2, &["text behind a quote"]);
    refused(b"a.png,\"cat\"s\nb.png,dog\n", 1, &["text behind a quote"]);
    refused(b"a.png,cat\nb.png,\"dog\nmore/e.png,cat\n", 2, &["quote that never ends"]);
    let message = place(b"a.png,cat\nb.png,cat\n").error("set");
    assert!(message.contains("has 1 class; between 2 and"), "{message}");
    let message = place(b"a.png,cat\nz.png,dog\n").error("set");
    assert!(message.contains("class `dog`"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No table breaks the reader: it is read, or refused by an error of its own.
    #[test]
    fn any_table_is_read_or_refused(table in "((a|b|more/e)?(\\.png)?[,\"\r\n é]*(image|label|part|0|1|cat|\u{feff})?[,\r\n]?){0,12}") {
        let place = place(table.as_bytes());
        let found = tunefork_data::Source::at(&place.path("set")).unwrap().open(&place.options(None, None), &mut |_| {});
        if let Err(error) = found {
            let is_known = matches!(
                error,
                DataError::Table { .. } | DataError::ClassCount { .. } | DataError::EmptyClass { .. } | DataError::NoImages { .. }
            );
            prop_assert!(is_known, "{error}");
        }
    }
}
