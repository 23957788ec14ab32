//! What is done with a trained model: measured on labelled images, written for other programs, used for a table.

use std::path::Path;

use crate::support::{Fixture, TINY, files};

/// How bright images of a class are.
const NIGHT: u8 = 5;
const DUSK: u8 = 110;
const DAY: u8 = 250;

/// A picture of one grey, but for a pixel.
fn write_plain(path: &Path, grey: u8, image: usize) {
    let side = 12;
    let pixels: Vec<u8> = (0..side * side).map(|pixel| if pixel == image { 180 } else { grey }).collect();
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), side as u32, side as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

/// A set of class folders, each with so many images of these greys.
fn write_set(folder: &Path, classes: &[(&str, &[(u8, usize)])]) {
    for (class, images) in classes {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        let greys = images.iter().flat_map(|(grey, count)| std::iter::repeat_n(*grey, *count));
        greys.enumerate().for_each(|(image, grey)| {
            write_plain(&folder.join(class).join(format!("{image}.png")), grey, image);
        });
    }
}

/// A folder with a run that tells the times of day apart, without a mistake.
fn trained(more: &[&str]) -> Fixture {
    let fixture = Fixture::new("");
    let photos: [(&str, &[(u8, usize)]); 3] =
        [("day", &[(DAY, 24)]), ("dusk", &[(DUSK, 24)]), ("night", &[(NIGHT, 24)])];
    write_set(&fixture.path("photos"), &photos);
    let data = "source = \"photos\"\nsize = 12\nvalidation = 12\ntest = 6\n";
    let (before, after) = TINY.split_once("[data]").unwrap();
    let after = after.split_once("[model]").unwrap().1;
    std::fs::write(fixture.path("study.toml"), format!("{before}[data]\n{data}[model]{after}")).unwrap();
    let run =
        ["run", "study.toml", "--set", "trials=1", "--set", "epochs=20", "--set", "learning_rate=0.01", "--out", "run"];
    fixture.ok(&[&run[..], more].concat());
    fixture
}

#[test]
fn a_model_is_measured_on_labelled_images() {
    let fixture = trained(&[]);
    // Three of ten nights are day in truth.
    write_set(&fixture.path("new"), &[("night", &[(DAY, 3), (NIGHT, 7)]), ("day", &[(DAY, 5)])]);
    let output = fixture.run(&["evaluate", "run", "new", "--json"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("`new` has no images of these classes of the model: dusk\n"), "{told}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let confusion = serde_json::json!([[5, 0, 0], [0, 0, 0], [3, 0, 7]]);
    assert_eq!((&json["images"], &json["confusion"]), (&15.into(), &confusion), "{json}");
    assert!((json["accuracy"].as_f64().unwrap() - 0.8).abs() < 1e-12, "{json}");
    assert_eq!(json["classes"][2]["class"], "night", "{json}");
    assert!((json["classes"][2]["recall"].as_f64().unwrap() - 0.7).abs() < 1e-12, "{json}");
    // Of the classes that occur.
    assert!((json["recall"].as_f64().unwrap() - 0.85).abs() < 1e-12, "{json}");
    let text = fixture.ok(&["evaluate", "run/best.safetensors", "new"]);
    assert!(text.contains("accuracy   0.8000") && text.contains("is, was taken for  day  dusk  night\n"), "{text}");
    // One part of a set that has several.
    write_set(&fixture.path("parts/test"), &[("day", &[(DAY, 3)]), ("night", &[(NIGHT, 1)])]);
    write_set(&fixture.path("parts/train"), &[("day", &[(DAY, 1)]), ("night", &[(NIGHT, 3)])]);
    let text = fixture.ok(&["evaluate", "run", "parts", "--part", "test"]);
    assert!(text.starts_with("images     4\n"), "{text}");
    let output = fixture.run(&["evaluate", "run", "parts"]);
    let told = String::from_utf8(output.stderr).unwrap();
    let all = "all parts of `parts` count: 4 images of train, 4 images of test; --part measures one of them\n";
    assert!(told.contains(all), "{told}");
    let told = fixture.fails(2, &["evaluate", "run", "parts", "--part", "validation"]);
    assert!(told.contains("`parts` has no part validation: it has 4 images of train, 4 images of test\n"), "{told}");
    // Classes that the model does not know.
    std::fs::rename(fixture.path("new/day"), fixture.path("new/fog")).unwrap();
    let told = fixture.fails(2, &["evaluate", "run", "new"]);
    assert!(
        told.contains("`new` has a class `fog` that the model does not know: it knows day, dusk, night\n"),
        "{told}"
    );
    std::fs::rename(fixture.path("new/fog"), fixture.path("new/Day")).unwrap();
    let told = fixture.fails(2, &["evaluate", "run", "new"]);
    assert!(told.contains("is it `day`? Then call it so"), "{told}");
}

#[test]
fn a_model_is_written_for_other_programs() {
    let fixture = trained(&[]);
    let told = fixture.ok(&["export", "run"]);
    assert!(
        told.starts_with("onnx: run/best.onnx (") && told.contains("float32 [batch, 1, 12, 12] in 0 to 1"),
        "{told}"
    );
    let scaled = std::fs::read(fixture.path("run/best.onnx")).unwrap();
    let has = |bytes: &[u8], words: &str| bytes.windows(words.len()).any(|part| part == words.as_bytes());
    assert!(has(&scaled, r#"["day","dusk","night"]"#) && has(&scaled, r#"{0: "day", 1: "dusk", 2: "night"}"#));
    let told = fixture.ok(&["export", "run/best.safetensors", "--raw", "--out", "web/model.onnx"]);
    assert!(told.contains("uint8 [batch, height, width, 1]"), "{told}");
    assert!(std::fs::read(fixture.path("web/model.onnx")).unwrap() != scaled);
    fixture.ok(&["export", "run", "--no-normalisation", "--format", "onnx", "--out", "plain"]);
    fixture.ok(&["export", "run", "--out", "copy.safetensors"]);
    assert_eq!(std::fs::read(fixture.path("copy.safetensors")).unwrap(), fixture.weights("run"));
    // What cannot be meant.
    for (arguments, words) in [
        (&["--out", "model.bin"][..], "does not end in .safetensors or .onnx"),
        (&["--format", "safetensors"], "is the model itself: name another file with --out"),
        (&["--format", "onnx", "--out", "run/best.safetensors"], "is the model itself"),
        (&["--raw", "--out", "x.safetensors"], "say what an ONNX file takes"),
    ] {
        let told = fixture.fails(2, &[&["export", "run"], arguments].concat());
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
    let told = fixture.fails(2, &["predict", "run/best.onnx", "photos"]);
    assert!(told.contains("`run/best.onnx` is an ONNX file, which Tunefork writes and does not run"), "{told}");
    let told = fixture.fails(2, &["export", "photos"]);
    assert!(told.contains("`photos` is a folder without a model"), "{told}");
    // The file among what a run leaves changes nothing of the run.
    assert!(fixture.ok(&["show", "run"]).contains("best: trial 0"));
}

#[test]
fn a_named_file_replaces_only_one_of_its_kind() {
    let fixture = trained(&[]);
    let image = "photos/day/0.png";
    for (arguments, kind) in [
        (&["predict", "run", image, "--out", "run/study.db"][..], "table of predictions"),
        (&["predict", "run", image, "--out", image], "table of predictions"),
        (&["predict", "run", image, "--out", "run/best.safetensors"], "table of predictions"),
        (&["export", "run", "--format", "onnx", "--out", "run/study.db"], "ONNX file"),
        (&["export", "run", "--format", "safetensors", "--out", image], "safetensors file"),
    ] {
        let told = fixture.fails(2, arguments);
        assert!(told.contains(&format!("exists and is no {kind}: name another file with --out")), "{told}");
    }
    for _ in 0..2 {
        fixture.ok(&["predict", "run", image, "--out", "table.csv"]);
        fixture.ok(&["export", "run"]);
    }
    // A report would replace another study's.
    std::fs::create_dir_all(fixture.path("other")).unwrap();
    std::fs::copy(fixture.path("run/study.db"), fixture.path("other/study.db")).unwrap();
    let told = fixture.fails(2, &["report", "run", "--out", "other"]);
    assert!(told.contains("`other` is the run folder of another study"), "{told}");
    // Weights that are not the ones of the run.
    let told = fixture.ok(&["predict", "run", image]);
    assert!(told.contains("day"), "{told}");
    let mut weights = fixture.weights("run");
    *weights.last_mut().unwrap() ^= 1;
    std::fs::write(fixture.path("run/best.safetensors"), weights).unwrap();
    let told = fixture.fails(2, &["predict", "run", image]);
    assert!(told.contains("is not the model of the best trial, as its SHA-256 in best.json says"), "{told}");
    let told = fixture.fails(2, &["export", "run"]);
    assert!(told.contains("is not the model of the best trial"), "{told}");
    fixture.ok(&["predict", "run/best.safetensors", image]);
}

#[test]
fn of_several_trainings_one_has_to_be_named() {
    let fixture = trained(&["--set", "replicates=2"]);
    let told = fixture.fails(2, &["export", "run"]);
    assert!(told.contains("name one of `best-replicate-0-fold-0.safetensors`, `best-replicate-1-fold-0.s"), "{told}");
    let told = fixture.fails(2, &["predict", "run", "photos"]);
    assert!(told.contains("best-replicate-1-fold-0.safetensors"), "{told}");
    fixture.ok(&["export", "run/best-replicate-1-fold-0.safetensors"]);
    assert!(files(&fixture.path("run")).contains(&"best-replicate-1-fold-0.onnx".to_owned()));
}

#[test]
fn predictions_become_a_table() {
    let fixture = trained(&[]);
    write_set(&fixture.path("a, b"), &[("day", &[(DAY, 2)])]);
    let told = fixture.ok(&["predict", "run", "a, b", "--top", "1", "--out", "tables/days.csv"]);
    assert_eq!(told, "tables/days.csv: 2 images\n");
    let table = fixture.read("tables/days.csv");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "file,class,probability");
    assert!(
        lines.len() == 3 && lines[1].starts_with("\"a, b/day/0.png\",day,0.") && lines[2].contains("1.png"),
        "{table}"
    );
    fixture.ok(&["predict", "run", "a, b", "--out", "both.csv"]);
    assert_eq!(fixture.read("both.csv").lines().count(), 7, "three classes of two images");
    fixture.fails(2, &["predict", "run", "a, b", "--json", "--out", "x.csv"]);
}
