//! Compiles the fibers, and every kernel file once per architecture, with the host's C++ compiler.
//!
//! `TUNEFORK_KERNELS=folder` takes kernel files from another folder than the repository's;
//! `TUNEFORK_SANITIZE=address,undefined` builds with sanitizers (`README.md` says how to run them).
//! A file is compiled again only if its text, a header that it includes or a flag has changed: kernels
//! are templates for which an optimising compiler takes its time.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

/// Both code paths: `#if ARCH >= 800` and its other side.
const ARCHITECTURES: [&str; 2] = ["750", "800"];

fn main() {
    println!("cargo:rerun-if-env-changed=TUNEFORK_KERNELS");
    println!("cargo:rerun-if-env-changed=TUNEFORK_SANITIZE");
    println!("cargo:rustc-check-cfg=cfg(sanitized)");
    let kernels = env::var_os("TUNEFORK_KERNELS").map_or("../../kernels".into(), PathBuf::from);
    println!("cargo:rerun-if-changed=cpp");
    println!("cargo:rerun-if-changed={}", kernels.display());
    // For the test that reads the instructions.
    let absolute = kernels.canonicalize().expect("a folder of kernels");
    println!("cargo:rustc-env=EMULATOR_KERNELS={}", absolute.display());
    let sanitizers = env::var("TUNEFORK_SANITIZE").unwrap_or_default();

    let mut sources: Vec<_> = files(Path::new("cpp"), "cpp").map(|path| (path, String::new(), None)).collect();
    // A kernel file's name is its place in the folder: plain/conv.cu is not conv.cu.
    let plain = Some(kernels.join("plain")).filter(|folder| folder.exists());
    let plain = plain.iter().flat_map(|folder| files(folder, "cu")).map(|path| (path, "plain/"));
    let all = files(&kernels, "cu").chain([PathBuf::from("cpp/selftest.cu")]).map(|path| (path, "")).chain(plain);
    for (path, folder) in all {
        let name = format!("{folder}{}", path.file_name().expect("a file").to_string_lossy());
        sources.extend(ARCHITECTURES.map(|architecture| (path.clone(), name.clone(), Some(architecture))));
    }
    let flags = flags(&sanitizers);
    let job = |(path, name, architecture): &(PathBuf, String, _)| Job::new(path, name, *architecture, &kernels, &flags);
    let jobs: Vec<_> = sources.iter().map(job).collect();
    let broken = compile(&jobs);
    println!("cargo:rustc-env=EMULATOR_BROKEN={}", broken.join(" "));

    // Kernels register themselves: nothing refers to them, so the linker has to take all.
    let mut archive = compiler();
    let done = jobs.iter().filter(|job| job.is_done());
    archive.objects(done.map(|job| &job.object));
    archive.link_lib_modifier("+whole-archive").compile("emulator");
    for sanitizer in sanitizers.split(',').filter(|name| !name.is_empty()) {
        println!("cargo:rustc-cfg=sanitized");
        let library = match sanitizer {
            "address" => "asan",
            "undefined" => "ubsan",
            other => panic!("TUNEFORK_SANITIZE knows address and undefined, not {other}"),
        };
        println!("cargo:rustc-link-lib=dylib={library}");
    }
}

fn compiler() -> cc::Build {
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").opt_level(2).warnings(false);
    build
}

fn flags(sanitizers: &str) -> Vec<String> {
    let flags = [
        // Fused multiplications only where a kernel asks for one, in hardware where the machine has it.
        "-ffp-contract=off",
        "-march=native",
        // Kernels read the same bytes as other types, which CUDA compilers allow.
        "-fno-strict-aliasing",
        "-fno-omit-frame-pointer",
        "-g1",
    ];
    let mut flags: Vec<String> = flags.into_iter().map(String::from).collect();
    if !sanitizers.is_empty() {
        flags.push(format!("-fsanitize={sanitizers}"));
        flags.push("-fno-sanitize-recover=all".into());
        // AddressSanitizer sees null pointers too, and names the thread. It is slow to compile for.
        flags.extend(["-fno-sanitize=null".into(), "-O1".into()]);
    }
    flags
}

/// The files of a folder with an extension, in the order of their names.
fn files(folder: &Path, extension: &str) -> impl Iterator<Item = PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry of a folder").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files.into_iter()
}

struct Job {
    /// Of kernels the name, of others nothing.
    file: String,
    command: Vec<String>,
    object: PathBuf,
    /// Holds the hash of all that the object was made from.
    stamp: PathBuf,
    hash: String,
}

impl Job {
    fn new(path: &Path, file: &str, architecture: Option<&str>, kernels: &Path, flags: &[String]) -> Self {
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo gives a folder"));
        let name = match architecture {
            Some(architecture) => format!("{}.{architecture}", file.replace('/', "-")),
            None => format!("{}.host", path.file_name().expect("a file").to_string_lossy()),
        };
        let object = out.join(format!("{name}.o"));
        let mut command = flags.to_vec();
        if let Some(architecture) = architecture {
            command.push(format!("-DARCH={architecture}"));
            command.push(format!("-DKERNEL_FILE=\"{file}\""));
            command.push("-xc++".into());
        }
        // What the object is made from, wherever it lies: a copy of the kernels need not be compiled again.
        let folders = [Path::new("cpp"), kernels];
        let mut hasher = DefaultHasher::new();
        command.hash(&mut hasher);
        for read in included(path, &folders) {
            fs::read(&read).expect("a source file").hash(&mut hasher);
        }
        command.extend(folders.map(|folder| format!("-I{}", folder.display())));
        command.extend(["-c".into(), path.display().to_string()]);
        command.extend(["-o".into(), object.display().to_string()]);
        Self {
            file: file.into(),
            command,
            object,
            stamp: out.join(format!("{name}.stamp")),
            hash: format!("{:016x}", hasher.finish()),
        }
    }

    fn is_done(&self) -> bool {
        self.object.exists() && fs::read_to_string(&self.stamp).is_ok_and(|old| old == self.hash)
    }
}

/// A card's own instructions, in whose place `cpp/host.h` stands.
const NOT_COMPILED: &str = "instructions.cuh";

/// A file and all that it includes from some folders, whatever `#if` stands around.
fn included(path: &Path, folders: &[&Path]) -> Vec<PathBuf> {
    let mut all = vec![path.to_path_buf()];
    let mut next = 0;
    while let Some(file) = all.get(next) {
        let text = fs::read_to_string(file).expect("a source file");
        let names = text.lines().filter_map(|line| line.strip_prefix("#include \"")?.split('"').next());
        for name in names.filter(|&name| name != NOT_COMPILED) {
            let places = folders.iter().map(|folder| folder.join(name));
            let new: Vec<_> = places.filter(|path| path.exists() && !all.contains(path)).collect();
            all.extend(new);
        }
        next += 1;
    }
    all
}

/// Runs the compilations that are not done, several at a time; returns the kernel files that do not
/// compile. They do not keep the others from being checked: their own launches fail and say so.
fn compile(jobs: &[Job]) -> Vec<String> {
    let open: Vec<_> = jobs.iter().filter(|job| !job.is_done()).collect();
    let tool = compiler().get_compiler();
    let workers = env::var("NUM_JOBS").map_or(1, |jobs| jobs.parse().unwrap_or(1));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(job) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut command: Command = tool.to_command();
            let output = command.args(&job.command).output().expect("a C++ compiler");
            for line in String::from_utf8_lossy(&output.stderr).lines() {
                println!("cargo:warning={line}");
            }
            if output.status.success() {
                fs::write(&job.stamp, &job.hash).expect("room for a stamp");
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..workers.min(open.len()) {
            scope.spawn(work);
        }
    });
    let broken = jobs.iter().filter(|job| !job.is_done());
    let mut names: Vec<_> = broken.map(|job| job.file.clone()).collect();
    assert!(
        names.iter().all(|name| name.ends_with(".cu") && name != "selftest.cu"),
        "the emulator itself does not compile"
    );
    names.dedup();
    names
}
