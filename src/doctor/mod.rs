//! What this machine has for a study, what would be used and why, and what is in the way.

mod data;
mod disk;
mod environment;
mod gpu;
mod limits;
mod processor;

use std::path::PathBuf;

use serde::Serialize;

use crate::machine::build;
use crate::{DeviceChoice, Machine};

pub use data::{DataFound, SetFound};
pub use disk::RunsFound;
pub use environment::Variable;
pub use gpu::{CardFound, CompilerFound, GpuFound};
pub use processor::{MemoryFound, ProcessorFound, ThreadsFound};

/// What a study would be run with: the options of `tunefork run` that matter to a machine.
#[derive(Debug, Clone, Default)]
pub struct CheckupOptions {
    /// The device that would be asked for.
    pub device: DeviceChoice,
    /// The instruction set that would be asked for: `auto`, `portable`, `avx2`, `avx512`.
    pub isa: String,
    /// The threads that would be asked for.
    pub threads: Option<usize>,
    /// Where data sets would lie, if that was said.
    pub data_dir: Option<PathBuf>,
    /// Where results would go, if that was said.
    pub out: Option<PathBuf>,
}

/// What was found. Sizes are in bytes, times in seconds; what this system does not tell is none.
#[derive(Debug, Clone, Serialize)]
pub struct Checkup {
    /// The version of Tunefork.
    pub version: &'static str,
    /// A digest of the sources that can change a result.
    pub build: String,
    /// The processor and its instruction sets.
    pub processor: ProcessorFound,
    /// How many threads can run at once.
    pub threads: ThreadsFound,
    /// Memory of this machine, and what this process may use of it.
    pub memory: MemoryFound,
    /// The graphics card, or what is missing.
    pub gpu: GpuFound,
    /// The place where results would go.
    pub runs: RunsFound,
    /// Data sets that are known by name.
    pub data: DataFound,
    /// Variables of the environment that are set and matter.
    pub environment: Vec<Variable>,
    /// What `tunefork run` would train on, in a line; none if it would be refused.
    pub trains: Option<String>,
    /// Why on that.
    pub because: String,
    /// What keeps a study from being run, each with what to do about it. Empty: it can be run.
    pub problems: Vec<String>,
}

impl Checkup {
    /// Looks at this machine. A small database is written, flushed to the disk and removed where results would go, and the GPU
    /// is asked for its memory; nothing else changes.
    pub fn new(options: &CheckupOptions) -> Self {
        let gpu = GpuFound::look();
        let runs = RunsFound::look(options.out.as_deref());
        let machine = Machine::new(options.device, &options.isa, options.threads);
        let refused = match &machine {
            Ok(_) => Vec::new(),
            Err(_) if options.device == DeviceChoice::Cuda && gpu.card.is_none() => gpu.all_missing(),
            Err(error) => vec![error.to_string()],
        };
        let because = match &machine {
            Ok(machine) => because(options.device, machine, &gpu),
            Err(_) => refused.join("; "),
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            build: build(),
            processor: ProcessorFound::look(),
            threads: ThreadsFound::look(),
            memory: MemoryFound::look(),
            data: DataFound::look(options.data_dir.as_deref()),
            environment: Variable::all(),
            trains: machine.ok().map(|machine| machine.line()),
            because,
            problems: refused.into_iter().chain(runs.problem.clone()).collect(),
            gpu,
            runs,
        }
    }
}

/// Why this device would be used and no other.
fn because(asked: DeviceChoice, machine: &Machine, gpu: &GpuFound) -> String {
    match (asked, machine.gpu()) {
        (DeviceChoice::Cuda, _) => "--device cuda asks for it".to_owned(),
        (DeviceChoice::Cpu, _) if gpu.card.is_some() => "--device cpu asks for it, although there is a GPU".to_owned(),
        (DeviceChoice::Cpu, _) => "--device cpu asks for it".to_owned(),
        (DeviceChoice::Auto, Some(_)) => "--device auto takes the first GPU that can be used".to_owned(),
        (DeviceChoice::Auto, None) => "--device auto takes the CPU where no GPU can be used".to_owned(),
    }
}
