//! Runs the kernels of `cpp/selftest.cu`.

use std::sync::Arc;

use tunefork_emulator::{Host, Schedule};
use tunefork_kernels::{Arguments, DeviceError, DeviceMemory, Stream};

/// The kernels' stand-in for a GPU.
pub(crate) struct Bench {
    host: Arc<Host>,
    stream: Arc<dyn Stream>,
}

impl Bench {
    pub(crate) fn new(architecture: u32, schedule: Schedule) -> Self {
        let host = Arc::new(Host::new(architecture, schedule));
        let stream = Arc::clone(&host) as Arc<dyn Stream>;
        Self { host, stream }
    }

    #[allow(dead_code, reason = "not every test looks")]
    pub(crate) fn stream(&self) -> &dyn Stream {
        &*self.stream
    }

    pub(crate) fn memory<T: bytemuck::Pod>(&self, values: &[T]) -> DeviceMemory {
        DeviceMemory::of(&self.stream, values).expect("memory")
    }

    pub(crate) fn read<T: bytemuck::Pod>(&self, memory: &DeviceMemory) -> Vec<T> {
        memory.all().read(&*self.stream).expect("memory")
    }

    /// Runs a kernel with so many blocks and threads.
    pub(crate) fn run(
        &self,
        name: &'static str,
        [blocks, threads]: [u32; 2],
        shared_bytes: u32,
        arguments: &Arguments,
    ) -> Result<(), DeviceError> {
        // SAFETY: the kernels' faults are what is tested; every one of them is seen by the emulator before
        // it could harm, or ends a process made for it.
        unsafe { self.host.run(("selftest.cu", name), [blocks, 1, 1], [threads, 1, 1], shared_bytes, arguments) }
    }
}
