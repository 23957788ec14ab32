//! Data that stays on the device.

use std::sync::Arc;

use tunefork_graph::Image;
use tunefork_kernels::{DeviceError, DeviceMemory, Span, Stream};

use crate::CudaError;

/// A data set in the memory of a device, shared by all engines that learn from it: the bytes of its
/// images, their labels, and the tables that normalise them.
///
/// A step is given nothing but the numbers of its images. A set that does not fit the device would be
/// streamed through a ring of pinned buffers, filled in the order of the steps; that ring would stand
/// here and offer the same spans, with the numbers of its slots in place of the images'.
pub struct Resident {
    image: Image,
    pictures: Arc<Pictures>,
    tables: DeviceMemory,
}

/// What does not depend on the normalisation.
struct Pictures {
    count: usize,
    classes: usize,
    pixels: DeviceMemory,
    labels: DeviceMemory,
}

impl Resident {
    /// Copies images to the device: `pixels` holds one byte per value, image by image in the order
    /// height, width, channel, and byte `b` of channel `c` stands for `tables[256 c + b]`.
    ///
    /// # Errors
    /// [`CudaError::WrongData`] if the lengths do not fit together; a device that fails or is full.
    pub fn new(
        stream: &Arc<dyn Stream>,
        image: Image,
        pixels: &[u8],
        labels: &[u16],
        tables: &[f32],
    ) -> Result<Self, CudaError> {
        if labels.is_empty() || pixels.len() != labels.len() * image.elements() {
            return Err(CudaError::WrongData(format!(
                "{} bytes are not {} images of {image}",
                pixels.len(),
                labels.len()
            )));
        }
        let tables = new_tables(stream, image, tables)?;
        let pictures = Arc::new(Pictures {
            count: labels.len(),
            classes: labels.iter().max().map_or(0, |&most| usize::from(most) + 1),
            pixels: DeviceMemory::of(stream, pixels)?,
            labels: DeviceMemory::of(stream, labels)?,
        });
        Ok(Self {
            image,
            pictures,
            tables,
        })
    }

    /// The same images under another normalisation; their bytes are shared.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn normalised(&self, stream: &Arc<dyn Stream>, tables: &[f32]) -> Result<Self, CudaError> {
        Ok(Self {
            image: self.image,
            pictures: Arc::clone(&self.pictures),
            tables: new_tables(stream, self.image, tables)?,
        })
    }

    /// Bytes of the device that so many images take.
    pub fn planned_bytes(image: Image, images: usize) -> u64 {
        let tables = 256 * image.channels * size_of::<f32>();
        (images * (image.elements() + size_of::<u16>()) + tables) as u64
    }

    /// Number of images.
    pub fn images(&self) -> usize {
        self.pictures.count
    }

    /// One more than the largest label.
    pub fn classes(&self) -> usize {
        self.pictures.classes
    }

    /// Size of an image.
    pub fn image(&self) -> Image {
        self.image
    }

    pub(crate) fn pixels(&self) -> Span<'_, u8> {
        self.pictures.pixels.all()
    }

    pub(crate) fn labels(&self) -> Span<'_, u16> {
        self.pictures.labels.all()
    }

    pub(crate) fn tables(&self) -> Span<'_, f32> {
        self.tables.all()
    }

    /// Whether a network of this image size and so many classes can learn from it.
    pub(crate) fn check(&self, image: Image, classes: usize) -> Result<(), CudaError> {
        if self.image != image {
            return Err(CudaError::WrongData(format!(
                "its images are {}, the network takes {image}",
                self.image
            )));
        }
        if self.classes() > classes {
            return Err(CudaError::WrongData(format!(
                "it has label {}, the network knows {classes} classes",
                self.classes() - 1
            )));
        }
        Ok(())
    }

    /// Whether the numbers of a batch name images, and are as many as a batch may have.
    pub(crate) fn check_batch(&self, indices: &[u32], batch: usize) -> Result<(), CudaError> {
        let (rows, images) = (indices.len(), self.images());
        if rows == 0 || rows > batch {
            return Err(CudaError::WrongRows { rows, batch });
        }
        match indices.iter().find(|&&index| index as usize >= images) {
            Some(&index) => Err(CudaError::WrongIndex { index, images }),
            None => Ok(()),
        }
    }
}

fn new_tables(
    stream: &Arc<dyn Stream>,
    image: Image,
    tables: &[f32],
) -> Result<DeviceMemory, CudaError> {
    if tables.len() != 256 * image.channels {
        return Err(CudaError::WrongData(format!(
            "{} values are no tables of 256 for {} channels",
            tables.len(),
            image.channels
        )));
    }
    let memory: Result<DeviceMemory, DeviceError> = DeviceMemory::of(stream, tables);
    Ok(memory?)
}
