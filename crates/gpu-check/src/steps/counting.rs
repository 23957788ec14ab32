//! A stream that counts what is allocated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tunefork_kernels::{DeviceError, Graph, Launch, Stream};

/// Passes everything on to another stream.
pub(super) struct Counting {
    stream: Arc<dyn Stream>,
    bytes: AtomicU64,
    calls: AtomicU64,
}

impl Counting {
    pub fn new(stream: &Arc<dyn Stream>) -> Arc<Self> {
        Arc::new(Self {
            stream: Arc::clone(stream),
            bytes: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        })
    }

    /// Bytes allocated and not given back.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(SeqCst)
    }

    /// How often something was allocated.
    pub fn calls(&self) -> u64 {
        self.calls.load(SeqCst)
    }
}

impl Stream for Counting {
    fn architecture(&self) -> u32 {
        self.stream.architecture()
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        let address = self.stream.allocate(bytes)?;
        self.bytes.fetch_add(bytes as u64, SeqCst);
        self.calls.fetch_add(1, SeqCst);
        Ok(address)
    }

    unsafe fn free(&self, address: u64, bytes: usize) {
        self.bytes.fetch_sub(bytes as u64, SeqCst);
        // SAFETY: the caller's.
        unsafe { self.stream.free(address, bytes) };
    }

    unsafe fn upload(&self, to: u64, from: &[u8]) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { self.stream.upload(to, from) }
    }

    unsafe fn download(&self, to: &mut [u8], from: u64) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { self.stream.download(to, from) }
    }

    unsafe fn fill(&self, to: u64, byte: u8, bytes: usize) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { self.stream.fill(to, byte, bytes) }
    }

    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { self.stream.launch(launch) }
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        self.stream.synchronize()
    }

    fn begin_capture(&self) -> Result<(), DeviceError> {
        self.stream.begin_capture()
    }

    fn end_capture(&self) -> Result<Box<dyn Graph>, DeviceError> {
        self.stream.end_capture()
    }
}
