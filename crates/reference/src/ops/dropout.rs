//! Dropout, which is its own gradient.

use tunefork_graph::dropout::{counter, scale, threshold};
use tunefork_rng::philox4x32_10;

use crate::{Masks, Tensor};

/// Keeps or drops each value by the masks, and scales what is kept.
pub(crate) fn apply(masks: &Masks, layer: usize, p: f64, x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for (element, y) in y.iter_mut().enumerate() {
        let kept = match masks {
            Masks::Given(masks) => masks[layer][element],
            Masks::Drawn { key, step } => {
                let block = philox4x32_10(*key, counter((element / 4) as u32, *step, layer as u32));
                u64::from(block[element % 4]) >= threshold(p)
            }
        };
        *y = if kept { *y * scale(p) } else { 0.0 };
    }
    y
}
