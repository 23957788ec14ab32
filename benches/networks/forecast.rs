//! How long `cargo bench` will take, told before it begins.

use crate::networks::{NETWORKS, trainer};
use crate::{SAMPLES, TIME, WARM_UP};
use std::time::Duration;
use tunefork::Machine;
use tunefork::train::Precision;

/// What each network is trained for to tell.
const LOOK: Duration = Duration::from_millis(300);
/// Seconds of the benches that train nothing: `tuner` and, with a GPU, `kernels`.
const OTHERS: f64 = 45.0;
const KERNELS: f64 = 120.0;
/// Windows that the other benches train of each network, each once or in a process of its own.
const PEAK_MEMORY: f64 = 11.0;
const VERSUS_REPORTS: f64 = 4.0;

/// Prints about how long this bench and all of them take.
pub(crate) fn tell(rows: &[(Machine, Precision)]) {
    println!("Looking at the networks for some seconds, to tell how long this takes ...");
    let (mut own, mut others) = (0.0, OTHERS);
    for (machine, precision) in rows {
        for network in NETWORKS {
            let window = trainer(network, machine, *precision).pace(LOOK).expect("random images train");
            // Each of the two rows is warmed up by one window at least, and takes a number of samples.
            let row = WARM_UP.as_secs_f64().max(window) + TIME.as_secs_f64().max(SAMPLES as f64 * window);
            own += 2.0 * row;
            others += VERSUS_REPORTS * window.max(1.0) + PEAK_MEMORY * window;
        }
        others += if machine.gpu().is_some() { KERNELS } else { 0.0 };
    }
    println!(
        "epoch_time takes about {:.0} min on this machine, the whole of `cargo bench` about {:.0} min; one of them alone: \
         cargo bench --bench NAME (epoch_time, kernels, peak_memory, tuner, versus_reports)\n",
        (own / 60.0).ceil(),
        ((own + others) / 60.0).ceil()
    );
}
