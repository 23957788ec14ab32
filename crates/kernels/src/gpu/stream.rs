//! A stream of the driver as the launchers want it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{CUevent_flags, CUfunction, CUgraphInstantiate_flags, CUstreamCaptureMode};
use cudarc::driver::{CudaContext, CudaStream};
use tunefork_names::bytes;

use super::cache::Compiler;
use super::fault::{self, UNSUPPORTED_PTX};
use super::feed::GpuFeed;
use super::graph::Captured;
use super::module::Module;
use super::nvrtc::{Compiled, Target};
use super::readback::GpuReadback;
use super::staging::Staging;
use super::start::{may_overlap, start};
use super::{driver, ptx_is_new};
use crate::{CapturedGraph, DeviceError, Feed, Kernel, Launch, Readback, Stream};

/// Work in order on a GPU.
pub(super) struct GpuStream {
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    compiler: Arc<Compiler>,
    target: Target,
    shared_bytes: u32,
    /// Whether launches may begin before those before them have ended.
    overlaps: bool,
    modules: Arc<Modules>,
    staging: Mutex<Option<Staging>>,
    capturing: AtomicBool,
    /// Memory that was given back while launches were collected, when nothing can be waited for.
    given_back: Mutex<Vec<u64>>,
    /// This value itself, for graphs that must keep it.
    this: Weak<Self>,
}

/// The kernels that streams of one device have loaded.
struct Modules {
    context: Arc<CudaContext>,
    loaded: Mutex<HashMap<Kernel, Module>>,
}

impl Drop for Modules {
    fn drop(&mut self) {
        // The last stream has waited for its work. Those of a lost context go with it; the calls then fail without harm.
        let _ = self.context.bind_to_thread();
        for (_, module) in lock(&self.loaded).drain() {
            module.unload();
        }
    }
}

/// No code of ours panics while it holds one of the locks and has changed something by halves.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl GpuStream {
    pub(super) fn new(
        context: &Arc<CudaContext>,
        compiler: &Arc<Compiler>,
        target: Target,
        shared_bytes: u32,
    ) -> Result<Arc<Self>, DeviceError> {
        let modules = Modules { context: Arc::clone(context), loaded: Mutex::default() };
        Self::with(context, compiler, target, shared_bytes, Arc::new(modules))
    }

    fn with(
        context: &Arc<CudaContext>,
        compiler: &Arc<Compiler>,
        target: Target,
        shared_bytes: u32,
        modules: Arc<Modules>,
    ) -> Result<Arc<Self>, DeviceError> {
        // Not the default stream, which cannot be captured.
        let begun = |error| driver::unusable("making a stream with its buffers", error);
        let stream = context.new_stream().map_err(begun)?;
        let staging = Staging::new(context).map_err(begun)?;
        Ok(Arc::new_cyclic(|this| Self {
            context: Arc::clone(context),
            stream,
            compiler: Arc::clone(compiler),
            target,
            shared_bytes,
            overlaps: may_overlap(target.architecture, driver::version().unwrap_or_default()),
            modules,
            staging: Mutex::new(Some(staging)),
            capturing: AtomicBool::new(false),
            given_back: Mutex::default(),
            this: this.clone(),
        }))
    }

    pub(super) fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    pub(super) fn stream(&self) -> &CudaStream {
        &self.stream
    }

    /// What a failed call means: for this call, or for the whole process.
    pub(super) fn failed(&self, doing: &str, error: DriverError) -> DeviceError {
        match fault::meaning(doing, error) {
            DeviceError::OutOfMemory(reason) => {
                let free = self.context.mem_get_info();
                let left =
                    free.map_or(String::new(), |(free, _)| format!("; the device has {} left", bytes(free as u64)));
                DeviceError::OutOfMemory(reason + &left)
            }
            other => other,
        }
    }

    /// An error if the card is lost. Otherwise its context is made this thread's.
    pub(super) fn usable(&self) -> Result<(), DeviceError> {
        fault::check()?;
        let bound = self.context.bind_to_thread();
        bound.map_err(|error| self.failed("choosing the device", error))
    }

    pub(super) fn not_capturing(&self, doing: &str) -> Result<(), DeviceError> {
        if self.capturing.load(Ordering::Relaxed) {
            return Err(DeviceError::Failed(format!("{doing} is not possible while launches are collected")));
        }
        self.usable()
    }

    pub(super) fn wait(&self) -> Result<(), DeviceError> {
        self.usable()?;
        let done = self.stream.synchronize();
        done.map_err(|error| self.failed("waiting for its work", error))
    }

    pub(super) fn time(&self, work: impl FnOnce() -> Result<(), DeviceError>) -> Result<f64, DeviceError> {
        self.not_capturing("timing")?;
        let event = || {
            let event = self.stream.record_event(Some(CUevent_flags::CU_EVENT_BLOCKING_SYNC));
            event.map_err(|error| self.failed("timing", error))
        };
        let start = event()?;
        work()?;
        let end = event()?;
        let milliseconds = start.elapsed_ms(&end).map_err(|error| self.failed("timing", error))?;
        Ok(f64::from(milliseconds) / 1000.0)
    }

    /// A kernel that can be launched: it is compiled or read and loaded when it is first wanted.
    fn function(&self, kernel: Kernel, shared_bytes: u32) -> Result<CUfunction, DeviceError> {
        if shared_bytes > self.shared_bytes {
            return Err(unusable(
                kernel,
                format!(
                    "it wants {shared_bytes} bytes of shared memory, and the device has {} for a block",
                    self.shared_bytes
                ),
            ));
        }
        let mut modules = lock(&self.modules.loaded);
        let module = match modules.entry(kernel) {
            Entry::Occupied(loaded) => loaded.into_mut(),
            Entry::Vacant(place) => place.insert(self.load(kernel, &self.compiler.kernel(kernel, self.target)?)?),
        };
        let function = module.function(shared_bytes);
        function.map_err(|error| self.refused(kernel, "is not given its shared memory", error))
    }

    fn load(&self, kernel: Kernel, compiled: &Compiled) -> Result<Module, DeviceError> {
        Module::load(compiled).map_err(|error| match error.0 as u32 {
            UNSUPPORTED_PTX => {
                DeviceError::NewPtx(ptx_is_new(self.compiler.nvrtc().version(), driver::version().unwrap_or_default()))
            }
            _ => self.refused(kernel, "does not load", error),
        })
    }

    /// What the driver says of a kernel is the kernel's fault, unless memory was short or the card is lost.
    fn refused(&self, kernel: Kernel, what: &str, error: DriverError) -> DeviceError {
        match self.failed(&format!("loading {}", kernel.name), error) {
            DeviceError::Failed(_) => {
                unusable(kernel, format!("its code for {} {what}: {}", self.target, driver::name(error)))
            }
            other => other,
        }
    }
}

fn unusable(kernel: Kernel, detail: String) -> DeviceError {
    DeviceError::Kernel { kernel: kernel.name.into(), file: kernel.source.file(), detail }
}

impl Stream for GpuStream {
    fn architecture(&self) -> u32 {
        self.target.architecture
    }

    fn beside(&self) -> Result<Arc<dyn Stream>, DeviceError> {
        self.usable()?;
        let modules = Arc::clone(&self.modules);
        Ok(Self::with(&self.context, &self.compiler, self.target, self.shared_bytes, modules)?)
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        self.not_capturing("allocating")?;
        // SAFETY: freed by `free`. The driver refuses to allocate nothing, and aligns to 256 or more.
        let address = unsafe { result::malloc_sync(bytes.max(1)) };
        address.map_err(|error| self.failed(&format!("allocating {}", self::bytes(bytes as u64)), error))
    }

    unsafe fn free(&self, address: u64, _bytes: usize) {
        if self.capturing.load(Ordering::Relaxed) {
            return lock(&self.given_back).push(address);
        }
        // With a lost context its memory is lost too; another context may have the same addresses by now.
        if self.wait().is_ok() {
            // SAFETY: the caller's; no work uses it any longer.
            if let Err(error) = unsafe { result::free_sync(address) } {
                self.failed("freeing memory", error);
            }
        }
    }

    unsafe fn upload(&self, to: u64, from: &[u8]) -> Result<(), DeviceError> {
        self.not_capturing("uploading")?;
        let mut staging = lock(&self.staging);
        let staging = staging.as_mut().expect("taken only when dropped");
        // SAFETY: the caller's.
        let copied = unsafe { staging.upload(&self.stream, to, from) };
        copied.map_err(|error| self.failed("uploading", error))
    }

    unsafe fn download(&self, to: &mut [u8], from: u64) -> Result<(), DeviceError> {
        self.not_capturing("downloading")?;
        if to.is_empty() {
            return self.wait();
        }
        // SAFETY: the caller's; `to` is borrowed until the copy is done, also when it fails.
        let copied = unsafe { result::memcpy_dtoh_async(to, from, self.stream.cu_stream()) };
        let done = self.wait();
        copied.map_err(|error| self.failed("downloading", error))?;
        done
    }

    unsafe fn fill(&self, to: u64, byte: u8, bytes: usize) -> Result<(), DeviceError> {
        self.usable()?;
        if bytes == 0 {
            return Ok(());
        }
        // SAFETY: the caller's.
        let filled = unsafe { result::memset_d8_async(to, byte, bytes, self.stream.cu_stream()) };
        filled.map_err(|error| self.failed("filling memory", error))
    }

    unsafe fn copy(&self, to: u64, from: u64, bytes: usize) -> Result<(), DeviceError> {
        self.usable()?;
        if bytes == 0 {
            return Ok(());
        }
        // SAFETY: the caller's.
        let copied = unsafe { result::memcpy_dtod_async(to, from, bytes, self.stream.cu_stream()) };
        copied.map_err(|error| self.failed("copying", error))
    }

    fn feed(&self, bytes: usize) -> Result<Box<dyn Feed>, DeviceError> {
        self.not_capturing("making a feed")?;
        let this = self.this.upgrade().expect("self is borrowed");
        let feed = GpuFeed::new(this, bytes.max(1));
        let feed = feed.map_err(|error| {
            let doing = format!("locking twice {bytes} bytes of the host's memory");
            self.failed(&doing, error)
        })?;
        Ok(Box::new(feed))
    }

    fn readback(&self, bytes: usize) -> Result<Box<dyn Readback>, DeviceError> {
        self.not_capturing("making a readback")?;
        let this = self.this.upgrade().expect("self is borrowed");
        let readback = GpuReadback::new(this, bytes.max(1));
        Ok(Box::new(
            readback.map_err(|error| self.failed(&format!("locking {bytes} bytes of the host's memory"), error))?,
        ))
    }

    fn prepare(&self, kernels: &[Kernel]) -> Result<(), DeviceError> {
        self.usable()?;
        let mut modules = lock(&self.modules.loaded);
        let open: Vec<_> = kernels.iter().copied().filter(|kernel| !modules.contains_key(kernel)).collect();
        let compiled = self.compiler.kernels(&open, self.target)?;
        for (kernel, compiled) in open.into_iter().zip(&compiled) {
            modules.insert(kernel, self.load(kernel, compiled)?);
        }
        Ok(())
    }

    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), DeviceError> {
        self.usable()?;
        if launch.grid.contains(&0) {
            return Ok(());
        }
        let function = self.function(launch.kernel, launch.shared_bytes)?;
        // SAFETY: the caller's.
        let started = unsafe { start(function, launch, &self.stream, self.overlaps) };
        started.map_err(|error| self.failed(&format!("starting {}", launch.kernel.name), error))
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        self.not_capturing("waiting")?;
        self.wait()
    }

    fn begin_capture(&self) -> Result<(), DeviceError> {
        self.not_capturing("collecting launches")?;
        // Relaxed: a kernel's first launch loads its code, which the stricter modes may refuse. What must not
        // happen meanwhile on this stream is refused above.
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        self.stream.begin_capture(mode).map_err(|error| self.failed("collecting launches", error))?;
        self.capturing.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn end_capture(&self) -> Result<Box<dyn CapturedGraph>, DeviceError> {
        if !self.capturing.swap(false, Ordering::Relaxed) {
            return Err(DeviceError::Failed("nothing was collected".into()));
        }
        self.usable()?;
        let graph = self.stream.end_capture(CUgraphInstantiate_flags(0));
        for address in lock(&self.given_back).drain(..) {
            // SAFETY: it was given back by its owner.
            unsafe { self.free(address, 0) };
        }
        let graph = graph.map_err(|error| self.failed("collecting launches", error))?;
        let Some(graph) = graph else {
            return Err(DeviceError::Failed("nothing was collected".into()));
        };
        graph.upload().map_err(|error| self.failed("preparing a graph", error))?;
        let this = self.this.upgrade().expect("self is borrowed");
        Ok(Box::new(Captured::new(graph, this)))
    }
}

impl Drop for GpuStream {
    fn drop(&mut self) {
        // Parts of a lost context go with it; the calls below then fail without harm.
        let _ = self.context.bind_to_thread();
        let _ = self.stream.synchronize();
        drop(lock(&self.staging).take());
    }
}
