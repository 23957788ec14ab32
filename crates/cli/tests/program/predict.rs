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
