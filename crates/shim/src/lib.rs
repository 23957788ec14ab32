//! Runs CUDA kernels on the CPU: the same sources, compiled by the host's C++ compiler, one fiber per
//! CUDA thread. For tests on machines without a GPU.
//!
//! Barriers, shuffles, `ldmatrix`, tensor-core products and asynchronous copies behave as on a GPU, but
//! shared memory starts as NaN, is as large as asked for and no larger, and the order in which threads
//! run can be [chosen](Schedule). A kernel without races gives the same bits under all of them.
#![deny(missing_docs)]

use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::sync::{Arc, Mutex};

use tunefork_kernels::{Arguments, DeviceError, Graph, Kernel, Launch, Stream};

unsafe extern "C" {
    fn shim_launch(
        architecture: c_int,
        name: *const c_char,
        grid: *const c_uint,
        block: *const c_uint,
        shared_bytes: usize,
        arguments: *const *const c_void,
        schedule: c_int,
        seed: c_uint,
        os_threads: c_int,
    ) -> c_int;
}

/// In which order the threads of a block take turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Schedule {
    /// One after the other.
    RoundRobin,
    /// The same from the last to the first.
    Reverse,
    /// Shuffled by a seed.
    Random(u32),
    /// The first that can go on does: one warp runs ahead of all others.
    GreedyUp,
    /// The last that can go on does.
    GreedyDown,
}

impl Schedule {
    /// One of each kind.
    pub const ALL: [Self; 5] = [
        Self::RoundRobin,
        Self::Reverse,
        Self::Random(7),
        Self::GreedyUp,
        Self::GreedyDown,
    ];

    fn code(self) -> (c_int, c_uint) {
        match self {
            Self::RoundRobin => (0, 0),
            Self::Reverse => (1, 0),
            Self::Random(seed) => (2, seed),
            Self::GreedyUp => (3, 0),
            Self::GreedyDown => (4, 0),
        }
    }
}

/// The stand-in for a GPU.
#[derive(Debug)]
pub struct Host {
    /// 750 or 800: which code path of the kernels.
    architecture: u32,
    schedule: Schedule,
    collecting: Mutex<Option<Vec<Work>>>,
}

#[derive(Debug)]
enum Work {
    Launch {
        kernel: Kernel,
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
}

impl Host {
    /// A stream that runs the code path of sm_75 (`architecture` 75) or sm_80 and later (80) under a
    /// schedule.
    ///
    /// # Panics
    /// With another architecture.
    pub fn stream(architecture: u32, schedule: Schedule) -> Arc<dyn Stream> {
        assert!(matches!(architecture, 75 | 80), "sm_{architecture}");
        Arc::new(Self {
            architecture: architecture * 10,
            schedule,
            collecting: Mutex::new(None),
        })
    }

    fn collect(&self, work: Work) -> Option<Work> {
        match &mut *self.collecting.lock().expect("no panic while collecting") {
            Some(list) => {
                list.push(work);
                None
            }
            None => Some(work),
        }
    }
}

/// # Safety
/// As for the stream.
unsafe fn run(architecture: u32, schedule: Schedule, work: &Work) -> Result<(), DeviceError> {
    match work {
        Work::Fill { to, byte, bytes } => {
            // SAFETY: the caller's.
            unsafe { std::ptr::write_bytes(*to as *mut u8, *byte, *bytes) };
            Ok(())
        }
        Work::Launch {
            kernel,
            grid,
            block,
            shared_bytes,
            arguments,
        } => {
            let name = CString::new(kernel.name).expect("names have no zero byte");
            let pointers = arguments.pointers();
            let (code, seed) = schedule.code();
            // SAFETY: the caller's.
            let result = unsafe {
                shim_launch(
                    architecture as c_int,
                    name.as_ptr(),
                    grid.as_ptr(),
                    block.as_ptr(),
                    *shared_bytes as usize,
                    pointers.as_ptr().cast(),
                    code,
                    seed,
                    1,
                )
            };
            match result {
                0 => Ok(()),
                _ => Err(DeviceError::Kernel {
                    kernel: kernel.name.into(),
                    file: kernel.source.file(),
                    detail: format!("it is not exported for architecture {architecture}"),
                }),
            }
        }
    }
}

/// Memory with nothing around it that a sanitizer would not see.
fn layout(bytes: usize) -> std::alloc::Layout {
    std::alloc::Layout::from_size_align(bytes.max(1), 256).expect("a size that exists")
}

impl Stream for Host {
    fn architecture(&self) -> u32 {
        self.architecture / 10
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        // SAFETY: at least one byte.
        let pointer = unsafe { std::alloc::alloc(layout(bytes)) };
        if pointer.is_null() {
            return Err(DeviceError::OutOfMemory {
                wanted: bytes as u64,
                free: 0,
            });
        }
        // SAFETY: just allocated. NaN in every format: what is read before it was written shows.
        unsafe { std::ptr::write_bytes(pointer, 0xff, bytes) };
        Ok(pointer as u64)
    }

    unsafe fn free(&self, address: u64, bytes: usize) {
        // SAFETY: it came from `allocate` with as many bytes.
        unsafe { std::alloc::dealloc(address as *mut u8, layout(bytes)) };
    }

    unsafe fn upload(&self, to: u64, from: &[u8]) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to as *mut u8, from.len()) };
        Ok(())
    }

    unsafe fn download(&self, to: &mut [u8], from: u64) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    unsafe fn fill(&self, to: u64, byte: u8, bytes: usize) -> Result<(), DeviceError> {
        match self.collect(Work::Fill { to, byte, bytes }) {
            // SAFETY: the caller's.
            Some(work) => unsafe { run(self.architecture, self.schedule, &work) },
            None => Ok(()),
        }
    }

    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), DeviceError> {
        let work = Work::Launch {
            kernel: launch.kernel,
            grid: launch.grid,
            block: launch.block,
            shared_bytes: launch.shared_bytes,
            arguments: launch.arguments.clone(),
        };
        match self.collect(work) {
            // SAFETY: the caller's.
            Some(work) => unsafe { run(self.architecture, self.schedule, &work) },
            None => Ok(()),
        }
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn begin_capture(&self) -> Result<(), DeviceError> {
        *self.collecting.lock().expect("no panic while collecting") = Some(Vec::new());
        Ok(())
    }

    fn end_capture(&self) -> Result<Box<dyn Graph>, DeviceError> {
        let collected = self
            .collecting
            .lock()
            .expect("no panic while collecting")
            .take();
        match collected {
            Some(work) if !work.is_empty() => Ok(Box::new(Collected {
                architecture: self.architecture,
                schedule: self.schedule,
                work,
            })),
            _ => Err(DeviceError::Failed("nothing was collected".into())),
        }
    }
}

struct Collected {
    architecture: u32,
    schedule: Schedule,
    work: Vec<Work>,
}

impl Graph for Collected {
    fn launch(&self) -> Result<(), DeviceError> {
        for work in &self.work {
            // SAFETY: promised when the work was collected.
            unsafe { run(self.architecture, self.schedule, work)? };
        }
        Ok(())
    }
}
