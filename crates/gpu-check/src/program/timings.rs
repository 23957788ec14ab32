//! Times a training step's work at the shapes of the reports' networks, by the device's own clock.

use tunefork_gpu_check::work::{Work, visit};
use tunefork_kernels::{DeviceError, Gpu, Precision};

/// Seconds that a measurement lasts at least; of five, the middle one counts.
const WINDOW: f64 = 0.02;
const WINDOWS: usize = 5;

/// One piece of work, timed.
#[derive(Clone, Debug)]
pub struct Timed {
    /// What was done.
    pub work: Work,
    /// Seconds for one time. The work is repeated on the same memory, so what fits stays in the caches, and
    /// small work shows the cost of a launch.
    pub seconds: f64,
    /// Seconds that the card would need at the figures of its data sheet, if they are known.
    pub floor: Option<f64>,
}

/// From data sheets, dense: TFLOP/s in f32, tf32, f16 and bf16 with sums in f32; GB/s.
struct Peak {
    name: &'static str,
    tflops: [f64; 4],
    gbytes: f64,
}

const PEAKS: &[Peak] = &[
    Peak {
        name: "T4",
        tflops: [8.1, 0.0, 65.0, 0.0],
        gbytes: 320.0,
    },
    Peak {
        name: "RTX 3060",
        tflops: [12.7, 12.7, 25.5, 25.5],
        gbytes: 360.0,
    },
    Peak {
        name: "H100",
        tflops: [67.0, 495.0, 990.0, 990.0],
        gbytes: 3350.0,
    },
    Peak {
        name: "H200",
        tflops: [67.0, 495.0, 990.0, 990.0],
        gbytes: 4800.0,
    },
];

/// The precisions that a card has.
pub fn precisions(gpu: &Gpu) -> &'static [Precision] {
    match gpu.card().architecture {
        ..80 => &[Precision::F32, Precision::F16],
        _ => &[
            Precision::F32,
            Precision::Tf32,
            Precision::Bf16,
            Precision::F16,
        ],
    }
}

/// Times everything.
pub fn run(gpu: &Gpu, precisions: &[Precision]) -> Result<Vec<Timed>, DeviceError> {
    let mut timed = Vec::new();
    for &precision in precisions {
        visit(&gpu.stream(), precision, &mut |work, launch| {
            timed.push(Timed {
                work: work.clone(),
                seconds: measure(gpu, launch)?,
                floor: floor(gpu, work),
            });
            Ok(())
        })?;
    }
    Ok(timed)
}

fn measure(
    gpu: &Gpu,
    launch: &mut dyn FnMut() -> Result<(), DeviceError>,
) -> Result<f64, DeviceError> {
    let mut window = |times: usize| gpu.time(|| (0..times).try_for_each(|_| launch()));
    // The first run compiles and loads, the second says how often a window is filled.
    window(3)?;
    let once = window(10)? / 10.0;
    let times = (WINDOW / once).clamp(10.0, 20_000.0) as usize;
    let mut seconds = Vec::new();
    for _ in 0..WINDOWS {
        seconds.push(window(times)? / times as f64);
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[WINDOWS / 2])
}

/// The longer of: all products at the peak, all bytes at the memory's bandwidth.
fn floor(gpu: &Gpu, work: &Work) -> Option<f64> {
    let peak = PEAKS
        .iter()
        .find(|peak| gpu.card().name.contains(peak.name))?;
    let kind = match work.precision {
        Precision::F32 => 0,
        Precision::Tf32 => 1,
        Precision::F16 => 2,
        Precision::Bf16 => 3,
    };
    let products = match work.flops > 0.0 {
        true => work.flops / (peak.tflops[kind] * 1e12),
        false => 0.0,
    };
    Some(products.max(work.bytes / (peak.gbytes * 1e9)))
}
