//! Numbers in the memory of a device in one of the storage formats.

use half::{bf16, f16};
use tunefork_kernels::{DeviceError, DeviceMemory, Precision, Span, Stream};

use crate::{Case, Failure};

/// A precision for each format in which values are stored.
pub(crate) const FORMATS: [Precision; 3] = [Precision::F32, Precision::F16, Precision::Bf16];

/// A tensor on the device.
pub struct Stored {
    memory: DeviceMemory,
    precision: Precision,
}

impl Stored {
    /// Stores values, and changes them to what was stored: what a reference should start from.
    ///
    /// # Errors
    /// A device that fails.
    pub fn new(case: &Case, precision: Precision, values: &mut [f64]) -> Result<Self, DeviceError> {
        let mut bytes = Vec::with_capacity(values.len() * precision.bytes());
        for value in values.iter_mut() {
            match precision {
                Precision::F32 | Precision::Tf32 => {
                    let stored = *value as f32;
                    *value = f64::from(stored);
                    bytes.extend(stored.to_ne_bytes());
                }
                Precision::F16 => {
                    let stored = f16::from_f64(*value);
                    *value = stored.to_f64();
                    bytes.extend(stored.to_ne_bytes());
                }
                Precision::Bf16 => {
                    // from_f64 forgets the lowest bits of an f32.
                    let stored = bf16::from_f32(*value as f32);
                    *value = stored.to_f64();
                    bytes.extend(stored.to_ne_bytes());
                }
            }
        }
        Ok(Self { memory: DeviceMemory::of(&case.stream, &bytes)?, precision })
    }

    /// Room for `count` values that holds NaN.
    ///
    /// # Errors
    /// A device that fails.
    pub fn poisoned(case: &Case, precision: Precision, count: usize) -> Result<Self, DeviceError> {
        let memory = DeviceMemory::new(&case.stream, count * precision.bytes())?;
        memory.all::<u8>().fill(&*case.stream, 0xff)?;
        Ok(Self { memory, precision })
    }

    /// The bytes, for launchers.
    pub fn span(&self) -> Span<'_, u8> {
        self.memory.all()
    }

    /// The values, which go into the case's digest.
    ///
    /// # Errors
    /// A device that fails.
    pub fn read(&self, case: &mut Case) -> Result<Vec<f64>, Failure> {
        let stream: &dyn Stream = &*case.stream;
        let bytes = self.span().read(stream)?;
        case.digest(&bytes);
        Ok(match self.precision {
            Precision::F32 | Precision::Tf32 => {
                bytes.chunks_exact(4).map(|b| f64::from(f32::from_ne_bytes([b[0], b[1], b[2], b[3]]))).collect()
            }
            Precision::F16 => bytes.chunks_exact(2).map(|b| f16::from_ne_bytes([b[0], b[1]]).to_f64()).collect(),
            Precision::Bf16 => bytes.chunks_exact(2).map(|b| bf16::from_ne_bytes([b[0], b[1]]).to_f64()).collect(),
        })
    }
}
