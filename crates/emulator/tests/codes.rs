//! A code that a kernel does not know ends the launch, in every family of kernels that is given codes.

use std::sync::Arc;

use tunefork_emulator::{Host, Schedule};
use tunefork_graph::Activation;
use tunefork_kernels::launch::COUNTERS;
use tunefork_kernels::launch::block::{Backward, Block};
use tunefork_kernels::launch::conv::Forward;
use tunefork_kernels::launch::dense::{self, Dense, InputGradient, WeightGradient};
use tunefork_kernels::launch::loss::{LossScale, Record};
use tunefork_kernels::launch::optimizer::{Update, Updated};
use tunefork_kernels::{Call, Conv2d, DeviceError, DeviceMemory, Launch, Precision, StepRow, Stream, watched};

/// None of the codes, of whatever.
const UNKNOWN: u32 = 77;

/// Runs launches, one of which is given the unknown code in a word of an argument; what comes of it.
fn planted(
    kernel: &'static str,
    [argument, word]: [usize; 2],
    work: impl FnOnce(&Arc<dyn Stream>) -> Result<(), DeviceError>,
) {
    let stream = Host::stream(80, Schedule::RoundRobin);
    let inner = Arc::clone(&stream);
    let watch = move |call: Call<'_>| match call {
        Call::Launch(launch) if launch.kernel.name == kernel => {
            let arguments = launch.arguments.clone().with_word(argument, word, UNKNOWN);
            // SAFETY: the launcher's, but for the code, which the kernel must not take for another.
            unsafe { inner.launch(&Launch { arguments: &arguments, ..*launch }) }
        }
        _ => Ok(()),
    };
    let error = work(&watched(&stream, watch)).expect_err(kernel).to_string();
    let said = format!("{UNKNOWN} is none of the kernel's codes");
    assert!(error.contains(&said) && error.contains(kernel), "{error}");
}

/// A step of one image by an optimizer.
fn step(stream: &Arc<dyn Stream>, optimizer: u32) -> Result<DeviceMemory, DeviceError> {
    DeviceMemory::of(stream, &[StepRow { rows: 1, optimizer, ..StepRow::default() }])
}

/// Memory for so many bytes of zeros.
fn zeros(stream: &Arc<dyn Stream>, bytes: usize) -> Result<DeviceMemory, DeviceError> {
    DeviceMemory::of(stream, &vec![0u8; bytes])
}

#[test]
fn convolutions() {
    for (kernel, channels, precision, argument) in [
        ("first_layer_forward_whole_f32", 1, Precision::F32, 7),
        ("conv_forward_32x32_whole", 8, Precision::F32, 6),
        ("conv_tensor_forward_128x32_f16", 8, Precision::F16, 6),
    ] {
        let conv = Conv2d { batch: 1, height: 4, width: 4, channels, filters: 8, kernel: 3, stride: 1, padding: 1 };
        let forward = Forward { conv, precision, bias: false, activation: Some(Activation::Relu), statistics: false };
        planted(kernel, [argument, 0], |stream| {
            let step = step(stream, 0)?;
            let memory = |len: usize| zeros(stream, len * precision.bytes());
            let (x, w, y) = (memory(conv.input_len())?, memory(conv.weights_len())?, memory(conv.output_len())?);
            forward.run(&**stream, step.all(), x.all(), w.all(), None, y.all(), None)
        });
    }
}

#[test]
fn blocks() {
    const ACTIVATION: usize = 9;
    let block = Block {
        batch: 1,
        height: 2,
        width: 2,
        channels: 4,
        norm: false,
        shortcut: false,
        activation: Some(Activation::Relu),
        pool: None,
        saved_output: false,
        precision: Precision::F32,
    };
    planted("block_forward_plain_f32", [1, ACTIVATION], |stream| {
        let (step, y, out) = (step(stream, 0)?, zeros(stream, 64)?, zeros(stream, 64)?);
        block.forward(&**stream, step.all(), y.all(), None, None, out.all())
    });
    planted("block_backward_plain_f32", [1, ACTIVATION], |stream| {
        let (step, y, dout) = (step(stream, 0)?, zeros(stream, 64)?, zeros(stream, 64)?);
        let workspace = zeros(stream, 4 * block.workspace_len())?;
        let (counters, scale) = (zeros(stream, 4 * COUNTERS)?, zeros(stream, size_of::<LossScale>())?);
        let given = Backward {
            y: Some(y.all()),
            norm: None,
            norm_gradients: None,
            shortcut: None,
            dout: dout.all(),
            dy: Some(y.all()),
            dsum: None,
            bias_gradient: None,
            workspace: workspace.all(),
            counters: counters.all(),
            scale: scale.all(),
        };
        block.backward(&**stream, step.all(), &given)
    });
}

#[test]
fn dense_layers() {
    let dense = Dense {
        batch: 1,
        inputs: 4,
        outputs: 4,
        activation: Some(Activation::Relu),
        dropout: None,
        precision: Precision::F32,
    };
    planted("dense_forward_64x32_f32", [13, 0], |stream| {
        let (step, x, w, y) = (step(stream, 0)?, zeros(stream, 16)?, zeros(stream, 64)?, zeros(stream, 16)?);
        let counters = zeros(stream, 4 * COUNTERS)?;
        dense.forward(&**stream, step.all(), None, x.all(), w.all(), None, y.all(), None, counters.all())
    });
    planted("dense_derivative_f32", [4, 0], |stream| {
        let (step, y, dy) = (step(stream, 0)?, zeros(stream, 16)?, zeros(stream, 16)?);
        dense.derivative(&**stream, step.all(), None, Some(y.all()), dy.all())
    });
    planted("dense_backward_64x32_f32", [17, 0], |stream| {
        let (step, x, w, dz) = (step(stream, 0)?, zeros(stream, 16)?, zeros(stream, 64)?, zeros(stream, 16)?);
        let (dw, dx, scale) = (zeros(stream, 64)?, zeros(stream, 16)?, zeros(stream, size_of::<LossScale>())?);
        let given = dense::Backward {
            x: x.all(),
            dz: dz.all(),
            weights: w.all(),
            dw: WeightGradient::Stored(dw.all()),
            db: None,
            dx: Some(InputGradient { to: dx.all(), accumulate: false, through: Some((dense, None)) }),
            scale: scale.all(),
        };
        dense.backward(&**stream, step.all(), given)
    });
}

#[test]
fn optimizers() {
    let update = Update { len: 8, precision: Precision::F32, clips: false };
    let stream = Host::stream(75, Schedule::RoundRobin);
    let run = || {
        let step = step(&stream, UNKNOWN)?;
        let scale = DeviceMemory::of(&stream, &[LossScale::initial(Precision::F32)])?;
        let record = DeviceMemory::of(&stream, &[Record::default()])?;
        let [parameters, gradients, first, second] = [(); 4].map(|()| zeros(&stream, 32));
        let (parameters, gradients, first, second) = (parameters?, gradients?, first?, second?);
        let workspace = zeros(&stream, 4 * update.workspace_len())?;
        update.run(
            &*stream,
            step.all(),
            scale.all(),
            gradients.all(),
            Updated {
                parameters: parameters.all(),
                states: [first.all(), second.all(), gradients.all().part(0..0)],
                weights16: None,
            },
            gradients.all::<u32>().part(0..0),
            None,
            workspace.all(),
            record.all(),
        )
    };
    let error = run().expect_err("an unknown optimizer").to_string();
    assert!(error.contains("77 is none of the kernel's codes"), "{error}");
}
