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
            // The loss scale of f16 wants the sum of all squares.
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
