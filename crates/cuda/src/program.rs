//! From the steps of a plan to launches, and from launches to a captured graph.

use std::any::Any;
use std::sync::Arc;

use tunefork_graph::{Plan, Program, Step};
use tunefork_kernels::launch::step::Begin;
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
}

/// The launches of one run of a program, captured when they have run once.
///
/// Before the first run, which goes launch by launch, all kernels are compiled and loaded: that is
/// not allowed while a graph is captured.
#[derive(Default)]
pub(crate) struct Runner {
    /// The graph holds addresses of the data set, which therefore has to live as long.
    captured: Option<(Box<dyn CapturedGraph>, Arc<dyn Any + Send + Sync>)>,
    has_run: bool,
}

impl Runner {
    /// Runs the program on the next row of the table. The ring is always the same one.
    pub(crate) fn run(&mut self, context: &Context<'_>, source: &ImageSource<'_>) -> Result<(), DeviceError> {
        if !self.has_run {
            prepare(context.stream, |stream| Context { stream, ..*context }.step(&source.pictures()))?;
            context.step(&source.pictures())?;
            self.has_run = true;
            return Ok(());
        }
        let owner = source.owner();
        let captured = self.captured.take().filter(|(_, before)| Arc::ptr_eq(before, &owner));
        let (graph, _) = match captured {
            Some(captured) => self.captured.insert(captured),
            None => {
                context.stream.begin_capture()?;
                let collected = context.step(&source.pictures());
                let graph = context.stream.end_capture();
                collected?;
                self.captured.insert((graph?, owner))
            }
        };
        graph.launch()
    }
}

impl<'a> Context<'a> {
    /// All launches of one step: its row, its images, the program, and in training the update.
    fn step(&self, images: &Pictures<'_>) -> Result<(), DeviceError> {
        let memory = self.memory;
        Begin { words: memory.row().len() }.run(self.stream, memory.table(), memory.counter(), memory.row())?;
        let program = self.program();
        launches::gather(self, program, images)?;
        for step in &program.steps {
            self.launch(step, images)?;
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

    fn launch(&self, step: &Step, images: &Pictures<'_>) -> Result<(), DeviceError> {
        match step {
            Step::BlockForward(s) => block::forward(self, s),
            Step::BlockBackward(s) => block::backward(self, s),
            Step::DenseForward(s) => launches::dense_forward(self, s),
            Step::DenseBackward(s) => launches::dense_backward(self, s),
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
