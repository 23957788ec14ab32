//! CIFAR's binary files: records of labels and an image, one after the other, without any header.
//!
//! A record of CIFAR-10 is one byte of label, one of CIFAR-100 two (coarse, then fine; [`CifarKind`] says
//! which is used); then 1024 bytes of red, 1024 of green and 1024 of blue, each 32 rows of 32 pixels.

use crate::image::Picture;

/// Height and width of an image.
const SIDE: usize = 32;

/// The largest file that is read: about 87,000 images.
pub(crate) const MAX_BYTES: u64 = 1 << 28;

/// Pixels, and so bytes of one colour, of an image.
const PLANE: usize = SIDE * SIDE;

/// Which of the two sets, and which of its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CifarKind {
    /// CIFAR-10 with its 10 labels.
    Ten,
    /// CIFAR-100 with its 100 fine labels.
    Hundred,
    /// CIFAR-100 with its 20 coarse labels, each of which stands for five fine ones.
    HundredCoarse,
}

impl CifarKind {
    /// The number of classes.
    #[must_use]
    pub fn classes(self) -> usize {
        match self {
            Self::Ten => 10,
            Self::Hundred => 100,
            Self::HundredCoarse => 20,
        }
    }

    /// Bytes of labels before an image.
    fn label_bytes(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Hundred | Self::HundredCoarse => 2,
        }
    }

    /// Which of these bytes counts.
    fn label_byte(self) -> usize {
        match self {
            Self::Ten | Self::HundredCoarse => 0,
            Self::Hundred => 1,
        }
    }

    /// Bytes of one label and image.
    #[must_use]
    pub fn record_bytes(self) -> usize {
        self.label_bytes() + 3 * PLANE
    }
}

/// Why bytes are no file of images.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CifarError {
    /// There are no bytes.
    #[error("is empty (zero bytes)")]
    Empty,
    /// The last record is not whole.
    #[error(
        "has {bytes} bytes, which is {} images of {record} bytes and {} bytes more; \
         it is truncated, or no such file",
        bytes / record, bytes % record
    )]
    Length {
        /// Length of the file.
        bytes: usize,
        /// Length of a record.
        record: usize,
    },
}

/// The images of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    kind: CifarKind,
    bytes: Vec<u8>,
}

impl Batch {
    /// Takes the content of a file. Whether its labels are below the number of classes is for the
    /// caller to see.
    ///
    /// # Errors
    /// [`CifarError`] unless these are one or more whole records.
    ///
    /// # Examples
    /// ```
    /// use tunefork_data::cifar::{Batch, CifarKind};
    ///
    /// let mut record = vec![7];
    /// record.extend([[255; 1024], [128; 1024], [0; 1024]].concat());
    /// let batch = Batch::parse(record, CifarKind::Ten)?;
    /// assert_eq!((batch.len(), batch.label(0)), (1, 7));
    /// assert_eq!(batch.picture(0).pixels[..3], [255, 128, 0]);
    /// # Ok::<(), tunefork_data::cifar::CifarError>(())
    /// ```
    pub fn parse(bytes: Vec<u8>, kind: CifarKind) -> Result<Self, CifarError> {
        let record = kind.record_bytes();
        match bytes.len() {
            0 => Err(CifarError::Empty),
            length if length % record == 0 => Ok(Self { kind, bytes }),
            bytes => Err(CifarError::Length { bytes, record }),
        }
    }

    /// The number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / self.kind.record_bytes()
    }

    /// Never true: there are no files without images.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The label of image `index`.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn label(&self, index: usize) -> u8 {
        self.record(index)[self.kind.label_byte()]
    }

    /// Image `index`, its colours side by side.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn picture(&self, index: usize) -> Picture {
        let planes = &self.record(index)[self.kind.label_bytes()..];
        let mut pixels = vec![0; 3 * PLANE];
        for (pixel, colours) in pixels.chunks_exact_mut(3).enumerate() {
            for (channel, colour) in colours.iter_mut().enumerate() {
                *colour = planes[channel * PLANE + pixel];
            }
        }
        Picture { height: SIDE, width: SIDE, channels: 3, pixels }
    }

    fn record(&self, index: usize) -> &[u8] {
        let length = self.kind.record_bytes();
        &self.bytes[index * length..][..length]
    }
}
