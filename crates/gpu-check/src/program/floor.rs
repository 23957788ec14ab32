//! The least time that a card needs for a piece of work, by the driver's figures for it.
//!
//! Arithmetic: clock x multiprocessors x multiply-adds in a cycle, which depend on the architecture and are
//! the only figures that the driver does not tell. Memory: clock x bus width.

use tunefork_gpu_check::work::Work;
use tunefork_kernels::gpu::{CardProperties, Rates};
use tunefork_kernels::{DeviceError, Gpu, Precision};

/// What a card can do in a second at its highest clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peaks {
    rates: Rates,
    multiprocessors: u32,
    /// Of one multiprocessor and cycle, in the order f32, tf32, f16 and bf16; 0 where they are not known.
    multiply_adds: [u32; 3],
}

/// A least time and what it comes from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Floor {
    pub seconds: f64,
    /// `memory` or `products`.
    pub by: &'static str,
}

impl Peaks {
    /// Asks the driver.
    pub(crate) fn of(gpu: &Gpu) -> Result<Self, DeviceError> {
        Ok(Self::new(gpu.card(), gpu.rates()?))
    }

    fn new(card: &CardProperties, rates: Rates) -> Self {
        Self { rates, multiprocessors: card.multiprocessors, multiply_adds: multiply_adds(card) }
    }

    /// Floating-point operations in a second, if they are known: f32 on the plain units, all else on tensor cores.
    pub(crate) fn flops(&self, precision: Precision) -> Option<f64> {
        let each = match precision {
            Precision::F32 => self.multiply_adds[0],
            Precision::Tf32 => self.multiply_adds[1],
            Precision::F16 | Precision::Bf16 => self.multiply_adds[2],
        };
        let flops = 2.0 * f64::from(each) * f64::from(self.multiprocessors) * self.rates.clock;
        (each > 0).then_some(flops)
    }

    /// Bytes in a second.
    pub(crate) fn bandwidth(&self) -> f64 {
        self.rates.bandwidth
    }

    /// The longer of: all products at the peak, all bytes at the memory's bandwidth.
    pub(crate) fn floor(&self, work: &Work) -> Option<Floor> {
        let memory = Floor { seconds: work.bytes / self.bandwidth(), by: "memory" };
        if work.flops == 0.0 {
            return Some(memory);
        }
        let products = Floor { seconds: work.flops / self.flops(work.precision)?, by: "products" };
        match products.seconds > memory.seconds {
            true => Some(products),
            false => Some(memory),
        }
    }
}

/// Dense products with sums in f32, from NVIDIA's papers on each architecture. Cards for games have
/// tensor cores of half the speed when sums are kept in f32.
fn multiply_adds(card: &CardProperties) -> [u32; 3] {
    let half = 1 + u32::from(card.name.contains("GeForce"));
    match card.architecture {
        75 => [64, 0, 512 / half],
        80 => [64, 512, 1024],
        86 | 89 => [128, 256 / half, 512 / half],
        90 => [128, 1024, 2048],
        _ => [128, 0, 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tera-operations and gigabytes a second of a card with these figures.
    fn peaks(name: &str, architecture: u32, multiprocessors: u32, clock: f64, bandwidth: f64) -> [f64; 4] {
        let card = CardProperties {
            name: name.into(),
            number: 0,
            architecture,
            multiprocessors,
            shared_bytes: 65536,
            driver: (12, 2),
        };
        let rates = Rates { clock, bandwidth, cache_bytes: 1 << 22 };
        let peaks = Peaks::new(&card, rates);
        let tera = |precision| peaks.flops(precision).unwrap_or(0.0) / 1e12;
        [tera(Precision::F32), tera(Precision::Tf32), tera(Precision::F16), peaks.bandwidth() / 1e9]
    }

    #[test]
    fn peaks_are_those_of_data_sheets() {
        let cards = [
            (peaks("Tesla T4", 75, 40, 1.59e9, 320e9), [8.1, 0.0, 65.0, 320.0]),
            (peaks("NVIDIA GeForce RTX 3060", 86, 28, 1.777e9, 360e9), [12.7, 12.7, 25.5, 360.0]),
            (peaks("NVIDIA A10", 86, 72, 1.695e9, 600e9), [31.2, 62.5, 125.0, 600.0]),
            (peaks("NVIDIA H100 80GB HBM3", 90, 132, 1.83e9, 3350e9), [61.8, 495.0, 989.0, 3350.0]),
        ];
        for (found, sheet) in cards {
            for (found, sheet) in found.iter().zip(sheet) {
                assert!((found - sheet).abs() <= 0.01 * sheet, "{found} is no {sheet}");
            }
        }
    }

    #[test]
    fn a_floor_is_the_longer_time() {
        let card = CardProperties {
            name: "Tesla T4".into(),
            number: 0,
            architecture: 75,
            multiprocessors: 40,
            shared_bytes: 65536,
            driver: (12, 2),
        };
        let rates = Rates { clock: 1e9, bandwidth: 1e9, cache_bytes: 1 << 22 };
        let peaks = Peaks::new(&card, rates);
        let work = |flops, bytes, precision| Work {
            network: "m1",
            name: "conv forward",
            shape: String::new(),
            precision,
            flops,
            bytes,
        };
        let floor = |work: &Work| peaks.floor(work).map(|floor| (floor.seconds, floor.by));
        // 64 x 2 x 40 operations a cycle.
        let f32 = Precision::F32;
        assert_eq!(floor(&work(5.12e12, 5e8, f32)), Some((1.0, "products")));
        assert_eq!(floor(&work(5.12e12, 2e9, f32)), Some((2.0, "memory")));
        assert_eq!(floor(&work(0.0, 2e9, f32)), Some((2.0, "memory")));
        assert_eq!(floor(&work(1e9, 1e9, Precision::Tf32)), None);
    }
}
