//! Convolves an image with an edge filter and pools it, on a GPU: `cargo run -p tunefork-kernels --example convolve`.

use bytemuck::Zeroable;
use ndarray::Array4;
use tunefork_graph::{Activation, Pool};
use tunefork_kernels::launch::block::Block;
use tunefork_kernels::launch::conv::Forward;
use tunefork_kernels::{Conv2d, DeviceError, DeviceMemory, Precision, StepRow, discover};

fn main() -> Result<(), DeviceError> {
    let gpu = match discover() {
        Ok(gpu) => gpu,
        Err(reason) => {
            println!("No GPU, so nothing is convolved: {reason}.");
            return Ok(());
        }
    };
    println!("{}", gpu.card());
    let stream = gpu.stream();

    // One image of 8x8 pixels, dark on the left and bright on the right: [N, H, W, C].
    let image = Array4::from_shape_fn((1, 8, 8, 1), |(_, _, x, _)| if x < 4 { 0.0f32 } else { 1.0 });
    // A filter of 3x3 that answers to such an edge: [R, S, C, K].
    let filter = Array4::from_shape_fn((3, 3, 1, 1), |(_, s, _, _)| [-1.0f32, 0.0, 1.0][s]);

    let conv = Conv2d { batch: 1, height: 8, width: 8, channels: 1, filters: 1, kernel: 3, stride: 1, padding: 1 };
    let forward = Forward { conv, precision: Precision::F32, bias: false, activation: None, statistics: false };
    let pooling = Block {
        batch: 1,
        height: 8,
        width: 8,
        channels: 1,
        norm: false,
        shortcut: false,
        activation: Some(Activation::Relu),
        pool: Some(Pool::max(2)),
        saved_output: false,
        precision: Precision::F32,
    };

    // Kernels read from the step's row how many images of the batch are real.
    let step = StepRow { rows: 1, ..StepRow::zeroed() };
    let step = DeviceMemory::of(&stream, &[step])?;
    let x = DeviceMemory::of(&stream, image.as_slice().expect("in order"))?;
    let w = DeviceMemory::of(&stream, filter.as_slice().expect("in order"))?;
    let y = DeviceMemory::new(&stream, conv.output_len() * size_of::<f32>())?;
    let out = DeviceMemory::new(&stream, pooling.output_len() * size_of::<f32>())?;

    forward.run(&*stream, step.all(), x.all(), w.all(), None, y.all(), None)?;
    pooling.forward(&*stream, step.all(), y.all(), None, None, out.all())?;

    let pooled = Array4::from_shape_vec((1, 4, 4, 1), out.all::<f32>().read(&*stream)?);
    println!("{:?}", pooled.expect("4x4 values").index_axis(ndarray::Axis(3), 0));
    Ok(())
}
