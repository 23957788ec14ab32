//! Compiles the fibers, and every kernel file once per architecture, with the host's C++ compiler.

use std::path::Path;

fn main() {
    let kernels = Path::new("../../kernels");
    for watched in ["cpp", "../../kernels"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    compiler()
        .file("cpp/fiber.cpp")
        .file("cpp/block.cpp")
        .compile("shim");
    for architecture in ["750", "800"] {
        let mut build = compiler();
        build
            .include("cpp")
            .include(kernels)
            .define("ARCH", architecture);
        build.flag("-xc++").link_lib_modifier("+whole-archive");
        let mut files: Vec<_> = std::fs::read_dir(kernels)
            .expect("the folder of kernels")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "cu"))
            .collect();
        files.sort();
        build
            .files(&files)
            .compile(&format!("kernels{architecture}"));
    }
}

fn compiler() -> cc::Build {
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").opt_level(2).warnings(false);
    // Fused multiplications only where a kernel asks for one, in hardware where the machine has it.
    build
        .flag("-ffp-contract=off")
        .flag("-march=native")
        .flag("-fno-omit-frame-pointer")
        .flag("-g1");
    build
}
