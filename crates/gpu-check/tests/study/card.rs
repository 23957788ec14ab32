//! A card that is none: the emulator's stream, a memory of any size, and faults where they are wanted.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tunefork::train::{Card, Cuda, DeviceError};
use tunefork::{DeviceChoice, Machine};
use tunefork_emulator::{Host, Schedule};
use tunefork_kernels::{Call, Stream, watched};

/// What the engine leaves to the driver's context on every card.
pub(crate) const CONTEXT: u64 = 640 << 20;

/// The card as all its contexts share it, and what was asked of it.
pub(crate) struct World {
    /// Bytes for everything but the context.
    pub room: u64,
    /// Bytes of these that another program holds.
    pub others: u64,
    /// Whether a context that is lost was the last one.
    pub gone: AtomicBool,
    /// The calls that fail, counted from the context that the fault before them led to.
    faults: Mutex<Vec<u32>>,
    /// Contexts so far.
    pub contexts: AtomicU32,
    /// Calls on the context that is there now, and on all.
    calls: AtomicU32,
    pub all_calls: AtomicU32,
    /// Which of all calls ended the capture of a graph: in each trial first one of a training step, then
    /// one of an evaluation.
    pub captures: Mutex<Vec<u32>>,
    pub uploads: AtomicU32,
    pub allocations: AtomicU32,
    held: AtomicU64,
    /// The most bytes that were ever held at once.
    pub peak: AtomicU64,
}

impl World {
    pub(crate) fn new(room: u64, others: u64, faults: &[u32]) -> Arc<Self> {
        let zero = AtomicU32::default;
        Arc::new(Self {
            room,
            others,
            gone: AtomicBool::new(false),
            faults: Mutex::new(faults.iter().rev().copied().collect()),
            contexts: zero(),
            calls: zero(),
            all_calls: zero(),
            captures: Mutex::default(),
            uploads: zero(),
            allocations: zero(),
            held: AtomicU64::default(),
            peak: AtomicU64::default(),
        })
    }

    /// A card that is large and whole.
    pub(crate) fn plenty() -> Arc<Self> {
        Self::new(1 << 30, 0, &[])
    }

    pub(crate) fn machine(self: &Arc<Self>) -> Machine {
        let world = Arc::clone(self);
        let find = move || -> Result<Arc<dyn Card>, DeviceError> {
            match world.gone.load(SeqCst) && world.contexts.load(SeqCst) > 0 {
                true => Err(DeviceError::Unavailable("the driver sees no GPU".into())),
                false => Ok(world.context()),
            }
        };
        let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(2)).unwrap();
        machine.with_gpu(Cuda::new(find).unwrap())
    }

    fn context(self: &Arc<Self>) -> Arc<Context> {
        self.contexts.fetch_add(1, SeqCst);
        self.calls.store(0, SeqCst);
        let (world, lost) = (Arc::clone(self), AtomicBool::new(false));
        let stream = watched(&Host::stream(80, Schedule::RoundRobin), move |call| match call {
            Call::Free(bytes) => {
                world.held.fetch_sub(bytes as u64, SeqCst);
                Ok(())
            }
            call => world.call(call, &lost),
        });
        let world = Arc::clone(self);
        Arc::new(Context { world, stream })
    }

    /// One call of a context, which is lost from the first fault on.
    fn call(&self, call: Call<'_>, lost: &AtomicBool) -> Result<(), DeviceError> {
        if !lost.load(SeqCst) {
            self.all_calls.fetch_add(1, SeqCst);
            let number = self.calls.fetch_add(1, SeqCst) + 1;
            let mut faults = self.faults.lock().unwrap();
            if faults.last() == Some(&number) {
                faults.pop();
                lost.store(true, SeqCst);
            }
        }
        if lost.load(SeqCst) {
            return Err(DeviceError::Failed("an illegal address".into()));
        }
        match call {
            Call::EndCapture => {
                let call = self.all_calls.load(SeqCst);
                self.captures.lock().unwrap().push(call);
            }
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
        let World { room, others, held, .. } = &*self.world;
        Ok((room - others - held.load(SeqCst), room + CONTEXT))
    }
}
