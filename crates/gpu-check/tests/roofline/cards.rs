//! The cards, and all that is assumed of them: the only numbers of the roofline that do not follow from a plan.

use tunefork_kernels::Precision;

/// A card's data sheet, and what is assumed beyond it.
pub(crate) struct Card {
    pub name: &'static str,
    pub architecture: u32,
    pub precisions: &'static [Precision],
    pub multiprocessors: u32,
    /// Tera-operations a second: f32 on the plain units; dense products of tf32 and of 16 bits with sums in f32.
    pub tera_flops: [f64; 3],
    /// Gigabytes a second, and gigabytes.
    pub bandwidth: f64,
    pub memory: f64,
    /// Megabytes of the cache that all multiprocessors share.
    pub cache: f64,
    pub assumed: Assumed,
}

/// What is likely, not known. Each line of the table in the document.
pub(crate) struct Assumed {
    /// Microseconds from the end of a launch to the start of the next one in a graph.
    pub gap: f64,
    /// Microseconds that a load from memory takes, and one from the shared cache.
    pub memory_latency: f64,
    pub cache_latency: f64,
    /// Gigabytes a second that the shared cache gives.
    pub cache_bandwidth: f64,
    /// Share of the data sheet's clock that is kept under load.
    pub clock: f64,
    /// Share of the memory's bandwidth that is reached.
    pub memory: f64,
    /// Share of the plain units' peak with 64, 32 and 16 results in a thread.
    pub plain: [f64; 3],
    /// Share of the tensor cores' peak.
    pub tensor: f64,
    /// Microseconds that one block, alone on a multiprocessor, takes for a step of depth: barrier, loads from shared
    /// memory, products that wait for them.
    pub depth_step: f64,
}

const T4: Card = Card {
    name: "T4",
    architecture: 75,
    precisions: &[Precision::F32, Precision::F16],
    multiprocessors: 40,
    tera_flops: [8.1, 0.0, 65.0],
    bandwidth: 320.0,
    memory: 16.0,
    cache: 4.0,
    assumed: Assumed {
        gap: 2.5,
        memory_latency: 0.45,
        cache_latency: 0.25,
        cache_bandwidth: 900.0,
        // A guess: the card is held to 70 W. Jia et al. (arXiv 1903.07486) study how that slows products down.
        clock: 0.7,
        memory: 0.7,
        plain: [0.8, 0.7, 0.5],
        tensor: 0.5,
        depth_step: 0.25,
    },
};

const RTX_3060: Card = Card {
    name: "RTX 3060",
    architecture: 86,
    precisions: &[Precision::F32, Precision::Tf32, Precision::F16],
    multiprocessors: 28,
    // Cards for games multiply at half the speed where sums are kept in f32: 51 becomes 25.5.
    tera_flops: [12.7, 12.7, 25.5],
    bandwidth: 360.0,
    memory: 12.0,
    cache: 3.0,
    assumed: Assumed {
        gap: 2.0,
        memory_latency: 0.4,
        cache_latency: 0.2,
        cache_bandwidth: 1000.0,
        clock: 1.0,
        memory: 0.85,
        // Half of its plain units share their issue with whole numbers, which addresses need.
        plain: [0.65, 0.55, 0.4],
        tensor: 0.65,
        depth_step: 0.15,
    },
};

const H100: Card = Card {
    name: "H100 SXM",
    architecture: 90,
    precisions: &[Precision::F32, Precision::Bf16],
    multiprocessors: 132,
    tera_flops: [67.0, 495.0, 989.0],
    bandwidth: 3350.0,
    memory: 80.0,
    cache: 50.0,
    assumed: Assumed {
        gap: 1.5,
        memory_latency: 0.5,
        cache_latency: 0.2,
        // About what Chips and Cheese report of the PCIe card, "Nvidia's H100: Funny L2, and Tons of Bandwidth".
        cache_bandwidth: 5500.0,
        clock: 0.95,
        memory: 0.88,
        plain: [0.65, 0.55, 0.4],
        // A guess: the kernels use mma.sync, not wgmma (Luo et al., arXiv 2501.12084, compare them), and small tiles.
        tensor: 0.35,
        depth_step: 0.15,
    },
};

/// An H100 with other memory.
const H200: Card = Card { name: "H200 SXM", bandwidth: 4800.0, memory: 141.0, ..H100 };

pub(crate) const CARDS: [Card; 4] = [T4, RTX_3060, H100, H200];

impl Card {
    /// Operations a second at the peak.
    pub(crate) fn flops(&self, precision: Precision) -> f64 {
        let [plain, tf32, half] = self.tera_flops;
        1e12 * match precision {
            Precision::F32 => plain,
            Precision::Tf32 => tf32,
            Precision::F16 | Precision::Bf16 => half,
        }
    }
}

/// The data sheets' peaks are clocks x multiprocessors x multiply-adds in a cycle.
#[test]
fn peaks_follow_from_clocks() {
    // Gigahertz for plain units and tensor cores (the H100's differ), and multiply-adds of a multiprocessor in a cycle.
    let known = [
        (&CARDS[0], [1.59, 1.59], [64.0, 0.0, 512.0]),
        (&CARDS[1], [1.777, 1.777], [128.0, 128.0, 256.0]),
        (&CARDS[2], [1.98, 1.83], [128.0, 1024.0, 2048.0]),
    ];
    for (card, [plain, tensor], each) in known {
        for ((clock, each), sheet) in [plain, tensor, tensor].into_iter().zip(each).zip(card.tera_flops) {
            let found = 2.0 * each * f64::from(card.multiprocessors) * clock / 1e3;
            assert!((found - sheet).abs() <= 0.01 * sheet, "{}: {found} is no {sheet}", card.name);
        }
    }
}
