//! Writes the header that Rust and CUDA share, by the test that compares it.

use anyhow::Result;

pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    crate::succeed(
        crate::cargo()
            .args(["test", "-p", "tunefork-kernels", "--lib", "the_header_is_current"])
            .env("TUNEFORK_SHARED", "write"),
    )
}
