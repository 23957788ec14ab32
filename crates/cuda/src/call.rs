//! Steps that go to the device together: first their rows, then run after run, and last the way back of what they leave.
//!
//! All of it is ordered on one stream and nothing is waited for, so the next call can be ordered while the device is at this one: its
//! rows are copied when the last run of this one is done and its results are on their way.

use std::ops::Range;
use std::sync::Arc;

use tunefork_kernels::{DeviceError, LaneStream, Stream};

use crate::images::Pictures;
use crate::lane::Lane;
use crate::program::{Context, Run, Runner};
use crate::resident::Resident;
use crate::streamed::{Ring, Streamed};
use crate::{CudaError, StepInput};

/// Orders the steps that were written for some trials of one plan, each launch for all of them. All
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
    let (first, images) = &lanes[0];
    let (context, pictures) = (first.context(&lane_stream, training, clips), images.pictures());
    let addresses = lanes.iter().map(|(lane, _)| lane.memory.all().address()).collect();
    let owners = lanes.iter().map(|(_, images)| Arc::clone(images) as _).collect();
    let run = Run::new(&context, addresses, owners);
    take(runner, &context, &run, &pictures, 0..most)?;
    for (lane, images) in lanes.iter_mut() {
        lane.order(training, Arc::clone(images) as _)?;
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
    let run = Run::new(&context, vec![lane.memory.all().address()], vec![Arc::clone(set) as _]);
    let together = ring.steps(context.batch);
    let mut taken = 0;
    for steps in steps.chunks(together) {
        ring.fill(pixels, labels, steps.iter().map(|step| step.indices), context.batch)?;
        let end = taken + steps.len();
        take(runner, &context, &run, &ring.pictures(set), taken..end)?;
        taken = end;
    }
    Ok(lane.order(training, Arc::clone(set) as _)?)
}

/// Takes the steps of these numbers.
fn take(
    runner: &mut Runner,
    context: &Context<'_>,
    run: &Run,
    pictures: &Pictures<'_>,
    steps: Range<usize>,
) -> Result<(), DeviceError> {
    let mut taken = steps.start;
    while taken < steps.end {
        let number = taken;
        taken += runner.run(context, run, pictures, steps.end - taken)?;
        if !context.training {
            keep_logits(context, number)?;
        }
    }
    Ok(())
}

/// Puts the logits of a batch where the next one does not write over them.
fn keep_logits(context: &Context<'_>, number: usize) -> Result<(), DeviceError> {
    let Context { stream, plan, memory, batch, .. } = *context;
    let values = batch * plan.classes;
    let logits = memory.tensor(plan.evaluation.logits, values);
    memory.kept_logits(number, values).copy_from(stream, logits)
}
