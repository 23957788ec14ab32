//! Of two trials in a launch the one is told whose gradients are not finite, and the other is not.

use std::cell::Cell;

use tunefork_kernels::launch::COUNTERS;
use tunefork_kernels::launch::block::{Backward, Block, Norm, NormGradients};
use tunefork_kernels::launch::conv::WeightGradient;
use tunefork_kernels::launch::dense::{self, Dense};
use tunefork_kernels::launch::group_norm::{GroupNorm, Parameters};
use tunefork_kernels::launch::loss::LossScale;
use tunefork_kernels::{Conv2d, DeviceError, DeviceMemory, LaneStream, Precision, Span, StepRow};

use crate::{Case, Failure};

/// Images of a batch, all of them real.
const BATCH: usize = 3;
/// Bytes of a trial, and of them those of the gradient that everything begins with.
const TRIAL: usize = 1 << 20;
const GRADIENT: usize = 1 << 16;
/// Two of the first make 1.06 in f16, two of the second no number; four of the first are 0.011 in f32.
const SOME: u8 = 0x3c;
const NOT_A_NUMBER: u8 = 0x7e;

/// The memory of the first trial, given out piece by piece; launches find that of the second one by themselves.
struct Memory<'a> {
    all: Span<'a, u8>,
    used: Cell<usize>,
}

impl<'a> Memory<'a> {
    fn take(&self, bytes: usize) -> Span<'a, u8> {
        let start = self.used.replace((self.used.get() + bytes).next_multiple_of(16));
        self.all.part(start..start + bytes)
    }

    fn floats(&self, count: usize) -> Span<'a, f32> {
        self.take(4 * count).cast()
    }

    fn halves(&self, count: usize) -> Span<'a, u8> {
        self.take(2 * count)
    }
}

/// What every launcher is given.
struct Given<'a> {
    step: Span<'a, StepRow>,
    scale: Span<'a, LossScale>,
    counters: Span<'a, u32>,
    /// Of a result, as long as is asked for.
    gradient: Span<'a, u8>,
    memory: Memory<'a>,
}

impl<'a> Given<'a> {
    fn new(all: Span<'a, u8>) -> Self {
        let memory = Memory { all, used: Cell::new(0) };
        Self {
            gradient: memory.take(GRADIENT),
            step: memory.take(size_of::<StepRow>()).cast(),
            scale: memory.take(size_of::<LossScale>()).cast(),
            counters: memory.take(4 * COUNTERS).cast(),
            memory,
        }
    }

    fn gradient_of(&self, values: usize) -> Span<'a, u8> {
        self.gradient.part(0..2 * values)
    }
}

type Launch = fn(&LaneStream<'_>, &Given<'_>) -> Result<(), DeviceError>;

pub(super) fn check(case: &mut Case) -> Result<(), Failure> {
    let launches: [(&str, Launch); 6] = [
        ("conv", |stream, given| conv(stream, given, 16)),
        ("first layer", |stream, given| conv(stream, given, 3)),
        ("dense", dense),
        ("norm", |stream, given| block(stream, given, true)),
        ("bias", |stream, given| block(stream, given, false)),
        ("group norm", group_norm),
    ];
    for (name, launch) in launches {
        for spoilt in 0..2 {
            let told = told(case, launch, spoilt)?;
            if told != [u32::from(spoilt == 0), u32::from(spoilt == 1)] {
                return Err(format!("{name}: trial {spoilt} of two overflows, and told are {told:?}").into());
            }
        }
    }
    Ok(())
}

/// Which of two trials is told, if one of them has a gradient of a result that is no number.
fn told(case: &Case, launch: Launch, spoilt: usize) -> Result<[u32; 2], Failure> {
    let stream = &*case.stream;
    let memories = [DeviceMemory::new(&case.stream, TRIAL)?, DeviceMemory::new(&case.stream, TRIAL)?];
    for (trial, memory) in memories.iter().enumerate() {
        memory.all::<u8>().fill(stream, SOME)?;
        let given = Given::new(memory.all());
        given.step.write(stream, &[StepRow { rows: BATCH as u32, ..StepRow::default() }])?;
        given.scale.write(stream, &[LossScale::initial(Precision::F16)])?;
        given.counters.cast::<u8>().fill(stream, 0)?;
        if trial == spoilt {
            given.gradient.fill(stream, NOT_A_NUMBER)?;
        }
    }
    let all = || memories.iter().map(DeviceMemory::all::<u8>);
    let lanes = LaneStream::new(stream, all().collect(), all().map(|memory| memory.part(0..16).cast()).collect());
    launch(&lanes, &Given::new(memories[0].all()))?;
    let overflowed = |memory: &DeviceMemory| -> Result<u32, DeviceError> {
        Ok(Given::new(memory.all()).scale.read(stream)?[0].overflowed)
    };
    Ok([overflowed(&memories[0])?, overflowed(&memories[1])?])
}

fn conv(stream: &LaneStream<'_>, given: &Given<'_>, channels: usize) -> Result<(), DeviceError> {
    let (height, width, filters) = (6, 5, 24);
    let conv = Conv2d { batch: BATCH, height, width, channels, filters, kernel: 3, stride: 1, padding: 1 };
    let gradient = WeightGradient { conv, precision: Precision::F16 };
    let x = given.memory.halves(conv.input_len());
    let dw = given.memory.floats(conv.weights_len());
    let slices = (gradient.workspace_len() > 0).then(|| given.memory.floats(gradient.workspace_len()));
    let dy = given.gradient_of(conv.output_len());
    gradient.run(stream, given.step, x, dy, dw, given.scale, slices, given.counters)
}

fn dense(stream: &LaneStream<'_>, given: &Given<'_>) -> Result<(), DeviceError> {
    let (inputs, outputs, precision) = (20, 9, Precision::F16);
    let layer = Dense { batch: BATCH, inputs, outputs, activation: None, dropout: None, precision };
    let backward = dense::Backward {
        x: given.memory.halves(BATCH * inputs),
        dz: given.gradient_of(BATCH * outputs),
        weights: given.memory.halves(inputs * outputs),
        dw: dense::WeightGradient::Stored(given.memory.floats(inputs * outputs)),
        db: None,
        dx: None,
        scale: given.scale,
    };
    layer.backward(stream, given.step, backward)
}

/// The gradients of a norm, or those of a bias.
fn block(stream: &LaneStream<'_>, given: &Given<'_>, norm: bool) -> Result<(), DeviceError> {
    let (channels, memory) = (16, &given.memory);
    let block = Block {
        batch: BATCH,
        height: 4,
        width: 4,
        channels,
        norm,
        shortcut: false,
        activation: None,
        pool: None,
        saved_output: false,
        precision: Precision::F16,
    };
    let floats = || memory.floats(channels);
    let backward = Backward {
        y: Some(memory.halves(block.input_len())),
        norm: norm.then(|| Norm {
            mean: floats(),
            deviation: floats(),
            running: false,
            scale: floats(),
            shift: floats(),
        }),
        norm_gradients: norm.then(|| NormGradients { scale: floats(), shift: floats() }),
        shortcut: None,
        dout: given.gradient_of(block.output_len()),
        dy: Some(memory.halves(block.input_len())),
        dsum: None,
        bias_gradient: (!norm).then(floats),
        workspace: memory.floats(block.workspace_len()),
        counters: given.counters,
        scale: given.scale,
    };
    match norm {
        true => block.backward_sums(stream, given.step, &backward),
        false => block.backward(stream, given.step, &backward),
    }
}

fn group_norm(stream: &LaneStream<'_>, given: &Given<'_>) -> Result<(), DeviceError> {
    let (channels, memory) = (8, &given.memory);
    let norm = GroupNorm { batch: BATCH, pixels: 9, channels, groups: 2, precision: Precision::F16 };
    let values = BATCH * norm.pixels * channels;
    let (x, dy) = (memory.halves(values), given.gradient_of(values));
    let (scale, statistics) = (memory.floats(channels), memory.floats(norm.statistics_len()));
    let sums = memory.floats(norm.sums_len());
    let gradients = Parameters { scale: memory.floats(channels), shift: memory.floats(channels) };
    norm.backward(stream, given.step, x, dy, scale, statistics, sums, gradients, given.scale, None)
}
