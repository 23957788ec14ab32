//! The processor, its threads, the memory.

use serde::Serialize;
use tunefork_train::Isa;

use super::limits;

/// The processor and what its engine uses of it.
#[derive(Debug, Clone, Serialize)]
pub struct ProcessorFound {
    /// What its maker calls it.
    pub name: Option<String>,
    /// The instruction sets that the engine knows and this processor has, narrowest first.
    pub instruction_sets: Vec<&'static str>,
    /// The one that `--isa auto` takes: the widest.
    pub chosen: &'static str,
}

/// How many threads can run at once.
#[derive(Debug, Clone, Serialize)]
pub struct ThreadsFound {
    /// Threads that the machine's processors have.
    pub machine: Option<usize>,
    /// Those of them that this process may run on (taskset, a container's set).
    pub allowed: Option<usize>,
    /// Cores' worth of time that this process and those beside it may use together (a container's quota).
    pub quota: Option<f64>,
    /// Threads that `tunefork run` takes if nothing else is said.
    pub used: usize,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryFound {
    /// All of the machine.
    pub machine: Option<u64>,
    /// What programs could take now.
    pub free: Option<u64>,
    /// What this process and those beside it may use together, where that is less than the machine's.
    pub limit: Option<u64>,
}

impl ProcessorFound {
    pub(super) fn look() -> Self {
        let cpuinfo = read("/proc/cpuinfo");
        let name = cpuinfo.lines().filter(|line| line.starts_with("model name")).find_map(|line| line.split_once(": "));
        Self {
            name: name.map(|(_, name)| name.trim().to_owned()),
            instruction_sets: Isa::available().into_iter().map(Isa::name).collect(),
            chosen: Isa::detect().name(),
        }
    }
}

impl ThreadsFound {
    pub(super) fn look() -> Self {
        let machine = read("/proc/cpuinfo").lines().filter(|line| line.starts_with("processor")).count();
        let status = read("/proc/self/status");
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        Self {
            machine: Some(machine).filter(|machine| *machine > 0),
            allowed: allowed.and_then(count_listed),
            quota: limits::cores(),
            used: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl MemoryFound {
    pub(super) fn look() -> Self {
        let meminfo = read("/proc/meminfo");
        let machine = kibibytes(&meminfo, "MemTotal:");
        // Where nothing is limited, the old interface says a number beyond every machine.
        let limit = limits::memory().filter(|limit| machine.is_none_or(|machine| *limit < machine));
        Self { machine, free: kibibytes(&meminfo, "MemAvailable:"), limit }
    }
}

/// A file of the system; empty where there is none.
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// How many numbers `0-3,8` stands for.
fn count_listed(list: &str) -> Option<usize> {
    let count = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let [first, last]: [usize; 2] = [first.trim().parse().ok()?, last.trim().parse().ok()?];
        Some((last + 1).saturating_sub(first))
    };
    list.trim().split(',').map(count).sum()
}

/// Bytes of a line `MemTotal:  24000 kB`.
fn kibibytes(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(number << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_counted() {
        assert_eq!([" 0-3,8\n", "5", "0-1,4-7", "", "x"].map(count_listed), [Some(5), Some(1), Some(6), None, None]);
    }

    #[test]
    fn memory_is_in_bytes() {
        let meminfo = "MemTotal:       24000 kB\nMemFree: 1 kB\nMemAvailable:   12 kB\n";
        assert_eq!(kibibytes(meminfo, "MemTotal:"), Some(24_576_000));
        assert_eq!(kibibytes(meminfo, "MemAvailable:"), Some(12_288));
        assert_eq!(kibibytes(meminfo, "Swap:"), None);
    }

    #[test]
    fn this_machine_has_what_the_engine_uses() {
        let processor = ProcessorFound::look();
        assert_eq!(processor.instruction_sets.last(), Some(&processor.chosen));
        let threads = ThreadsFound::look();
        assert!(threads.used >= 1 && threads.allowed.is_none_or(|allowed| threads.used <= allowed), "{threads:?}");
    }
}
