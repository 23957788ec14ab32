//! Runs CUDA kernels on the CPU: the same sources, compiled by the host's C++ compiler, one fiber per
//! CUDA thread. For tests on machines without a GPU.
//!
//! Barriers, shuffles, `ldmatrix`, tensor-core products and asynchronous copies behave as on a GPU, with
//! less patience: memory starts as NaN and has zones around it that nothing may touch, an asynchronous
//! copy arrives only when it is waited for, threads that wait at different barriers are an error, and the
//! order in which threads and blocks run can be [chosen](Schedule). A kernel without races gives the same
//! bits under all orders. What goes wrong in a kernel comes back as a
//! [`DeviceError::Failed`] that names kernel, block, thread and what happened.
//!
//! The repository's kernels run through their launchers on [`Host::stream`]:
//!
//! ```
//! use tunefork_kernels::launch::dropout::Dropout;
//! use tunefork_kernels::{DeviceMemory, DropoutRow, Precision, StepRow};
//! use tunefork_emulator::{Host, Schedule};
//!
//! let stream = Host::stream(80, Schedule::GreedyUp);
//! let step = StepRow { rows: 2, ..bytemuck::Zeroable::zeroed() };
//! let step = DeviceMemory::of(&stream, &[step])?;
//! let half = DeviceMemory::of(&stream, &[DropoutRow::new(0.5)])?;
//! let (x, y) = (DeviceMemory::of(&stream, &[1f32; 20])?, DeviceMemory::new(&stream, 80)?);
//! Dropout { layer: 0, batch: 2, elements: 10, precision: Precision::F32 }
//!     .run(&*stream, step.all(), half.all(), x.all(), y.all(), false)?;
//! assert!(y.all::<f32>().read(&*stream)?.iter().all(|&y| y == 0.0 || y == 2.0));
//! # Ok::<(), tunefork_kernels::DeviceError>(())
//! ```
//!
//! Other kernels, of files in the folder that `TUNEFORK_KERNELS` names, run with [`Host::run`].
#![deny(missing_docs)]

mod feed;
mod memory;
mod probe;
mod readback;
mod schedule;

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tunefork_kernels::{Arguments, CapturedGraph, DeviceError, Feed, Kernel, Launch, Readback, Stream};

use feed::HostFeed;
use memory::{Allocation, Memory};
pub use probe::{Asked, Probe};
use readback::HostReadback;
pub use schedule::Schedule;

/// Whether a sanitizer was built in (`TUNEFORK_SANITIZE`).
pub const SANITIZED: bool = cfg!(sanitized);

/// Files of kernels that do not compile.
const BROKEN: &str = env!("EMULATOR_BROKEN");

unsafe extern "C" {
    fn emulator_launch(
        architecture: c_int,
        file: *const c_char,
        name: *const c_char,
        grid: *const c_uint,
        block: *const c_uint,
        shared_bytes: usize,
        arguments: *const *const c_void,
        argument_sizes: *const usize,
        argument_count: usize,
        schedule: c_int,
        seed: c_uint,
        os_threads: c_int,
        allocations: *const Allocation,
        allocation_count: usize,
        text: *mut c_char,
        room: usize,
    ) -> c_int;
    fn emulator_bound(architecture: c_int, file: *const c_char, name: *const c_char) -> c_uint;
}

/// The most threads of a kernel's blocks, on the code path of an architecture (75 or 80), as `BLOCKS_OF` says in the kernel's
/// file. None if there is no such kernel.
pub fn bound(architecture: u32, kernel: Kernel) -> Option<u32> {
    let [file, name] = [kernel.source.file(), kernel.name].map(|text| CString::new(text).expect("no zero byte"));
    // SAFETY: both texts end with a zero.
    let threads = unsafe { emulator_bound(architecture as c_int * 10, file.as_ptr(), name.as_ptr()) };
    (threads > 0).then_some(threads)
}

/// The stand-in for a GPU.
#[derive(Debug)]
pub struct Host {
    device: Arc<Device>,
    collecting: Arc<Collecting>,
}

/// Work that is collected instead of run.
#[derive(Debug, Default)]
struct Collecting(Mutex<Option<Vec<Work>>>);

#[derive(Debug)]
struct Device {
    /// 75 or 80: which code path of the kernels.
    architecture: u32,
    schedule: Schedule,
    memory: Memory,
}

#[derive(Debug)]
enum Work {
    Launch {
        file: &'static str,
        name: &'static str,
        grid: [u32; 3],
        block: [u32; 3],
        shared_bytes: u32,
        arguments: Arguments,
    },
    Fill {
        to: u64,
        byte: u8,
        bytes: usize,
    },
    Copy {
        to: u64,
        from: u64,
        bytes: usize,
    },
}

impl Collecting {
    fn list(&self) -> MutexGuard<'_, Option<Vec<Work>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a GPU's driver refuses while work is collected.
    fn refuse(&self, what: &str) -> Result<(), DeviceError> {
        match &*self.list() {
            Some(_) => Err(DeviceError::Failed(format!("{what} while collecting"))),
            None => Ok(()),
        }
    }
}

impl Host {
    /// A stand-in that runs the code path of sm_75 (`architecture` 75) or sm_80 and later (80) under a
    /// schedule.
    ///
    /// # Panics
    /// With another architecture.
    pub fn new(architecture: u32, schedule: Schedule) -> Self {
        assert!(matches!(architecture, 75 | 80), "sm_{architecture}");
        Self {
            device: Arc::new(Device { architecture, schedule, memory: Memory::default() }),
            collecting: Arc::default(),
        }
    }

    /// The same as a stream for launchers.
    ///
    /// # Panics
    /// With another architecture than 75 or 80.
    pub fn stream(architecture: u32, schedule: Schedule) -> Arc<dyn Stream> {
        Arc::new(Self::new(architecture, schedule))
    }

    /// Runs a kernel by the names of its file (without folders) and of itself, for files that are not
    /// among the sources of `tunefork-kernels`.
    ///
    /// # Errors
    /// As [`Stream::launch`].
    ///
    /// # Safety
    /// As [`Stream::launch`]. Faults that the emulator sees become errors, but it does not see all.
    pub unsafe fn run(
        &self,
        (file, name): (&'static str, &'static str),
        grid: [u32; 3],
        block: [u32; 3],
        shared_bytes: u32,
        arguments: &Arguments,
    ) -> Result<(), DeviceError> {
        self.submit(Work::Launch { file, name, grid, block, shared_bytes, arguments: arguments.clone() })
    }

    fn submit(&self, work: Work) -> Result<(), DeviceError> {
        if let Some(list) = &mut *self.collecting.list() {
            list.push(work);
            return Ok(());
        }
        self.device.run(&work)
    }
}

impl Device {
    fn run(&self, work: &Work) -> Result<(), DeviceError> {
        match work {
            Work::Fill { to, byte, bytes } => {
                self.memory.expect(*to, *bytes)?;
                // SAFETY: live memory.
                unsafe { std::ptr::write_bytes(*to as *mut u8, *byte, *bytes) };
                Ok(())
            }
            Work::Copy { to, from, bytes } => {
                self.memory.expect(*to, *bytes)?;
                self.memory.expect(*from, *bytes)?;
                // SAFETY: live memory; the caller of `copy` said that the bytes do not overlap.
                unsafe {
                    std::ptr::copy_nonoverlapping(*from as *const u8, *to as *mut u8, *bytes);
                }
                Ok(())
            }
            Work::Launch { file, name, grid, block, shared_bytes, arguments } => {
                self.launch((file, name), *grid, *block, *shared_bytes, arguments)
            }
        }
    }

    fn launch(
        &self,
        (file, name): (&'static str, &str),
        grid: [u32; 3],
        block: [u32; 3],
        shared_bytes: u32,
        arguments: &Arguments,
    ) -> Result<(), DeviceError> {
        let [c_file, c_name] = [file, name].map(|name| CString::new(name).expect("names have no zero byte"));
        let pointers = arguments.pointers();
        let (schedule, seed) = self.schedule.code();
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
        let allocations = self.memory.allocations();
        let mut text: [c_char; 1024] = [0; 1024];
        // SAFETY: the pointers are those of arrays that live here; the rest is what was promised when
        // the work was submitted.
        let code = unsafe {
            emulator_launch(
                self.architecture as c_int * 10,
                c_file.as_ptr(),
                c_name.as_ptr(),
                grid.as_ptr(),
                block.as_ptr(),
                shared_bytes as usize,
                pointers.as_ptr().cast(),
                arguments.sizes().as_ptr(),
                pointers.len(),
                schedule,
                seed,
                threads as c_int,
                allocations.as_ptr(),
                allocations.len(),
                text.as_mut_ptr(),
                text.len(),
            )
        };
        // SAFETY: the text ends with a zero, at the latest in its last byte.
        let text = unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy();
        let unusable = |detail: String| DeviceError::Kernel { kernel: name.into(), file, detail };
        match code {
            0 => match self.memory.overrun() {
                None => Ok(()),
                Some((bytes, place)) => Err(DeviceError::Failed(format!(
                    "kernel {name} of {file} wrote byte {place} of an allocation of {bytes} bytes"
                ))),
            },
            1 if BROKEN.split(' ').any(|broken| broken == file) => Err(unusable("the file does not compile".into())),
            1 => Err(unusable(format!("there is none of this name for sm_{}", self.architecture))),
            2 => Err(unusable(text.into_owned())),
            _ => Err(DeviceError::Failed(format!("{text} ({file})"))),
        }
    }
}

impl Stream for Host {
    fn architecture(&self) -> u32 {
        self.device.architecture
    }

    fn beside(&self) -> Result<Arc<dyn Stream>, DeviceError> {
        Ok(Arc::new(Self { device: Arc::clone(&self.device), collecting: Arc::default() }))
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        self.collecting.refuse("memory cannot be allocated")?;
        self.device.memory.allocate(bytes)
    }

    unsafe fn free(&self, address: u64, bytes: usize) {
        // SAFETY: the caller's.
        unsafe { self.device.memory.free(address, bytes) };
    }

    unsafe fn upload(&self, to: u64, from: &[u8]) -> Result<(), DeviceError> {
        self.collecting.refuse("nothing can be uploaded")?;
        self.device.memory.expect(to, from.len())?;
        // SAFETY: live memory of this device, which the host's slices cannot overlap.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to as *mut u8, from.len()) };
        Ok(())
    }

    unsafe fn download(&self, to: &mut [u8], from: u64) -> Result<(), DeviceError> {
        self.collecting.refuse("nothing can be downloaded")?;
        self.device.memory.expect(from, to.len())?;
        // SAFETY: live memory of this device, which the host's slices cannot overlap.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    unsafe fn fill(&self, to: u64, byte: u8, bytes: usize) -> Result<(), DeviceError> {
        self.submit(Work::Fill { to, byte, bytes })
    }

    unsafe fn copy(&self, to: u64, from: u64, bytes: usize) -> Result<(), DeviceError> {
        self.submit(Work::Copy { to, from, bytes })
    }

    fn feed(&self, bytes: usize) -> Result<Box<dyn Feed>, DeviceError> {
        self.collecting.refuse("a feed cannot be made")?;
        let (device, collecting) = (Arc::clone(&self.device), Arc::clone(&self.collecting));
        Ok(Box::new(HostFeed::new(device, collecting, bytes)))
    }

    fn readback(&self, bytes: usize) -> Result<Box<dyn Readback>, DeviceError> {
        self.collecting.refuse("a readback cannot be made")?;
        let (device, collecting) = (Arc::clone(&self.device), Arc::clone(&self.collecting));
        Ok(Box::new(HostReadback::new(device, collecting, bytes)))
    }

    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), DeviceError> {
        self.submit(Work::Launch {
            file: launch.kernel.source.file(),
            name: launch.kernel.name,
            grid: launch.grid,
            block: launch.block,
            shared_bytes: launch.shared_bytes,
            arguments: launch.arguments.clone(),
        })
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        self.collecting.refuse("nothing can be waited for")
    }

    fn begin_capture(&self) -> Result<(), DeviceError> {
        self.collecting.refuse("a collection cannot begin")?;
        *self.collecting.list() = Some(Vec::new());
        Ok(())
    }

    fn end_capture(&self) -> Result<Box<dyn CapturedGraph>, DeviceError> {
        let work = self.collecting.list().take();
        match work {
            Some(work) if !work.is_empty() => Ok(Box::new(Collected { device: Arc::clone(&self.device), work })),
            _ => Err(DeviceError::Failed("nothing was collected".into())),
        }
    }
}

struct Collected {
    device: Arc<Device>,
    work: Vec<Work>,
}

impl CapturedGraph for Collected {
    fn launch(&self) -> Result<(), DeviceError> {
        self.work.iter().try_for_each(|work| self.device.run(work))
    }
}
