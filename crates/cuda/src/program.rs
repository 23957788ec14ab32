//! From the steps of a plan to launches, and from launches to a captured graph.

use std::any::Any;
use std::sync::Arc;

use tunefork_graph::{Plan, Program, Step};
use tunefork_kernels::{CapturedGraph, DeviceError, Precision, Span, StepRow, Stream, prepare};

use crate::images::Pictures;
use crate::memory::Memory;
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

/// Steps of a captured run of several: between two graphs a card waits some microseconds for the host.
const SEVERAL: usize = 8;
/// Captured runs that are kept, of so many sets of trials.
const KEPT: usize = 4;

/// The launches of a program, captured for the trials that they are for. Before the first run, which goes launch by launch, all
/// kernels are compiled and loaded: that is not allowed while a graph is captured.
#[derive(Default)]
pub(crate) struct Runner {
    /// The one that was used last is the last.
    captured: Vec<Captured>,
    /// Whether steps that clip, and those that do not, have run.
    has_run: [bool; 2],
}

/// What was captured for some trials.
struct Captured {
    run: Run,
    /// Of one step.
    single: Box<dyn CapturedGraph>,
    /// Of [`SEVERAL`] steps, where so many have been run one by one: trials that meet but once do not repay it.
    several: Option<Box<dyn CapturedGraph>>,
    launched: usize,
}

/// What the launches of a graph depend on. Trials lie at the same address only one after the other, with the same plan: for
/// either the graph is right.
#[derive(Clone)]
pub(crate) struct Run {
    trials: Vec<u64>,
    /// The graph holds addresses of the data sets, which therefore have to live as long.
    images: Vec<Arc<dyn Any + Send + Sync>>,
    clips: bool,
}

impl Run {
    /// For the trials at these addresses, the first of them that of the context, and what owns the images.
    pub(crate) fn new(context: &Context<'_>, trials: Vec<u64>, images: Vec<Arc<dyn Any + Send + Sync>>) -> Self {
        Self { trials, images, clips: context.clips }
    }
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&Arc<_>, &Arc<_>)| Arc::ptr_eq(a, b);
        let images = self.images.len() == other.images.len() && self.images.iter().zip(&other.images).all(same);
        images && self.trials == other.trials && self.clips == other.clips
    }
}

impl Runner {
    /// Runs the program on the next rows of the tables of the trials, at most `left` of them; how many it were. The ring of a
    /// trial is always the same one.
    pub(crate) fn run(
        &mut self,
        context: &Context<'_>,
        run: &Run,
        pictures: &Pictures<'_>,
        left: usize,
    ) -> Result<usize, DeviceError> {
        let has_run = &mut self.has_run[usize::from(context.clips)];
        if !*has_run {
            prepare(context.stream, |stream| Context { stream, ..*context }.step(pictures))?;
            context.step(pictures)?;
            *has_run = true;
            return Ok(1);
        }
        let captured = self.captured(context, run, pictures)?;
        if context.training && left >= SEVERAL && captured.launched >= SEVERAL {
            let graph = match &mut captured.several {
                Some(graph) => graph,
                none => none.insert(context.capture(pictures, SEVERAL)?),
            };
            graph.launch()?;
            return Ok(SEVERAL);
        }
        captured.single.launch()?;
        captured.launched += 1;
        Ok(1)
    }

    /// What is captured for a run, now if it was not before.
    fn captured(
        &mut self,
        context: &Context<'_>,
        run: &Run,
        pictures: &Pictures<'_>,
    ) -> Result<&mut Captured, DeviceError> {
        if let Some(place) = self.captured.iter().position(|captured| captured.run == *run) {
            self.captured[place..].rotate_left(1);
        } else {
            let single = context.capture(pictures, 1)?;
            if self.captured.len() == KEPT {
                self.captured.remove(0);
            }
            self.captured.push(Captured { run: run.clone(), single, several: None, launched: 0 });
        }
        Ok(self.captured.last_mut().expect("there is one now"))
    }
}

impl<'a> Context<'a> {
    /// So many steps as a graph.
    fn capture(&self, images: &Pictures<'_>, steps: usize) -> Result<Box<dyn CapturedGraph>, DeviceError> {
        self.stream.begin_capture()?;
        let collected = (0..steps).try_for_each(|_| self.step(images));
        let graph = self.stream.end_capture();
        collected?;
        graph
    }

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
