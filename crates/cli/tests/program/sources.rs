//! Where the images of a study are looked for.

use crate::support::{Fixture, TINY, write_png};

/// A study with its images beside it, as people send both, works from every working folder, and so do the configurations
/// that it leaves.
#[test]
fn images_beside_the_study_file_are_found() {
    let fixture = Fixture::new("");
    let folder = fixture.path("sent");
    for (class, more) in [("cats", 0), ("dogs", 1)] {
        std::fs::create_dir_all(folder.join("photos").join(class)).unwrap();
        for image in 0..12 {
            write_png(&folder.join(format!("photos/{class}/{image}.png")), 13 + 2 * image + more);
        }
    }
    let data = "source = \"photos\"\nsize = 12\nvalidation = 6\ntest = 4\n";
    let (before, after) = TINY.split_once("[data]").unwrap();
    let after = after.split_once("[model]").unwrap().1;
    std::fs::write(folder.join("study.toml"), format!("{before}[data]\n{data}[model]{after}")).unwrap();
    fixture.ok(&["plan", "sent/study.toml", "--no-time"]);
    fixture.ok(&["run", "sent/study.toml", "--out", "run"]);
    let best = fixture.read("run/best.toml");
    let written = best.lines().find_map(|line| line.strip_prefix("source = ")).expect("a source");
    assert!(written.trim_matches('"').ends_with("sent/photos") && written.starts_with("\"/"), "{written}");
    fixture.ok(&["train", "run/best.toml", "--out", "again"]);
    assert_eq!(fixture.read("again/train/config.toml").lines().filter(|line| line.contains(written)).count(), 1);
    // From its own folder it is the same study, which goes on.
    let own = fixture.command(&["run", "study.toml", "--out", "../run"]).current_dir(&folder).output().unwrap();
    assert!(String::from_utf8_lossy(&own.stdout).contains("going on with 6 of 6"), "{own:?}");
    // A path that leads to it from the working folder is the whole one, too, in what is left.
    let beside = |folder: &str, arguments: &[&str]| {
        let output = fixture.command(arguments).current_dir(fixture.path(folder)).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    beside("sent", &["run", "study.toml", "--out", "../own"]);
    beside("own", &["train", "best.toml", "--out", "../third"]);
    assert_eq!(fixture.read("own/best.toml").lines().filter(|line| line.contains(written)).count(), 1);
    // A set that was moved is the same set, another one is not.
    std::fs::rename(folder.join("photos"), folder.join("moved")).unwrap();
    let moved = ["run", "sent/study.toml", "--set", "source=moved", "--out", "run"];
    assert!(fixture.ok(&moved).contains("going on with 6 of 6"));
    std::fs::rename(folder.join("moved/cats/0.png"), folder.join("moved/dogs/12.png")).unwrap();
    let told = fixture.fails(2, &moved);
    assert!(told.contains("digest of the images was") && told.contains("source was"), "{told}");
    std::fs::rename(folder.join("moved"), folder.join("photos")).unwrap();
    // What is nowhere is told with all places.
    std::fs::remove_dir_all(folder.join("photos")).unwrap();
    let told = fixture.fails(2, &["plan", "sent/study.toml"]);
    assert!(told.contains("data/photos") && told.contains("sent/photos"), "{told}");
}

/// Whatever a run leaves among the class folders, they are the same set as before: it is not prepared anew.
#[test]
fn what_a_run_leaves_among_its_images_is_none_of_them() {
    let fixture = Fixture::new("");
    let folder = fixture.path("set");
    for (class, more) in [("cats", 0), ("dogs", 1)] {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        (0..12).for_each(|image| write_png(&folder.join(format!("{class}/{image}.png")), 13 + 2 * image + more));
    }
    let (before, after) = TINY.split_once("[data]").unwrap();
    let after = after.split_once("[model]").unwrap().1;
    let data = "source = \"set\"\nsize = 12\nfolds = 2\ntest = 4\n";
    std::fs::write(fixture.path("study.toml"), format!("{before}[data]\n{data}[model]{after}")).unwrap();
    let prepared = || {
        let files = std::fs::read_dir(fixture.path(".tunefork")).unwrap().map(|file| file.unwrap());
        files.map(|file| file.metadata().unwrap().modified().unwrap()).collect::<Vec<_>>()
    };
    fixture.ok(&["run", "study.toml", "--out", "set/runs/one", "--set", "trials=2"]);
    let first = prepared();
    for out in ["set/runs/one", "set", "set/cats"] {
        fixture.ok(&["run", "study.toml", "--out", out, "--set", "trials=3"]);
        fixture.ok(&["train", "study.toml", "--out", out]);
        fixture.ok(&["export", &format!("{out}/best-replicate-0-fold-0.safetensors")]);
    }
    fixture.ok(&["run", "study.toml", "--out", "set", "--set", "trials=4"]);
    assert_eq!(prepared(), first);
}
