//! Builds the program `gpu-check` so that one file can be copied to a machine with a GPU.

use anyhow::{Context, Result};

pub fn run(_arguments: &[String]) -> Result<()> {
    crate::succeed(
        crate::cargo()
            .args(["build", "--release", "-p", "tunefork-gpu-check"])
            .args(["--bin", "gpu-check"])
            .args(["--config", "profile.release.strip=true"])
            .args(["--config", "profile.release.debug=false"]),
    )?;
    let file = crate::target()
        .join("release")
        .join(format!("gpu-check{}", std::env::consts::EXE_SUFFIX));
    let bytes = file
        .metadata()
        .with_context(|| format!("{} is missing", file.display()))?
        .len();
    println!(
        "{} ({:.1} MB): copy it to a machine with an NVIDIA driver and NVRTC, and run it there",
        file.display(),
        bytes as f64 / 1e6
    );
    Ok(())
}
