//! What kernels take of a multiprocessor, as the compiler reports it: no GPU is needed.

use std::collections::HashMap;

use super::nvrtc::Nvrtc;
use crate::{DeviceError, Source};

/// What one kernel takes on one architecture.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resources {
    /// Name of the function, see [`Kernel::name`](crate::Kernel::name).
    pub kernel: String,
    /// Threads that its blocks have at most.
    pub threads: u32,
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of shared memory that every block has, without what a launch asks for.
    pub shared_bytes: u32,
    /// Bytes of a thread's stack: arrays that are not in registers.
    pub stack_bytes: u32,
    /// Bytes that a thread writes and reads because registers do not suffice.
    pub spill_bytes: u32,
}

/// The resources of all kernels of a source, by name.
///
/// # Errors
/// A source that does not compile.
pub fn resources(nvrtc: &Nvrtc, source: Source, architecture: u32) -> Result<Vec<Resources>, DeviceError> {
    let report = nvrtc.report(source, architecture)?;
    let threads = threads(&report.ptx);
    let mut kernels = parse(&report.log);
    for kernel in &mut kernels {
        kernel.threads = threads.get(kernel.kernel.as_str()).copied().unwrap_or(0);
        if let Some(name) = report.names.get(&kernel.kernel) {
            kernel.kernel = (*name).into();
        }
    }
    kernels.sort_by(|a, b| a.kernel.cmp(&b.kernel));
    Ok(kernels)
}

/// What the assembler says for each kernel, in several lines.
fn parse(log: &str) -> Vec<Resources> {
    let mut kernels: Vec<Resources> = Vec::new();
    for line in log.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            kernels.push(Resources { kernel: rest.split('\'').next().unwrap_or(rest).into(), ..Resources::default() });
        }
        if let Some(kernel) = kernels.last_mut() {
            kernel.registers += before(line, " registers");
            kernel.shared_bytes += before(line, " bytes smem");
            kernel.stack_bytes += before(line, " bytes stack frame");
            kernel.spill_bytes += before(line, " bytes spill stores");
            kernel.spill_bytes += before(line, " bytes spill loads");
        }
    }
    kernels
}

/// The number that stands before a word, or 0.
fn before(line: &str, word: &str) -> u32 {
    let number = line.split_once(word).and_then(|(head, _)| head.rsplit([' ', ',']).next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The bound on the threads of each kernel's blocks: `.entry name(...) .maxntid 256, 1, 1 {`.
fn threads(ptx: &str) -> HashMap<&str, u32> {
    let kernels = ptx.split(".entry ").skip(1);
    let bound = |kernel: &str| {
        let head = kernel.split('{').next()?;
        let (_, numbers) = head.split_once(".maxntid")?;
        numbers.trim_start().split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let named = |kernel| Some((str::split(kernel, '(').next()?.trim(), bound(kernel)?));
    kernels.filter_map(named).collect()
}

/// What a multiprocessor has room for.
struct Limits {
    warps: u32,
    blocks: u32,
    /// Bytes of shared memory, and those that the system takes of each block's.
    shared: u32,
    system: u32,
}

impl Limits {
    fn of(architecture: u32) -> Option<Self> {
        let (warps, blocks, shared, system) = match architecture {
            75 => (32, 16, 64 << 10, 0),
            80 => (64, 32, 164 << 10, 1024),
            86 => (48, 16, 100 << 10, 1024),
            89 => (48, 24, 100 << 10, 1024),
            90 => (64, 32, 228 << 10, 1024),
            _ => return None,
        };
        Some(Self { warps, blocks, shared, system })
    }
}

impl Resources {
    /// Share of a multiprocessor's threads that can be there at once, if a launch asks for so much shared memory; 0 for
    /// an architecture that is not known, or a block that does not fit.
    pub fn occupancy(&self, architecture: u32, dynamic_bytes: u32) -> f64 {
        let Some(limits) = Limits::of(architecture) else { return 0.0 };
        f64::from(self.resident(architecture, dynamic_bytes) * self.block_warps()) / f64::from(limits.warps)
    }

    fn block_warps(&self) -> u32 {
        self.threads.div_ceil(32).max(1)
    }

    /// Blocks that can be on a multiprocessor at once, likewise.
    ///
    /// From the limits in the CUDA C++ programming guide (table of compute capabilities): registers are given to
    /// warps in steps of 256, shared memory to blocks in steps of 128 bytes (sm_75: 256), of which the system
    /// takes 1 KiB from sm_80 on.
    pub fn resident(&self, architecture: u32, dynamic_bytes: u32) -> u32 {
        let Some(Limits { warps, blocks, shared, system }) = Limits::of(architecture) else { return 0 };
        let step = if architecture == 75 { 256 } else { 128 };
        let block_warps = self.block_warps();
        let warp_registers = (self.registers * 32).next_multiple_of(256).max(256);
        // Each of the four parts of a multiprocessor has a quarter of the 65,536 registers.
        let by_registers = 4 * (16_384 / warp_registers) / block_warps;
        let block_shared = (self.shared_bytes + dynamic_bytes + system).next_multiple_of(step);
        let by_shared = u32::checked_div(shared, block_shared).unwrap_or(blocks);
        blocks.min(warps / block_warps).min(by_registers).min(by_shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_read() {
        let log = "\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'a' for 'sm_86'
ptxas info    : Function properties for a
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 96 bytes smem, 400 bytes cmem[0]
ptxas info    : Compiling entry function 'b' for 'sm_86'
ptxas info    : Function properties for b
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 16 registers, used 0 barriers, 352 bytes cmem[0]
";
        let found = parse(log);
        assert_eq!(found.len(), 2);
        let a = &found[0];
        assert_eq!((a.kernel.as_str(), a.registers, a.shared_bytes), ("a", 40, 96));
        assert_eq!((a.stack_bytes, a.spill_bytes), (16, 20));
        assert_eq!((found[1].registers, found[1].spill_bytes), (16, 0));
    }

    #[test]
    fn bounds_on_threads_are_read() {
        let ptx =
            ".visible .entry a(\n .param .u64 a_0\n)\n.maxntid 256, 1, 1\n{ ret; }\n.visible .entry b()\n{ ret; }";
        assert_eq!(threads(ptx), HashMap::from([("a", 256)]));
    }

    #[test]
    fn occupancy_is_what_the_scarcest_resource_allows() {
        let kernel = |threads, registers| Resources { threads, registers, ..Resources::default() };
        // Threads: 1,536 = 6 blocks of 256.
        assert_eq!(kernel(256, 32).occupancy(86, 0), 1.0);
        // Registers: 65,536 / (128 · 256) = 2 blocks.
        assert_eq!(kernel(256, 128).occupancy(86, 0), 2.0 / 6.0);
        assert_eq!(kernel(256, 128).occupancy(75, 0), 2.0 / 4.0);
        // Shared memory: 64 KiB / 40 KiB = 1 block.
        assert_eq!(kernel(128, 32).occupancy(75, 40 << 10), 1.0 / 8.0);
        // Blocks: 16 of one warp.
        assert_eq!(kernel(32, 16).occupancy(75, 0), 16.0 / 32.0);
        // More than there is.
        assert_eq!(kernel(256, 32).occupancy(75, 65 << 10), 0.0);
    }
}
