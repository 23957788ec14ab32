//! Writes the table of the kernels' resources, by the test that compares it.

use anyhow::Result;

pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    crate::succeed(
        crate::cargo()
            .args(["test", "-p", "tunefork-kernels", "--test", "resources"])
            .args(["no_kernel_spills", "--", "--nocapture"])
            .env("TUNEFORK_RESOURCES", "write")
            .env("TUNEFORK_REQUIRE_NVRTC", "1"),
    )
}
