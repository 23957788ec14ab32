//! Writes the rooflines of the reports' networks, by the test that compares them.

use anyhow::Result;

pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    crate::succeed(
        crate::cargo()
            .args(["test", "-p", "tunefork-gpu-check", "--test", "roofline"])
            .args(["the_roofline_is_current", "--", "--nocapture"])
            .env("TUNEFORK_ROOFLINE", "write"),
    )
}
