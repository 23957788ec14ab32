//! What is said of the device where there is no GPU that can be used.

use crate::support::{Fixture, TINY};

/// What all is said by a command that succeeds.
fn said(fixture: &Fixture, args: &[&str]) -> String {
    let output = fixture.run(args);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(output.status.success(), "{args:?}\n{text}");
    text
}

#[test]
fn auto_takes_the_cpu_and_says_so_once() {
    let fixture = Fixture::new(&TINY.replace("trials = 6", "trials = 2"));
    for args in [
        &["run", "study.toml"][..],
        &["run", "study.toml", "--json", "--out", "json"],
        &["train", "study.toml"],
        &["bench", "study.toml", "--images", "16"],
    ] {
        let text = said(&fixture, args);
        let mut lines = text.lines().filter(|line| line.contains("GPU"));
        let line = lines.next().expect("a line about the GPU");
        assert!(line.starts_with("on the CPU, "), "{line}");
        assert!(line.ends_with("; no GPU"), "why, `tunefork doctor` tells: {line}");
        assert_eq!(lines.next(), None, "{args:?}");
    }
    let text = said(&fixture, &["run", "study.toml", "--device", "cpu", "--out", "cpu"]);
    assert!(!text.contains("GPU"), "nobody asked for one: {text}");
    assert_eq!(fixture.weights("cpu"), fixture.weights("runs/tiny"));
}

#[test]
fn what_needs_a_gpu_is_refused_in_one_sentence() {
    let fixture = Fixture::new(TINY);
    let f16 = "error: precision f16 needs a GPU, and the CPU computes in f32 only: use --precision f32";
    for (args, expected) in [
        (&["--device", "cuda"][..], "error: "),
        (&["--device", "cuda", "--precision", "f16"], "error: "),
        (&["--precision", "f16"], f16),
        (&["--set", "precision=\"f16\""], f16),
        (&["--device", "cpu", "--precision", "f16"], f16),
    ] {
        for command in ["run", "train"] {
            let args = [&[command, "study.toml"], args].concat();
            let errors = fixture.fails(2, &args);
            assert!(errors.starts_with(expected), "{args:?}\n{errors}");
            assert_eq!(errors.trim_end().lines().count(), 1, "{args:?}\n{errors}");
            let asked_for_the_cpu = args.contains(&"cpu");
            assert_eq!(errors.contains("NVIDIA"), !asked_for_the_cpu, "{errors}");
        }
    }
    assert!(!fixture.path("runs").exists(), "nothing was begun");
}

#[test]
fn a_gpu_is_called_cuda() {
    let told = Fixture::new(TINY).fails(2, &["run", "study.toml", "--device", "gpu"]);
    assert!(told.contains("there is no device `gpu`: write --device cuda"), "{told}");
}
