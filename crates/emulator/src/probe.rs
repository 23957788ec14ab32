//! A stream that runs nothing and remembers what is launched, at any size, on any architecture.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tunefork_kernels::{CapturedGraph, DeviceError, Feed, Launch, Place, Readback, Span, Stream};

/// A launch as it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The kernel's name.
    pub kernel: &'static str,
    /// Blocks in x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub threads: u32,
    /// Dynamic shared memory of a block, in bytes.
    pub shared_bytes: u32,
    /// The memory that it was given.
    pub places: Vec<Place>,
}

/// The stream. Nothing that is read from it means anything.
pub struct Probe {
    architecture: u32,
    /// Addresses that nothing lies at.
    next: AtomicU64,
    asked: Mutex<Vec<Asked>>,
}

impl Probe {
    /// A stand-in for a card of this architecture: 75, 80, 86, 90.
    pub fn new(architecture: u32) -> Arc<Self> {
        Arc::new(Self { architecture, next: AtomicU64::new(256), asked: Mutex::default() })
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was launched since this was last asked for.
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked())
    }
}

impl Stream for Probe {
    fn architecture(&self) -> u32 {
        self.architecture
    }

    fn beside(&self) -> Result<Arc<dyn Stream>, DeviceError> {
        Err(DeviceError::Failed("a probe has one stream".into()))
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        let bytes = (bytes as u64).next_multiple_of(256);
        Ok(self.next.fetch_add(bytes, Ordering::Relaxed))
    }

    unsafe fn free(&self, _address: u64, _bytes: usize) {}

    unsafe fn upload(&self, _to: u64, _from: &[u8]) -> Result<(), DeviceError> {
        Ok(())
    }

    unsafe fn download(&self, _to: &mut [u8], _from: u64) -> Result<(), DeviceError> {
        Ok(())
    }

    unsafe fn fill(&self, _to: u64, _byte: u8, _bytes: usize) -> Result<(), DeviceError> {
        Ok(())
    }

    unsafe fn copy(&self, _to: u64, _from: u64, _bytes: usize) -> Result<(), DeviceError> {
        Ok(())
    }

    fn feed(&self, _bytes: usize) -> Result<Box<dyn Feed>, DeviceError> {
        Err(DeviceError::Failed("nothing is fed".into()))
    }

    fn readback(&self, _bytes: usize) -> Result<Box<dyn Readback>, DeviceError> {
        Ok(Box::new(Zeros(Vec::new())))
    }

    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), DeviceError> {
        let [x, y, z] = launch.block;
        self.asked().push(Asked {
            kernel: launch.kernel.name,
            grid: launch.grid,
            threads: x * y * z,
            shared_bytes: launch.shared_bytes,
            places: launch.arguments.places().to_vec(),
        });
        Ok(())
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn begin_capture(&self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn end_capture(&self) -> Result<Box<dyn CapturedGraph>, DeviceError> {
        Err(DeviceError::Failed("nothing is collected".into()))
    }
}

/// What comes back from where nothing is done.
struct Zeros(Vec<u8>);

impl Readback for Zeros {
    fn order(&mut self, parts: &[Span<'_, u8>]) -> Result<(), DeviceError> {
        self.0 = vec![0; parts.iter().map(|part| part.len()).sum()];
        Ok(())
    }

    fn wait(&mut self) -> Result<&[u8], DeviceError> {
        Ok(&self.0)
    }
}
