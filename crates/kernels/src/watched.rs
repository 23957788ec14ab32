//! A stream that is watched: to count what is asked of a device, or to let it fail.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{CapturedGraph, DeviceError, Feed, Kernel, Launch, Readback, Span, Stream};

/// What is asked of a stream.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// So many new bytes.
    Allocate(usize),
    /// So many bytes are given back.
    Free(usize),
    /// So many bytes are copied to the device.
    Upload(usize),
    /// So many bytes are copied from the device.
    Download(usize),
    /// So many bytes are set.
    Fill(usize),
    /// So many bytes are copied within the device.
    Copy(usize),
    /// A feed is made, with two buffers of so many bytes.
    Feed(usize),
    /// A feed copies so many bytes to the device.
    Send(usize),
    /// A readback is made, with room for so many bytes.
    Readback(usize),
    /// A readback is ordered: which one, in the order in which they were made, and bytes.
    Order(usize, usize),
    /// The host waits for this one.
    Wait(usize),
    /// A kernel is run or collected.
    Launch(&'a Launch<'a>),
    /// The host waits until all work is done.
    Synchronize,
    /// A collection of launches begins.
    BeginCapture,
    /// A collection of launches ends.
    EndCapture,
}

/// Is told of each call before it is passed on; an error takes the call's place, except that memory is
/// given back all the same.
type Watch = dyn Fn(Call<'_>) -> Result<(), DeviceError> + Send + Sync;

struct Watched {
    stream: Arc<dyn Stream>,
    watch: Arc<Watch>,
    /// Readbacks that were made.
    readbacks: Arc<AtomicUsize>,
}

/// The same stream with somebody who is told of each call first and may refuse it.
pub fn watched(
    stream: &Arc<dyn Stream>,
    watch: impl Fn(Call<'_>) -> Result<(), DeviceError> + Send + Sync + 'static,
) -> Arc<dyn Stream> {
    Arc::new(Watched { stream: Arc::clone(stream), watch: Arc::new(watch), readbacks: Arc::default() })
}

impl Stream for Watched {
    fn architecture(&self) -> u32 {
        self.stream.architecture()
    }

    fn beside(&self) -> Result<Arc<dyn Stream>, DeviceError> {
        let (watch, readbacks) = (Arc::clone(&self.watch), Arc::clone(&self.readbacks));
        Ok(Arc::new(Self { stream: self.stream.beside()?, watch, readbacks }))
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        (self.watch)(Call::Allocate(bytes))?;
        self.stream.allocate(bytes)
    }

    unsafe fn free(&self, address: u64, bytes: usize) {
        let _ = (self.watch)(Call::Free(bytes));
        // SAFETY: the caller's.
        unsafe { self.stream.free(address, bytes) };
    }

    unsafe fn upload(&self, to: u64, from: &[u8]) -> Result<(), DeviceError> {
        (self.watch)(Call::Upload(from.len()))?;
        // SAFETY: the caller's.
        unsafe { self.stream.upload(to, from) }
    }

    unsafe fn download(&self, to: &mut [u8], from: u64) -> Result<(), DeviceError> {
        (self.watch)(Call::Download(to.len()))?;
        // SAFETY: the caller's.
        unsafe { self.stream.download(to, from) }
    }

    unsafe fn fill(&self, to: u64, byte: u8, bytes: usize) -> Result<(), DeviceError> {
        (self.watch)(Call::Fill(bytes))?;
        // SAFETY: the caller's.
        unsafe { self.stream.fill(to, byte, bytes) }
    }

    unsafe fn copy(&self, to: u64, from: u64, bytes: usize) -> Result<(), DeviceError> {
        (self.watch)(Call::Copy(bytes))?;
        // SAFETY: the caller's.
        unsafe { self.stream.copy(to, from, bytes) }
    }

    fn feed(&self, bytes: usize) -> Result<Box<dyn Feed>, DeviceError> {
        (self.watch)(Call::Feed(bytes))?;
        Ok(Box::new(WatchedFeed { feed: self.stream.feed(bytes)?, watch: Arc::clone(&self.watch) }))
    }

    fn readback(&self, bytes: usize) -> Result<Box<dyn Readback>, DeviceError> {
        (self.watch)(Call::Readback(bytes))?;
        let (readback, watch) = (self.stream.readback(bytes)?, Arc::clone(&self.watch));
        let number = self.readbacks.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(WatchedReadback { readback, watch, number }))
    }

    fn prepare(&self, kernels: &[Kernel]) -> Result<(), DeviceError> {
        self.stream.prepare(kernels)
    }

    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), DeviceError> {
        (self.watch)(Call::Launch(launch))?;
        // SAFETY: the caller's.
        unsafe { self.stream.launch(launch) }
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        (self.watch)(Call::Synchronize)?;
        self.stream.synchronize()
    }

    fn begin_capture(&self) -> Result<(), DeviceError> {
        (self.watch)(Call::BeginCapture)?;
        self.stream.begin_capture()
    }

    fn end_capture(&self) -> Result<Box<dyn CapturedGraph>, DeviceError> {
        (self.watch)(Call::EndCapture)?;
        self.stream.end_capture()
    }
}

struct WatchedFeed {
    feed: Box<dyn Feed>,
    watch: Arc<Watch>,
}

impl Feed for WatchedFeed {
    fn buffer(&mut self) -> Result<&mut [u8], DeviceError> {
        self.feed.buffer()
    }

    fn send(&mut self, parts: &[(Span<'_, u8>, Range<usize>)]) -> Result<(), DeviceError> {
        let bytes = parts.iter().map(|(to, _)| to.len()).sum();
        (self.watch)(Call::Send(bytes))?;
        self.feed.send(parts)
    }
}

struct WatchedReadback {
    readback: Box<dyn Readback>,
    watch: Arc<Watch>,
    number: usize,
}

impl Readback for WatchedReadback {
    fn order(&mut self, parts: &[Span<'_, u8>]) -> Result<(), DeviceError> {
        (self.watch)(Call::Order(self.number, parts.iter().map(|part| part.len()).sum()))?;
        self.readback.order(parts)
    }

    fn wait(&mut self) -> Result<&[u8], DeviceError> {
        (self.watch)(Call::Wait(self.number))?;
        self.readback.wait()
    }
}
