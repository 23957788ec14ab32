//! Sets that are drawn, not downloaded: enough to try everything on a machine without data.

mod canvas;
mod glyph;
mod picture;

use serde::{Deserialize, Serialize};

use std::sync::{Mutex, PoisonError};

use tunefork_names::bytes;

use crate::dataset::check_shape;
use crate::parallel::together;
use crate::{DataError, Dataset, Image};

pub use glyph::CLASS_NAMES;

/// A set of drawn shapes: ring, square, triangle, cross and so on.
///
/// Each image shows one shape at a random place, size, angle and proportion, light on dark or dark
/// on light, among stray strokes, on an uneven ground, under noise. So no single pixel says much,
/// a linear model fails, and a network's depth, width and learning rate matter. Image `i` is a pure
/// function of (seed, part, `i`, shape, classes, difficulty): a larger set begins with the smaller.
///
/// # Examples
/// ```
/// use tunefork_data::{Generated, Part};
///
/// let data = Generated { train: 40, test: 10, seed: 3, ..Generated::default() }.draw()?;
/// assert_eq!(data.part(Part::Test), 40..50);
/// assert_eq!(data.classes()[data.label(1) as usize], "square");
/// # Ok::<(), tunefork_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Generated {
    /// Height in pixels, at least [`Generated::MIN_SIDE`].
    pub height: usize,
    /// Width in pixels, at least [`Generated::MIN_SIDE`].
    pub width: usize,
    /// 1 (grey) or 3 (coloured).
    pub channels: usize,
    /// How many of [`CLASS_NAMES`] are drawn, 2 to 16. Classes take turns.
    pub classes: usize,
    /// How many training images are drawn, at least one for each class.
    pub train: usize,
    /// How many test images are drawn, 0 for none.
    pub test: usize,
    /// Which set of the endless many.
    pub seed: u64,
    /// Strength of noise, clutter and distortion: 0 (clean) to 1 (hard for people).
    pub difficulty: f64,
}

impl Default for Generated {
    /// 4,000 training and 1,000 test images, 28×28 grey, 10 classes, difficulty 0.5.
    fn default() -> Self {
        Self { height: 28, width: 28, channels: 1, classes: 10, train: 4_000, test: 1_000, seed: 0, difficulty: 0.5 }
    }
}

/// Test images are numbered from here, so that more training images do not change them.
const FIRST_TEST_IMAGE: u64 = 1 << 32;

impl Generated {
    /// The smallest height and width on which the shapes can be told apart.
    pub const MIN_SIDE: usize = 12;

    /// Draws the set, on all cores.
    ///
    /// # Errors
    /// [`DataError::Shape`] or [`DataError::Setting`] for a value outside its range.
    pub fn draw(&self) -> Result<Dataset, DataError> {
        let shape = self.checked_shape()?;
        let images = self.train + self.test;
        let label = |image: usize| {
            let place = if image < self.train { image } else { image - self.train };
            (place % self.classes) as u16
        };
        let labels: Vec<u16> = (0..images).map(label).collect();
        let mut pixels = vec![0; images * shape.elements()];
        let draw_one = |image: usize, out: &mut [u8]| {
            let number = if image < self.train { image as u64 } else { FIRST_TEST_IMAGE + (image - self.train) as u64 };
            picture::draw(self, usize::from(label(image)), number, out);
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = images.div_ceil(threads).max(1);
        let chunks = Mutex::new(pixels.chunks_mut(share * shape.elements()).enumerate());
        let next = || chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
        together(threads, || {
            while let Some((chunk, out)) = next() {
                for (place, out) in out.chunks_mut(shape.elements()).enumerate() {
                    draw_one(chunk * share + place, out);
                }
            }
        });
        let classes = CLASS_NAMES[..self.classes].iter().map(|name| (*name).to_owned()).collect();
        Dataset::from_memory(shape, classes, [self.train, 0, self.test], labels, pixels)
    }

    fn checked_shape(&self) -> Result<Image, DataError> {
        let Self { height, width, channels, .. } = *self;
        let shape = Image::new(height, width, channels);
        check_shape(shape)?;
        if height.min(width) < Self::MIN_SIDE {
            let reason = format!("drawn shapes need sides of at least {} pixels", Self::MIN_SIDE);
            return Err(DataError::Shape { height, width, channels, reason });
        }
        let setting = |key, value: String, expected: String| Err(DataError::Setting { key, value, expected });
        if !(2..=CLASS_NAMES.len()).contains(&self.classes) {
            let expected = format!("2 to {} classes can be drawn", CLASS_NAMES.len());
            return setting("classes", self.classes.to_string(), expected);
        }
        if !(0.0..=1.0).contains(&self.difficulty) {
            let expected = "a number from 0 to 1 is expected".to_owned();
            return setting("difficulty", self.difficulty.to_string(), expected);
        }
        if self.train < self.classes {
            let expected = format!("at least one for each of the {} classes is needed", self.classes);
            return setting("images", self.train.to_string(), expected);
        }
        let pixels = self.train.checked_add(self.test).and_then(|n| n.checked_mul(shape.elements()));
        if pixels.is_none_or(|pixels| pixels > MAX_BYTES) {
            let (test, limit) = (self.test, bytes(MAX_BYTES as u64));
            let expected = format!(
                "with {test} test images of {shape} that is more than the {limit} of pixels that a drawn set may have: \
                 draw fewer or smaller ones"
            );
            return setting("images", self.train.to_string(), expected);
        }
        Ok(shape)
    }
}

/// The largest drawn set, in bytes: it is held in memory.
const MAX_BYTES: usize = 4 << 30;
