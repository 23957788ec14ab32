//! Where the images of a step come from.

use std::sync::Arc;

use tunefork_graph::Image;
use tunefork_kernels::{DeviceMemory, Span, Stream};

use crate::{CudaError, Resident, Streamed};

/// A data set as an engine is given it: as a whole on the device, or with the host.
///
/// Which of the two changes no bit of a result.
#[derive(Clone, Copy)]
pub enum Images<'a> {
    /// All images lie on the device.
    Resident(&'a Arc<Resident>),
    /// Each call copies the images of its steps to the device, while the steps before them run.
    Streamed {
        /// What lies on the device.
        set: &'a Arc<Streamed>,
        /// The bytes of the images, as for [`Resident::new`].
        pixels: &'a [u8],
        /// The class of each image.
        labels: &'a [u16],
    },
}

impl<'a> From<&'a Arc<Resident>> for Images<'a> {
    fn from(resident: &'a Arc<Resident>) -> Self {
        Self::Resident(resident)
    }
}

impl Images<'_> {
    /// How many images there are: their numbers are below it.
    pub fn count(&self) -> usize {
        match self {
            Self::Resident(resident) => resident.images(),
            Self::Streamed { labels, .. } => labels.len(),
        }
    }

    fn image(&self) -> Image {
        match self {
            Self::Resident(resident) => resident.image(),
            Self::Streamed { set, .. } => set.image(),
        }
    }

    /// Whether a network of this image size and so many classes can learn from it.
    pub(crate) fn check(&self, image: Image, classes: usize) -> Result<(), CudaError> {
        if self.image() != image {
            return Err(CudaError::WrongData(format!("its images are {}, the network takes {image}", self.image())));
        }
        match self {
            Self::Resident(resident) => check_label(resident.classes(), classes),
            Self::Streamed { pixels, labels, .. } => check_pixels(image, pixels, labels),
        }
    }

    /// Whether the numbers of a batch name images, and are as many as a batch may have.
    pub(crate) fn check_batch(&self, indices: &[u32], batch: usize, classes: usize) -> Result<(), CudaError> {
        let (rows, images) = (indices.len(), self.count());
        if rows == 0 || rows > batch {
            return Err(CudaError::WrongRows { rows, batch });
        }
        for &index in indices {
            if index as usize >= images {
                return Err(CudaError::WrongIndex { index, images });
            }
            if let Self::Streamed { labels, .. } = self {
                check_label(usize::from(labels[index as usize]) + 1, classes)?;
            }
        }
        Ok(())
    }
}

/// Whether a label below `used` is one of `classes`.
fn check_label(used: usize, classes: usize) -> Result<(), CudaError> {
    if used <= classes {
        return Ok(());
    }
    Err(CudaError::WrongData(format!("it has label {}, the network knows {classes} classes", used - 1)))
}

/// Whether there are as many bytes as the images have.
pub(crate) fn check_pixels(image: Image, pixels: &[u8], labels: &[u16]) -> Result<(), CudaError> {
    if !labels.is_empty() && pixels.len() == labels.len() * image.elements() {
        return Ok(());
    }
    Err(CudaError::WrongData(format!("{} bytes are not {} images of {image}", pixels.len(), labels.len())))
}

/// The tables that normalise images: byte `b` of channel `c` stands for `tables[256 c + b]`.
pub(crate) fn new_tables(stream: &Arc<dyn Stream>, image: Image, tables: &[f32]) -> Result<DeviceMemory, CudaError> {
    if tables.len() != 256 * image.channels {
        return Err(CudaError::WrongData(format!(
            "{} values are no tables of 256 for {} channels",
            tables.len(),
            image.channels
        )));
    }
    Ok(DeviceMemory::of(stream, tables)?)
}

/// Bytes that they take.
pub(crate) fn table_bytes(image: Image) -> usize {
    256 * image.channels * size_of::<f32>()
}

/// Images on the device, as kernels read them: by the numbers in the table of steps.
#[derive(Clone, Copy)]
pub(crate) struct Pictures<'a> {
    pub pixels: Span<'a, u8>,
    pub labels: Span<'a, u16>,
    pub tables: Span<'a, f32>,
}
