//! A place in a stream that the host may wait for.

use std::sync::Arc;

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUevent_flags as Flags};
use cudarc::driver::{CudaContext, CudaStream};

/// An event without a time. A thread that waits for it sleeps: the driver lets it spin otherwise, also in a context whose
/// streams are waited for asleep, and there is another thread that prepares data.
pub(super) struct Event {
    event: sys::CUevent,
    context: Arc<CudaContext>,
}

// SAFETY: a handle of the driver, which serves all threads.
unsafe impl Send for Event {}

impl Event {
    /// Of a context, which becomes the current one.
    pub(super) fn new(context: &Arc<CudaContext>) -> Result<Self, DriverError> {
        context.bind_to_thread()?;
        let mut event = std::ptr::null_mut();
        // cudarc takes one flag at a time.
        let flags = Flags::CU_EVENT_BLOCKING_SYNC as u32 | Flags::CU_EVENT_DISABLE_TIMING as u32;
        // SAFETY: the place exists; destroyed when dropped.
        unsafe { sys::cuEventCreate(&mut event, flags) }.result()?;
        Ok(Self { event, context: Arc::clone(context) })
    }

    /// From here on it is the place behind all work ordered so far.
    pub(super) fn record(&self, stream: &CudaStream) -> Result<(), DriverError> {
        // SAFETY: an event and a stream of one context that exist.
        unsafe { result::event::record(self.event, stream.cu_stream()) }
    }

    /// Waits until the work before it is done; one that was never recorded is no reason to wait.
    pub(super) fn wait(&self) -> Result<(), DriverError> {
        // SAFETY: an event that exists.
        unsafe { result::event::synchronize(self.event) }
    }

    /// Lets the work that a stream is given from now on wait for it.
    pub(super) fn hold(&self, stream: &CudaStream) -> Result<(), DriverError> {
        let flags = sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
        // SAFETY: an event and a stream that exist.
        unsafe { result::stream::wait_event(stream.cu_stream(), self.event, flags) }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // Those of a lost context go with it; the calls then fail without harm.
        let _ = self.context.bind_to_thread();
        // SAFETY: created once, destroyed once.
        let _ = unsafe { result::event::destroy(self.event) };
    }
}
