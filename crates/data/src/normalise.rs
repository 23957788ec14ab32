//! From bytes to numbers with mean 0 and deviation 1.

use serde::{Deserialize, Serialize};

use crate::{DataError, Dataset};

/// Mean and standard deviation per channel, of pixels scaled to 0 to 1.
///
/// A byte `p` becomes `(p / 255 - mean) / std`, computed in `f32` in this order, as a PyTorch
/// pipeline does. There are only 256 bytes, so every result is looked up in a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Constants", into = "Constants")]
pub struct Normalisation {
    mean: Vec<f32>,
    std: Vec<f32>,
    tables: Vec<[f32; 256]>,
}

/// What of a [`Normalisation`] is written down; the tables follow from it.
#[derive(Serialize, Deserialize)]
struct Constants {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl TryFrom<Constants> for Normalisation {
    type Error = DataError;

    fn try_from(constants: Constants) -> Result<Self, DataError> {
        Self::new(&constants.mean, &constants.std)
    }
}

impl From<Normalisation> for Constants {
    fn from(normalisation: Normalisation) -> Self {
        Self { mean: normalisation.mean, std: normalisation.std }
    }
}

impl Normalisation {
    /// Fixed values, one of each per channel, of pixels scaled to 0 to 1.
    ///
    /// # Errors
    /// [`DataError::Setting`] unless there are 1 or 3 of each, all finite, deviations above 0.
    pub fn new(mean: &[f32], std: &[f32]) -> Result<Self, DataError> {
        let setting = |key, values: &[f32], expected: &str| DataError::Setting {
            key,
            value: format!("{values:?}"),
            expected: expected.to_owned(),
        };
        if !matches!(mean.len(), 1 | 3) || mean.iter().any(|m| !m.is_finite()) {
            return Err(setting("mean", mean, "1 or 3 finite numbers are expected"));
        }
        if std.len() != mean.len() || std.iter().any(|s| !s.is_finite() || *s <= 0.0) {
            let expected = "as many numbers as means are expected, each above 0";
            return Err(setting("std", std, expected));
        }
        let table = |(mean, std): (&f32, &f32)| std::array::from_fn(|byte| (byte as f32 / 255.0 - mean) / std);
        let tables = mean.iter().zip(std).map(table).collect();
        Ok(Self { mean: mean.to_vec(), std: std.to_vec(), tables })
    }

    /// The values of the images `indices`, from exact integer sums, so in any order the same.
    /// A channel that never varies gets deviation 1.
    ///
    /// # Errors
    /// [`DataError::TooFew`] when `indices` is empty.
    ///
    /// # Panics
    /// If an index names no image.
    pub fn of(data: &Dataset, indices: &[u32]) -> Result<Self, DataError> {
        if indices.is_empty() {
            return Err(DataError::TooFew { part: "training", wanted: 1, available: 0 });
        }
        let moments = data.moments(indices);
        let mean: Vec<f32> = moments.iter().map(|m| m.mean() as f32).collect();
        let std: Vec<f32> = moments.iter().map(|m| m.deviation() as f32).collect();
        let std: Vec<f32> = std.iter().map(|s| if *s > 0.0 { *s } else { 1.0 }).collect();
        Self::new(&mean, &std)
    }

    /// Mean per channel, of pixels scaled to 0 to 1.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Standard deviation per channel.
    #[must_use]
    pub fn std(&self) -> &[f32] {
        &self.std
    }

    /// What each byte of a channel becomes.
    ///
    /// # Panics
    /// If there is no such channel.
    #[must_use]
    pub fn table(&self, channel: usize) -> &[f32; 256] {
        &self.tables[channel]
    }

    /// The same of all channels.
    #[must_use]
    pub fn tables(&self) -> &[[f32; 256]] {
        &self.tables
    }

    /// Normalises `pixels`, whose channels are innermost, into `out`.
    ///
    /// # Panics
    /// If the lengths differ or `channels` is not this normalisation's number of channels.
    pub fn apply(&self, pixels: &[u8], channels: usize, out: &mut [f32]) {
        assert_eq!(pixels.len(), out.len(), "one number per byte");
        assert_eq!(channels, self.tables.len(), "channels of images and normalisation");
        if let [grey] = self.tables.as_slice() {
            for (value, byte) in out.iter_mut().zip(pixels) {
                *value = grey[usize::from(*byte)];
            }
        } else if let [red, green, blue] = self.tables.as_slice() {
            for (values, bytes) in out.chunks_exact_mut(3).zip(pixels.chunks_exact(3)) {
                values[0] = red[usize::from(bytes[0])];
                values[1] = green[usize::from(bytes[1])];
                values[2] = blue[usize::from(bytes[2])];
            }
        }
    }
}
