//! The GPU: what there is, and a [`Stream`] on it.

mod cache;
mod driver;
mod event;
mod fault;
mod feed;
mod graph;
mod identity;
mod module;
mod nvrtc;
mod pinned;
mod places;
mod rates;
mod readback;
mod resources;
mod staging;
mod start;
mod stream;

use std::sync::Arc;

use cudarc::driver::CudaContext;

pub use cache::Compiler;
pub use driver::driver_is_installed;
pub use fault::relaunch;
pub use nvrtc::{Compiled, Nvrtc, Report, Target};
pub use rates::Rates;
pub use resources::{Resources, resources};

use crate::{DeviceError, Stream};
use cache::standard_folder;
use stream::GpuStream;

/// What is known of a card.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardProperties {
    /// Its name, as the driver has it.
    pub name: String,
    /// Its number among the visible devices.
    pub number: usize,
    /// Compute capability times ten: 75, 86, 90.
    pub architecture: u32,
    /// How many multiprocessors it has.
    pub multiprocessors: u32,
    /// Most shared memory that a block may ask for, in bytes.
    pub shared_bytes: u32,
    /// CUDA version that the driver knows, major and minor.
    pub driver: (u32, u32),
}

/// A GPU with a context of our own. Dropped together with the last stream, memory and graph of it.
///
/// After a kernel that fails, the GPU is lost to the process: everything answers with the first reason
/// ([`DeviceError::Lost`]), [`discover`] too, and only another process can use it again ([`relaunch`]).
pub struct Gpu {
    card: CardProperties,
    context: Arc<CudaContext>,
    compiler: Arc<Compiler>,
    stream: Arc<GpuStream>,
    at_start: u64,
}

/// The first GPU that can be used, of those that `CUDA_VISIBLE_DEVICES` leaves.
///
/// NVRTC is the library that `TUNEFORK_NVRTC` names, or one that is found; compiled kernels are kept in
/// `TUNEFORK_CACHE` or the user's folder for caches, and trouble with that folder is told on standard error.
///
/// # Errors
/// [`DeviceError::Unavailable`] with a sentence that says what to do: no driver, none that is new enough, no
/// device, only devices older than compute capability 7.5, no NVRTC, a device that another process holds alone;
/// [`DeviceError::OutOfMemory`] if others hold all of its memory; [`DeviceError::Lost`] after a fault in this process.
/// Never panics.
pub fn discover() -> Result<Gpu, DeviceError> {
    fault::check()?;
    let found = driver::first_card()?;
    let nvrtc = Nvrtc::find(Some(&found))?;
    let compiler = Compiler::new(nvrtc, standard_folder(), |notice| {
        eprintln!("tunefork: {notice}");
    });
    driver::guarded(|| Gpu::new(found, compiler))
}

impl Gpu {
    fn new(card: CardProperties, compiler: Compiler) -> Result<Self, DeviceError> {
        let context = driver::context(&card)?;
        let known = context.mem_get_info();
        let (free, total) = known.map_err(|error| driver::unusable("asking for its memory", error))?;
        let compiler = Arc::new(compiler);
        let target = compiler.nvrtc().target(card.architecture);
        let stream = GpuStream::new(&context, &compiler, target, card.shared_bytes)?;
        Ok(Self { card, context, compiler, stream, at_start: (total - free) as u64 })
    }

    /// What is known of the card behind it.
    pub fn card(&self) -> &CardProperties {
        &self.card
    }

    /// The compiler of its kernels.
    pub fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// Why the driver does not take intermediate code (PTX) of this NVRTC, in a sentence, if it does not.
    pub fn refuses_ptx(&self) -> Option<String> {
        let nvrtc = self.compiler.nvrtc().version();
        (nvrtc > self.card.driver).then(|| ptx_is_new(nvrtc, self.card.driver))
    }

    /// What its kernels are compiled for.
    pub fn target(&self) -> Target {
        self.compiler.nvrtc().target(self.card.architecture)
    }

    /// The same in words, with the reason.
    pub fn told_target(&self) -> String {
        let target = self.target();
        match target.ptx {
            false => format!("machine code of the card itself ({target})"),
            true => format!("PTX ({target}), which the driver translates, for this NVRTC does not know the card yet"),
        }
    }

    /// Its stream, always the same one.
    pub fn stream(&self) -> Arc<dyn Stream> {
        Arc::clone(&self.stream) as Arc<dyn Stream>
    }

    /// Another stream, whose kernels are compiled for something else: for sm_75 as PTX, say, whose code
    /// path any newer card can then be checked with.
    ///
    /// # Errors
    /// A device that fails.
    pub fn stream_for(&self, target: Target) -> Result<Arc<dyn Stream>, DeviceError> {
        let stream = GpuStream::new(&self.context, &self.compiler, target, self.card.shared_bytes)?;
        Ok(stream)
    }

    /// Bytes of the card's memory that are free, and all of them. Other processes change the former.
    ///
    /// # Errors
    /// A device that fails.
    pub fn memory(&self) -> Result<(u64, u64), DeviceError> {
        let (free, total) =
            self.context.mem_get_info().map_err(|error| self.stream.failed("asking for free memory", error))?;
        Ok((free as u64, total as u64))
    }

    /// Bytes that were taken before anything was allocated: the context's own share, and other processes'.
    pub fn bytes_at_start(&self) -> u64 {
        self.at_start
    }

    /// Seconds that the device takes for the work that a closure gives to [`stream`](Self::stream), by the
    /// device's own clock.
    ///
    /// # Errors
    /// The closure's; a device that fails.
    pub fn time(&self, work: impl FnOnce() -> Result<(), DeviceError>) -> Result<f64, DeviceError> {
        self.stream.time(work)
    }
}

/// What to do about intermediate code that is newer than the driver.
fn ptx_is_new(nvrtc: (u32, u32), driver: (u32, u32)) -> String {
    format!(
        "PTX of NVRTC {}.{} is unknown to the driver, which knows CUDA up to {}.{}: update the driver, or install an NVRTC \
         that is no newer ({})",
        nvrtc.0,
        nvrtc.1,
        driver.0,
        driver.1,
        places::advice(driver)
    )
}

impl std::fmt::Display for CardProperties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (major, minor) = (self.architecture / 10, self.architecture % 10);
        write!(f, "{} (compute capability {major}.{minor})", self.name)
    }
}
