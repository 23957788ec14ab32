//! From the steps of a plan to launches, and from launches to a captured graph.

use std::any::Any;
use std::sync::Arc;

use tunefork_graph::{Plan, Program, Step};
use tunefork_kernels::{CapturedGraph, DeviceError, Precision, Span, StepRow, Stream, prepare};

use crate::images::Pictures;
use crate::memory::Memory;
use crate::streamed::ImageSource;
use crate::{block, launches};

/// What the launches of a program work on.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub stream: &'a dyn Stream,
    pub plan: &'a Plan,
    pub memory: &'a Memory,
    pub precision: Precision,
    /// Images in a full batch.
    pub batch: usize,
    /// With batch statistics, dropout and gradients, or without.
    pub training: bool,
    /// Whether a step of the call clips its gradients.
    pub clips: bool,
}

/// The launches of one run of a program, captured when they have run once.
///
/// Before the first run, which goes launch by launch, all kernels are compiled and loaded: that is
/// not allowed while a graph is captured.
#[derive(Default)]
pub(crate) struct Runner {
    captured: Option<Captured>,
    /// Whether steps that clip, and those that do not, have run.
    has_run: [bool; 2],
}

struct Captured {
    graph: Box<dyn CapturedGraph>,
    clips: bool,
    /// The graph holds addresses of the data set, which therefore has to live as long.
    images: Arc<dyn Any + Send + Sync>,
}

impl Runner {
    /// Runs the program on the next row of the table. The ring is always the same one.
    pub(crate) fn run(&mut self, context: &Context<'_>, source: &ImageSource<'_>) -> Result<(), DeviceError> {
        if !std::mem::replace(&mut self.has_run[usize::from(context.clips)], true) {
            prepare(context.stream, |stream| Context { stream, ..*context }.step(&source.pictures()))?;
            return context.step(&source.pictures());
        }
        let (images, clips) = (source.owner(), context.clips);
        let fits = |captured: &Captured| Arc::ptr_eq(&captured.images, &images) && captured.clips == clips;
        let captured = match self.captured.take().filter(fits) {
            Some(captured) => captured,
            None => {
                context.stream.begin_capture()?;
                let collected = context.step(&source.pictures());
                let graph = context.stream.end_capture();
                collected?;
                Captured { graph: graph?, clips, images }
            }
        };
        self.captured.insert(captured).graph.launch()
    }
}

impl<'a> Context<'a> {
    /// All launches of one step: its row and images, the program, and in training the update.
    fn step(&self, images: &Pictures<'_>) -> Result<(), DeviceError> {
        let program = self.program();
        launches::gather(self, program, images)?;
        for number in 0..program.steps.len() {
            self.launch(&program.steps, number, images)?;
        }
        match self.training {
            true => launches::update(self),
            false => Ok(()),
        }
    }

    fn program(&self) -> &'a Program {
        match self.training {
            true => &self.plan.training,
            false => &self.plan.evaluation,
        }
    }

    fn launch(&self, steps: &[Step], number: usize, images: &Pictures<'_>) -> Result<(), DeviceError> {
        match &steps[number] {
            Step::BlockForward(s) => block::forward(self, s),
            Step::BlockBackward(s) => block::backward(self, s),
            Step::DenseForward(s) => launches::dense_forward(self, s),
            Step::DenseBackward(s) => {
                let is_folded = number > 0 && launches::folds(&steps[number - 1], &steps[number]);
                let before = match steps.get(number + 1) {
                    Some(next @ Step::DenseBackward(before)) if launches::folds(&steps[number], next) => Some(before),
                    _ => None,
                };
                launches::dense_backward(self, s, is_folded, before)
            }
            Step::GroupNormForward(s) => launches::group_norm_forward(self, s),
            Step::GroupNormBackward(s) => launches::group_norm_backward(self, s),
            Step::GlobalAverageForward(s) => launches::average_forward(self, s),
            Step::GlobalAverageBackward(s) => launches::average_backward(self, s),
            Step::DropoutForward(s) => launches::dropout_forward(self, s),
            Step::DropoutBackward(s) => launches::dropout_backward(self, s),
            Step::Loss(s) => launches::loss(self, s, images),
        }
    }

    /// The numbers of the step that runs.
    pub(crate) fn row(&self) -> Span<'a, StepRow> {
        self.memory.step()
    }
}
