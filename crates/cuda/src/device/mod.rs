//! A GPU of NVIDIA as a device.

mod engine;
mod sets;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tunefork_graph::{self as graph, Device, EngineError, Graph, GraphError, ImageSet, Plan, Room};
use tunefork_kernels::{DeviceError, Gpu, Precision, Stream};

use self::engine::SharedEngine;
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
        let (major, minor) = Gpu::compiler(self).nvrtc().version();
        format!("NVRTC {major}.{minor}")
    }

    fn stream(&self) -> Arc<dyn Stream> {
        Gpu::stream(self)
    }

    fn memory(&self) -> Result<(u64, u64), DeviceError> {
        Gpu::memory(self)
    }
}

type Find = dyn Fn() -> Result<Arc<dyn Card>, DeviceError> + Send + Sync;

/// A GPU on which networks are trained in one precision. Copies share the GPU and the images on it.
///
/// A set of images lies on the GPU, shared by all engines, unless it takes more than half of the GPU's
/// memory; then it is streamed: each engine has a small ring on the GPU into which the images of the next
/// steps are copied while it computes. Results depend on the model of the GPU and on the precision, and
/// not on where the images are. When the GPU fails, all engines on it
/// fail; the next engine that is made finds the GPU anew, with a fresh context.
#[derive(Clone)]
pub struct Cuda {
    shared: Arc<SharedGpu>,
    precision: Precision,
    /// Bytes that a set of images may take.
    image_budget: u64,
}

/// What all engines on a GPU share.
struct SharedGpu {
    find: Box<Find>,
    name: String,
    compiler: String,
    architecture: u32,
    state: Mutex<State>,
}

struct State {
    /// None after a fault.
    card: Option<Arc<dyn Card>>,
    sets: Sets,
}

impl State {
    /// Whether this stream is the GPU's as it is now.
    fn is_at(&self, stream: &Arc<dyn Stream>) -> bool {
        let card = self.card.as_ref();
        card.is_some_and(|card| Arc::ptr_eq(&card.stream(), stream))
    }
}

impl Cuda {
    /// The first GPU of this machine that can be used, computing in f32.
    ///
    /// # Errors
    /// Why there is none, in a sentence that says what to do.
    pub fn discover() -> Result<Self, DeviceError> {
        Self::new(|| Ok(Arc::new(tunefork_kernels::discover()?)))
    }

    /// The GPU that `find` finds, now and again after each fault, computing in f32.
    ///
    /// # Errors
    /// What `find` says.
    pub fn new(
        find: impl Fn() -> Result<Arc<dyn Card>, DeviceError> + Send + Sync + 'static,
    ) -> Result<Self, DeviceError> {
        let card = find()?;
        let (_, all) = card.memory()?;
        Ok(Self {
            shared: Arc::new(SharedGpu {
                find: Box::new(find),
                name: card.name(),
                compiler: card.compiler(),
                architecture: card.stream().architecture(),
                state: Mutex::new(State { card: Some(card), sets: Sets::default() }),
            }),
            precision: Precision::F32,
            image_budget: all / PARTS,
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
    pub fn memory(&self) -> Result<(u64, u64), CudaError> {
        let mut state = self.shared.lock();
        self.shared.memory(&mut state)
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
        let mut state = self.shared.lock();
        let (free, all) = self.shared.memory(&mut state)?;
        let (missing, images) = state.sets.planned_bytes(images, self.image_budget);
        Ok(Some(Room { free: free.saturating_sub(missing), most: all.saturating_sub(CONTEXT_BYTES + images) }))
    }

    fn engine(&self, plan: Arc<Plan>) -> Result<Box<dyn graph::Engine>, EngineError> {
        let mut state = self.shared.lock();
        let stream = self.shared.card(&mut state)?.stream();
        let made = Engine::new(Arc::clone(&stream), Arc::clone(&plan), self.precision);
        let engine = made.map_err(|error| self.shared.failed(&mut state, &stream, error))?;
        drop(state);
        Ok(Box::new(SharedEngine::new(engine, plan, stream, Arc::clone(&self.shared), self.image_budget)))
    }
}

impl SharedGpu {
    /// Whatever a thread that panicked was at: what it leaves is a card and images that are whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The GPU; found anew after a fault.
    fn card(&self, state: &mut State) -> Result<Arc<dyn Card>, CudaError> {
        if let Some(card) = &state.card {
            return Ok(Arc::clone(card));
        }
        let found = (self.find)()?;
        if found.name() != self.name {
            return Err(CudaError::OtherGpu { found: found.name(), expected: self.name.clone() });
        }
        state.card = Some(Arc::clone(&found));
        Ok(found)
    }

    fn memory(&self, state: &mut State) -> Result<(u64, u64), CudaError> {
        state.sets.drop_unused();
        let card = self.card(state)?;
        card.memory().map_err(|error| self.failed(state, &card.stream(), error.into()))
    }

    /// Where images are for the GPU that this stream belongs to.
    fn set(&self, stream: &Arc<dyn Stream>, images: &dyn ImageSet, budget: u64) -> Result<SharedSet, CudaError> {
        let mut state = self.lock();
        // Memory of a new context must not meet an engine of the one that was lost.
        if !state.is_at(stream) {
            return Err(CudaError::Lost);
        }
        let set = state.sets.get(stream, images, budget);
        set.map_err(|error| self.failed(&mut state, stream, error))
    }

    /// What an error means: after a fault the GPU is given up, so that the next engine finds it anew.
    fn failed(&self, state: &mut State, stream: &Arc<dyn Stream>, error: CudaError) -> CudaError {
        if matches!(error, CudaError::Device(DeviceError::Failed(_))) && state.is_at(stream) {
            state.card = None;
            state.sets = Sets::default();
        }
        error
    }
}
