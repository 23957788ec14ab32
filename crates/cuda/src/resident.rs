//! Data that stays on the device.

use std::sync::Arc;

use tunefork_graph::Image;
use tunefork_kernels::{DeviceMemory, Span, Stream};

use crate::CudaError;
use crate::images::{Pictures, check_pixels, new_tables, table_bytes};

/// A data set in the memory of a device, shared by all engines that learn from it: the bytes of its
/// images, their labels, and the tables that normalise them.
///
/// A step is given nothing but the numbers of its images. A set that does not fit the device is
/// [`Streamed`](crate::Streamed).
pub struct Resident {
    image: Image,
    images: Arc<DeviceImages>,
    tables: DeviceMemory,
}

/// What does not depend on the normalisation.
struct DeviceImages {
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
        check_pixels(image, pixels, labels)?;
        let tables = new_tables(stream, image, tables)?;
        let images = Arc::new(DeviceImages {
            count: labels.len(),
            classes: labels.iter().max().map_or(0, |&most| usize::from(most) + 1),
            pixels: DeviceMemory::of(stream, pixels)?,
            labels: DeviceMemory::of(stream, labels)?,
        });
        Ok(Self { image, images, tables })
    }

    /// The same images under another normalisation; their bytes are shared.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn normalised(&self, stream: &Arc<dyn Stream>, tables: &[f32]) -> Result<Self, CudaError> {
        Ok(Self {
            image: self.image,
            images: Arc::clone(&self.images),
            tables: new_tables(stream, self.image, tables)?,
        })
    }

    /// Bytes of the device that so many images take.
    pub fn planned_bytes(image: Image, images: usize) -> u64 {
        (images * (image.elements() + size_of::<u16>()) + table_bytes(image)) as u64
    }

    /// How many images there are: their numbers are below it.
    pub fn images(&self) -> usize {
        self.images.count
    }

    /// One more than the largest label.
    pub fn classes(&self) -> usize {
        self.images.classes
    }

    /// Size of an image.
    pub fn image(&self) -> Image {
        self.image
    }

    pub(crate) fn tables(&self) -> Span<'_, f32> {
        self.tables.all()
    }

    /// Whether these are the same images, under whatever normalisation.
    pub(crate) fn has_images_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.images, &other.images)
    }

    pub(crate) fn pictures(&self) -> Pictures<'_> {
        Pictures { pixels: self.images.pixels.all(), labels: self.images.labels.all(), tables: self.tables.all() }
    }
}
