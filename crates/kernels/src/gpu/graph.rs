//! Captured work.

use std::sync::Arc;

use cudarc::driver::CudaGraph;

use super::stream::GpuStream;
use crate::{CapturedGraph, DeviceError};

/// A graph of the driver, ready to run. The stream keeps the kernels' code loaded.
pub(super) struct Captured {
    // Before the stream, so that it is destroyed before.
    graph: CudaGraph,
    stream: Arc<GpuStream>,
}

// SAFETY: the driver serves all threads; calls to one graph must not overlap, and a value that is Send
// but not Sync is used by one thread at a time.
unsafe impl Send for Captured {}

impl Captured {
    pub(super) fn new(graph: CudaGraph, stream: Arc<GpuStream>) -> Self {
        Self { graph, stream }
    }
}

impl CapturedGraph for Captured {
    fn launch(&self) -> Result<(), DeviceError> {
        self.stream.usable()?;
        self.graph.launch().map_err(|error| self.stream.failed("starting a graph", error))
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        // A graph must not be destroyed while it runs.
        let _ = self.stream.wait();
    }
}
