//! Compiles all kernels for the architectures of the report, without a GPU, and compares what they take
//! with the table in kernels/RESOURCES.md. `cargo xtask resources` writes the table anew.
//!
//! Needs NVRTC: the file that TUNEFORK_NVRTC names, or one that is found. With TUNEFORK_REQUIRE_NVRTC set
//! the test fails where there is none; otherwise it says that it skips.

mod probe;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use tunefork_kernels::Source;
use tunefork_kernels::gpu::{Nvrtc, Resources, Target, resources};

const ARCHITECTURES: [u32; 3] = [75, 86, 90];
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../kernels/RESOURCES.md");

/// By file and kernel: resources on each architecture that has the kernel.
type Found = BTreeMap<&'static str, BTreeMap<String, BTreeMap<u32, Resources>>>;

/// The compiler and what it found, for all tests. None where there is no compiler.
fn compiled() -> Option<&'static (Nvrtc, Found)> {
    static COMPILED: OnceLock<Option<(Nvrtc, Found)>> = OnceLock::new();
    let compile = || {
        let nvrtc = match Nvrtc::find(None) {
            Ok(nvrtc) => nvrtc,
            Err(reason) if std::env::var_os("TUNEFORK_REQUIRE_NVRTC").is_some() => {
                panic!("{reason}")
            }
            Err(reason) => {
                eprintln!("SKIPPED: kernels are not compiled, because {reason}");
                return None;
            }
        };
        let (major, minor) = nvrtc.version();
        eprintln!("NVRTC {major}.{minor} from {}", nvrtc.path().display());
        let found = compile(&nvrtc);
        Some((nvrtc, found))
    };
    COMPILED.get_or_init(compile).as_ref()
}

#[test]
fn no_kernel_spills_and_the_table_is_current() {
    let Some((nvrtc, found)) = compiled() else {
        return;
    };
    let (major, minor) = nvrtc.version();
    let kernels = || found.values().flat_map(|file| file.iter());
    let spilling: Vec<_> = kernels()
        .flat_map(|(name, on)| on.iter().map(move |(architecture, r)| (name, architecture, r)))
        .filter(|(_, _, r)| r.spill_bytes > 0)
        .map(|(name, architecture, r)| format!("{name} on sm_{architecture}: {} bytes", r.spill_bytes))
        .collect();
    let unbounded: Vec<_> =
        kernels().filter(|(_, on)| on.values().any(|r| r.threads == 0)).map(|(name, _)| name).collect();

    let table = table(&format!("{major}.{minor}"), found);
    if std::env::var("TUNEFORK_RESOURCES").is_ok_and(|mode| mode == "write") {
        std::fs::write(TABLE, &table).expect("the table can be written");
        eprintln!("written: kernels/RESOURCES.md");
    }
    assert!(spilling.is_empty(), "registers are spilled:\n{}", spilling.join("\n"));
    assert!(unbounded.is_empty(), "GLOBAL(threads) is missing: {unbounded:?}");
    compare(&table, &std::fs::read_to_string(TABLE).unwrap_or_default());
}

/// They are not in the table: training does not run them.
#[test]
fn the_plain_kernels_compile() {
    let Some((nvrtc, _)) = compiled() else {
        return;
    };
    for (source, architecture) in Source::PLAIN.iter().flat_map(|source| ARCHITECTURES.map(|a| (*source, a))) {
        let kernels = resources(nvrtc, source, architecture).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(kernels.len(), source.rows(architecture).count(), "{}", source.file());
    }
}

/// The number in the tables, which the emulator refuses larger blocks by, and the one in front of each function.
#[test]
fn blocks_have_as_many_threads_as_the_tables_say() {
    let Some((_, found)) = compiled() else {
        return;
    };
    for source in Source::ALL {
        for row in source.rows(86) {
            let told = tunefork_emulator::bound(80, source.kernel(row.name));
            assert_eq!(told, Some(found[source.file()][row.name][&86].threads), "{} of {}", row.name, source.file());
        }
    }
}

/// As runs compile them: by itself each kernel is the only one, and bounded as among all others.
#[test]
fn what_the_reports_launch_compiles_kernel_by_kernel() {
    let Some((nvrtc, found)) = compiled() else {
        return;
    };
    let launched = probe::shared_bytes(&ARCHITECTURES);
    assert!(launched.len() > 40, "{launched:?}");
    for name in launched.into_keys() {
        let (source, on) = Source::ALL
            .iter()
            .find_map(|source| Some((source, found[source.file()].get(name)?)))
            .expect("a file has it");
        let compiled = nvrtc.compile(source.kernel(name), Target::ptx(86));
        let compiled = compiled.unwrap_or_else(|error| panic!("{error}"));
        let ptx = String::from_utf8(compiled.image).expect("text");
        let entries: Vec<_> = ptx.split(".entry ").skip(1).collect();
        assert_eq!(entries.len(), 1, "{name}");
        let start = format!("{}(", compiled.entry);
        assert!(entries[0].starts_with(&start), "{name}: {start}");
        let bound = format!(".maxntid {}", on[&86].threads);
        assert!(entries[0].contains(&bound), "{name}: {bound}");
    }
}

/// Every source for every architecture, by as many threads as there are cores.
fn compile(nvrtc: &Nvrtc) -> Found {
    let tasks = Source::ALL.iter().flat_map(|source| ARCHITECTURES.map(|a| (*source, a)));
    let tasks = Mutex::new(tasks);
    let found = Mutex::new(Found::new());
    let work = || {
        loop {
            let task = tasks.lock().expect("no panic").next();
            let Some((source, architecture)) = task else {
                break;
            };
            let kernels = resources(nvrtc, source, architecture).unwrap_or_else(|error| panic!("{error}"));
            let mut found = found.lock().expect("no panic");
            for kernel in kernels {
                let file = found.entry(source.file()).or_default();
                let on = file.entry(kernel.kernel.clone()).or_default();
                on.insert(architecture, kernel);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    found.into_inner().expect("no panic")
}

/// Registers may differ between versions of the compiler, so numbers are compared for the same one only.
fn compare(now: &str, stored: &str) {
    let version = |table: &str| table.lines().find(|line| line.starts_with("Compiled by")).map(str::to_owned);
    if version(stored).is_some() && version(now) != version(stored) {
        return eprintln!("the table's numbers are not compared: it was written with another NVRTC");
    }
    let differences: Vec<_> = now.lines().filter(|line| !stored.lines().any(|old| old == *line)).take(20).collect();
    assert!(
        now == stored,
        "kernels/RESOURCES.md is out of date: run `cargo xtask resources`. New lines:\n{}",
        differences.join("\n")
    );
}

fn table(version: &str, found: &Found) -> String {
    let launched = probe::shared_bytes(&ARCHITECTURES);
    let mut table = format!(
        "# What the kernels take\n\n\
         Compiled by NVRTC {version}; written by `cargo xtask resources`, compared by `crates/kernels/tests/resources.rs`.\n\n\
         For each architecture: registers of a thread, and the share of a multiprocessor's threads that registers,\n\
         shared memory and block size leave room for. Shared: the most bytes that a launch asks for in the reports'\n\
         networks m1 to m4, one number for each architecture where they differ; `?` where none of them launches the\n\
         kernel there (the share is then without it). No kernel\n\
         spills registers (the test fails on any); a stack that is not empty is named. The plain kernels\n\
         (kernels/plain), which training does not run, are left out.\n"
    );
    for (file, kernels) in found {
        write!(table, "\n## {file}\n\n| kernel | threads | shared |").expect("a string");
        ARCHITECTURES.iter().for_each(|a| write!(table, " sm_{a} |").expect("a string"));
        table.push_str("\n|---|---|---|---|---|---|\n");
        for (name, on) in kernels {
            let any = on.values().next().expect("an architecture has it");
            let launched = launched.get(name.as_str());
            let shared = |architecture| launched.and_then(|on| on.get(&architecture)).copied();
            write!(table, "| `{name}` | {} | {} |", any.threads, dynamic(&ARCHITECTURES.map(shared)))
                .expect("a string");
            for architecture in ARCHITECTURES {
                let cell = on.get(&architecture).map_or("–".into(), |r| cell(r, architecture, shared(architecture)));
                write!(table, " {cell} |").expect("a string");
            }
            table.push('\n');
        }
    }
    table
}

/// What launches ask for on each architecture, told once where it is the same on all.
fn dynamic(shared: &[Option<u32>]) -> String {
    let mut told: Vec<String> =
        shared.iter().map(|bytes| bytes.map_or("?".into(), |bytes| bytes.to_string())).collect();
    if told.iter().all(|other| *other == told[0]) {
        told.truncate(1);
    }
    told.join(" / ")
}

#[test]
fn shared_memory_is_told_by_architecture() {
    assert_eq!(dynamic(&[Some(8), Some(8), Some(8)]), "8");
    assert_eq!(dynamic(&[None, None, None]), "?");
    assert_eq!(dynamic(&[Some(8), Some(12), None]), "8 / 12 / ?");
    let launched = probe::shared_bytes(&ARCHITECTURES);
    let on = launched.values().filter(|on| on.len() > 1);
    assert!(
        on.clone().any(|on| on[&86] > on.get(&75).copied().unwrap_or(u32::MAX)),
        "sm_75 runs fewer stages: {launched:?}"
    );
}

fn cell(r: &Resources, architecture: u32, shared: Option<u32>) -> String {
    let share = 100.0 * r.occupancy(architecture, shared.unwrap_or(0));
    let stack = match r.stack_bytes {
        0 => String::new(),
        bytes => format!(", stack {bytes}"),
    };
    format!("{}, {share:.0} %{stack}", r.registers)
}

/// NVRTC sees only the files that are listed.
#[test]
fn every_file_of_kernels_is_listed() {
    let folder = Path::new(TABLE).parent().expect("a folder");
    let mut missing = Vec::new();
    for (folder, before) in [(folder.to_path_buf(), ""), (folder.join("plain"), "plain/")] {
        for entry in std::fs::read_dir(folder).expect("a folder of kernels") {
            let entry = entry.expect("an entry");
            let name = format!("{before}{}", entry.file_name().to_str().expect("a plain name"));
            let listed = Source::ALL.iter().chain(Source::PLAIN).any(|source| source.file() == name)
                || tunefork_kernels::HEADERS.iter().any(|(header, _)| *header == name);
            if !listed && !name.ends_with(".md") && entry.path().is_file() {
                missing.push(name);
            }
        }
    }
    assert!(missing.is_empty(), "not in crates/kernels/src/source.rs: {missing:?}");
}
