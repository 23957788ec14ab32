//! How many launches a training step of each of the reports' networks takes: on a fast card a small network's time is
//! little else.

mod support;

use tunefork_kernels::Precision;
use tunefork_networks::Network;

/// The kernels of a step, one for each launch.
fn launches(name: &str, precision: Precision, clip_norm: Option<f64>) -> Vec<&'static str> {
    let network = Network::named(name);
    let plan = support::plan(network, precision);
    support::asked(network, &plan, 80, precision, clip_norm).iter().map(|asked| asked.kernel).collect()
}

#[test]
fn a_step_has_few_launches() {
    for (name, most) in [("m0", 12), ("m1", 18), ("m2", 24), ("m3", 44), ("m4", 9)] {
        for precision in [Precision::F32, Precision::Tf32, Precision::F16, Precision::Bf16] {
            let found = launches(name, precision, None);
            // The loss scale of f16 wants the sum of all squares before any value is updated. It could come without a launch where
            // all gradients are of dense layers, as in m4: each block of dense_backward that stores a piece of a gradient leaves the squares
            // of that piece, by its place in the plan, and the last block of the last such launch adds them in that order
            // (arrivals.cuh) and keeps the scale of the step, so that the update finds the sums where it finds them now. In a network with
            // convolutions five more kernels store gradients, of which those with slices only store parts of them; each would have
            // to do the same, for one launch of 25 or more.
            let most = most + usize::from(precision == Precision::F16);
            println!("{name} {precision}: {}", found.len());
            assert!(found.len() <= most, "{name} in {precision}: {} launches, {found:#?}", found.len());
            assert_eq!(
                launches(name, precision, Some(1.0)).len(),
                found.len() + usize::from(precision != Precision::F16)
            );
        }
    }
}
