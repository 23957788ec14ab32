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
fn a_table_is_found_in_any_case_and_of_two_one_is_read() {
    for name in ["Labels.csv", "LABELS.CSV", "labels.CSV"] {
        let table: &[u8] = b"a.png,cat\nb.png,dog\n";
        let place = Place::new().with(&[
            (&format!("set/{name}"), table),
            ("set/a.png", &flat(4, 4, 1)),
            ("set/b.png", &flat(4, 4, 2)),
        ]);
        assert_eq!(place.opened("set").data.classes(), ["cat", "dog"], "{name}");
        let place = place.with(&[("set/labels.csv", b"a.png,one\nb.png,two\n")]);
        let opened = place.opened("set");
        assert_eq!(opened.data.classes(), ["one", "two"], "{name}");
        assert_eq!(sentences(&opened), [format!("`{name}` is not read, as `labels.csv` is")]);
    }
}

#[test]
fn paths_are_read_as_other_systems_and_programs_write_them() {
    assert_eq!(
        shown(b"./a.png,cat\n.//b.png,dog\nmore\\c d.png,cat\n.\\more\\e.png,dog\n"),
        ["cat", "dog", "cat", "dog"]
    );
    let place = place(b"");
    let folder = place.path("set").display().to_string();
    let table =
        format!("{folder}/a.png,cat\n{folder}/./b.png,dog\n/elsewhere/c.png,cat\nC:\\x\\e.png,dog\nMORE/E.png,cat\n");
    std::fs::write(place.path("set/labels.csv"), table).expect("a file");
    let opened = place.opened("set");
    assert_eq!((opened.data.len(), opened.data.classes()), (2, ["cat".to_owned(), "dog".to_owned()].as_slice()));
    let absolute = "labels.csv, but is absolute, and not below the table's folder; write paths from that folder";
    assert_eq!(
        sentences(&opened),
        [
            format!("left out: `/elsewhere/c.png` is named in line 3 of {absolute}"),
            format!("left out: `C:\\x\\e.png` is named in line 4 of {absolute}"),
            "left out: `MORE/E.png` is named in line 5 of labels.csv, but is not there; `more/e.png` differs only by \
             capital letters"
                .to_owned(),
            "`labels.csv` does not name 2 of the images that are there; they are not used".to_owned(),
        ]
    );
}

#[test]
fn what_moves_the_cursor_is_shown_as_an_escape() {
    let opened =
        place(b"a.png,cat\x1b[31m\nb.png,\"two\nlines\"\n\"no\x07.png\",two\\x0alines\nmore/e.png,two\\x0alines\n")
            .opened("set");
    assert_eq!(opened.data.classes(), ["cat\\x1b[31m", "two\\x0alines", "two\\x5cx0alines"]);
    assert!(
        sentences(&opened)[0].starts_with("left out: `no\\x07.png` is named in line 4"),
        "{:?}",
        sentences(&opened)
    );
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
fn parts_are_told_by_columns_of_other_names() {
    for table in [
        "image,label,split\na.png,x,train\nb.png,y,train\nmore/c d.png,x,val\nmore/e.png,y,test\n",
        "Subset,image,label\nTraining,a.png,x\ntrain,b.png,y\nvalid,more/c d.png,x\ntesting,more/e.png,y\n",
        "a.png,x,train\nb.png,y,train\nmore/c d.png,x,dev\nmore/e.png,y,test\n",
    ] {
        let data = place(table.as_bytes()).opened("set").data;
        assert_eq!(Part::ALL.map(|part| data.part(part).len()), [2, 1, 1], "{table}");
    }
    // Columns of these names that hold something else are other columns.
    for table in [
        "image,label,set\na.png,x,train\nb.png,y,train\nmore/c d.png,x,A\nmore/e.png,y,test\n",
        "a.png,x,train\nb.png,y,1\nmore/c d.png,x,dev\nmore/e.png,y,test\n",
    ] {
        let data = place(table.as_bytes()).opened("set").data;
        assert_eq!(Part::ALL.map(|part| data.part(part).len()), [4, 0, 0], "{table}");
    }
}

#[test]
fn without_a_column_the_folders_tell_the_parts() {
    let image = flat(4, 4, 10);
    let files = ["train/0.png", "train/1.png", "val/0.png", "test/0.png", "other/0.png"];
    let opened = |table: &str| {
        let named: Vec<String> = files.iter().map(|name| format!("set/{name}")).collect();
        let files: Vec<(&str, &[u8])> = named.iter().map(|name| (name.as_str(), image.as_slice())).collect();
        let place = Place::new().with(&files).with(&[("set/labels.csv", table.as_bytes())]);
        Part::ALL.map(|part| place.opened("set").data.part(part).len())
    };
    assert_eq!(opened("train/0.png,x\ntrain/1.png,y\n./val/0.png,x\ntest\\0.png,y\n"), [2, 1, 1]);
    // A line without an image tells no part.
    assert_eq!(opened("train/0.png,x\ntrain/1.png,y\nval/0.png,x\ngone.png,y\n"), [2, 1, 0]);
    // One image elsewhere, or none to train on: the folders are no parts.
    assert_eq!(opened("train/0.png,x\ntrain/1.png,y\nval/0.png,x\nother/0.png,y\n"), [4, 0, 0]);
    assert_eq!(opened("val/0.png,x\ntest/0.png,y\n"), [2, 0, 0]);
}

#[test]
fn quotes_may_have_blanks_before_and_behind_them() {
    let table = b"\"a.png\", \"x, y\"\nb.png,\t\"z\" \n\"more/c d.png\" , \"z\"\nmore/e.png , x\n";
    assert_eq!(shown(table), ["x, y", "z", "z", "x"]);
}

/// macOS takes letters apart, tables of other systems have them whole.
#[test]
fn names_are_found_whole_or_with_their_accents_apart() {
    let (one, two) = (flat(4, 4, 10), flat(4, 4, 20));
    let table = "caf\u{e9}.png,x\nu\u{308}.png,y\n";
    let files = [("set/labels.csv", table.as_bytes()), ("set/cafe\u{301}.png", &one[..]), ("set/\u{fc}.png", &two[..])];
    let opened = Place::new().with(&files).opened("set");
    assert_eq!((sentences(&opened), opened.data.len()), (Vec::new(), 2));
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
    // Empty lines count, however they end.
    refused(b"a.png,cat\n\n  \n\nb.png\n", 5, &["no label"]);
    refused(b"\n\n\xef\xbb\n", 3, &["UTF-8"]);
    refused(b"\r\n\r\na.png,cat\r\n\r\nb.png\r\n", 5, &["no label"]);
    refused(b"a.png,cat\r\rb.png\r", 3, &["no label"]);
    refused(b"\xef\xbb\xbf\n\na.png,\"cat\nfish\"\n\nb.png\n", 6, &["no label"]);
    let message = place(b"a.png,cat\nb.png,cat\n").error("set");
    assert!(message.contains("has 1 class, `"), "{message}");
    let message = place(b"image,label,part\na.png,cat,val\nb.png,dog,test\n").error("set");
    assert!(message.contains("no training part, only validation and test"), "{message}");
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
                DataError::Table { .. } | DataError::ClassCount { .. } | DataError::EmptyClasses { .. } | DataError::NoImages { .. } | DataError::NoTraining { .. }
            );
            prop_assert!(is_known, "{error}");
        }
    }
}
