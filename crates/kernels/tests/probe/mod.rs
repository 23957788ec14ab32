//! A stream that runs nothing and remembers what launches ask for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tunefork_gpu_check::work::visit;
use tunefork_kernels::{CapturedGraph, DeviceError, Feed, Launch, Precision, Stream};

/// The most shared memory that any launch of the reports' networks asks for, by kernel and architecture: sm_75 runs fewer stages than
/// later ones.
pub(crate) fn shared_bytes(architectures: &[u32]) -> BTreeMap<&'static str, BTreeMap<u32, u32>> {
    let mut most = BTreeMap::new();
    for &architecture in architectures {
        for precision in Precision::of_architecture(architecture) {
            let probe = Arc::new(Probe { architecture, next: AtomicU64::new(256), launches: Mutex::default() });
            let stream: Arc<dyn Stream> = Arc::clone(&probe) as _;
            visit(&stream, precision, &mut |_, launch| launch()).expect("nothing fails here");
            for (kernel, bytes) in probe.launches.lock().expect("no panic").drain(..) {
                let on: &mut BTreeMap<u32, u32> = most.entry(kernel).or_default();
                let most = on.entry(architecture).or_insert(bytes);
                *most = bytes.max(*most);
            }
        }
    }
    most
}

struct Probe {
    architecture: u32,
    /// Addresses that nothing lies at.
    next: AtomicU64,
    launches: Mutex<Vec<(&'static str, u32)>>,
}

impl Stream for Probe {
    fn architecture(&self) -> u32 {
        self.architecture
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

    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), DeviceError> {
        let asked = (launch.kernel.name, launch.shared_bytes);
        self.launches.lock().expect("no panic").push(asked);
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
