//! `tunefork bench`

use std::process::ExitCode;

use tunefork::report::{bytes, counted};
use tunefork::{BenchOptions, BenchResult, WINDOWS};

use crate::args::BenchArgs;
use crate::output::print;
use crate::progress;

pub(crate) fn bench(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let spec = args.study.resolve()?;
    let machine = args.study.machine(args.json)?;
    let data_dir = args.study.data.data_dir.as_deref();
    let options = BenchOptions { images: args.images, batch: args.batch };
    let mut preparing = progress::Preparing::new();
    let result = tunefork::bench(&spec, &options, &machine, data_dir, &mut |done| preparing.show(done))?;
    drop(preparing);
    print(&match args.json {
        true => serde_json::to_string(&result)? + "\n",
        false => text(&result),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(result: &BenchResult) -> String {
    let peak = result.peak_bytes.map(bytes).unwrap_or_else(|| "unknown".to_string());
    let device = match &result.gpu {
        Some(gpu) => format!("cuda {gpu}"),
        None => format!("{} {}, {}", result.device, result.isa, counted(result.threads, "thread")),
    };
    let planned = match &result.gpu {
        Some(_) => format!("{} on the GPU without its images and the driver's own", bytes(result.engine_bytes)),
        None => bytes(result.planned_bytes),
    };
    let notes = result.streamed.iter().map(|why| format!("note: {why}\n"));
    format!(
        "{notes}{name}: {params}, batches of {batch}, {device}, {precision}\n\
         {median:.4} s for 1,000 images (median of {WINDOWS} windows of {images} images; {min:.4} to {max:.4})\n\
         {gflops:.1} GFLOP/s\n\
         planned {planned}, peak resident {peak}{of_host}\n",
        notes = notes.collect::<String>(),
        name = result.name,
        params = counted(result.params as usize, "parameter"),
        batch = result.batch,
        precision = result.precision,
        median = result.s_per_1000_images,
        images = result.images,
        min = result.min,
        max = result.max,
        gflops = result.gflops,
        of_host = if result.gpu.is_some() { " on the host" } else { "" },
    )
}
