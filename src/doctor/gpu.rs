//! The graphics card, its driver and the compiler of its kernels.

use serde::Serialize;
use tunefork_data::shown;
use tunefork_kernels::DeviceError;
use tunefork_kernels::gpu::{Gpu, Nvrtc, driver_is_installed};
use tunefork_train::{Cuda, Precision};

/// What there is of all that training on a GPU takes.
#[derive(Debug, Clone, Serialize)]
pub struct GpuFound {
    /// The first card that can be used.
    pub card: Option<CardFound>,
    /// Why there is none, and what to do about it.
    pub missing: Option<String>,
    /// Whether an NVIDIA driver is installed, of whatever age.
    pub driver: bool,
    /// NVRTC, which compiles the kernels.
    pub compiler: Option<CompilerFound>,
    /// Why there is none, and what to do about it.
    pub compiler_missing: Option<String>,
}

/// A card that can be used.
#[derive(Debug, Clone, Serialize)]
pub struct CardFound {
    /// Its name, as the driver has it.
    pub name: String,
    /// Its compute capability: `8.6`.
    pub compute_capability: String,
    /// The newest CUDA that its driver knows: `12.4`.
    pub driver_cuda: String,
    /// Bytes of its memory.
    pub memory: Option<u64>,
    /// Bytes of it that are free now.
    pub free: Option<u64>,
    /// What its kernels are compiled for, and why.
    pub kernels: String,
    /// Where compiled kernels are kept; none if they are compiled in each run.
    pub kernel_cache: Option<String>,
    /// The precisions that it computes in.
    pub precisions: Vec<&'static str>,
    /// Bytes of images that lie on the card as a whole; a larger set is copied there step by step.
    pub resident_bytes: Option<u64>,
}

/// The library that compiles kernels.
#[derive(Debug, Clone, Serialize)]
pub struct CompilerFound {
    /// Its version: `12.9`.
    pub version: String,
    /// Which build of that version it is: a digest of its file.
    pub build: String,
    /// Where it was loaded from.
    pub path: String,
}

impl GpuFound {
    pub(super) fn look() -> Self {
        let driver = driver_is_installed();
        match tunefork_kernels::discover() {
            Ok(gpu) => Self {
                card: Some(CardFound::of(&gpu)),
                missing: None,
                driver,
                compiler: Some(CompilerFound::of(gpu.compiler().nvrtc())),
                compiler_missing: None,
            },
            Err(missing) => Self::without(driver, &missing),
        }
    }

    /// What a card would still lack is told at once, so that nobody comes back for it.
    fn without(driver: bool, missing: &DeviceError) -> Self {
        let (compiler, compiler_missing) = match Nvrtc::find(None) {
            Ok(nvrtc) => (Some(CompilerFound::of(&nvrtc)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { card: None, missing: Some(missing.to_string()), driver, compiler, compiler_missing }
    }

    /// All that a GPU lacks to be used, each once.
    pub(super) fn all_missing(&self) -> Vec<String> {
        let compiler = self.compiler_missing.iter().filter(|&compiler| Some(compiler) != self.missing.as_ref());
        self.missing.iter().chain(compiler).cloned().collect()
    }
}

impl CardFound {
    fn of(gpu: &Gpu) -> Self {
        let card = gpu.card();
        let memory = gpu.memory().ok();
        let precisions = Precision::of_architecture(card.architecture);
        Self {
            name: card.name.clone(),
            compute_capability: format!("{}.{}", card.architecture / 10, card.architecture % 10),
            driver_cuda: format!("{}.{}", card.driver.0, card.driver.1),
            memory: memory.map(|(_, all)| all),
            free: memory.map(|(free, _)| free),
            kernels: gpu.told_target(),
            kernel_cache: gpu.compiler().folder().map(shown),
            precisions: precisions.map(Precision::name).collect(),
            resident_bytes: memory.map(|(_, all)| Cuda::most_resident_bytes(all)),
        }
    }
}

impl CompilerFound {
    fn of(nvrtc: &Nvrtc) -> Self {
        let (major, minor) = nvrtc.version();
        Self { version: format!("{major}.{minor}"), build: nvrtc.build().to_owned(), path: shown(nvrtc.path()) }
    }
}
