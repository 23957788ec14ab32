//! Dropout, which is its own gradient.

use tunefork_graph::dropout::{counter, scale, threshold};
use tunefork_rng::philox4x32_10;

use crate::state::expect_len;
use crate::{Masks, Mode, ReferenceError, Settings, Tensor};

/// Keeps or drops each value by the masks and scales what is kept; evaluation keeps all as it is.
///
/// # Errors
/// If the given mask has another length.
pub fn forward(mode: Mode, settings: &Settings, layer: usize, x: &Tensor) -> Result<Tensor, ReferenceError> {
    let mut y = x.clone();
    if mode == Mode::Evaluation {
        return Ok(y);
    }
    if let Masks::Given(masks) = &settings.masks {
        let what = format!("the mask of dropout {layer}");
        expect_len(&what, masks[layer].len(), x.len())?;
    }
    let p = settings.dropout[layer];
    for (element, y) in y.iter_mut().enumerate() {
        let kept = match &settings.masks {
            Masks::Given(masks) => masks[layer][element],
            Masks::Drawn { key, step } => {
                let block = philox4x32_10(*key, counter((element / 4) as u32, *step, layer as u32));
                u64::from(block[element % 4]) >= threshold(p)
            }
        };
        *y = if kept { *y * scale(p) } else { 0.0 };
    }
    Ok(y)
}
