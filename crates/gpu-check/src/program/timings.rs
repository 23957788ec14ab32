//! Times a training step's work at the shapes of the reports' networks, by the device's own clock.

use tunefork_gpu_check::work::{Work, visit, visit_plain};
use tunefork_kernels::{DeviceError, Gpu, Precision};

use super::floor::{Floor, Peaks};

/// Measurements of which the middle one counts.
const WINDOWS: usize = 3;

/// Times that the work stands in the graph that is timed. Training replays a graph too; launches one by one take the host some 4 us
/// each, more than much of this work takes the card.
const IN_A_GRAPH: usize = 32;

/// One piece of work, timed.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub work: Work,
    /// Seconds for one time, within a graph. The work is repeated on the same memory, so what fits stays in the caches.
    pub seconds: f64,
    /// The least that the card would need, if its peak is known.
    pub floor: Option<Floor>,
}

pub(crate) fn run(gpu: &Gpu, window: f64) -> Result<Vec<Timed>, DeviceError> {
    let peaks = Peaks::of(gpu)?;
    let mut timed = Vec::new();
    let mut time = |work: &Work, launch: &mut dyn FnMut() -> Result<(), DeviceError>| {
        timed.push(Timed { work: work.clone(), seconds: measure(gpu, window, launch)?, floor: peaks.floor(work) });
        Ok(())
    };
    visit_plain(&gpu.stream(), &mut time)?;
    for precision in Precision::of_architecture(gpu.card().architecture) {
        visit(&gpu.stream(), precision, &mut time)?;
    }
    Ok(timed)
}

fn measure(gpu: &Gpu, seconds: f64, launch: &mut dyn FnMut() -> Result<(), DeviceError>) -> Result<f64, DeviceError> {
    // The first run compiles and loads.
    launch()?;
    let stream = gpu.stream();
    stream.begin_capture()?;
    let collected = (0..IN_A_GRAPH).try_for_each(|_| launch());
    let graph = stream.end_capture();
    let graph = collected.and(graph)?;
    let window = |times: usize| gpu.time(|| (0..times).try_for_each(|_| graph.launch()));
    // The second run of the graph says how often a window is filled.
    window(1)?;
    let once = window(1)?;
    let times = (seconds / once).ceil().clamp(1.0, 1e6) as usize;
    let mut windows = Vec::new();
    for _ in 0..WINDOWS {
        windows.push(window(times)? / (times * IN_A_GRAPH) as f64);
    }
    windows.sort_by(f64::total_cmp);
    Ok(windows[WINDOWS / 2])
}
