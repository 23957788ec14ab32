//! Convolution blocks: out = pool(activation(norm(conv(x)) + shortcut(r))), every part optional.

mod backward;
mod forward;
pub(crate) mod gradient;
pub(crate) mod moments;
pub(crate) mod tail;

pub(crate) use backward::{BackwardSizes, BackwardTables};
pub(crate) use forward::{ForwardSizes, ForwardTables};

use tunefork_graph::{Block, Shortcut, Window};
use tunefork_simd::Isa;

use crate::conv::{ConvShape, Forward};

fn conv_shape(block: &Block) -> Option<ConvShape> {
    block.conv.map(|conv| ConvShape { input: block.input, output: block.convolved, window: conv.window })
}

fn projection_shape(block: &Block) -> Option<ConvShape> {
    match block.shortcut {
        Shortcut::Projected { stride, input, .. } => {
            Some(ConvShape { input, output: block.convolved, window: Window { kernel: 1, stride, padding: 0 } })
        }
        Shortcut::None | Shortcut::Identity => None,
    }
}

/// Size of the tensor that a block's shortcut starts from.
fn shortcut_len(block: &Block) -> usize {
    match block.shortcut {
        Shortcut::Projected { input, .. } => input.elements(),
        Shortcut::None | Shortcut::Identity => block.convolved.elements(),
    }
}

/// Convolves one image, strip by strip.
fn run_forward(
    isa: Isa,
    tables: &Forward,
    x: &[f32],
    packed: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
    padded: &mut [f32],
) {
    let output = tables.shape().output;
    let row_len = output.width * output.channels;
    for strip in 0..tables.strips() {
        let rows = tables.strip_rows(strip);
        tables.run(isa, x, packed, bias, strip, &mut y[rows.start * row_len..rows.end * row_len], padded);
    }
}
