//! Compiles the driver without a GPU, `fake.c`: also for the tests of other crates, which stand beside this one.

use std::path::Path;
use std::process::Command;

/// Puts the driver into a folder as `libcuda.so.1`, which is the compiler as well; false where there is no C compiler.
pub(crate) fn build(folder: &Path, flags: &[&str]) -> bool {
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(folder.join("libcuda.so.1"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../kernels/tests/driver/fake.c"))
        .args(flags);
    match compiler.status() {
        Ok(status) => assert!(status.success(), "the fake driver compiles"),
        Err(error) => {
            eprintln!("SKIPPED: no C compiler for the fake driver ({error})");
            return false;
        }
    }
    true
}
