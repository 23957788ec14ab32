//! Where kernels run: what every launcher needs of a GPU, or of something that stands in for one.

use std::ops::Range;
use std::sync::Arc;

use bytemuck::Pod;

use crate::{DeviceError, Kernel, Launch};

/// Work in order on one device: memory, copies, launches.
///
/// Everything but [`synchronize`](Self::synchronize), [`download`](Self::download) and allocation
/// may return before it is done; each piece of work sees what the pieces before it have written.
/// Implemented by a GPU's stream ([`Gpu::stream`](crate::Gpu::stream)) and by the emulator of the tests.
pub trait Stream: Send + Sync {
    /// Compute capability times ten: 75, 80, 86, 90.
    fn architecture(&self) -> u32;

    /// Another stream of the same device, whose work goes on beside this one's. Memory is the same for all of them; what one
    /// has written, another sees when it has been waited for.
    ///
    /// # Errors
    /// A device that fails.
    fn beside(&self) -> Result<Arc<dyn Stream>, DeviceError>;

    /// Address of `bytes` new bytes, a multiple of 256. What they hold is undefined.
    ///
    /// # Errors
    /// [`DeviceError::OutOfMemory`] if there are not so many left.
    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError>;

    /// Gives memory back, once all work before is done.
    ///
    /// # Safety
    /// `address` came from [`allocate`](Self::allocate) of this device with as many bytes, and is not
    /// used afterwards.
    unsafe fn free(&self, address: u64, bytes: usize);

    /// Copies to the device. `from` may be reused when this returns.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Safety
    /// `to` is the first of `from.len()` bytes of this device's memory.
    unsafe fn upload(&self, to: u64, from: &[u8]) -> Result<(), DeviceError>;

    /// Copies from the device, after all work before.
    ///
    /// # Errors
    /// A device that fails, also in the work before.
    ///
    /// # Safety
    /// `from` is the first of `to.len()` bytes of this device's memory.
    unsafe fn download(&self, to: &mut [u8], from: u64) -> Result<(), DeviceError>;

    /// Sets bytes.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Safety
    /// `to` is the first of `bytes` bytes of this device's memory.
    unsafe fn fill(&self, to: u64, byte: u8, bytes: usize) -> Result<(), DeviceError>;

    /// Copies within the device.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Safety
    /// `to` and `from` are the first of `bytes` bytes each of this device's memory, which do not overlap.
    unsafe fn copy(&self, to: u64, from: u64, bytes: usize) -> Result<(), DeviceError>;

    /// A way to the device beside this stream, with two buffers of `bytes` bytes on the host.
    ///
    /// # Errors
    /// A device that fails; no memory for the buffers.
    fn feed(&self, bytes: usize) -> Result<Box<dyn Feed>, DeviceError>;

    /// A way back from the device that nobody has to wait at, with room for `bytes` bytes on the host.
    ///
    /// # Errors
    /// A device that fails; no memory for the bytes.
    fn readback(&self, bytes: usize) -> Result<Box<dyn Readback>, DeviceError>;

    /// Makes kernels ready to be launched, each named once: those that have to be compiled are compiled
    /// side by side. Launching one that is not ready makes it so first.
    ///
    /// # Errors
    /// A kernel that cannot be compiled.
    fn prepare(&self, _kernels: &[Kernel]) -> Result<(), DeviceError> {
        Ok(())
    }

    /// Runs a kernel.
    ///
    /// # Errors
    /// A kernel that cannot be compiled or started.
    ///
    /// # Safety
    /// The arguments are those of the kernel, and it touches nothing but memory of this device that
    /// lives until the work is done. The launchers of this crate check that.
    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), DeviceError>;

    /// Waits until all work is done.
    ///
    /// # Errors
    /// A device that fails, also in the work before.
    fn synchronize(&self) -> Result<(), DeviceError>;

    /// From here on launches, fills and copies within the device are collected instead of run. Uploads,
    /// downloads, feeds, readbacks and allocations are not allowed meanwhile.
    ///
    /// # Errors
    /// A device that fails.
    fn begin_capture(&self) -> Result<(), DeviceError>;

    /// Ends the collection and returns what was collected.
    ///
    /// # Errors
    /// A device that fails; nothing collected.
    fn end_capture(&self) -> Result<Box<dyn CapturedGraph>, DeviceError>;
}

/// Launches that were collected once and can be run many times, at little more cost than one launch.
pub trait CapturedGraph: Send {
    /// Runs all of them, on the stream that collected them.
    ///
    /// # Errors
    /// A device that fails.
    fn launch(&self) -> Result<(), DeviceError>;
}

/// A way to the device on which copies go on while the stream that it belongs to works.
///
/// It has two buffers on the host that take turns: [`buffer`](Self::buffer) is filled, then
/// [`send`](Self::send) orders its copies. They wait for the work that the stream was given before the
/// *previous* `send`, and all work after this one waits for them. So while the stream works on what one
/// `send` brought, the next may bring more to other memory, and the one after it may use the first memory
/// again: two places on the device that take turns are never read and written at once.
pub trait Feed: Send {
    /// The buffer to be filled next, when what was in it has been fetched. What it holds is undefined.
    ///
    /// # Errors
    /// A device that fails.
    fn buffer(&mut self) -> Result<&mut [u8], DeviceError>;

    /// Copies parts of the buffer, each to as many bytes on the device: none of those that the previous
    /// `send` wrote to, which may still be read. The other buffer is the next one.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If a part is not inside of the buffer or not as long as its place.
    fn send(&mut self, parts: &[(Span<'_, u8>, Range<usize>)]) -> Result<(), DeviceError>;
}

/// What some work leaves, on its way to the host: the copy is ordered with the work, and the host comes for it later, when the
/// device is at the work behind.
pub trait Readback: Send {
    /// Copies numbers to the host, one part behind the other, once all work so far is done. What was ordered before is given up.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If there is not room for so many.
    fn order(&mut self, parts: &[Span<'_, u8>]) -> Result<(), DeviceError>;

    /// The bytes that were ordered last, when they are there: work that was ordered behind them is not waited for. That is possible
    /// while launches are collected, too.
    ///
    /// # Errors
    /// A device that fails, also in the work before.
    fn wait(&mut self) -> Result<&[u8], DeviceError>;
}

/// Memory of a device, given back when dropped.
pub struct DeviceMemory {
    stream: Arc<dyn Stream>,
    address: u64,
    bytes: usize,
}

impl DeviceMemory {
    /// `bytes` bytes whose values are undefined.
    ///
    /// # Errors
    /// [`DeviceError::OutOfMemory`] if there are not so many left.
    pub fn new(stream: &Arc<dyn Stream>, bytes: usize) -> Result<Self, DeviceError> {
        let address = stream.allocate(bytes)?;
        Ok(Self { stream: Arc::clone(stream), address, bytes })
    }

    /// A copy of some numbers.
    ///
    /// # Errors
    /// As [`new`](Self::new); a device that fails.
    pub fn of<T: Pod>(stream: &Arc<dyn Stream>, values: &[T]) -> Result<Self, DeviceError> {
        let memory = Self::new(stream, size_of_val(values))?;
        memory.all::<T>().write(&**stream, values)?;
        Ok(memory)
    }

    /// Bytes that were allocated for it.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of it as numbers.
    ///
    /// # Panics
    /// If the bytes are no multiple of the size of a number.
    pub fn all<T: Pod>(&self) -> Span<'_, T> {
        assert_eq!(self.bytes % size_of::<T>(), 0, "a whole number of values");
        Span { address: self.address, len: self.bytes / size_of::<T>(), memory: std::marker::PhantomData }
    }
}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        // SAFETY: the address is this value's own, and spans cannot outlive it.
        unsafe { self.stream.free(self.address, self.bytes) };
    }
}

/// A row of numbers in the memory of a device. Copies name the same numbers; kernels may read and
/// write them through any copy, in the order of their stream.
#[derive(Debug)]
pub struct Span<'a, T> {
    address: u64,
    len: usize,
    memory: std::marker::PhantomData<(&'a DeviceMemory, T)>,
}

impl<T> Clone for Span<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Span<'_, T> {}

impl<'a, T: Pod> Span<'a, T> {
    /// Address of the first.
    pub fn address(self) -> u64 {
        self.address
    }

    /// How many numbers there are.
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Some of them.
    ///
    /// # Panics
    /// If the range is not inside.
    #[must_use]
    pub fn part(self, range: Range<usize>) -> Span<'a, T> {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {}", self.len);
        Span { address: self.address + (range.start * size_of::<T>()) as u64, len: range.len(), memory: self.memory }
    }

    /// The same bytes as other numbers.
    ///
    /// # Panics
    /// If the bytes are no multiple of the other's size, or not aligned for it.
    #[must_use]
    pub fn cast<U: Pod>(self) -> Span<'a, U> {
        let bytes = self.len * size_of::<T>();
        assert_eq!(bytes % size_of::<U>(), 0, "a whole number of values");
        assert_eq!(self.address % align_of::<U>() as u64, 0, "aligned");
        Span { address: self.address, len: bytes / size_of::<U>(), memory: std::marker::PhantomData }
    }

    /// Copies numbers here.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If there are not exactly as many.
    pub fn write(self, stream: &dyn Stream, values: &[T]) -> Result<(), DeviceError> {
        assert_eq!(values.len(), self.len, "one value for each place");
        // SAFETY: a span lies in memory that lives.
        unsafe { stream.upload(self.address, bytemuck::cast_slice(values)) }
    }

    /// Copies the numbers to the host, after all work before.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If there are not exactly as many places.
    pub fn read_into(self, stream: &dyn Stream, values: &mut [T]) -> Result<(), DeviceError> {
        assert_eq!(values.len(), self.len, "one place for each value");
        // SAFETY: a span lies in memory that lives.
        unsafe { stream.download(bytemuck::cast_slice_mut(values), self.address) }
    }

    /// The numbers, after all work before.
    ///
    /// # Errors
    /// A device that fails.
    pub fn read(self, stream: &dyn Stream) -> Result<Vec<T>, DeviceError> {
        let mut values = vec![T::zeroed(); self.len];
        self.read_into(stream, &mut values)?;
        Ok(values)
    }

    /// Copies numbers from elsewhere on the device.
    ///
    /// # Errors
    /// A device that fails.
    ///
    /// # Panics
    /// If there are not exactly as many, or they are partly the same.
    pub fn copy_from(self, stream: &dyn Stream, from: Span<'_, T>) -> Result<(), DeviceError> {
        assert_eq!(from.len, self.len, "one value for each place");
        let bytes = self.len * size_of::<T>();
        assert!(self.address.abs_diff(from.address) >= bytes as u64, "other values");
        // SAFETY: spans lie in memory that lives.
        unsafe { stream.copy(self.address, from.address, bytes) }
    }

    /// Sets all bytes.
    ///
    /// # Errors
    /// A device that fails.
    pub fn fill(self, stream: &dyn Stream, byte: u8) -> Result<(), DeviceError> {
        // SAFETY: a span lies in memory that lives.
        unsafe { stream.fill(self.address, byte, self.len * size_of::<T>()) }
    }
}
