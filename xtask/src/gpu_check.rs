//! `cargo xtask gpu-check [arguments]`: builds the program `gpu-check` as one file that can be copied to a machine
//! with a GPU, and runs it here with the arguments.

use anyhow::{Context, Result};

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    crate::succeed(
        crate::cargo()
            .args(["build", "--release", "-p", "tunefork-gpu-check"])
            .args(["--bin", "gpu-check"])
            .args(["--config", "profile.release.strip=true"])
            .args(["--config", "profile.release.debug=false"]),
    )?;
    let file = crate::target().join("release").join(format!("gpu-check{}", std::env::consts::EXE_SUFFIX));
    let bytes = file.metadata().with_context(|| format!("{} is missing", file.display()))?.len();
    println!(
        "{file} ({:.1} MB)\n\
         To check another machine, copy this file there: it needs an NVIDIA driver and NVRTC (TUNEFORK_NVRTC\n\
         names its library where it is not found), and writes gpu-check.json.\n\
         To measure PyTorch on the same card in the same call, copy peers/ as well:\n\
         python peers/gpu.py --program {file}\n",
        bytes as f64 / 1e6,
        file = file.display(),
    );
    crate::succeed(std::process::Command::new(&file).args(arguments))
}
