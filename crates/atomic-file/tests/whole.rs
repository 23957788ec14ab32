//! The old content or the new one, and nothing beside it.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use tunefork_atomic_file::{AtomicFile, way_out, write, write_derived};

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().expect("a plain name")).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.md");
    for contents in [[&b"one, "[..], b"two"], [b"", b"three"]] {
        write(&path, &contents).unwrap();
        assert_eq!(fs::read(&path).unwrap(), contents.concat());
    }
    assert_eq!(names(folder.path()), ["report.md"]);
}

#[test]
fn until_it_is_whole_the_old_file_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    write(&path, &[b"old"]).unwrap();
    let mut file = AtomicFile::create(&path).unwrap();
    file.file().write_all(b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["a.bin", "a.bin.part"]);
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["a.bin"]);
}

/// As a `kill -9` leaves it.
#[test]
fn what_a_killed_writer_left_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.bin.part"), b"a longer text than the new one").unwrap();
    let path = folder.path().join("a.bin");
    write(&path, &[b"new"]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names(folder.path()), ["a.bin"]);
}

#[test]
fn sharing_writers_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    std::thread::scope(|scope| {
        for letter in b'a'..b'i' {
            let path = &path;
            scope.spawn(move || {
                let mut file = AtomicFile::create_shared(path).unwrap();
                file.file().write_all(&[letter; 10_000]).unwrap();
                file.commit().unwrap();
            });
        }
    });
    let found = fs::read(&path).unwrap();
    assert!(found.len() == 10_000 && found.iter().all(|byte| *byte == found[0]));
    assert_eq!(names(folder.path()), ["a.bin"]);
}

#[test]
fn what_killed_sharing_writers_left_is_removed_and_what_is_being_written_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    for left in ["a.bin.1-0.part", "b.bin.77-12.part", "photos.1-x.part", "1-0.part"] {
        fs::write(folder.path().join(left), b"half").unwrap();
    }
    let mut first = AtomicFile::create_shared(&path).unwrap();
    let second = AtomicFile::create_shared(&folder.path().join("c.bin")).unwrap();
    let others = ["1-0.part", "photos.1-x.part"];
    let parts = [&first, &second].map(|file| file.temporary().file_name().unwrap().to_str().unwrap().to_owned());
    let mut expected = [others.map(str::to_owned), parts].concat();
    expected.sort();
    assert_eq!(names(folder.path()), expected);
    first.file().write_all(b"whole").unwrap();
    first.commit().unwrap();
    drop(second);
    assert_eq!(names(folder.path()), ["1-0.part", "a.bin", "photos.1-x.part"]);
    assert_eq!(fs::read(&path).unwrap(), b"whole");
}

#[test]
fn an_error_leaves_the_old_state() {
    let folder = tempfile::tempdir().unwrap();
    // A folder cannot be replaced by a file.
    fs::create_dir(folder.path().join("taken")).unwrap();
    write(&folder.path().join("taken"), &[b"new"]).unwrap_err();
    assert_eq!(names(folder.path()), ["taken"]);
    write(&folder.path().join("missing/a.bin"), &[b"new"]).unwrap_err();
    assert_eq!(names(folder.path()), ["taken"]);
}

#[test]
fn only_regular_files_of_bounded_length_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"12345").unwrap();
    assert_eq!(tunefork_atomic_file::read(&path, 5).unwrap(), b"12345");
    assert_eq!(tunefork_atomic_file::read(&path, 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
    // A terabyte of which nothing is on the disk: refused by its length.
    fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let of_large = tunefork_atomic_file::read(&path, 1 << 34).unwrap_err();
    assert_eq!(of_large.kind(), ErrorKind::FileTooLarge);
    let of_folder = tunefork_atomic_file::read(folder.path(), 5).unwrap_err();
    assert_eq!((of_folder.kind(), of_folder.to_string().as_str()), (ErrorKind::InvalidInput, "it is no regular file"));
    assert_eq!(tunefork_atomic_file::open(&folder.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[cfg(unix)]
#[test]
fn nobody_waits_for_a_pipe_and_a_device_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero")] {
        assert_eq!(tunefork_atomic_file::read(path, 5).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn obstacles_that_users_can_remove_are_told_with_what_removes_them() {
    for (kind, advice) in [
        (ErrorKind::StorageFull, "make room"),
        (ErrorKind::QuotaExceeded, "make room"),
        (ErrorKind::FileTooLarge, "ulimit -f"),
        (ErrorKind::PermissionDenied, "check the permissions"),
        (ErrorKind::ReadOnlyFilesystem, "check the permissions"),
    ] {
        let told = way_out(&kind.into());
        assert!(told.starts_with("; ") && told.contains(advice), "{kind}: {told}");
    }
    assert_eq!(way_out(&ErrorKind::NotFound.into()), "");
}

#[test]
fn writers_of_one_name_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.md");
    let write_often = &|writer: u8| {
        for round in 0..50_usize {
            let text = vec![writer; 1 + 1000 * (round % 7)];
            let written = if round % 10 == 0 { write(&path, &[&text]) } else { write_derived(&path, &[&text]) };
            written.unwrap();
            let found = fs::read(&path).unwrap();
            assert!(found.iter().all(|byte| *byte == found[0]) && found.len() % 1000 == 1, "{} bytes", found.len());
        }
    };
    std::thread::scope(|scope| {
        for writer in b'a'..b'g' {
            scope.spawn(move || write_often(writer));
        }
    });
    assert_eq!(names(folder.path()), ["report.md"]);
}

#[cfg(unix)]
#[test]
fn a_device_is_written_into_and_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    write(&path, &[b"text"]).unwrap();
    write_derived(&path, &[b"text"]).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(names(folder.path()), ["out"]);
}
