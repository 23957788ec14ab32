//! Steps that go to the device together: first their rows, then run after run.

use std::sync::Arc;

use tunefork_kernels::{DeviceError, LaneStream, Stream};

use crate::lane::Lane;
use crate::program::{Context, Runner};
use crate::resident::Resident;
use crate::streamed::{ImageSource, Ring, Streamed};
use crate::{CudaError, StepInput};

/// Takes the steps that were written for some trials of one plan, each launch for all of them, and reads what they leave. All
/// learn from the same images, which may be normalised otherwise for each. Where a trial has fewer steps than others, nothing
/// happens to it behind its last one.
pub(crate) fn together(
    stream: &dyn Stream,
    runner: &mut Runner,
    lanes: &mut [(&mut Lane, &Arc<Resident>)],
    training: bool,
) -> Result<(), CudaError> {
    for (lane, _) in lanes.iter_mut() {
        lane.upload(stream)?;
    }
    let trials = lanes.iter().map(|(lane, _)| lane.memory.all()).collect();
    let tables = lanes.iter().map(|(_, images)| images.tables()).collect();
    let lane_stream = LaneStream::new(stream, trials, tables);
    let clips = lanes.iter().any(|(lane, _)| lane.clips());
    let most = lanes.iter().map(|(lane, _)| lane.steps()).max().unwrap_or(0);
    let source = ImageSource::Resident(lanes.iter().map(|(_, images)| *images).collect());
    let context = lanes[0].0.context(&lane_stream, training, clips);
    let addresses: Vec<u64> = lanes.iter().map(|(lane, _)| lane.memory.all().address()).collect();
    let mut taken = 0;
    while taken < most {
        taken += run(runner, &context, &addresses, &source, [taken, most - taken])?;
    }
    for (lane, _) in lanes.iter_mut() {
        lane.read(stream, training)?;
    }
    Ok(())
}

/// The same for one trial whose images are streamed: those of the next steps are gathered and copied while the device is at
/// work on the steps before.
pub(crate) fn streamed(
    stream: &dyn Stream,
    runner: &mut Runner,
    lane: &mut Lane,
    (ring, set): (&mut Ring, &Arc<Streamed>),
    (pixels, labels): (&[u8], &[u16]),
    steps: &[StepInput<'_>],
    training: bool,
) -> Result<(), CudaError> {
    lane.upload(stream)?;
    let context = lane.context(stream, training, lane.clips());
    let together = ring.steps(context.batch);
    let (address, mut taken) = (lane.memory.all().address(), 0);
    for steps in steps.chunks(together) {
        ring.fill(pixels, labels, steps.iter().map(|step| step.indices), context.batch)?;
        let (source, end) = (ImageSource::Streamed { ring, set }, taken + steps.len());
        while taken < end {
            taken += run(runner, &context, &[address], &source, [taken, end - taken])?;
        }
    }
    Ok(lane.read(stream, training)?)
}

/// Runs at most `left` steps, of which the first is number `taken`; how many there were.
fn run(
    runner: &mut Runner,
    context: &Context<'_>,
    trials: &[u64],
    source: &ImageSource<'_>,
    [taken, left]: [usize; 2],
) -> Result<usize, DeviceError> {
    let steps = runner.run(context, trials.to_vec(), source, left)?;
    if !context.training {
        keep_logits(context, taken)?;
    }
    Ok(steps)
}

/// Puts the logits of a batch where the next one does not write over them.
fn keep_logits(context: &Context<'_>, number: usize) -> Result<(), DeviceError> {
    let Context { stream, plan, memory, batch, .. } = *context;
    let values = batch * plan.classes;
    let logits = memory.tensor(plan.evaluation.logits, values);
    memory.kept_logits(number, values).copy_from(stream, logits)
}
