//! A GPU of NVIDIA as a device.

mod engine;
mod residents;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tunefork_cuda::{CudaError, CudaWorkspace, Resident};
use tunefork_graph::{Graph, GraphError, Plan};
use tunefork_kernels::{DeviceError, Gpu, Precision, Stream};

use self::engine::CudaEngine;
use self::residents::Residents;
use crate::{Device, Engine, Images, Room, TrainError};

/// Bytes of a card that are never planned with: the driver's context with the code of all kernels, which
/// takes a little less on every card that we know of, and what a desktop shows.
const CONTEXT_BYTES: u64 = 640 << 20;

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
/// Results depend on the model of the GPU and on the precision. When the GPU fails, all engines on it
/// fail; the next engine that is made finds the GPU anew, with a fresh context.
#[derive(Clone)]
pub struct Cuda {
    shared: Arc<Shared>,
    precision: Precision,
}

/// What all engines on a GPU share.
struct Shared {
    find: Box<Find>,
    name: String,
    compiler: String,
    architecture: u32,
    state: Mutex<State>,
}

struct State {
    /// None after a fault.
    card: Option<Arc<dyn Card>>,
    residents: Residents,
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
        Ok(Self {
            shared: Arc::new(Shared {
                find: Box::new(find),
                name: card.name(),
                compiler: card.compiler(),
                architecture: card.stream().architecture(),
                state: Mutex::new(State {
                    card: Some(card),
                    residents: Residents::default(),
                }),
            }),
            precision: Precision::F32,
        })
    }

    /// The same GPU computing in another precision.
    ///
    /// # Errors
    /// If it has no instructions for that, in a sentence.
    pub fn with_precision(&self, precision: Precision) -> Result<Self, DeviceError> {
        let Shared {
            name, architecture, ..
        } = &*self.shared;
        if matches!(precision, Precision::Bf16 | Precision::Tf32) && *architecture < 80 {
            let (major, minor) = (architecture / 10, architecture % 10);
            return Err(DeviceError::Unavailable(format!(
                "bf16 and tf32 need compute capability 8.0 or newer, but {name} has {major}.{minor}: use f16 or f32"
            )));
        }
        Ok(Self {
            shared: Arc::clone(&self.shared),
            precision,
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
    pub fn memory(&self) -> Result<(u64, u64), TrainError> {
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
        let workspace = CudaWorkspace {
            precision: self.precision,
        };
        Plan::new(graph, evaluation_batch, &workspace)
    }

    fn planned_bytes(&self, plan: &Plan) -> u64 {
        tunefork_cuda::Engine::planned_bytes(plan, self.precision)
    }

    fn room(&self, images: &Images) -> Result<Option<Room>, TrainError> {
        let mut state = self.shared.lock();
        let (free, all) = self.shared.memory(&mut state)?;
        let resident = state.residents.planned_bytes(images);
        let lies_there = state.residents.holds(images);
        Ok(Some(Room {
            free: free.saturating_sub(if lies_there { 0 } else { resident }),
            most: all.saturating_sub(CONTEXT_BYTES + resident),
        }))
    }

    fn engine(&self, plan: Arc<Plan>) -> Result<Box<dyn Engine>, TrainError> {
        let mut state = self.shared.lock();
        let stream = self.shared.card(&mut state)?.stream();
        let made =
            tunefork_cuda::Engine::new(Arc::clone(&stream), Arc::clone(&plan), self.precision);
        let engine = made.map_err(|error| self.shared.failed(&mut state, &stream, error))?;
        drop(state);
        Ok(Box::new(CudaEngine::new(
            engine,
            plan,
            stream,
            Arc::clone(&self.shared),
        )))
    }
}

impl Shared {
    /// Whatever a thread that panicked was at: what it leaves is a card and images that are whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The GPU; found anew after a fault.
    fn card(&self, state: &mut State) -> Result<Arc<dyn Card>, TrainError> {
        if let Some(card) = &state.card {
            return Ok(Arc::clone(card));
        }
        let found = (self.find)().map_err(|error| TrainError::Engine(Box::new(error)))?;
        if found.name() != self.name {
            return Err(TrainError::Engine(
                format!(
                    "the GPU is another one than before: {} instead of {}",
                    found.name(),
                    self.name
                )
                .into(),
            ));
        }
        state.card = Some(Arc::clone(&found));
        Ok(found)
    }

    fn memory(&self, state: &mut State) -> Result<(u64, u64), TrainError> {
        state.residents.drop_unused();
        let card = self.card(state)?;
        card.memory()
            .map_err(|error| self.failed(state, &card.stream(), error.into()))
    }

    /// Images on the GPU that this stream belongs to.
    fn resident(
        &self,
        stream: &Arc<dyn Stream>,
        images: &Images,
    ) -> Result<Arc<Resident>, TrainError> {
        let mut state = self.lock();
        // Memory of a new context must not meet an engine of the one that was lost.
        if !state.is_at(stream) {
            return Err(TrainError::Engine(
                "the GPU failed in other work and its memory is lost".into(),
            ));
        }
        let resident = state.residents.get(stream, images);
        resident.map_err(|error| self.failed(&mut state, stream, error))
    }

    /// What an error means: after a fault the GPU is given up, so that the next engine finds it anew.
    fn failed(&self, state: &mut State, stream: &Arc<dyn Stream>, error: CudaError) -> TrainError {
        if matches!(error, CudaError::Device(DeviceError::Failed(_))) && state.is_at(stream) {
            state.card = None;
            state.residents = Residents::default();
        }
        TrainError::Engine(Box::new(error))
    }
}
