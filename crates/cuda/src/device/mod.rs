//! A GPU of NVIDIA as a device.

mod company;
mod engine;
mod gang;
mod sets;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tunefork_graph::{self as graph, Device, EngineError, Graph, GraphError, ImageSet, Plan, Room};
use tunefork_kernels::{DeviceError, Gpu, Precision, Stream};

pub use self::company::Company;
use self::company::Counts;
use self::engine::SharedEngine;
use self::gang::{GRACE, Gang};
use self::sets::{Sets, SharedSet, are_streamed, resident_bytes};
use crate::{CudaError, CudaWorkspace, Engine, Streamed};

/// Bytes of a card that are never planned with: the driver's context with the code of all kernels, which
/// takes a little less on every card that we know of, and what a desktop shows.
const CONTEXT_BYTES: u64 = 640 << 20;

/// Images lie on the card as long as they take no more than one part in so many of its memory: trials have
/// the rest.
const PARTS: u64 = 2;

/// What a [`Cuda`] device needs of a GPU. A stand-in for tests may be one too.
pub trait Card: Send + Sync {
    /// Its name, as results depend on it.
    fn name(&self) -> String;

    /// What compiles its kernels, as results depend on that too.
    fn compiler(&self) -> String;

    /// The stream on which everything is done.
    fn stream(&self) -> Arc<dyn Stream>;

    /// Bytes of its memory: free now, and all.
    ///
    /// # Errors
    /// A device that fails.
    fn memory(&self) -> Result<(u64, u64), DeviceError>;
}

impl Card for Gpu {
    fn name(&self) -> String {
        self.card().name.clone()
    }

    fn compiler(&self) -> String {
        let nvrtc = Gpu::compiler(self).nvrtc();
        let (major, minor) = nvrtc.version();
        format!("NVRTC {major}.{minor} ({})", nvrtc.build())
    }

    fn stream(&self) -> Arc<dyn Stream> {
        Gpu::stream(self)
    }

    fn memory(&self) -> Result<(u64, u64), DeviceError> {
        Gpu::memory(self)
    }
}

/// A GPU on which networks are trained in one precision. Copies share the GPU and the images on it.
///
/// A set of images lies on the GPU, shared by all engines, unless it takes more than half of the GPU's
/// memory; then it is streamed: each engine has a small ring on the GPU into which the images of the next
/// steps are copied while it computes. Results depend on the model of the GPU and on the precision, and
/// not on where the images are. After a fault of the GPU all engines fail, and those that are made later too: NVIDIA's driver takes
/// no more work from the process ([`EngineError::Lost`]), and another process has to go on.
#[derive(Clone)]
pub struct Cuda {
    shared: Arc<SharedGpu>,
    precision: Precision,
    /// Bytes that a set of images may take.
    image_budget: u64,
    /// How long trials of a gang wait for one that is late.
    grace: Duration,
}

/// What all engines on a GPU share.
struct SharedGpu {
    card: Arc<dyn Card>,
    name: String,
    compiler: String,
    architecture: u32,
    sets: Mutex<Sets>,
    /// By what their plans do, as long as there is an engine.
    gangs: Mutex<HashMap<String, Weak<Gang>>>,
    /// Engines that were made.
    made: AtomicU64,
    counts: Arc<Counts>,
}

impl Cuda {
    /// The first GPU of this machine that can be used, computing in f32.
    ///
    /// # Errors
    /// Why there is none, in a sentence that says what to do.
    pub fn discover() -> Result<Self, DeviceError> {
        Self::new(Arc::new(tunefork_kernels::discover()?))
    }

    /// This GPU, computing in f32.
    ///
    /// # Errors
    /// A device that fails.
    pub fn new(card: Arc<dyn Card>) -> Result<Self, DeviceError> {
        let (_, all) = card.memory()?;
        Ok(Self {
            shared: Arc::new(SharedGpu {
                name: card.name(),
                compiler: card.compiler(),
                architecture: card.stream().architecture(),
                card,
                sets: Mutex::default(),
                gangs: Mutex::default(),
                made: AtomicU64::new(0),
                counts: Arc::default(),
            }),
            precision: Precision::F32,
            image_budget: Self::most_resident_bytes(all),
            grace: GRACE,
        })
    }

    /// The same GPU computing in another precision.
    ///
    /// # Errors
    /// If it has no instructions for that, in a sentence.
    pub fn with_precision(&self, precision: Precision) -> Result<Self, DeviceError> {
        let SharedGpu { name, architecture, .. } = &*self.shared;
        if !precision.runs_on(*architecture) {
            let (major, minor) = (architecture / 10, architecture % 10);
            return Err(DeviceError::Unavailable(format!(
                "bf16 and tf32 need compute capability 8.0 or newer, but {name} has {major}.{minor}: use f16 or f32"
            )));
        }
        Ok(Self { precision, ..self.clone() })
    }

    /// The same GPU with another limit than half of its memory for a set of images, in bytes: a set that
    /// takes more is streamed, through rings that take no more than the limit where two batches fit into
    /// it, and 16 MiB at most where they are not larger.
    #[must_use]
    pub fn with_image_budget(&self, bytes: u64) -> Self {
        Self { image_budget: bytes, ..self.clone() }
    }

    /// The same GPU where trials of one plan wait so long, and not 4 ms, for one that came to their last call and is late.
    /// It holds for plans that have no engine yet.
    #[must_use]
    pub fn with_grace(&self, grace: Duration) -> Self {
        Self { grace, ..self.clone() }
    }

    /// Bytes that a set of images may take on a GPU with so much memory; a larger one is streamed.
    pub fn most_resident_bytes(memory: u64) -> u64 {
        memory / PARTS
    }

    /// Steps that training gives an engine of this plan at once.
    pub fn steps_per_call(plan: &Plan) -> usize {
        crate::layout::steps_per_call(plan)
    }

    /// Why these images are streamed, in a sentence, if they are.
    pub fn streams(&self, images: &dyn ImageSet) -> Option<String> {
        let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
        are_streamed(images, self.image_budget).then(|| {
            format!(
                "the images take {} MiB and may take {} MiB of the memory of {}: they are copied there step by step, which changes no result",
                mebibytes(resident_bytes(images)),
                self.image_budget >> 20,
                self.shared.name
            )
        })
    }

    /// Name of the GPU.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What compiles its kernels.
    pub fn compiler(&self) -> &str {
        &self.shared.compiler
    }

    /// Compute capability times ten: 75, 86, 90.
    pub fn architecture(&self) -> u32 {
        self.shared.architecture
    }

    /// Bytes of its memory: free now, and all.
    ///
    /// # Errors
    /// A device that fails.
    pub fn memory(&self) -> Result<(u64, u64), DeviceError> {
        let mut sets = self.shared.lock();
        sets.drop_unused();
        self.shared.card.memory()
    }

    /// How often trials have met on it so far, in whatever precision.
    pub fn company(&self) -> Company {
        self.shared.counts.now()
    }

    /// What it computes in.
    pub fn precision(&self) -> Precision {
        self.precision
    }
}

impl std::fmt::Debug for Cuda {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cuda")
            .field("name", &self.shared.name)
            .field("precision", &self.precision)
            .finish_non_exhaustive()
    }
}

impl Device for Cuda {
    fn plan(&self, graph: &Graph, evaluation_batch: usize) -> Result<Plan, GraphError> {
        let workspace = CudaWorkspace { precision: self.precision };
        Plan::new(graph, evaluation_batch, &workspace)
    }

    fn planned_bytes(&self, plan: &Plan, images: &dyn ImageSet) -> u64 {
        let ring = match are_streamed(images, self.image_budget) {
            true => Streamed::ring_bytes(plan, self.image_budget),
            false => 0,
        };
        Engine::planned_bytes(plan, self.precision) + ring
    }

    fn room(&self, images: &dyn ImageSet) -> Result<Option<Room>, EngineError> {
        let (free, all) = self.memory().map_err(CudaError::from)?;
        let (missing, images) = self.shared.lock().planned_bytes(images, self.image_budget);
        Ok(Some(Room { free: free.saturating_sub(missing), most: all.saturating_sub(CONTEXT_BYTES + images) }))
    }

    fn engine(&self, plan: Arc<Plan>) -> Result<Box<dyn graph::Engine>, EngineError> {
        let gang = self.shared.gang(&plan, self.grace)?;
        let id = self.shared.made.fetch_add(1, Ordering::Relaxed);
        let engine = {
            let _turn = gang.alone(id);
            Engine::new(Arc::clone(&gang.stream), plan, self.precision)?
        };
        Ok(Box::new(SharedEngine::new(engine, id, gang, Arc::clone(&self.shared), self.image_budget)))
    }
}

impl SharedGpu {
    /// Whatever a thread that panicked was at, what it leaves is sets that are whole.
    fn lock(&self) -> MutexGuard<'_, Sets> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where images are. They are there when this returns: other streams will read them.
    fn set(&self, images: &dyn ImageSet, budget: u64) -> Result<SharedSet, CudaError> {
        self.lock().get(&self.card.stream(), images, budget)
    }

    /// The engines of a plan, with a stream of their own.
    fn gang(&self, plan: &Plan, grace: Duration) -> Result<Arc<Gang>, CudaError> {
        // Plans of one key have the same layout, but for the optimizer's state.
        let key = format!("{} {}", plan.key, plan.optimizer_states);
        let mut gangs = self.gangs.lock().unwrap_or_else(PoisonError::into_inner);
        gangs.retain(|_, gang| gang.strong_count() > 0);
        if let Some(gang) = gangs.get(&key).and_then(Weak::upgrade) {
            return Ok(gang);
        }
        let gang = Arc::new(Gang::new(self.card.stream().beside()?, grace, Arc::clone(&self.counts))?);
        gangs.insert(key, Arc::downgrade(&gang));
        Ok(gang)
    }
}
