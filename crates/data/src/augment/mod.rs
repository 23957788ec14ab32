//! Random changes to training images.

mod transform;

use serde::{Deserialize, Serialize};
use tunefork_rng::philox4x32_10;

use crate::{DataError, Image};

pub use tunefork_graph::Transform;

/// How strongly training images are changed; all zero: not at all.
///
/// What happens to an image is drawn from its number, the epoch and a key alone: not from the order of
/// the images, nor from what happened before.
///
/// ```
/// use tunefork_data::{Augmentation, Image};
/// use tunefork_rng::{Key, Purpose};
///
/// let augmentation = Augmentation { flip: 0.5, crop: 2, ..Augmentation::default() };
/// let shape = Image::new(28, 28, 1);
/// let key = Key::study(1).counter_key(Purpose::Augment);
/// let (epoch, image) = (3, 17);
/// let change = augmentation.draw(shape, key, epoch, image);
/// assert_eq!(change, augmentation.draw(shape, key, epoch, image));
/// # Ok::<(), tunefork_data::DataError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Probability of a horizontal mirror image, from 0 to 1.
    pub flip: f64,
    /// Black pixels that are added on each side before an image of the old size is cut out, at most
    /// [`Self::MOST_CROPPED`].
    pub crop: u32,
    /// Largest angle of a rotation about the centre to either side, in degrees, from 0 to 180.
    pub rotate: f64,
    /// Side in pixels of a square that is set to the training mean; it may lie half outside, so that
    /// its centre is anywhere (DeVries and Taylor, arXiv 1708.04552).
    pub cutout: u32,
    /// Most light added or taken away, as a share of the way from black to white, from 0 to 1.
    pub brightness: f64,
    /// Largest relative change of the distance to the training mean, from 0 to 1.
    pub contrast: f64,
}

impl Augmentation {
    /// The largest `crop` that [`Self::check`] allows, in pixels.
    pub const MOST_CROPPED: u32 = 1024;

    /// Whether images stay as they are.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Checks every strength against its bounds.
    ///
    /// # Errors
    /// [`DataError::Setting`] with the first that is outside.
    pub fn check(&self) -> Result<(), DataError> {
        let shares = [
            ("flip", self.flip, 1.0),
            ("crop", self.crop.into(), Self::MOST_CROPPED.into()),
            ("rotate", self.rotate, 180.0),
            ("brightness", self.brightness, 1.0),
            ("contrast", self.contrast, 1.0),
        ];
        match shares.iter().find(|(_, value, most)| !(0.0..=*most).contains(value)) {
            None => Ok(()),
            Some((key, value, most)) => Err(DataError::Setting {
                key,
                value: value.to_string(),
                expected: format!("a number from 0 to {most} is expected"),
            }),
        }
    }

    /// What happens to image number `image` in an epoch.
    ///
    /// `key` is a [`counter_key`](tunefork_rng::Key::counter_key) for
    /// [`Purpose::Augment`](tunefork_rng::Purpose::Augment).
    #[must_use]
    pub fn draw(&self, shape: Image, key: [u32; 2], epoch: u32, image: u32) -> Transform {
        let [mirror, right, down, turn] = philox4x32_10(key, [image, epoch, 0, 0]);
        let [across, along, light, distance] = philox4x32_10(key, [image, epoch, 1, 0]);
        let crop = i64::from(self.crop);
        let shift = |bits| below(bits, 2 * crop as u64 + 1) as i64 - crop;
        let angle = (self.rotate * both_sides(turn)).to_radians();
        let mut transform =
            transform::moved(shape, unit(mirror) < self.flip, angle, [shift(right) as f64, shift(down) as f64]);
        transform.gain = (1.0 + self.contrast * both_sides(distance)) as f32;
        transform.offset = (self.brightness * both_sides(light)) as f32;
        if self.cutout > 0 {
            let centre =
                [(along, shape.height), (across, shape.width)].map(|(bits, pixels)| below(bits, pixels as u64));
            transform::erase(&mut transform, shape, centre, self.cutout.into());
        }
        transform
    }
}

/// A uniform number in [0, 1).
fn unit(bits: u32) -> f64 {
    f64::from(bits) / 4_294_967_296.0
}

/// A uniform number in [-1, 1).
fn both_sides(bits: u32) -> f64 {
    2.0 * unit(bits) - 1.0
}

/// A uniform integer in [0, n), but for a bias of n / 2^32.
fn below(bits: u32, n: u64) -> u64 {
    (u64::from(bits) * n) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Image {
        Image::new(8, 6, 1)
    }

    #[test]
    fn no_strength_is_no_change() {
        let none = Augmentation::default();
        assert!(none.is_none());
        assert_eq!(none.draw(shape(), [1, 2], 3, 4), Transform::NONE);
    }

    #[test]
    fn shifts_and_flips_are_as_frequent_as_they_should_be() {
        let augmentation = Augmentation { flip: 0.25, crop: 1, ..Augmentation::default() };
        let mut shifts = std::collections::BTreeMap::new();
        let mut flips = 0;
        let images = 9000;
        for image in 0..images {
            let drawn = augmentation.draw(shape(), [5, 6], 0, image);
            let flip = drawn.column[0] < 0;
            let right = drawn.column[2] / Transform::PIXEL - if flip { 5 } else { 0 };
            let down = drawn.row[2] / Transform::PIXEL;
            *shifts.entry((right, down)).or_insert(0) += 1;
            flips += u32::from(flip);
        }
        // Five standard deviations of a binomial count.
        let near = |count: u32, share: f64| {
            let (images, count) = (f64::from(images), f64::from(count));
            (count - images * share).abs() < 5.0 * (images * share * (1.0 - share)).sqrt()
        };
        assert!(near(flips, 0.25), "{flips}");
        assert_eq!(shifts.len(), 9, "{shifts:?}");
        for (shift, count) in &shifts {
            assert!(shift.0.abs() <= 1 && shift.1.abs() <= 1, "{shift:?}");
            assert!(near(*count, 1.0 / 9.0), "{shift:?}: {count}");
        }
    }

    #[test]
    fn strengths_are_bounds() {
        let augmentation = Augmentation { rotate: 10.0, brightness: 0.2, contrast: 0.3, ..Augmentation::default() };
        let cosine = libm::cos(10f64.to_radians());
        let (mut darkest, mut brightest) = (0f32, 0f32);
        for image in 0..1000 {
            let drawn = augmentation.draw(shape(), [5, 6], 1, image);
            assert!(f64::from(drawn.column[0]) / f64::from(Transform::PIXEL) > cosine - 1e-4);
            assert!((0.7..1.3).contains(&drawn.gain), "{}", drawn.gain);
            darkest = darkest.min(drawn.offset);
            brightest = brightest.max(drawn.offset);
        }
        assert!((-0.2..-0.19).contains(&darkest) && (0.19..0.2).contains(&brightest));
    }

    #[test]
    fn epochs_images_and_keys_draw_for_themselves() {
        let augmentation = Augmentation { rotate: 90.0, ..Augmentation::default() };
        let draws = [([0, 0], 0, 0), ([0, 0], 0, 1), ([0, 0], 1, 0), ([0, 1], 0, 0)]
            .map(|(key, epoch, image)| augmentation.draw(shape(), key, epoch, image));
        for (at, draw) in draws.iter().enumerate() {
            assert!(!draws[..at].contains(draw), "{at}");
        }
    }

    #[test]
    fn strengths_outside_their_bounds_are_named() {
        let message = |augmentation: Augmentation| augmentation.check().unwrap_err().to_string();
        let flip = Augmentation { flip: 1.5, ..Augmentation::default() };
        assert!(message(flip).contains("flip"), "{}", message(flip));
        let nan = Augmentation { rotate: f64::NAN, ..Augmentation::default() };
        assert!(message(nan).contains("rotate"), "{}", message(nan));
        assert!(Augmentation::default().check().is_ok());
    }
}
