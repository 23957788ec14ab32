//! How fast a card can be at most, by the driver's own figures.

use cudarc::driver::sys::CUdevice_attribute as Attribute;

use super::Gpu;
use crate::DeviceError;

/// The highest clocks of a card. What it keeps up under its limits of power and heat is less.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rates {
    /// Cycles of a multiprocessor in a second.
    pub clock: f64,
    /// Bytes that its memory moves in a second: two on each wire and cycle.
    pub bandwidth: f64,
    /// Bytes of its level-2 cache.
    pub cache_bytes: u64,
}

impl Gpu {
    /// What the driver says of the card's clocks.
    ///
    /// # Errors
    /// A device that fails.
    pub fn rates(&self) -> Result<Rates, DeviceError> {
        let ask = |attribute| {
            let value = self.context.attribute(attribute).map(i32::unsigned_abs);
            value.map_err(|error| self.stream.failed("asking for its clocks", error))
        };
        let kilohertz = f64::from(ask(Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE)?);
        let wires = f64::from(ask(Attribute::CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH)?);
        Ok(Rates {
            clock: 1e3 * f64::from(ask(Attribute::CU_DEVICE_ATTRIBUTE_CLOCK_RATE)?),
            bandwidth: 2.0 * 1e3 * kilohertz * wires / 8.0,
            cache_bytes: ask(Attribute::CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE)?.into(),
        })
    }
}
