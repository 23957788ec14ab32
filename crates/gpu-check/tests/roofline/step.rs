//! The launches of a step: what each has to do, and how it is dealt out.

use tunefork_cuda::Engine;
use tunefork_emulator::Asked;
use tunefork_gpu_check::work::least::Least;
use tunefork_gpu_check::work::step_launches::{Described, step_launches};
use tunefork_kernels::Precision;
use tunefork_networks::Network;

use crate::cache::Cache;
use crate::cards::Card;
use crate::{resources, support};

/// Images of a report's epoch, as `peers/gpu.py` has them.
const EPOCHS: [(&str, usize); 5] = [("m0", 60_000), ("m1", 60_000), ("m2", 2_936), ("m3", 100_000), ("m4", 60_000)];

/// The kernels that do a piece of work: how their names start.
const KERNELS: [(&str, &[&str]); 15] = [
    ("gather", &["gather"]),
    (
        "conv forward",
        &[
            "first_layer_forward",
            "first_layer_tensor_forward",
            "winograd_forward",
            "conv_forward",
            "conv_tensor_forward",
        ],
    ),
    ("conv data gradient", &["winograd_data_gradient", "conv_data_gradient", "conv_tensor_data_gradient"]),
    (
        "conv weight gradient",
        &[
            "first_layer_weight_gradient",
            "first_layer_tensor_weight_gradient",
            "conv_weight_gradient",
            "conv_tensor_weight_gradient",
        ],
    ),
    ("block forward", &["block_forward"]),
    ("block sums", &["block_sums"]),
    ("block backward", &["block_backward"]),
    ("add", &["add"]),
    ("average forward", &["average_forward"]),
    ("average backward", &["average_backward"]),
    ("dense forward", &["dense_forward"]),
    ("dense derivative", &["dense_derivative"]),
    ("dense backward", &["dense_backward"]),
    ("loss", &["loss"]),
    ("squares", &["optimizer_squares"]),
];

/// Whether a kernel does a piece of work.
fn does(kernel: &str, name: &str) -> bool {
    let starts = KERNELS.iter().find(|(of, _)| *of == name).map_or(&["optimizer_update"][..], |(_, starts)| starts);
    starts.iter().any(|start| kernel.starts_with(start))
}

/// A launch on a card.
pub(crate) struct Launched {
    pub described: Described,
    pub asked: Asked,
    /// Blocks that a multiprocessor has room for.
    pub resident: u32,
}

impl Launched {
    /// Blocks, of one trial.
    pub(crate) fn blocks(&self) -> usize {
        self.asked.grid.iter().map(|&blocks| blocks as usize).product()
    }

    /// How often the card is filled with the blocks of so many trials.
    pub(crate) fn waves(&self, card: &Card, lanes: usize) -> f64 {
        (self.blocks() * lanes) as f64 / f64::from(card.multiprocessors * self.resident)
    }
}

/// A training step of a network on a card.
pub(crate) struct TrainingStep {
    pub network: &'static Network,
    pub precision: Precision,
    pub launches: Vec<Launched>,
    /// Operations that the plan has for a step.
    pub planned_flops: u64,
    /// Bytes that one trial takes on the card.
    pub trial_bytes: u64,
}

impl TrainingStep {
    /// # Panics
    /// If the launches are not those that are described.
    pub(crate) fn new(network: &'static Network, card: &Card, precision: Precision) -> Self {
        let plan = support::plan(network, precision);
        let asked = support::asked(network, &plan, card.architecture, precision, None);
        let described = step_launches(&plan, precision, false);
        let names: Vec<_> = described.iter().map(|described| described.name).collect();
        let kernels: Vec<_> = asked.iter().map(|asked| asked.kernel).collect();
        let is_same =
            kernels.len() == names.len() && kernels.iter().zip(&names).all(|(kernel, name)| does(kernel, name));
        assert!(is_same, "{}: {names:#?} are not {kernels:#?}", network.name);
        let launch = |(described, asked): (Described, Asked)| {
            let resident = resources::resident(asked.kernel, card.architecture, asked.threads, asked.shared_bytes);
            Launched { described, asked, resident }
        };
        Self {
            network,
            precision,
            launches: described.into_iter().zip(asked).map(launch).collect(),
            planned_flops: plan.training.cost.flops,
            trial_bytes: Engine::planned_bytes(&plan, precision),
        }
    }

    /// All that the launches have to do.
    pub(crate) fn least(&self) -> Least {
        self.launches.iter().map(|launch| launch.described.least).fold(Least::default(), |sum, least| sum + least)
    }

    /// Steps of an epoch, each as long as a full one.
    pub(crate) fn steps_of_epoch(&self) -> f64 {
        let (_, images) = EPOCHS.iter().find(|(name, _)| *name == self.network.name).expect("a report's network");
        *images as f64 / self.network.batch as f64
    }

    /// The share of each launch's bytes that lie in a card's cache, where so many trials share it: in a step that follows
    /// others.
    pub(crate) fn cached(&self, card: &Card, lanes: usize) -> Vec<f64> {
        let mut cache = Cache::new((card.cache * 1e6) as u64 / lanes as u64);
        let mut step = || self.launches.iter().map(|launch| cache.touch(&launch.asked.places)).collect();
        let _first: Vec<f64> = step();
        step()
    }
}
