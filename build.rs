//! Tells the library which compiler it is made by and for which machines: both belong to the fingerprint of a study.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let compiler = env::var_os("RUSTC").expect("cargo names the compiler");
    let told = Command::new(compiler).arg("--version").output().expect("the compiler tells its version");
    let version = String::from_utf8_lossy(&told.stdout);
    let version = version.trim().trim_start_matches("rustc ");
    println!("cargo:rustc-env=TUNEFORK_COMPILER={version} for {}", env::var("TARGET").expect("cargo names the target"));
}
