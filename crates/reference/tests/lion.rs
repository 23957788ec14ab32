//! Lion against its paper's formula: `golden/lion.py` wrote the numbers.

use ndarray::arr1;
use tunefork_graph::UpdateRule;
use tunefork_reference::optimizer::Optimizer;

const GRADIENTS: [[f64; 3]; 4] = [[0.3, -0.2, 0.0], [-0.01, 0.5, 0.0], [-4.0, 0.1, 1e-3], [0.2, 0.2, -2e-4]];
const GOLDEN: [[f64; 3]; 4] = [
    [0.39949999999999997, -0.899, 0.24975],
    [0.2991005, -0.998101, 0.24950025],
    [0.39880139950000004, -1.097102899, 0.14925074975],
    [0.4984025981005, -1.1960057961010002, 0.24910149900025],
];

#[test]
fn lion_follows_its_paper() {
    let mut parameters = [arr1(&[0.5, -1.0, 0.25]).into_dyn()];
    let mut optimizer = Optimizer::new(UpdateRule::LION, &parameters);
    for (gradient, golden) in GRADIENTS.iter().zip(GOLDEN) {
        optimizer.update(&mut parameters, &[arr1(gradient).into_dyn()], 0.1, 0.01);
        for (p, expected) in parameters[0].iter().zip(golden) {
            assert!((p - expected).abs() < 1e-15, "{p} instead of {expected}");
        }
    }
}
