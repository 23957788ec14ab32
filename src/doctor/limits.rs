//! What a group of processes (a container, a job of a cluster) may use on Linux.

use std::path::{Path, PathBuf};

/// Where the groups' files are.
const ROOT: &str = "/sys/fs/cgroup";

/// Cores that this process' groups may use together, if that is limited.
pub(super) fn cores() -> Option<f64> {
    smallest(
        files(Path::new(ROOT), &own_group(), ["cpu.max", "cpu/cpu.cfs_quota_us"])
            .iter()
            .filter_map(|file| cores_in(file)),
    )
}

/// Bytes of memory that this process' groups may use, if that is limited.
pub(super) fn memory() -> Option<u64> {
    let files = files(Path::new(ROOT), &own_group(), ["memory.max", "memory/memory.limit_in_bytes"]);
    files.iter().filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok()).min()
}

/// The group of this process below [`ROOT`], as the second version of the interface has it.
fn own_group() -> String {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    own.unwrap_or_default().to_owned()
}

/// The files that may hold a limit: `modern` of the group and of all groups around it, and the old interface's of a container.
fn files(root: &Path, group: &str, [modern, old]: [&str; 2]) -> Vec<PathBuf> {
    let group = root.join(group);
    let groups = group.ancestors().take_while(|folder| folder.starts_with(root));
    groups.map(|folder| folder.join(modern)).chain([root.join(old)]).collect()
}

/// `200000 100000` is two cores; in the old interface the second number has a file of its own. `max` and -1 are no limits.
fn cores_in(file: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(file).ok()?;
    let mut numbers = text.split_whitespace();
    let quota: f64 = numbers.next()?.parse().ok()?;
    let period: f64 = match numbers.next() {
        Some(period) => period.parse().ok()?,
        None => std::fs::read_to_string(file.with_file_name("cpu.cfs_period_us")).ok()?.trim().parse().ok()?,
    };
    Some(quota / period).filter(|cores| *cores > 0.0 && cores.is_finite())
}

fn smallest(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    numbers.reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_group_around_a_process_counts() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("slice/job");
        std::fs::create_dir_all(&group).unwrap();
        let write = |path: &str, text: &str| std::fs::write(root.path().join(path), text).unwrap();
        write("slice/job/cpu.max", "max 100000\n");
        write("slice/cpu.max", "250000 100000\n");
        write("cpu.max", "400000 100000\n");
        let found = files(root.path(), "slice/job", ["cpu.max", "cpu/cpu.cfs_quota_us"]);
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(smallest(found.iter().filter_map(|file| cores_in(file))), Some(2.5));
    }

    #[test]
    fn the_old_interface_has_two_files() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("cpu")).unwrap();
        let quota = root.path().join("cpu/cpu.cfs_quota_us");
        std::fs::write(root.path().join("cpu/cpu.cfs_period_us"), "100000\n").unwrap();
        for (text, cores) in [("150000\n", Some(1.5)), ("-1\n", None)] {
            std::fs::write(&quota, text).unwrap();
            assert_eq!(cores_in(&quota), cores, "{text}");
        }
    }
}
