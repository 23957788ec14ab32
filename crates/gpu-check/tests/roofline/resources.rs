//! The registers of each kernel, as `kernels/RESOURCES.md` has them.

use tunefork_kernels::gpu::Resources;

const TABLE: &str = include_str!("../../../../kernels/RESOURCES.md");

/// Blocks of a launch that a multiprocessor of an architecture has room for.
pub(crate) fn resident(kernel: &str, architecture: u32, threads: u32, shared_bytes: u32) -> u32 {
    let registers = registers(kernel, architecture)
        .unwrap_or_else(|| panic!("kernels/RESOURCES.md has no {kernel}: run `cargo xtask resources`"));
    let resources = Resources { threads, registers, ..Resources::default() };
    resources.resident(architecture, shared_bytes).max(1)
}

/// From the kernel's row, `| name | threads | shared | sm_75 | ...`, and from a cell such as `64, 67 %`.
fn registers(kernel: &str, architecture: u32) -> Option<u32> {
    let cells = |line: &'static str| line.split('|').map(str::trim);
    let heading = TABLE.lines().find(|line| line.contains("sm_75 |"))?;
    let column = cells(heading).position(|cell| cell == format!("sm_{architecture}"))?;
    let row = TABLE.lines().find(|line| line.starts_with(&format!("| `{kernel}` ")))?;
    cells(row).nth(column)?.split(',').next()?.parse().ok()
}

#[test]
fn registers_are_read() {
    let found = registers("conv_forward_128x64_whole", 86).expect("a kernel of long standing");
    assert!((32..=255).contains(&found), "{found}");
    assert_eq!(registers("conv_forward_128x64_whole", 12), None);
    assert_eq!(registers("no_such_kernel", 86), None);
}
