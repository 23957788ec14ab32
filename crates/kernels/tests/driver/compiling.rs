//! The compiler and the cache on disk: what is compiled when, and what is said where that fails.

use tunefork_kernels::launch::block::Add;
use tunefork_kernels::{DeviceMemory, Precision, StepRow, Stream, discover};

use super::{Fake, Take, launch};

pub(super) fn compile() {
    let gpu = discover();
    match gpu.and_then(|gpu| launch(&gpu)) {
        Ok(()) => println!("LAUNCHED"),
        Err(error) => println!("REFUSED {error}"),
    }
}

#[test]
fn the_cache_answers_or_is_repaired() {
    let Some(fake) = Fake::build(&[]) else { return };
    let cache = fake.cache();
    let launched = |wrong: &str| {
        let text = fake.run("compile", wrong, &cache);
        assert!(text.contains("LAUNCHED"), "{text}");
        text
    };
    let said = "tunefork: compiling kernels for sm_86, once: later runs read them from";
    assert!(launched("").contains(said));
    assert_eq!(fake.compiled(), 1);
    assert!(!launched("").contains("compiling"));
    assert_eq!(fake.compiled(), 1, "the second run reads the file");

    let file = std::fs::read_dir(&cache).expect("a cache").next().expect("a file").expect("an entry").path();
    let bytes = std::fs::read(&file).expect("readable");
    for damaged in [&bytes[..bytes.len() - 1], &[], b"something else"] {
        let before = fake.compiled();
        std::fs::write(&file, damaged).expect("writable");
        assert!(launched("").contains("is damaged; its kernel is compiled again"));
        assert_eq!(fake.compiled(), before + 1);
        assert!(!launched("").contains("damaged"), "the file is repaired");
        assert_eq!(fake.compiled(), before + 1);
    }
    assert_eq!(std::fs::read(&file).expect("readable"), bytes);
    // Another build of the compiler under the same version and name: one that is a little longer.
    let library = fake.folder.path().join("libcuda.so.1");
    let longer = [std::fs::read(&library).expect("readable"), vec![0; 16]].concat();
    std::fs::write(&library, longer).expect("writable");
    let before = fake.compiled();
    launched("");
    assert_eq!(fake.compiled(), before + 1, "its code is its own");
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(std::fs::read_dir(&cache).expect("a cache").count(), 1, "nothing is left beside");
}

/// Work that launches four kernels, one of them twice.
pub(super) fn prepare() {
    let gpu = discover().expect("the fake GPU");
    let (stream, words) = (gpu.stream(), 8);
    let memory = DeviceMemory::new(&stream, 4096).expect("memory");
    let part = |words: usize| memory.all::<u32>().part(0..words);
    let work = |stream: &dyn Stream| {
        for precision in [Precision::F32, Precision::F16, Precision::Bf16, Precision::F16] {
            let add = Add { batch: 1, elements: words, precision };
            let values = memory.all::<u8>().part(0..words * precision.bytes());
            add.run(stream, part(size_of::<StepRow>() / 4).cast(), values, values, false)?;
        }
        part(1).fill(stream, 0)?;
        part(1).copy_from(stream, memory.all().part(1..2))?;
        Take { words: 1 }.run(stream, part(2), part(1), part(1))
    };
    tunefork_kernels::prepare(&*stream, work).expect("kernels");
    println!("PREPARED");
    let refused = tunefork_kernels::prepare(&*stream, |stream| stream.synchronize());
    let refused = refused.expect_err("nothing is done").to_string();
    assert!(refused.contains("while kernels are prepared"), "{refused}");
    work(&*stream).expect("launches");
    println!("LAUNCHED");
}

#[test]
fn kernels_of_some_work_are_compiled_before_it() {
    let Some(fake) = Fake::build(&[]) else { return };
    let cache = fake.cache();
    for compiles in [true, false] {
        let text = fake.run("prepare", "", &cache);
        assert!(text.contains("LAUNCHED"), "{text}");
        let said = text.matches("tunefork: compiling kernels").count();
        assert_eq!(said, usize::from(compiles), "{text}");
        assert_eq!(fake.compiled(), 4, "each kernel once");
    }
    assert_eq!(std::fs::read_dir(&cache).expect("a cache").count(), 4);
    // One is lost: the others are still read.
    let mut files = std::fs::read_dir(&cache).expect("a cache");
    let file = files.next().expect("a file").expect("an entry");
    std::fs::remove_file(file.path()).expect("removed");
    fake.run("prepare", "", &cache);
    assert_eq!(fake.compiled(), 5);
}

#[test]
fn a_folder_that_cannot_be_written_is_said_once() {
    let Some(fake) = Fake::build(&[]) else { return };
    // A file stands where the folder should be: also root cannot write into it.
    let file = fake.folder.path().join("a file");
    std::fs::write(&file, "").expect("writable");
    let text = fake.run("compile", "", &file.join("cache"));
    assert!(text.contains("LAUNCHED"), "{text}");
    assert_eq!(text.matches("compiled kernels cannot be kept in").count(), 1, "{text}");
}

#[test]
fn compilers_that_fail_are_said_with_their_words() {
    let Some(fake) = Fake::build(&[]) else { return };
    for (wrong, expected) in [
        (
            "does not compile",
            "REFUSED kernel take_row (sm_86) of gather.cu cannot be used: NVRTC error 6\nline 1: error",
        ),
        (
            "no kernel",
            "REFUSED kernel take_row of gather.cu cannot be used: its code for sm_86 does not load: an error",
        ),
        (
            "refuses ptx",
            "REFUSED PTX of NVRTC 12.4 is unknown to the driver, which knows CUDA up to 12.4: update the driver, or install",
        ),
    ] {
        let text = fake.run("compile", wrong, &fake.cache());
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}
