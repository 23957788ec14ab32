//! The floor of a launch, which nothing can go below but by the cache, and what is likely.

use tunefork_kernels::Precision;

use crate::cards::Card;
use crate::step::{Launched, TrainingStep};

/// Seconds of a step's launches.
pub(crate) struct Times {
    pub floors: Vec<f64>,
    /// With the gap behind each.
    pub predicted: Vec<f64>,
}

impl Times {
    /// Of so many trials, each launch for all of them.
    pub(crate) fn new(step: &TrainingStep, card: &Card, lanes: usize) -> Self {
        let cached = step.cached(card, lanes);
        let of = |launch, cached| On { card, precision: step.precision, lanes, launch, cached };
        let launches = || step.launches.iter().zip(&cached).map(|(launch, &cached)| of(launch, cached));
        Self {
            floors: launches().map(|on| on.floor()).collect(),
            predicted: launches().map(|on| on.predicted()).collect(),
        }
    }

    pub(crate) fn floor(&self) -> f64 {
        self.floors.iter().sum()
    }

    pub(crate) fn total(&self) -> f64 {
        self.predicted.iter().sum()
    }
}

/// A launch for some trials on a card.
struct On<'a> {
    card: &'a Card,
    precision: Precision,
    lanes: usize,
    launch: &'a Launched,
    /// The share of its bytes that are in the cache.
    cached: f64,
}

/// Sets of threads of a block that share the depth of each step, so that each result is one of that many threads.
fn splits(kernel: &str) -> usize {
    // FIRST_LAYER_SPLITS of crates/kernels.
    if kernel.starts_with("first_layer_weight_gradient") { 8 } else { 1 }
}

/// Rows and columns of the tile that a block forms, and the depth of a step.
fn tile(kernel: &str, precision: Precision) -> [usize; 3] {
    // TENSOR_STEP of crates/kernels: 64 bytes of each row.
    let tensor = 64 / precision.bytes();
    let named = || {
        let sides = kernel.split('_').filter_map(|word| word.split_once('x'));
        let mut tiles = sides.filter_map(|(rows, columns)| Some((rows.parse().ok()?, columns.parse().ok()?)));
        tiles.next().unwrap_or_else(|| panic!("the tile of {kernel}"))
    };
    match kernel {
        // 32 tiles of 2x2 results; eight channels of all nine taps.
        _ if kernel.starts_with("winograd") => [128, 32, 8 * 9],
        _ if kernel.starts_with("first_layer_forward") => [128, 32, 16],
        _ => {
            let (rows, columns) = named();
            let is_deep = kernel.starts_with("dense") || kernel.starts_with("first_layer_weight");
            [
                rows,
                columns,
                if !is_plain(kernel, precision) {
                    tensor
                } else if is_deep {
                    32
                } else {
                    8
                },
            ]
        }
    }
}

/// Whether a kernel multiplies on the plain units.
fn is_plain(kernel: &str, precision: Precision) -> bool {
    precision == Precision::F32 || kernel.starts_with("first_layer") && !kernel.starts_with("first_layer_tensor")
}

/// F(2x2, 3x3) multiplies 16 times instead of 36.
const WINOGRAD: f64 = 16.0 / 36.0;

fn is_winograd(launch: &Launched) -> bool {
    launch.asked.kernel.starts_with("winograd")
}

/// The operations of a launch's products, as it forms them.
pub(crate) fn multiplied(launch: &Launched) -> f64 {
    launch.described.least.flops as f64 * if is_winograd(launch) { WINOGRAD } else { 1.0 }
}

/// Of each product of a launch the number of tiles, and their depth, all slices together.
pub(crate) fn tiles(launch: &Launched, precision: Precision) -> Vec<[usize; 2]> {
    let tiles = |(number, &[down, across, depth]): (usize, &[usize; 3])| {
        let [rows, columns, _] = tile(launch.asked.kernel, precision);
        // The first product of a dense layer's backward pass is dw, whose tiles are wide in each of its kernels.
        let is_wide = number == 0 && launch.asked.kernel.starts_with("dense_backward");
        let [rows, columns] = if is_wide { [rows.min(columns), rows.max(columns)] } else { [rows, columns] };
        [down.div_ceil(rows) * across.div_ceil(columns), depth]
    };
    launch.described.products.iter().enumerate().map(tiles).collect()
}

impl On<'_> {
    /// All operations at the peak of the precision, or all bytes from memory, whichever takes longer.
    fn floor(&self) -> f64 {
        let least = self.launch.described.least;
        let products = multiplied(self.launch) / self.card.flops(self.precision);
        let memory = least.bytes() as f64 / (1e9 * self.card.bandwidth);
        self.lanes as f64 * products.max(memory)
    }

    /// Gap, loads that wait for each other, the longest of what goes on at once, and the sums of what blocks have left.
    fn predicted(&self) -> f64 {
        let assumed = &self.card.assumed;
        // The step's row or, in the first launch and in the loss, also an image's number and the image, the label.
        let chain = if matches!(self.launch.described.name, "gather" | "loss") { 4.0 } else { 2.0 };
        let start = 1e-6 * (assumed.gap + chain * assumed.memory_latency);
        let longest = match self.launch.described.products.as_slice() {
            [] => self.stream_path(),
            products => self.units().max(self.product_path(products) + self.update_path()),
        };
        start + longest.max(self.memory()).max(self.cache()) + self.sums()
    }

    fn blocks(&self) -> usize {
        self.launch.blocks() * self.lanes
    }

    fn waves(&self) -> f64 {
        self.launch.waves(self.card, self.lanes).ceil()
    }

    /// Bytes of the parts of sums, written and read; whether they stay in the cache.
    fn parts(&self) -> (f64, bool) {
        let bytes = (self.lanes * self.launch.described.parts.bytes) as f64;
        (2.0 * bytes, bytes <= 1e6 * self.card.cache)
    }

    /// Bytes from and to memory.
    fn memory(&self) -> f64 {
        let least = self.launch.described.least.bytes() as f64 * self.lanes as f64;
        let (parts, stay) = self.parts();
        let bytes = least * (1.0 - self.cached) + if stay { 0.0 } else { parts };
        bytes / (1e9 * self.card.bandwidth * self.card.assumed.memory)
    }

    /// Bytes through the cache: what comes from memory too, the operands that each block reads for itself, parts of sums.
    fn cache(&self) -> f64 {
        let least = self.launch.described.least.bytes() as f64;
        let [rows, columns, _] = match self.launch.described.products.is_empty() {
            true => [0; 3],
            false => tile(self.launch.asked.kernel, self.precision),
        };
        // A tile of 2x2 results loads 16 pixels, where they would see four times nine.
        let rows = if is_winograd(self.launch) { rows * 4 / 9 } else { rows };
        let operands: usize =
            self.tiles().iter().map(|[tiles, depth]| tiles * (rows + columns) * depth * self.precision.bytes()).sum();
        let bytes = self.lanes as f64 * least.max(operands as f64) + self.parts().0;
        bytes / (1e9 * self.card.assumed.cache_bandwidth)
    }

    fn tiles(&self) -> Vec<[usize; 2]> {
        tiles(self.launch, self.precision)
    }

    /// The multiprocessor with the most blocks, which share its units. Each of its four quarters has units of its own, and a
    /// warp keeps to one of them: three warps leave a quarter idle.
    fn units(&self) -> f64 {
        let [rows, columns, _] = tile(self.launch.asked.kernel, self.precision);
        let threads = self.launch.asked.threads as usize;
        let padded: usize = self.tiles().iter().map(|[tiles, depth]| 2 * tiles * rows * columns * depth).sum();
        // Winograd's kernels have 32 results a thread in each of two places.
        let (share, results) = if is_winograd(self.launch) {
            (WINOGRAD, 32)
        } else {
            (1.0, rows * columns * splits(self.launch.asked.kernel) / threads)
        };
        let of_block = share * padded as f64 / self.launch.blocks() as f64;
        let multiprocessors = self.card.multiprocessors as usize;
        let of_block_warps = threads.div_ceil(32);
        let most = self.blocks().div_ceil(multiprocessors) * of_block_warps;
        let most = most.next_multiple_of(4) as f64 / of_block_warps as f64;
        most * of_block / (self.rate(results) / multiprocessors as f64)
    }

    /// Operations a second that the units reach with so many results a thread.
    fn rate(&self, results: usize) -> f64 {
        let assumed = &self.card.assumed;
        let is_plain = is_plain(self.launch.asked.kernel, self.precision);
        let (peak, share) = match (is_plain, results) {
            (true, 64..) => (Precision::F32, assumed.plain[0]),
            (true, 32..) => (Precision::F32, assumed.plain[1]),
            (true, _) => (Precision::F32, assumed.plain[2]),
            (false, _) => (self.precision, assumed.tensor),
        };
        self.card.flops(peak) * share * assumed.clock
    }

    /// The steps of depth of a block, one after the other, for each time that the card is filled. Sets of threads that share
    /// them are added in a tree, each level of which has two barriers, like two steps.
    fn product_path(&self, products: &[[usize; 3]]) -> f64 {
        let [.., step] = tile(self.launch.asked.kernel, self.precision);
        let tiles: usize = self.tiles().iter().map(|[tiles, _]| tiles).sum();
        let slices = (self.launch.blocks() / tiles).max(1);
        let steps = match self.launch.described.is_in_strips() {
            true => {
                let all: usize = self.tiles().iter().map(|[tiles, depth]| tiles * depth.div_ceil(step)).sum();
                all.div_ceil(self.launch.blocks())
            }
            false => products.iter().map(|[.., depth]| depth.div_ceil(slices).div_ceil(step)).max().unwrap_or(0),
        };
        let steps = steps + 2 * splits(self.launch.asked.kernel).ilog2() as usize;
        self.waves() * steps as f64 * 1e-6 * self.card.assumed.depth_step
    }

    /// What follows the products where they are applied at once: of weights and states two vectors of 16 bytes each at a time.
    fn update_path(&self) -> f64 {
        if !self.launch.described.applied {
            return 0.0;
        }
        let [inputs, outputs, _] = self.launch.described.products[0];
        let loads = inputs * outputs / (8 * self.launch.asked.threads as usize) / self.launch.blocks();
        self.waves() * loads.max(1) as f64 * 1e-6 * self.latency()
    }

    /// Of a load, from memory or from the cache.
    fn latency(&self) -> f64 {
        let assumed = &self.card.assumed;
        assumed.memory_latency * (1.0 - self.cached) + assumed.cache_latency * self.cached
    }

    /// The loads of a thread, two vectors of 16 bytes at a time, for each time that the card is filled.
    fn stream_path(&self) -> f64 {
        let of_block = self.launch.described.least.bytes() as f64 / self.launch.blocks() as f64;
        let loads = (of_block / (32.0 * f64::from(self.launch.asked.threads))).ceil();
        self.waves() * loads * 1e-6 * self.latency()
    }

    /// Parts are added in two levels of about as many as the root of all: an arrival and a fence each, and reads of which
    /// eight are under way at once.
    fn sums(&self) -> f64 {
        match self.launch.described.parts.count {
            ..2 => 0.0,
            parts => 2.0 * (2.0 + (parts as f64).sqrt() / 8.0) * 1e-6 * self.card.assumed.cache_latency,
        }
    }
}
