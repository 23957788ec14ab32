//! What a study runs on: the device, its instruction set, its threads.

use tunefork_report::counted;
use tunefork_study::Facts;
use tunefork_train::{Cpu, Cuda, Device, Isa, Precision};

use crate::Error;

/// The most threads that may be asked for: far more than help, and still few enough to be started.
const MAX_THREADS: usize = 1024;

/// Digests of all sources that can change the bits of a result: what a file means, the search and the engines. The
/// arithmetic of Rust is the same in every profile, so that is not in it; the versions of other crates are not either.
const SOURCES: [&str; 15] = [
    tunefork_source_digest::source_digest!("src/resolve", "src/study_file", "src/workload"),
    tunefork_cpu::SOURCE_DIGEST,
    tunefork_cuda::SOURCE_DIGEST,
    tunefork_data::SOURCE_DIGEST,
    tunefork_graph::SOURCE_DIGEST,
    tunefork_kernels::SOURCE_DIGEST,
    tunefork_nn::SOURCE_DIGEST,
    tunefork_rng::SOURCE_DIGEST,
    tunefork_sampler::SOURCE_DIGEST,
    tunefork_scheduler::SOURCE_DIGEST,
    tunefork_simd::SOURCE_DIGEST,
    tunefork_space::SOURCE_DIGEST,
    tunefork_study::SOURCE_DIGEST,
    tunefork_train::SOURCE_DIGEST,
    tunefork_trial::SOURCE_DIGEST,
];

tunefork_names::named_enum! {
    /// Which kind of device was asked for.
    #[derive(Default)]
    pub enum DeviceChoice: "device" {
        /// A graphics card of NVIDIA if there is one that can be used, else the processor.
        #[default]
        Auto = "auto",
        /// The processor, also where there is a card.
        Cpu = "cpu",
        /// A graphics card of NVIDIA.
        Cuda = "cuda",
    }
}

/// Where networks are trained. Of all this, results depend on the kind of device, on its precision, and
/// on the instruction set or the model of the card.
#[derive(Debug, Clone)]
pub struct Machine {
    isa: Isa,
    threads: usize,
    gpu: Option<Cuda>,
    /// Why there is no GPU, where the choice was left to us.
    no_gpu: Option<String>,
}

impl Machine {
    /// The device with an instruction set (`auto`, `portable`, `avx2`, `avx512`) and this many
    /// threads in all; by default one per core.
    ///
    /// # Errors
    /// When this build or this machine does not have what is asked for.
    pub fn new(device: DeviceChoice, isa: &str, threads: Option<usize>) -> Result<Self, Error> {
        let isa = match isa {
            "auto" => Isa::detect(),
            name => name.parse().map_err(|error| Error::Unsupported(format!("{error}")))?,
        };
        if let Some(threads) = threads.filter(|threads| *threads > MAX_THREADS) {
            return Err(Error::Unsupported(format!(
                "{threads} threads are too many: use at most {MAX_THREADS}; one per core is best"
            )));
        }
        let found = match device {
            DeviceChoice::Cpu => None,
            DeviceChoice::Auto | DeviceChoice::Cuda => Some(Cuda::discover()),
        };
        let (gpu, no_gpu) = match found {
            None => (None, None),
            Some(Ok(gpu)) => (Some(gpu), None),
            Some(Err(error)) if device == DeviceChoice::Cuda => {
                return Err(Error::Unsupported(format!(
                    "{error}; `tunefork doctor --device cuda` tells what else is missing, and --device cpu does without"
                )));
            }
            Some(Err(error)) => (None, Some(error.to_string())),
        };
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { isa, threads: threads.unwrap_or_else(cores).max(1), gpu, no_gpu })
    }

    /// A GPU that was found by other means, or what stands in for one.
    #[must_use]
    pub fn with_gpu(mut self, gpu: Cuda) -> Self {
        (self.gpu, self.no_gpu) = (Some(gpu), None);
        self
    }

    /// A device that computes in `precision`, with its own threads if it is the processor.
    ///
    /// # Errors
    /// When this machine cannot compute so.
    pub fn device(&self, threads: usize, precision: Precision) -> Result<Box<dyn Device>, Error> {
        let Some(gpu) = &self.gpu else {
            return match precision {
                Precision::F32 => Ok(Box::new(Cpu::new(self.isa, threads))),
                Precision::Tf32 | Precision::Bf16 | Precision::F16 => Err(self.needs_a_gpu(precision)),
            };
        };
        match gpu.with_precision(precision) {
            Ok(gpu) => Ok(Box::new(gpu)),
            Err(error) => Err(Error::Unsupported(error.to_string())),
        }
    }

    fn needs_a_gpu(&self, precision: Precision) -> Error {
        let reason = match &self.no_gpu {
            Some(reason) => format!(". Why there is no GPU: {reason}"),
            None => String::new(),
        };
        Error::Unsupported(format!(
            "precision {precision} needs a GPU, and the CPU computes in f32 only: use --precision f32{reason}"
        ))
    }

    /// The CPU, whatever else there is: for what is looked at beside the training, which has a card's memory to itself.
    pub(crate) fn cpu(&self) -> Cpu {
        Cpu::new(self.isa, self.threads)
    }

    /// What it is, in one line. That there is no GPU is told in a word; why, by [`Checkup`](crate::Checkup).
    pub fn line(&self) -> String {
        if let Some(gpu) = &self.gpu {
            let (major, minor) = (gpu.architecture() / 10, gpu.architecture() % 10);
            return format!("on the GPU {} (compute capability {major}.{minor})", gpu.name());
        }
        let threads = counted(self.threads, "thread");
        let no_gpu = if self.no_gpu.is_some() { "; no GPU" } else { "" };
        format!("on the CPU, {}, {threads}{no_gpu}", self.isa.name())
    }

    /// CPU threads in all, shared by the trials that are trained at the same time.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The GPU, if that is what trains.
    pub fn gpu(&self) -> Option<&Cuda> {
        self.gpu.as_ref()
    }

    /// The kind of the device.
    pub fn name(&self) -> &'static str {
        match self.gpu {
            Some(_) => DeviceChoice::Cuda.name(),
            None => DeviceChoice::Cpu.name(),
        }
    }

    /// The CPU's instruction set, such as `avx2`.
    pub fn isa(&self) -> &'static str {
        self.isa.name()
    }

    /// What the bits of a result depend on besides the study: results of two runs are equal when
    /// their fingerprints are.
    pub fn fingerprint(&self, precision: Precision) -> Facts {
        let build = build();
        let mut facts = vec![("build", build.as_str()), ("rustc", env!("TUNEFORK_COMPILER")), ("device", self.name())];
        match &self.gpu {
            Some(gpu) => facts.extend([("gpu", gpu.name()), ("compiler", gpu.compiler())]),
            None => facts.push(("isa", self.isa())),
        }
        facts.push(("precision", precision.name()));
        Facts::new(facts)
    }
}

/// The digest of all sources that can change the bits of a result, short enough to be told.
pub(crate) fn build() -> String {
    let sources = Facts::new(SOURCES.map(|digest| ("sources", digest))).digest();
    sources[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_computes_in_f32_only() {
        let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(2)).unwrap();
        assert!(machine.device(1, Precision::F32).is_ok());
        for precision in [Precision::Tf32, Precision::Bf16, Precision::F16] {
            let Err(error) = machine.device(1, precision) else {
                panic!("{precision} was taken");
            };
            assert!(error.is_input());
            let text = error.to_string();
            assert!(text.contains(precision.name()) && text.contains("--precision f32"), "{text}");
        }
        assert!(machine.line().ends_with("2 threads"), "{}", machine.line());
        assert_eq!(machine.name(), "cpu");
    }

    #[test]
    fn the_fingerprint_names_sources_and_compiler() {
        let machine = Machine::new(DeviceChoice::Cpu, "portable", Some(1)).unwrap();
        let facts = machine.fingerprint(Precision::F32);
        let names: Vec<&str> = facts.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["build", "rustc", "device", "isa", "precision"]);
        let build = facts.get("build").unwrap();
        assert!(build.len() == 12 && build.chars().all(|digit| digit.is_ascii_hexdigit()), "{build}");
        assert!(facts.get("rustc").unwrap().contains(std::env::consts::ARCH), "{facts:?}");
        assert!(SOURCES.iter().all(|digest| SOURCES.iter().filter(|other| *other == digest).count() == 1));
        let before = Facts::new([("build", "0.1.0"), ("device", "cpu")]);
        assert_eq!(before.differences(&facts)[0].to_string(), format!("build was 0.1.0 and is now {build}"));
    }
}
