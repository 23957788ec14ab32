//! Images and labels, ready to train on.

use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use tunefork_graph::Image;

use crate::image::Fit;
use crate::map::Map;
use crate::moments::{KnownMoments, Moments};
use crate::{DataError, MAX_CLASSES, Normalisation, digest};

/// The largest height and width of an image.
const MAX_SIDE: usize = 4096;

/// Refuses images that no set has.
///
/// # Errors
/// [`DataError::Shape`] unless both sides lie in 1 to [`MAX_SIDE`] and channels are 1 (grey) or 3 (red, green, blue).
pub(crate) fn check_shape(shape: Image) -> Result<(), DataError> {
    let Image { height, width, channels } = shape;
    let sides = 1..=MAX_SIDE;
    let reason = if !sides.contains(&height) || !sides.contains(&width) {
        format!("height and width must lie in 1 to {MAX_SIDE}")
    } else if channels != 1 && channels != 3 {
        "channels must be 1 (grey) or 3 (red, green, blue)".to_owned()
    } else {
        return Ok(());
    };
    Err(DataError::Shape { height, width, channels, reason })
}

/// The part of a set an image came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// `train/`, `training_set/` and the like, or everything where the source has no parts.
    Train,
    /// `val/`, `valid/`, `validation/`, `dev/` or `eval/`.
    Validation,
    /// `test/` or `testing/`.
    Test,
}

impl Part {
    /// All parts in the order in which a set stores them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The part's usual folder name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

#[derive(Debug)]
pub(crate) enum Pixels {
    /// In memory: sets that are drawn, or given by the caller.
    Held(Vec<u8>),
    /// In a mapped file: where they begin, and how many bytes they are.
    Mapped(Map, usize, usize),
}

impl Pixels {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Held(bytes) => bytes,
            Self::Mapped(map, start, length) => &map.bytes()[*start..*start + *length],
        }
    }
}

/// Images of one shape with their labels, as bytes in NHWC order.
///
/// Images are numbered from 0: first the training part, then validation, then test, as far as the
/// source has them. A [`crate::Split`] says which of them a run uses for what.
///
/// # Examples
/// ```
/// use tunefork_data::{Dataset, Image, Normalisation};
///
/// let shape = Image::new(1, 2, 1);
/// let classes = vec!["dark".to_owned(), "light".to_owned()];
/// let data = Dataset::from_memory(shape, classes, [2, 0, 0], vec![0, 1], vec![0, 51, 204, 255])?;
///
/// let mut batch = [0.0; 2];
/// data.gather(&[1], &Normalisation::new(&[0.0], &[1.0])?, &mut batch);
/// assert_eq!(batch, [0.8, 1.0]);
/// # Ok::<(), tunefork_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct Dataset {
    shape: Image,
    classes: Vec<String>,
    counts: [usize; 3],
    labels: Vec<u16>,
    pixels: Pixels,
    /// Known of prepared sets, otherwise made when they are asked for.
    digests: OnceLock<Vec<u64>>,
    moments: KnownMoments,
    fit: Fit,
}

impl Dataset {
    /// A set from memory. `counts` are the numbers of training, validation and test images, which
    /// follow each other in `labels` and `pixels` (NHWC).
    ///
    /// # Errors
    /// When a side of the images is 0 or above 4096 or their channels are not 1 or 3, lengths do not fit together, a
    /// label names no class, or there are fewer than two or more than 65,535 classes.
    pub fn from_memory(
        shape: Image,
        classes: Vec<String>,
        counts: [usize; 3],
        labels: Vec<u16>,
        pixels: Vec<u8>,
    ) -> Result<Self, DataError> {
        Self::checked(Path::new("memory"), shape, classes, counts, labels, Pixels::Held(pixels))
    }

    /// As [`Self::from_memory`]; `path` is named in errors.
    pub(crate) fn checked(
        path: &Path,
        shape: Image,
        classes: Vec<String>,
        counts: [usize; 3],
        labels: Vec<u16>,
        pixels: Pixels,
    ) -> Result<Self, DataError> {
        check_shape(shape)?;
        if !(2..=MAX_CLASSES).contains(&classes.len()) {
            return Err(DataError::ClassCount { path: path.to_path_buf(), classes, reasons: String::new() });
        }
        let images = labels.len();
        if images > u32::MAX as usize {
            return Err(DataError::TooManyImages { path: path.to_path_buf(), images });
        }
        let setting =
            |key, value: usize, expected: String| DataError::Setting { key, value: value.to_string(), expected };
        let counted = counts.iter().try_fold(0_usize, |sum, count| sum.checked_add(*count));
        if counted != Some(images) {
            let expected = format!("the parts {counts:?} must add up to it");
            return Err(setting("number of labels", images, expected));
        }
        if images.checked_mul(shape.elements()) != Some(pixels.bytes().len()) {
            let expected = format!("{images} images of {} bytes are expected", shape.elements());
            return Err(setting("bytes of pixels", pixels.bytes().len(), expected));
        }
        if let Some(index) = labels.iter().position(|label| usize::from(*label) >= classes.len()) {
            return Err(DataError::LabelRange {
                path: path.to_path_buf(),
                index,
                label: usize::from(labels[index]),
                classes: classes.len(),
            });
        }
        Ok(Self {
            shape,
            classes,
            counts,
            labels,
            pixels,
            digests: OnceLock::new(),
            moments: KnownMoments::default(),
            fit: Fit::default(),
        })
    }

    /// The same images under other classes, such as those of a model: an image of class `c` is of class `places[c]` then.
    ///
    /// # Panics
    /// Unless there is one place for each class, below the number of the new ones.
    #[must_use]
    pub fn relabelled(self, classes: Vec<String>, places: &[u16]) -> Self {
        assert_eq!(places.len(), self.classes.len(), "a place for each class");
        assert!(places.iter().all(|place| usize::from(*place) < classes.len()), "places among the classes: {places:?}");
        let labels = self.labels.iter().map(|label| places[usize::from(*label)]).collect();
        Self { classes, labels, ..self }
    }

    /// The same set with what is known of a prepared one: the digests of its images, and how they
    /// were brought to their shape.
    pub(crate) fn prepared(self, digests: Vec<u64>, fit: Fit) -> Self {
        assert_eq!(digests.len(), self.len(), "one digest for each image");
        Self { digests: OnceLock::from(digests), fit, ..self }
    }

    /// A digest of every image's pixels: different ones are those of different images.
    pub(crate) fn digests(&self) -> &[u64] {
        self.digests.get_or_init(|| (0..self.len() as u32).map(|index| digest::of_image(self.pixels(index))).collect())
    }

    /// Exact sums over the pixels of some images, by channel. Each image is read once, however often it
    /// is asked for.
    pub(crate) fn moments(&self, indices: &[u32]) -> Vec<Moments> {
        self.moments.sum(self, indices)
    }

    /// A digest of the whole set, 16 hexadecimal digits: of shape, classes, parts, labels and pixels.
    /// That of a prepared set costs no look at its pixels.
    #[must_use]
    pub fn digest(&self) -> String {
        digest::of_set(self)
    }

    /// The number of images, all parts together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The shape of every image.
    #[must_use]
    pub fn shape(&self) -> Image {
        self.shape
    }

    /// How images of other shapes were brought to [`Self::shape`], so that more can be brought to it
    /// alike.
    #[must_use]
    pub fn fit(&self) -> Fit {
        self.fit
    }

    /// The classes' names, by label.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The indices of the images that came in this part of the source; empty where it has none.
    #[must_use]
    pub fn part(&self, part: Part) -> Range<u32> {
        let place = part as usize;
        let start: usize = self.counts[..place].iter().sum();
        // Lossless: the constructor admits no more than u32::MAX images.
        start as u32..(start + self.counts[place]) as u32
    }

    /// The label of image `index`.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn label(&self, index: u32) -> u16 {
        self.labels[index as usize]
    }

    /// All labels, by image.
    #[must_use]
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The bytes of image `index`: rows of pixels, channels innermost.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn pixels(&self, index: u32) -> &[u8] {
        let bytes = self.shape.elements();
        let start = index as usize * bytes;
        &self.pixels.bytes()[start..start + bytes]
    }

    /// The bytes of all images, one after the other.
    #[must_use]
    pub fn all_pixels(&self) -> &[u8] {
        &self.pixels.bytes()[..self.len() * self.shape.elements()]
    }

    /// Writes the normalised images `indices`, one after the other, to `out` (NHWC).
    ///
    /// A plain loop over the indices: to use several threads, divide `indices` and `out`.
    ///
    /// # Panics
    /// If `out` does not have room for exactly these images, an index names no image, or the
    /// normalisation has another number of channels.
    pub fn gather(&self, indices: &[u32], normalisation: &Normalisation, out: &mut [f32]) {
        let bytes = self.shape.elements();
        assert_eq!(out.len(), indices.len() * bytes, "room for {} images", indices.len());
        for (index, image) in indices.iter().zip(out.chunks_exact_mut(bytes)) {
            normalisation.apply(self.pixels(*index), self.shape.channels, image);
        }
    }
}
