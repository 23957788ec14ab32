//! How many launches a training step of each of the reports' networks takes: on a fast card a small network's time is
//! little else.

mod support;

use std::sync::Arc;

use tunefork_emulator::{Asked, Probe};
use tunefork_gpu_check::work::visit_plain;
use tunefork_kernels::{Precision, Stream};
use tunefork_networks::Network;

/// The kernels of a step, one for each launch.
fn launches(name: &str, precision: Precision, clip_norm: Option<f64>) -> Vec<&'static str> {
    let network = Network::named(name);
    let plan = support::plan(network, precision);
    support::asked(network, &plan, 80, precision, clip_norm).iter().map(|asked| asked.kernel).collect()
}

#[test]
fn a_step_has_few_launches() {
    for (name, most) in [("m0", 11), ("m1", 18), ("m2", 24), ("m3", 42), ("m4", 9)] {
        for precision in [Precision::F32, Precision::Tf32, Precision::F16, Precision::Bf16] {
            let found = launches(name, precision, None);
            println!("{name} {precision}: {}", found.len());
            // Only tensor cores take the gradient of a residual block's projection along.
            let most = most + if name == "m3" && precision == Precision::F32 { 2 } else { 0 };
            assert_eq!(found.len(), most, "{name} in {precision}: {found:#?}");
            assert_eq!(launches(name, precision, Some(1.0)).len(), found.len() + 1);
        }
    }
}

#[test]
fn the_plain_kernels_are_timed_at_a_full_size() {
    let probe = Probe::new(80);
    let stream: Arc<dyn Stream> = Arc::clone(&probe) as _;
    visit_plain(&stream, &mut |_, launch| launch()).unwrap();
    let asked: Vec<Asked> = probe.take();
    let kernels: Vec<_> = asked.iter().map(|asked| asked.kernel).collect();
    let conv = ["plain_conv_forward", "plain_conv_data_gradient", "plain_conv_weight_gradient"];
    assert_eq!(kernels, [&conv[..], &["plain_dense_forward"]].concat());
    assert!(asked[0].grid[0] > 1000, "{:?}", asked[0]);
}
