//! What a study runs on: the device, its instruction set, its threads.

use tunefork_study::Facts;
use tunefork_train::{Cpu, Device, Isa};

use crate::Error;

/// The most threads that may be asked for: far more than help, and still few enough to be started.
const MAX_THREADS: usize = 1024;

/// Which kind of device was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The best that this build and this machine have.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics card of NVIDIA.
    Cuda,
}

/// Where networks are trained. Nothing here changes a result but the instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    isa: Isa,
    threads: usize,
}

impl Machine {
    /// The device with an instruction set (`auto`, `portable`, `avx2`, `avx512`) and this many
    /// threads in all; by default one per core.
    ///
    /// # Errors
    /// When this build or this machine does not have what is asked for.
    pub fn new(device: DeviceChoice, isa: &str, threads: Option<usize>) -> Result<Self, Error> {
        if device == DeviceChoice::Cuda {
            return Err(Error::Unsupported(
                "this build has no CUDA engine yet: use --device cpu, or leave the choice to auto"
                    .into(),
            ));
        }
        let isa = match isa {
            "auto" => Isa::detect(),
            name => name
                .parse()
                .map_err(|error| Error::Unsupported(format!("{error}")))?,
        };
        if let Some(threads) = threads.filter(|threads| *threads > MAX_THREADS) {
            return Err(Error::Unsupported(format!(
                "{threads} threads are too many: use at most {MAX_THREADS}; one per core is best"
            )));
        }
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            isa,
            threads: threads.unwrap_or_else(cores).max(1),
        })
    }

    /// A device with its own threads.
    ///
    /// # Errors
    /// When the system does not give them.
    pub fn device(&self, threads: usize) -> Result<Box<dyn Device>, Error> {
        Ok(Box::new(Cpu::new(self.isa, threads)))
    }

    /// Threads in all.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The kind of the device.
    pub fn name(&self) -> &'static str {
        "cpu"
    }

    /// The instruction set.
    pub fn isa(&self) -> &'static str {
        self.isa.name()
    }

    /// What the bits of a result depend on besides the study: results of two runs are equal when
    /// their fingerprints are.
    pub fn fingerprint(&self, precision: &str) -> Facts {
        Facts::new([
            ("build", env!("CARGO_PKG_VERSION")),
            ("device", self.name()),
            ("isa", self.isa()),
            ("precision", precision),
        ])
    }
}
