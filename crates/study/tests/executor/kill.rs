//! Real processes, really killed.

use crate::curve::Curve;
use crate::support::{definition, go, options, text, undisturbed, with_checkpoints};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tunefork_rng::{Key, Purpose};
use tunefork_storage::SqliteStorage;

const FOLDER: &str = "TUNEFORK_TEST_KILLED_STUDY";

/// Does nothing by itself: the test below runs it in processes of their own, and kills them.
#[test]
fn study_to_be_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    let mut storage = SqliteStorage::open(folder.join("study.db"), "curve").unwrap();
    let curve = Arc::new(Curve { delay: Duration::from_millis(6), ..Curve::default() });
    let options = with_checkpoints(options(2), folder);
    go(definition("asha"), &curve, &mut storage, &options).unwrap();
}

#[test]
fn killed_at_any_moment_and_resumed_is_the_same_study() {
    let folder = tempfile::tempdir().unwrap();
    let mut draws = Key::study(u64::from(std::process::id())).stream(Purpose::Generate);
    let mut killed = 0;
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::study_to_be_killed"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        if killed < 10 {
            std::thread::sleep(Duration::from_millis(20 + draws.below(80)));
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        if status.success() {
            break;
        }
        assert_eq!(status.code(), None, "it failed by itself: {status}");
        killed += 1;
    }
    assert!(killed > 0);
    let mut storage = SqliteStorage::open(folder.path().join("study.db"), "curve").unwrap();
    assert_eq!(text(&mut storage), undisturbed(definition("asha")));
}
