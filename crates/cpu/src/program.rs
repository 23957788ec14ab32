//! A plan's program with everything worked out that can be before it runs.

use std::time::{Duration, Instant};

use tunefork_graph::{
    DropoutBackward, DropoutForward, GlobalAverageBackward, GlobalAverageForward, GroupNormBackward, GroupNormForward,
    Loss, Program, SlabLayout, Step,
};

use crate::context::Context;
use crate::dropout::{self, Mask};
use crate::{average, block, dense, group_norm, loss};

/// What changes from one run of a program to the next.
pub(crate) struct Run<'a> {
    /// Class of each real image, and what else the loss aims at.
    pub targets: loss::Targets<'a>,
    /// Probability of each dropout.
    pub dropout: &'a [f32],
    /// Key of the masks.
    pub key: [u32; 2],
    /// Counter of the masks.
    pub step: u64,
}

impl Run<'_> {
    fn mask(&self, layer: Option<usize>) -> Option<Mask> {
        let layer = layer?;
        let p = *self.dropout.get(layer)?;
        (p > 0.0).then(|| Mask::new(self.key, self.step, layer, p))
    }
}

/// One step, ready to run.
enum Prepared {
    BlockForward(Box<block::ForwardTables>),
    BlockBackward(Box<block::BackwardTables>),
    DenseForward(dense::ForwardTables, Option<usize>),
    DenseBackward(dense::BackwardTables, Option<usize>),
    GroupNorm(Box<group_norm::Tables>, GroupNormForward),
    GroupNormGradient(Box<group_norm::Tables>, GroupNormBackward),
    GlobalAverage(GlobalAverageForward),
    GlobalAverageGradient(GlobalAverageBackward),
    Dropout(DropoutForward),
    DropoutGradient(DropoutBackward),
    Loss(Loss),
}

/// All steps, ready to run.
pub(crate) struct PreparedProgram {
    steps: Vec<(String, Prepared)>,
    times: Vec<Duration>,
}

impl PreparedProgram {
    pub(crate) fn new(program: &Program, slab: &SlabLayout, training: bool) -> Self {
        let batch = program.batch;
        let steps: Vec<_> = program
            .steps
            .iter()
            .map(|step| match step {
                Step::BlockForward(s) => {
                    let tables = block::ForwardTables::new(s, slab, batch, training);
                    (format!("{} forward", s.block.name), Prepared::BlockForward(Box::new(tables)))
                }
                Step::BlockBackward(s) => {
                    let tables = block::BackwardTables::new(s, slab, batch);
                    (format!("{} backward", s.block.name), Prepared::BlockBackward(Box::new(tables)))
                }
                Step::DenseForward(s) => {
                    let mask = s.dense.dropout.filter(|_| training);
                    let tables = dense::ForwardTables::new(s, slab, batch);
                    (format!("{} forward", s.dense.name), Prepared::DenseForward(tables, mask))
                }
                Step::DenseBackward(s) => {
                    let tables = dense::BackwardTables::new(s, slab, batch);
                    (format!("{} backward", s.dense.name), Prepared::DenseBackward(tables, s.dense.dropout))
                }
                Step::GroupNormForward(s) => {
                    let tables = Box::new(group_norm::Tables::new(&s.norm, slab));
                    (format!("{} forward", s.norm.name), Prepared::GroupNorm(tables, s.clone()))
                }
                Step::GroupNormBackward(s) => {
                    let tables = Box::new(group_norm::Tables::new(&s.norm, slab));
                    (format!("{} backward", s.norm.name), Prepared::GroupNormGradient(tables, s.clone()))
                }
                Step::GlobalAverageForward(s) => ("average forward".into(), Prepared::GlobalAverage(s.clone())),
                Step::GlobalAverageBackward(s) => {
                    ("average backward".into(), Prepared::GlobalAverageGradient(s.clone()))
                }
                Step::DropoutForward(s) => ("dropout forward".into(), Prepared::Dropout(s.clone())),
                Step::DropoutBackward(s) => ("dropout backward".into(), Prepared::DropoutGradient(s.clone())),
                Step::Loss(s) => ("loss".into(), Prepared::Loss(s.clone())),
            })
            .collect();
        Self { times: vec![Duration::ZERO; steps.len()], steps }
    }

    pub(crate) fn scratch_len(&self) -> usize {
        self.steps.iter().map(|(_, step)| step.scratch_len()).max().unwrap_or(0)
    }

    pub(crate) fn run(&mut self, context: &mut Context<'_>, run: &Run<'_>) -> loss::Sum {
        let mut sum = loss::Sum::default();
        for ((_, step), time) in self.steps.iter().zip(&mut self.times) {
            let start = Instant::now();
            step.run(context, run, &mut sum);
            *time += start.elapsed();
        }
        sum
    }

    /// Name of each step and the time spent in it so far.
    pub(crate) fn times(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.steps.iter().zip(&self.times).map(|((name, _), time)| (name.as_str(), *time))
    }
}

impl Prepared {
    fn scratch_len(&self) -> usize {
        match self {
            Self::BlockForward(tables) => tables.scratch_len(),
            Self::BlockBackward(tables) => tables.scratch_len(),
            Self::DenseForward(tables, _) => tables.scratch_len(),
            Self::DenseBackward(tables, _) => tables.scratch_len(),
            Self::GroupNorm(tables, _) | Self::GroupNormGradient(tables, _) => tables.scratch_len(),
            Self::GlobalAverage(_)
            | Self::GlobalAverageGradient(_)
            | Self::Dropout(_)
            | Self::DropoutGradient(_)
            | Self::Loss(_) => 0,
        }
    }

    fn run(&self, context: &mut Context<'_>, run: &Run<'_>, sum: &mut loss::Sum) {
        match self {
            Self::BlockForward(tables) => tables.run(context),
            Self::BlockBackward(tables) => tables.run(context),
            Self::DenseForward(tables, layer) => tables.run(context, run.mask(*layer).as_ref()),
            Self::DenseBackward(tables, layer) => tables.run(context, run.mask(*layer).as_ref()),
            Self::GroupNorm(tables, step) => tables.forward(context, step),
            Self::GroupNormGradient(tables, step) => tables.backward(context, step),
            Self::GlobalAverage(step) => average::forward(context, step),
            Self::GlobalAverageGradient(step) => average::backward(context, step),
            Self::Dropout(step) => dropout::forward(context, step, run.mask(Some(step.layer)).as_ref()),
            Self::DropoutGradient(step) => dropout::backward(context, step, run.mask(Some(step.layer)).as_ref()),
            Self::Loss(step) => *sum = loss_step(context, step, run),
        }
    }
}

fn loss_step(context: &mut Context<'_>, step: &Loss, run: &Run<'_>) -> loss::Sum {
    let len = context.rows * step.classes;
    let logits = context.tensor(step.logits).part(0..len);
    let gradient = step.gradient.map(|gradient| context.tensor(gradient).part(0..len));
    // SAFETY: no task is running; the gradient lies on the logits or apart from them.
    unsafe {
        match gradient {
            Some(gradient) => {
                if step.gradient != Some(step.logits) {
                    gradient.write().copy_from_slice(logits.read());
                }
                loss::run(context.isa, gradient.write(), step.classes, &run.targets, true)
            }
            None => loss::run(context.isa, logits.write(), step.classes, &run.targets, false),
        }
    }
}
