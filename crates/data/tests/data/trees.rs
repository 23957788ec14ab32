//! Folders as people have them: which classes and parts they are, what is left out, and what is refused.

use crate::common::{Place, flat, sentences, tar, write_files, zip};
use tunefork_data::{Dataset, Part};

/// What a tree is, in the words of the tables below: `train a 1 b 1, test a 1`.
fn told(data: &Dataset) -> String {
    let mut parts = Vec::new();
    for part in Part::ALL {
        let mut text = part.name().to_owned();
        for (label, class) in data.classes().iter().enumerate() {
            let count = data.part(part).filter(|image| usize::from(data.label(*image)) == label).count();
            if count > 0 {
                text += &format!(" {class} {count}");
            }
        }
        if !data.part(part).is_empty() {
            parts.push(text);
        }
    }
    parts.join(", ")
}

/// The paths that a line of words stands for: `train/{cat,dog}/1.png` are two.
fn paths(words: &str) -> Vec<String> {
    let expand = |word: &str| match (word.find('{'), word.find('}')) {
        (Some(open), Some(close)) => word[open + 1..close]
            .split(',')
            .map(|name| format!("{}{name}{}", &word[..open], &word[close + 1..]))
            .collect(),
        _ => vec![word.to_owned()],
    };
    words.split_whitespace().flat_map(expand).flat_map(|word| expand(&word)).collect()
}

/// The tree as a folder and as both kinds of archives, each image with pixels of its own.
fn places(words: &str) -> [Place; 3] {
    let names = paths(words);
    let images: Vec<Vec<u8>> = (0..names.len()).map(|number| flat(4, 4, number as u8)).collect();
    let files: Vec<(&str, &[u8])> = names.iter().zip(&images).map(|(n, i)| (n.as_str(), i.as_slice())).collect();
    let rooted: Vec<String> = names.iter().map(|name| format!("set/{name}")).collect();
    let folder: Vec<(&str, &[u8])> = rooted.iter().zip(&images).map(|(n, i)| (n.as_str(), i.as_slice())).collect();
    let entries: Vec<_> = files.iter().map(|(name, bytes)| (*name, tar::EntryType::Regular, *bytes)).collect();
    [
        Place::new().with(&folder),
        Place::new().with(&[("set.tar", &tar(&entries))]),
        Place::new().with(&[("set.zip", &zip(&files))]),
    ]
}

/// Tree; classes with their numbers of images; what is left out.
const READ: &[(&str, &str, &str)] = &[
    ("{cat,dog}/1.png", "train cat 1 dog 1", ""),
    ("pets/{cat,dog}/1.png", "train cat 1 dog 1", ""),
    ("a/b/pets/{cat,dog}/1.png sample.png", "train cat 1 dog 1", "sample.png"),
    ("{cat,dog}/1.png {cat,dog}/more/2.png", "train cat 2 dog 2", ""),
    ("{cat,dog}/{cat,dog}.png", "train cat 2 dog 2", ""),
    ("cat/cat/1.png dog/1.png", "train cat 1 dog 1", ""),
    // Endings: what a file is, its first bytes say.
    ("cat/{1.JFIF,2.jpe} dog/1.jif", "train cat 2 dog 1", ""),
    ("{cat,dog}/1.png dog/{2.webp,3.jpg.crdownload}", "train cat 1 dog 3", ""),
    ("{cat,dog}/1.png dog/{2,3.jpg.part,4.txt}", "train cat 1 dog 3", ""),
    // Parts, and what lies beside them.
    ("{train,test}/{cat,dog}/1.png", "train cat 1 dog 1, test cat 1 dog 1", ""),
    ("{train,test}/{cat,dog}/1.png sample.png", "train cat 1 dog 1, test cat 1 dog 1", "sample.png"),
    (
        "{train,test}/{cat,dog}/1.png runs/x/confusion_matrix.png",
        "train cat 1 dog 1, test cat 1 dog 1",
        "runs/x/confusion_matrix.png",
    ),
    (
        "{train,test}/{cat,dog}/1.png unlabeled/{1,2}.png",
        "train cat 1 dog 1, test cat 1 dog 1",
        "unlabeled/1.png unlabeled/2.png",
    ),
    (
        "{train,test}/{cat,dog}/1.png {train,test}/sample.png",
        "train cat 1 dog 1, test cat 1 dog 1",
        "test/sample.png train/sample.png",
    ),
    ("train/{cat,dog}/1.png test/{1,2}.png", "train cat 1 dog 1", "test/1.png test/2.png"),
    (
        "pets/{train,val}/{cat,dog}/1.png docs/figure.png",
        "train cat 1 dog 1, validation cat 1 dog 1",
        "docs/figure.png",
    ),
    // Parts of single images beside the set that they belong to.
    ("pets/train/{cat,dog}/1.png test/test/1.png", "train cat 1 dog 1", "test/test/1.png"),
    (
        "X/X/{train,valid}/{cat,dog}/1.png test/test/a.png",
        "train cat 1 dog 1, validation cat 1 dog 1",
        "test/test/a.png",
    ),
    (
        "X/{train,test}/{cat,dog}/1.png test/{a,b}/1.png",
        "train cat 1 dog 1, test cat 1 dog 1",
        "test/a/1.png test/b/1.png",
    ),
    // The names of parts.
    ("{TRAIN,Valid}/{cat,dog}/1.png", "train cat 1 dog 1, validation cat 1 dog 1", ""),
    (
        "{Training,Test}/{cat,dog}/1.png test-multiple/1.png",
        "train cat 1 dog 1, test cat 1 dog 1",
        "test-multiple/1.png",
    ),
    ("{training_set,test_set}/{cat,dog}/1.png", "train cat 1 dog 1, test cat 1 dog 1", ""),
    (
        "training_set/training_set/{cat,dog}/1.png test_set/test_set/{cat,dog}/1.png",
        "train cat 1 dog 1, test cat 1 dog 1",
        "",
    ),
    (
        "seg_train/seg_train/{cat,dog}/1.png seg_test/seg_test/{cat,dog}/1.png seg_pred/1.png",
        "train cat 1 dog 1, test cat 1 dog 1",
        "seg_pred/1.png",
    ),
    ("{trainset,valset,testset}/{cat,dog}/1.png", "train cat 1 dog 1, validation cat 1 dog 1, test cat 1 dog 1", ""),
    ("{train_images,Dev-Data}/{cat,dog}/1.png", "train cat 1 dog 1, validation cat 1 dog 1", ""),
    // Two names of one part are told.
    ("{train,val,valid}/{cat,dog}/1.png", "train cat 1 dog 1, validation cat 2 dog 2", "valid"),
    ("{train,eval}/{cat,dog}/1.png", "train cat 1 dog 1, validation cat 1 dog 1", ""),
    (
        "{training,validation,evaluation}/{cat,dog}/1.png",
        "train cat 1 dog 1, validation cat 1 dog 1, test cat 1 dog 1",
        "",
    ),
    // Classes that are called as parts are.
    ("{plane,train}/1.png", "train plane 1 train 1", ""),
    ("{plane,train}/1.png train/deeper/2.png", "train plane 1 train 2", ""),
    ("{test,control}/1.png", "train control 1 test 1", ""),
    ("{test_tube,flask}/1.png", "train flask 1 test_tube 1", ""),
];

/// Tree; what the message says.
const REFUSED: &[(&str, &[&str])] = &[
    ("{train,test}/{cat,dog}/1.png pets/{train,test}/{cat,dog}/1.png", &["contains itself", "/train`", "/pets/train`"]),
    ("{one,two}/train/{cat,dog}/1.png", &["contains itself", "/one/train`", "/two/train`"]),
    ("{cat,dog,pets/cat,pets/dog}/1.png cat/2.png", &["contains itself", "/cat`", "/pets/cat`"]),
    ("train/{cat,dog}/1.png train/train/{cat,dog}/1.png", &["contains itself", "/train/cat`", "/train/train/cat`"]),
    ("{cat,dog}/1.png cat/copy/{cat,dog}/1.png", &["contains itself", "/cat`", "/cat/copy/cat`"]),
    ("{2023,2024}/{cat,dog}/1.png", &["holds only folders", "/2023`", "/2023/cat`"]),
    ("train/{animals,plants}/{cat,rose}/1.png", &["holds only folders", "/train/animals`", "/train/animals/cat`"]),
    ("{cat,dog}/images/1.png", &["holds only folders", "/cat`", "/cat/images`"]),
    ("{a,b}/a/{cat,dog}/1.png", &["holds only folders", "/a`", "/a/a/cat`"]),
    ("X/X/{a,b}/{cat,dog}/1.png", &["holds only folders", "/X/X/a`", "/X/X/a/cat`"]),
    ("test/train/{cat,dog}/1.png val/train/{cat,dog}/1.png", &["contains itself", "/test/train`", "/val/train`"]),
    ("test/{cat,dog}/1.png", &["no training part, only test;", "train/class/"]),
    ("{val,test}/{cat,dog}/1.png", &["no training part, only validation and test;"]),
    ("pets/val/{cat,dog}/1.png sample.png", &["no training part, only validation (left out: `sample.png` lies"]),
    ("{train,x}/{1.npy,2.NPY,3.txt}", &["no usable image (among 6 files, 4 .npy, 2 .txt;", "train/class/image.jpg"]),
    // Parts without classes.
    (
        "{train,test}/{1,2}.png",
        &["divided into parts (test, train) and not into classes", "train/class/", "`labels.csv`"],
    ),
    ("{train,test1}/1.png sampleSubmission.csv", &["(test1, train)", "none is called so: sampleSubmission.csv"]),
    ("images/{Train,val-2017}/1.png", &["(Train, val-2017)"]),
    ("cat/{train,test}/1.png", &["(test, train)"]),
    ("train/1.png", &["(train)"]),
    ("train/cat/1.png test/{cat,dog}/1.png", &["class `dog`", "in test/ but not in train/"]),
];

#[test]
fn trees_are_read_as_they_are_meant() {
    for (tree, classes, left_out) in READ {
        for place in places(tree) {
            let opened = place.opened("set");
            assert_eq!(&told(&opened.data), classes, "{tree}");
            let mut files: Vec<String> = opened.warnings.named().iter().map(|warning| warning.file.clone()).collect();
            files.sort();
            assert_eq!(&files.join(" "), left_out, "{tree}: {:?}", sentences(&opened));
        }
    }
}

/// The way in which `tar -C set .` and others pack a folder begins with the folder itself.
#[test]
fn an_archive_may_begin_with_its_own_root() {
    let (dark, light) = (flat(4, 4, 10), flat(4, 4, 200));
    let (file, folder) = (tar::EntryType::Regular, tar::EntryType::Directory);
    let packed = tar(&[
        ("./", folder, b""),
        ("./cat/", folder, b""),
        ("./cat/1.png", file, &dark),
        ("./dog/1.png", file, &light),
    ]);
    let place = Place::new().with(&[("set.tar", &packed)]);
    assert_eq!(told(&place.opened("set").data), "train cat 1 dog 1");
}

/// Studies and trainings whose results were put among the images spoil no set, and change nothing of it.
#[test]
fn what_runs_have_left_belongs_to_no_set() {
    let images = [("set/cat/1.png", flat(4, 4, 10)), ("set/dog/1.png", flat(4, 4, 200))];
    let images = images.each_ref().map(|(name, bytes)| (*name, bytes.as_slice()));
    let study = [
        "study.db",
        "study.db-lock",
        "report.md",
        "trials/0000/config.toml",
        "trials/0000/progress.csv",
        "checkpoints/a",
    ];
    let training = ["train/config.toml", "train/progress.csv", "train/model.safetensors"];
    for (folder, files) in [
        ("set/runs/one", &study[..]),
        ("set", &study),
        ("set/cat", &study),
        ("set", &training),
        ("set/runs/a/b", &training),
    ] {
        let place = Place::new().with(&images);
        assert!(!place.opened("set").reused);
        let names: Vec<String> = files.iter().map(|file| format!("{folder}/{file}")).collect();
        write_files(place.data.path(), &names.iter().map(|name| (name.as_str(), &b"left"[..])).collect::<Vec<_>>());
        let opened = place.opened("set");
        assert_eq!((told(&opened.data).as_str(), opened.reused), ("train cat 1 dog 1", true), "{names:?}");
    }
}

/// A table in a part is the set; what lies in the others is told.
#[test]
fn images_beside_a_marked_set_are_left_out_by_name() {
    let image = flat(4, 4, 10);
    let place = Place::new().with(&[
        ("set/train/labels.csv", b"1.png,cat\n2.png,dog\n"),
        ("set/train/1.png", &image),
        ("set/train/2.png", &image),
        ("set/val/cat/1.png", &image),
    ]);
    let opened = place.opened("set");
    assert_eq!(told(&opened.data), "train cat 1 dog 1");
    assert_eq!(sentences(&opened), ["left out: `val/cat/1.png` lies beside the set in `train`"]);
}

#[test]
fn trees_that_may_mean_two_things_are_refused_with_both() {
    for (tree, wanted) in REFUSED {
        for place in places(tree) {
            let message = place.error("set");
            assert!(wanted.iter().all(|words| message.contains(words)), "{tree}: {message}");
        }
    }
}
