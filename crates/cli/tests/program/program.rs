//! What the program says of itself and of its machine.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Fixture, TINY};

/// The commands that `--help` lists, but for `help` itself.
fn commands(fixture: &Fixture) -> Vec<String> {
    let help = fixture.ok(&["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn completions_are_scripts_that_know_every_command() {
    let fixture = Fixture::new(TINY);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = fixture.ok(&["completions", shell]);
        for command in commands(&fixture) {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        assert!(script.contains("--device") || script.contains("-l device"), "{shell}");
    }
    let told = fixture.fails(2, &["completions", "csh"]);
    assert!(told.contains("bash") && told.contains("csh"), "{told}");
}

#[cfg(unix)]
#[test]
fn bash_takes_its_script() {
    let script = Fixture::new(TINY).ok(&["completions", "bash"]);
    let mut bash = match Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn() {
        Ok(bash) => bash,
        Err(error) => panic!("bash is needed for this test: {error}"),
    };
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let fixture = Fixture::new(TINY);
    let program = fixture.ok(&["man"]);
    for command in commands(&fixture) {
        let escaped = command.replace('-', "\\-");
        assert!(program.contains(&format!("tunefork\\-{escaped}(1)")), "{command} in\n{program}");
        let page = fixture.ok(&["man", &command]);
        assert!(page.contains(&format!(".TH tunefork-{command} 1")), "{page}");
        assert!(page.contains(".SH EXAMPLES") || command == "data", "{page}");
    }
    let get = fixture.ok(&["man", "data", "get"]);
    assert!(get.contains(".TH tunefork-data-get 1"), "{get}");
    let written = fixture.ok(&["man", "--out", "pages"]);
    assert!(written.lines().any(|line| line.ends_with("tunefork-data-get.1")), "{written}");
    assert_eq!(std::fs::read_to_string(fixture.path("pages/tunefork-data-get.1")).unwrap(), get);
    let told = fixture.fails(2, &["man", "rum"]);
    assert!(told.contains("`tunefork` has no command `rum`") && told.contains("run"), "{told}");
}

#[test]
fn a_machine_that_can_run_a_study_is_told_so() {
    let fixture = Fixture::new(TINY);
    std::fs::create_dir_all(fixture.path("sets/fashion-mnist/train/a")).unwrap();
    let text = fixture.ok(&["doctor", "--data-dir", "sets"]);
    assert_eq!(text.lines().find(|line| line.chars().count() > 80 && line.split_whitespace().count() > 2), None);
    for word in ["processor", "threads", "memory", "GPU", "results", "data", "fashion-mnist is there: "] {
        assert!(text.contains(word), "{word} in\n{text}");
    }
    assert!(text.contains("`tunefork run` would train on the CPU, "), "{text}");
    assert!(text.trim_end().ends_with(" a study can be run"), "{text}");
    let found: Value = serde_json::from_str(&fixture.ok(&["doctor", "--json", "--threads", "1"])).unwrap();
    assert_eq!(found["problems"], serde_json::json!([]));
    assert!(found["trains"].as_str().unwrap().contains("1 thread;"), "{found}");
    assert!(found["runs"]["commit_seconds"].as_f64().unwrap() > 0.0, "{found}");
    assert!(!fixture.path("runs").exists(), "it leaves nothing");
}

#[test]
fn what_is_in_the_way_is_told_with_a_way_out() {
    let fixture = Fixture::new(TINY);
    for (args, told) in [
        (&["--device", "cuda"][..], "NVIDIA"),
        (&["--isa", "sse9"], "use auto, portable, avx2 or avx512"),
        (&["--out", "study.toml"], "study.toml"),
    ] {
        let output = fixture.run(&[&["doctor"], args].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        // Without a GPU there is often no NVRTC either, which is a reason of its own.
        let verdict = text.split("no study can be run, for ").nth(1).expect(&text);
        let verdict = verdict.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(verdict.starts_with("1 reason: ") || told == "NVIDIA" && verdict.starts_with("2 reasons: "), "{text}");
        assert!(verdict.contains(told), "{text}");
    }
    let output =
        fixture.command(&["doctor"]).env("TUNEFORK_DATE", "x").env("TUNEFORK_DATA", "/nowhere").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("TUNEFORK_DATE=x: nothing reads it: did you mean TUNEFORK_DATA?"), "{text}");
    assert!(text.contains("/nowhere, as TUNEFORK_DATA says; it is not there"), "{text}");
    assert!(output.status.success(), "generated images need no data");
}
