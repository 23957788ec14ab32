//! What is trained on what, and what that will take, before anything is allocated.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tunefork_data::Split;
use tunefork_graph::{Cost, Graph, NoWorkspace, Plan};
use tunefork_nn::Network;
use tunefork_rng::{Key, Purpose};

use crate::average::Average;
use crate::batch::Batches;
use crate::{At, ClassWeights, Device, Images, LastBatch, TrainError, TrainSpec};

/// Evaluation never takes more images at once than this, unless the training batch is larger.
const LARGEST_EVALUATION_BATCH: usize = 256;

/// One training run: a network, how it is trained, the images, and the key of its random streams.
#[derive(Clone, Debug)]
pub struct Task {
    /// What is trained, without weights.
    pub network: Network,
    /// How it is trained.
    pub spec: TrainSpec,
    /// All images, of which the split names some.
    pub images: Images,
    /// Which of them are for training, validation and test.
    pub split: Arc<Split>,
    /// Initial weights, shuffles and dropout masks are functions of this key.
    pub key: Key,
}

/// What a task will take on a device: exact, and known before it runs.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The steps and their addresses.
    pub plan: Arc<Plan>,
    /// Bytes of everything that the run allocates once: the engine's buffers, labels and order of the
    /// images, and the best epoch's weights where they are kept.
    pub bytes: u64,
    /// Those of them that the engine allocates where it runs.
    pub engine_bytes: u64,
    /// Bytes that [`Trainer::checkpoint`](crate::Trainer::checkpoint) needs besides: the checkpoint, and the
    /// engine's state on its way there. Exact but for some hundreds.
    pub checkpoint_bytes: u64,
    /// Training steps in an epoch.
    pub steps_per_epoch: u64,
    /// Work of an epoch, training and validation; the same on every device.
    pub epoch_cost: Cost,
}

impl Compiled {
    /// Bytes at most at one time, in a run whose state is saved.
    pub fn most_bytes(&self) -> u64 {
        self.bytes + self.checkpoint_bytes
    }

    /// Share of an epoch's operations that are training and not validation.
    pub(crate) fn training_share(&self) -> f64 {
        let training = self.plan.training.cost.flops * self.steps_per_epoch;
        (training as f64 / self.epoch_cost.flops.max(1) as f64).min(1.0)
    }
}

impl Task {
    /// Checks the task and plans it.
    ///
    /// # Errors
    /// If a setting is out of bounds, the network cannot be, the data does not fit to it, or a part
    /// that is needed has no images.
    pub fn compile(&self, device: &dyn Device) -> Result<Compiled, TrainError> {
        self.check()?;
        self.compile_for(device, self.spec.batch_size)
    }

    /// As [`Task::compile`], refused if it takes more than `budget` bytes at any time, or more than the
    /// device has for an engine that is alone on it.
    ///
    /// # Errors
    /// [`TrainError::DoesNotFit`] with the largest batch that would fit; or as [`Task::compile`].
    pub fn compile_within(&self, device: &dyn Device, budget: u64) -> Result<Compiled, TrainError> {
        let compiled = self.compile(device)?;
        self.fit(device, &compiled, (budget, false), Compiled::most_bytes)?;
        if let Some(room) = device.room(&self.images)? {
            self.fit(device, &compiled, (room.most, true), |compiled| compiled.engine_bytes)?;
        }
        Ok(compiled)
    }

    /// Refuses what the device has no memory for at this moment.
    pub(crate) fn fit_now(&self, device: &dyn Device, compiled: &Compiled) -> Result<(), TrainError> {
        match device.room(&self.images)? {
            Some(room) => self.fit(device, compiled, (room.free, true), |compiled| compiled.engine_bytes),
            None => Ok(()),
        }
    }

    /// Refuses what takes more than a budget, of which is said whether it is that of the device.
    fn fit(
        &self,
        device: &dyn Device,
        compiled: &Compiled,
        (budget, of_device): (u64, bool),
        bytes: fn(&Compiled) -> u64,
    ) -> Result<(), TrainError> {
        if bytes(compiled) <= budget {
            return Ok(());
        }
        Err(TrainError::DoesNotFit {
            batch_size: self.spec.batch_size,
            wanted: bytes(compiled),
            budget,
            of_device,
            largest_batch: self.largest_batch(device, budget, bytes),
        })
    }

    /// The largest batch below the chosen one that takes no more than `budget` bytes.
    fn largest_batch(&self, device: &dyn Device, budget: u64, bytes: fn(&Compiled) -> u64) -> Option<usize> {
        let fits = |batch: usize| self.compile_for(device, batch).is_ok_and(|compiled| bytes(&compiled) <= budget);
        let (mut fitting, mut too_large) = (0, self.spec.batch_size);
        while too_large - fitting > 1 {
            let middle = fitting + (too_large - fitting) / 2;
            if fits(middle) { fitting = middle } else { too_large = middle }
        }
        (fitting > 0).then_some(fitting)
    }

    fn compile_for(&self, device: &dyn Device, batch: usize) -> Result<Compiled, TrainError> {
        let graph = self.network.graph(batch)?;
        let bare = bare_plan(&graph)?;
        let mut plan = device.plan(&graph, bare.evaluation.batch)?;
        plan.optimizer_states = self.spec.optimizer.rule.states();
        let steps_per_epoch = self.spec.steps_per_epoch(self.split.train.len());
        let slab = plan.slab.len;
        let states = plan.optimizer_states * plan.slab.trainable_len;
        let where_kept = |kept: bool| if kept { slab } else { 0 };
        let best_slab = where_kept(self.spec.at == At::Best);
        let average = where_kept(self.spec.ema > 0.0);
        let floats = |count: usize| (count * size_of::<f32>()) as u64;
        let engine_bytes = device.planned_bytes(&plan, &self.images);
        Ok(Compiled {
            engine_bytes,
            bytes: engine_bytes
                + floats(best_slab)
                + Average::bytes(average)
                + Batches::bytes(self.most_images(), self.changed_images()),
            checkpoint_bytes: floats(slab + states + average + best_slab) + floats(slab.max(states)),
            epoch_cost: self.epoch_cost(&bare, steps_per_epoch),
            steps_per_epoch,
            plan: Arc::new(plan),
        })
    }

    fn epoch_cost(&self, plan: &Plan, steps_per_epoch: u64) -> Cost {
        let evaluations = self.split.validation.len().div_ceil(plan.evaluation.batch) as u64;
        let times = |cost: Cost, n: u64| Cost { flops: cost.flops * n, bytes: cost.bytes * n, steps: cost.steps * n };
        times(plan.training.cost, steps_per_epoch) + times(plan.evaluation.cost, evaluations)
    }

    /// Length of the longest list of images that is gone through.
    pub(crate) fn most_images(&self) -> usize {
        self.split.train.len().max(self.split.validation.len()).max(self.split.test.len())
    }

    /// The weight of each class in the loss; empty: all weigh the same. A class without training images
    /// has weight 0.
    pub(crate) fn class_weights(&self) -> Vec<f32> {
        if self.spec.class_weights == ClassWeights::Equal {
            return Vec::new();
        }
        let (train, classes) = (&self.split.train, self.network.classes);
        let mut counts = vec![0u64; classes];
        for image in train {
            counts[usize::from(self.images.data.label(*image))] += 1;
        }
        let weight = |count: u64| match count {
            0 => 0.0,
            count => (train.len() as f64 / (count as f64 * classes as f64)) as f32,
        };
        counts.into_iter().map(weight).collect()
    }

    /// How many images of an epoch are changed at random.
    pub(crate) fn changed_images(&self) -> usize {
        match self.spec.augmentation.is_none() {
            true => 0,
            false => self.split.train.len(),
        }
    }

    fn check(&self) -> Result<(), TrainError> {
        self.spec.check()?;
        self.images.check(&self.network)?;
        let Split { train, validation, test } = &*self.split;
        for (part, indices) in [("training", train), ("validation", validation)] {
            if indices.is_empty() {
                return Err(TrainError::NoImages { part });
            }
        }
        let images = self.images.data.len();
        for (part, indices) in [("training", train), ("validation", validation), ("test", test)] {
            if let Some(&index) = indices.iter().find(|index| **index as usize >= images) {
                return Err(TrainError::NoSuchImage { part, index, images });
            }
        }
        self.check_batches(train.len())
    }

    fn check_batches(&self, images: usize) -> Result<(), TrainError> {
        let batch_size = self.spec.batch_size;
        if self.spec.last_batch == LastBatch::Drop && batch_size > images {
            return Err(TrainError::BatchTooLarge { batch_size, images });
        }
        match images % batch_size {
            rest if rest > 0 && self.spec.last_batch == LastBatch::Keep => Ok(self.network.check_rows(rest)?),
            _ => Ok(()),
        }
    }

    /// A digest of everything but the number of epochs' worth of work done: two tasks with one digest
    /// go through the same numbers.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        // Debug prints floats such that they read back to the same bits.
        hasher.update(format!("{:?}\n{:?}\n", self.network, self.spec));
        hasher.update(format!("{:?}\n{:?}\n", self.images.normalisation.mean(), self.images.normalisation.std()));
        for part in [&self.split.train, &self.split.validation] {
            hasher.update((part.len() as u64).to_le_bytes());
            part.iter().for_each(|index| hasher.update(index.to_le_bytes()));
        }
        // The key's parts are its own; a draw stands for them.
        let mut stream = self.key.stream_at(Purpose::Shuffle, u64::MAX);
        (0..4).for_each(|_| hasher.update(stream.next_u64().to_le_bytes()));
        hasher.finalize().into()
    }
}

/// The plan without any device's work space, so the same on every machine, with as large an
/// evaluation batch as costs no memory: evaluation keeps nothing for a backward pass, so more images
/// fit into the same arena.
fn bare_plan(graph: &Graph) -> Result<Plan, TrainError> {
    let mut plan = Plan::new(graph, graph.batch(), &NoWorkspace)?;
    while 2 * plan.evaluation.batch <= LARGEST_EVALUATION_BATCH {
        let larger = Plan::new(graph, 2 * plan.evaluation.batch, &NoWorkspace)?;
        if larger.arena_len() > plan.arena_len() {
            break;
        }
        plan = larger;
    }
    Ok(plan)
}

impl Images {
    pub(crate) fn check(&self, network: &Network) -> Result<(), TrainError> {
        let data = self.data.shape();
        if data != network.input {
            return Err(TrainError::ImageShape { data, network: network.input });
        }
        let classes = self.data.classes().len();
        if classes != network.classes {
            return Err(TrainError::Classes { data: classes, network: network.classes });
        }
        let normalisation = self.normalisation.mean().len();
        if normalisation != data.channels {
            return Err(TrainError::Channels { normalisation, images: data.channels });
        }
        Ok(())
    }
}
