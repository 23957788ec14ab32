//! What a trained model says of images.

use crate::support::{Fixture, TINY, write_png};

#[test]
fn images_and_folders_are_classified() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml", "--set", "trials=1"]);
    std::fs::create_dir(fixture.path("viele Bilder")).unwrap();
    write_png(&fixture.path("viele Bilder/größer.png"), 40);
    write_png(&fixture.path("viele Bilder/klein.png"), 12);
    std::fs::write(fixture.path("viele Bilder/kaputt.png"), b"\x89PNG\r\n").unwrap();
    write_png(&fixture.path("one.png"), 12);

    let model = "runs/tiny/best.safetensors";
    let output = fixture.run(&["predict", model, "one.png", "viele Bilder", "--top", "2", "--json"]);
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warnings.contains("kaputt.png"), "{warnings}");
    let lines: Vec<serde_json::Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let files: Vec<_> = lines.iter().map(|line| line["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["one.png", "viele Bilder/größer.png", "viele Bilder/klein.png"]);
    for line in &lines {
        let classes = line["classes"].as_array().unwrap();
        assert_eq!(classes.len(), 2);
        let [first, second] = [0, 1].map(|at| classes[at]["probability"].as_f64().unwrap());
        assert!(first >= second && first <= 1.0 && second >= 0.0, "{line}");
    }
    // The same pixels in the same size give the same answer.
    assert_eq!(lines[0]["classes"], lines[2]["classes"]);

    let text = fixture.ok(&["predict", model, "one.png"]);
    assert!(text.starts_with("one.png: ") && text.trim_end().ends_with('%'), "{text}");
}

#[test]
fn what_has_no_end_and_what_can_tell_nothing_is_refused_at_once() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml", "--set", "trials=1"]);
    write_png(&fixture.path("one.png"), 12);
    let model = "runs/tiny/best.safetensors";
    #[cfg(unix)]
    {
        let pipe = fixture.path("pipe.png");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (command, endless) in [("predict", "/dev/zero"), ("predict", "pipe.png")] {
            let told = fixture.fails(2, &[command, model, endless]);
            assert!(told.contains(endless) && told.contains("it is no regular file"), "{told}");
        }
        for args in [&["predict", "/dev/zero", "one.png"][..], &["run", "pipe.png"], &["plan", "/dev/zero"]] {
            let told = fixture.fails(2, args);
            assert!(told.contains("it is no regular file"), "{args:?}: {told}");
        }
    }
    // The last weight of the file.
    let mut bytes = std::fs::read(fixture.path(model)).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(fixture.path("broken.safetensors"), bytes).unwrap();
    let told = fixture.fails(2, &["predict", "broken.safetensors", "one.png"]);
    assert!(told.contains("`broken.safetensors` can tell nothing: its tensor `"), "{told}");
}

/// The model with another number in place of the first running variance.
fn with_variance(model: &[u8], variance: f32) -> Vec<u8> {
    let length = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&model[8..8 + length]).unwrap();
    let tensor = header.iter().find(|(name, _)| name.ends_with("running_var")).expect("a norm").1;
    let place = 8 + length + tensor["data_offsets"][0].as_u64().unwrap() as usize;
    let mut bytes = model.to_vec();
    bytes[place..place + 4].copy_from_slice(&variance.to_le_bytes());
    bytes
}

#[test]
fn a_model_that_gives_no_numbers_and_one_that_is_too_long_are_refused() {
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml", "--set", "trials=1", "--set", "norm=batch"]);
    write_png(&fixture.path("one.png"), 12);
    let model = std::fs::read(fixture.path("runs/tiny/best.safetensors")).unwrap();
    std::fs::write(fixture.path("odd.safetensors"), with_variance(&model, -5.0)).unwrap();
    let told = fixture.fails(2, &["predict", "odd.safetensors", "one.png"]);
    assert!(told.contains("`odd.safetensors` can tell nothing: the probabilities"), "{told}");
    // Of this file nothing lies on the disk, and nothing of it is read.
    let file = std::fs::File::create(fixture.path("long.safetensors")).unwrap();
    file.set_len(1 << 40).unwrap();
    let told = fixture.fails(2, &["predict", "long.safetensors", "one.png"]);
    assert!(told.contains("long.safetensors") && told.contains("has more than the"), "{told}");
}

#[cfg(unix)]
#[test]
fn names_of_files_are_printed_readable_and_different() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let fixture = Fixture::new(TINY);
    fixture.ok(&["run", "study.toml", "--set", "trials=1"]);
    let folder = fixture.path("images");
    std::fs::create_dir(&folder).unwrap();
    let names: [&[u8]; 4] = [b"a\x1b[31m.png", b"b\nc.png", b"caf\xe8.png", b"caf\xe9.png"];
    for name in names {
        write_png(&folder.join(OsStr::from_bytes(name)), 12);
    }
    std::fs::write(folder.join(OsStr::from_bytes(b"x\x1b[2J.png")), b"").unwrap();
    let shown = ["images/a\\x1b[31m.png", "images/b\\x0ac.png", "images/caf\\xe8.png", "images/caf\\xe9.png"];
    for format in [None, Some("--json")] {
        let args = ["predict", "runs/tiny/best.safetensors", "images"].into_iter().chain(format);
        let output = fixture.run(&args.collect::<Vec<_>>());
        let (text, told) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let escaped = |name: &str| if format.is_some() { name.replace('\\', "\\\\") } else { name.to_owned() };
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.lines().zip(shown).all(|(line, name)| line.contains(&escaped(name))), "{text}");
        assert!(told.contains(r"images/x\x1b[2J.png` is empty"), "{told}");
    }
}
