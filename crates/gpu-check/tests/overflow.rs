//! Steps in f16 whose gradients are not finite: the engine leaves out their updates and finds a loss scale
//! that fits, all on the device.

use std::sync::Arc;

use tunefork_cuda::{CudaWorkspace, Engine, Resident, StepInput, StepResult, StepSettings};
use tunefork_emulator::{Host, Schedule};
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Activation, Conv, Graph, Plan};
use tunefork_kernels::{Precision, Stream};

type Failure = Box<dyn std::error::Error>;

/// A scale that carries the gradient of any logit beyond the largest f16, 65504.
const FAR: f32 = 1048576.0;
const RULES: [UpdateRule; 3] = [UpdateRule::momentum(0.9, true), UpdateRule::RMSPROP, UpdateRule::ADAMW];

/// A trial's engine with the images that it learns from.
struct Trial {
    engine: Engine,
    resident: Arc<Resident>,
    rule: UpdateRule,
}

/// All that an update may change, but the loss scale and its count.
#[derive(PartialEq, Debug)]
struct Bits {
    slab: Vec<u32>,
    states: Vec<u32>,
    /// They follow from the copy of the weights in 16 bits.
    logits: Vec<u32>,
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

impl Trial {
    /// A convolution and two dense layers with weights that no optimizer has seen. No norm: its running
    /// statistics are of the forward pass, which is not left out.
    fn new(architecture: u32, rule: UpdateRule) -> Result<Self, Failure> {
        let mut graph = Graph::new(3, [5, 4, 1])?;
        let conv = Conv { channels: 6, kernel: 3, stride: 1, padding: 1, bias: true };
        let x = graph.conv2d(graph.input(), "conv", conv)?;
        let x = graph.activation(x, Activation::Relu)?;
        let x = graph.flatten(x)?;
        let x = graph.dense(x, "hidden", 7, true)?;
        let x = graph.activation(x, Activation::Tanh)?;
        let x = graph.dense(x, "head", 4, true)?;
        graph.softmax_cross_entropy(x, 4)?;

        let precision = Precision::F16;
        let plan = Arc::new(Plan::new(&graph, 3, &CudaWorkspace { precision })?);
        let stream: Arc<dyn Stream> = Host::stream(architecture, Schedule::RoundRobin);
        let mut engine = Engine::new(Arc::clone(&stream), Arc::clone(&plan), precision)?;
        let mut slab = vec![0.0; plan.slab.len];
        for slot in &plan.slab.parameters {
            for (at, value) in slab[slot.offset..slot.offset + slot.len].iter_mut().enumerate() {
                *value = ((at * 37 + slot.offset) % 101) as f32 / 200.0 - 0.25;
            }
        }
        engine.write_slab(&slab)?;
        let pixels: Vec<u8> = (0..7 * 20).map(|at| (at * 89 % 256) as u8).collect();
        let table: Vec<f32> = (0..256).map(|byte| byte as f32 / 128.0 - 1.0).collect();
        let labels = [0, 1, 2, 3, 0, 1, 2];
        let resident = Resident::new(&stream, plan.image, &pixels, &labels, &table)?;
        Ok(Self { engine, resident: Arc::new(resident), rule })
    }

    /// Steps with these numbers, in one call; whether each was skipped.
    fn steps(&mut self, steps: std::ops::Range<u64>) -> Result<Vec<bool>, Failure> {
        let settings =
            |step| StepSettings { step, weight_decay: 0.01, clip_norm: Some(1.0), ..StepSettings::new(self.rule) };
        // The last image is alone.
        let batches: [&[u32]; 3] = [&[4, 0, 2], &[6, 1, 5], &[3]];
        let inputs: Vec<_> = steps.map(|step| StepInput::new(batches[step as usize % 3], settings(step))).collect();
        let mut results = vec![StepResult::default(); inputs.len()];
        self.engine.steps(&self.resident, &inputs, &mut results)?;
        assert!(results.iter().all(|step| step.loss_sum.is_finite()));
        Ok(results.iter().map(|step| step.skipped).collect())
    }

    fn bits(&mut self) -> Result<Bits, Failure> {
        let mut slab = vec![0.0; self.engine.plan().slab.len];
        self.engine.read_slab(&mut slab)?;
        let logits = self.engine.evaluate(&self.resident, &[0, 3, 5])?.logits;
        let logits = bits(logits);
        let (states, _) = self.optimizer()?;
        Ok(Bits { slab: bits(&slab), states: bits(&states), logits })
    }

    /// The optimizer's states; the loss scale and for how many steps it has stood.
    fn optimizer(&self) -> Result<(Vec<f32>, [f32; 2]), Failure> {
        let mut all = vec![0.0; self.engine.optimizer_len()];
        self.engine.read_optimizer(&mut all)?;
        let states = all.len() - 2;
        Ok((all[..states].to_vec(), [all[states], all[states + 1]]))
    }

    /// Replaces the loss scale and its count.
    fn scale(&mut self, scale: [f32; 2]) -> Result<(), Failure> {
        let (mut all, _) = self.optimizer()?;
        all.extend(scale);
        Ok(self.engine.write_optimizer(&all)?)
    }
}

fn both(check: fn(u32, UpdateRule) -> Result<(), Failure>) -> Result<(), Failure> {
    for architecture in [75, 80] {
        for rule in RULES {
            check(architecture, rule)?;
        }
    }
    Ok(())
}

#[test]
fn a_step_that_overflows_changes_the_scale_only() -> Result<(), Failure> {
    both(|architecture, rule| {
        let mut trial = Trial::new(architecture, rule)?;
        // The first step runs launch by launch, the others as a captured graph: both may be skipped.
        trial.scale([FAR, 5.0])?;
        let before = trial.bits()?;
        assert_eq!(trial.steps(0..1)?, [true]);
        assert_eq!(trial.optimizer()?.1, [FAR / 2.0, 0.0]);
        assert_eq!(trial.bits()?, before);

        trial.scale([256.0, 7.0])?;
        assert_eq!(trial.steps(0..2)?, [false, false]);
        assert_eq!(trial.optimizer()?.1, [256.0, 9.0]);
        let learned = trial.bits()?;
        assert_ne!(learned.slab, before.slab);
        assert_ne!(learned.states, before.states);
        assert_ne!(learned.logits, before.logits);

        trial.scale([FAR, 1999.0])?;
        assert_eq!(trial.steps(2..4)?, [true, true]);
        assert_eq!(trial.optimizer()?.1, [FAR / 4.0, 0.0]);
        assert_eq!(trial.bits()?, learned);
        Ok(())
    })
}

#[test]
fn the_next_clean_step_is_as_if_none_had_been_skipped() -> Result<(), Failure> {
    both(|architecture, rule| {
        let mut trial = Trial::new(architecture, rule)?;
        trial.scale([256.0, 0.0])?;
        trial.steps(0..2)?;
        trial.scale([FAR, 0.0])?;
        assert_eq!(trial.steps(2..3)?, [true]);
        trial.scale([256.0, 2.0])?;
        assert_eq!(trial.steps(3..5)?, [false, false]);

        let mut other = Trial::new(architecture, rule)?;
        other.scale([256.0, 0.0])?;
        other.steps(0..2)?;
        assert_eq!(other.steps(3..5)?, [false, false]);
        assert_eq!(trial.bits()?, other.bits()?);
        assert_eq!(trial.optimizer()?.1, other.optimizer()?.1);
        Ok(())
    })
}

#[test]
fn a_scale_that_is_too_large_halves_until_it_fits() -> Result<(), Failure> {
    both(|architecture, rule| {
        let mut trial = Trial::new(architecture, rule)?;
        trial.scale([FAR, 0.0])?;
        let skipped = trial.steps(0..12)?;
        let count = skipped.iter().filter(|&&skipped| skipped).count();
        let clean = skipped.iter().rev().take_while(|&&skipped| !skipped).count();
        // FAR is 16 times the largest scale that a run may reach by itself.
        assert!((4..12).contains(&count), "{skipped:?}");
        assert!(clean > 0, "{skipped:?}");
        let scale = FAR / (1 << count) as f32;
        assert_eq!(trial.optimizer()?.1, [scale, clean as f32]);
        assert_eq!(trial.engine.loss_scale()?, scale);
        Ok(())
    })
}

#[test]
fn a_checkpoint_keeps_the_scale_and_its_count() -> Result<(), Failure> {
    both(|architecture, rule| {
        let mut trial = Trial::new(architecture, rule)?;
        trial.scale([FAR, 0.0])?;
        assert_eq!(trial.steps(0..1)?, [true]);
        trial.scale([512.0, 1997.0])?;
        trial.steps(1..2)?;

        let mut slab = vec![0.0; trial.engine.plan().slab.len];
        let mut optimizer = vec![0.0; trial.engine.optimizer_len()];
        trial.engine.read_slab(&mut slab)?;
        trial.engine.read_optimizer(&mut optimizer)?;
        let mut restored = Trial::new(architecture, rule)?;
        restored.engine.write_slab(&slab)?;
        restored.engine.write_optimizer(&optimizer)?;
        assert_eq!(restored.optimizer()?.1, [512.0, 1998.0]);

        // The second step from here is the 2000th clean one: the scale doubles in both.
        for trial in [&mut trial, &mut restored] {
            assert_eq!(trial.steps(2..4)?, [false, false]);
            assert_eq!(trial.optimizer()?.1, [1024.0, 0.0]);
        }
        assert_eq!(trial.bits()?, restored.bits()?);
        Ok(())
    })
}
