//! A card that is none: the emulator's stream, a memory of any size, and faults where they are wanted. A fault is sticky, as
//! NVIDIA documents it: every call of the process fails from then on, in a new context too, until there is another process.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tunefork::train::{Card, Cuda, DeviceError};
use tunefork::{DeviceChoice, Machine};
use tunefork_emulator::{Host, Schedule};
use tunefork_kernels::{Call, Stream, watched};

/// What the engine leaves to the driver's context on every card.
pub(crate) const CONTEXT: u64 = 640 << 20;

/// The card as one process has it, and what was asked of it. Another process has another one.
pub(crate) struct World {
    /// Bytes for everything but the context.
    pub room: u64,
    /// Bytes of these that another program holds.
    pub others: u64,
    /// The call that fails, if one does.
    fault: Option<u32>,
    /// Whether the call has failed: the card is lost to the process.
    is_lost: AtomicBool,
    /// Contexts so far.
    pub contexts: AtomicU32,
    /// Calls until the card was lost.
    pub calls: AtomicU32,
    /// The launch that finds no memory, if one does, and launches so far.
    pub full: AtomicU32,
    pub launches: AtomicU32,
    /// Which of all calls ended the capture of a graph: in each trial first one of a training step, then
    /// one of an evaluation.
    pub captures: Mutex<Vec<u32>>,
    pub uploads: AtomicU32,
    pub allocations: AtomicU32,
    /// The most trials that a launch was for.
    pub lanes: AtomicU32,
    held: AtomicU64,
    /// The most bytes that were ever held at once.
    pub peak: AtomicU64,
}

impl World {
    pub(crate) fn new(room: u64, others: u64, fault: Option<u32>) -> Arc<Self> {
        let zero = AtomicU32::default;
        Arc::new(Self {
            room,
            others,
            fault,
            is_lost: AtomicBool::new(false),
            contexts: zero(),
            calls: zero(),
            full: zero(),
            launches: zero(),
            captures: Mutex::default(),
            uploads: zero(),
            allocations: zero(),
            lanes: zero(),
            held: AtomicU64::default(),
            peak: AtomicU64::default(),
        })
    }

    /// A card that is large and whole.
    pub(crate) fn plenty() -> Arc<Self> {
        Self::new(1 << 30, 0, None)
    }

    /// The same card, lost to the process with one of its calls.
    pub(crate) fn lost_at(call: u32) -> Arc<Self> {
        Self::new(1 << 30, 0, Some(call))
    }

    pub(crate) fn machine(self: &Arc<Self>) -> Machine {
        let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(2)).unwrap();
        machine.with_gpu(Cuda::new(self.context()).unwrap())
    }

    fn context(self: &Arc<Self>) -> Arc<Context> {
        self.contexts.fetch_add(1, SeqCst);
        let world = Arc::clone(self);
        let stream = watched(&Host::stream(80, Schedule::RoundRobin), move |call| match call {
            Call::Free(bytes) => {
                world.held.fetch_sub(bytes as u64, SeqCst);
                Ok(())
            }
            call => world.call(call),
        });
        let world = Arc::clone(self);
        Arc::new(Context { world, stream })
    }

    /// An error once the card is lost.
    fn check(&self) -> Result<(), DeviceError> {
        match self.is_lost.load(SeqCst) {
            true => Err(DeviceError::Lost("an illegal address".into())),
            false => Ok(()),
        }
    }

    fn call(&self, call: Call<'_>) -> Result<(), DeviceError> {
        if !self.is_lost.load(SeqCst) {
            let number = self.calls.fetch_add(1, SeqCst) + 1;
            self.is_lost.store(self.fault == Some(number), SeqCst);
        }
        self.check()?;
        match call {
            Call::EndCapture => {
                let call = self.calls.load(SeqCst);
                self.captures.lock().unwrap().push(call);
            }
            // As where the driver has no room for a kernel's code.
            Call::Launch(_) if self.launches.fetch_add(1, SeqCst) + 1 == self.full.load(SeqCst) => {
                return Err(DeviceError::OutOfMemory("loading a kernel".into()));
            }
            Call::Launch(launch) => _ = self.lanes.fetch_max(launch.grid[2], SeqCst),
            Call::Upload(_) => _ = self.uploads.fetch_add(1, SeqCst),
            Call::Allocate(bytes) => {
                self.allocations.fetch_add(1, SeqCst);
                let held = self.held.fetch_add(bytes as u64, SeqCst) + bytes as u64;
                self.peak.fetch_max(held, SeqCst);
                assert!(held + self.others <= self.room, "more than the card has");
            }
            _ => {}
        }
        Ok(())
    }
}

struct Context {
    world: Arc<World>,
    stream: Arc<dyn Stream>,
}

impl Card for Context {
    fn name(&self) -> String {
        "Emulator".into()
    }

    fn compiler(&self) -> String {
        "g++".into()
    }

    fn stream(&self) -> Arc<dyn Stream> {
        Arc::clone(&self.stream)
    }

    fn memory(&self) -> Result<(u64, u64), DeviceError> {
        self.world.check()?;
        let World { room, others, held, .. } = &*self.world;
        Ok((room - others - held.load(SeqCst), room + CONTEXT))
    }
}
