//! Exact sums over pixels, from which mean and deviation follow.

use std::sync::{Mutex, PoisonError};

use crate::Dataset;
use crate::parallel::together;
use crate::prepared::thread_count;

/// Exact sums over the bytes of one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moments {
    count: u64,
    sum: u64,
    squares: u64,
}

impl Moments {
    /// Adds one image, channels innermost, to the sums of its channels.
    pub(crate) fn add(channels: &mut [Self], pixels: &[u8]) {
        let stride = channels.len();
        for (channel, moments) in channels.iter_mut().enumerate() {
            let bytes = pixels[channel..].iter().step_by(stride);
            for byte in bytes {
                let byte = u64::from(*byte);
                moments.sum += byte;
                moments.squares += byte * byte;
            }
            moments.count += (pixels.len() / stride) as u64;
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// The mean, of pixels scaled to 0 to 1.
    pub(crate) fn mean(self) -> f64 {
        self.sum as f64 / self.count as f64 / 255.0
    }

    /// The population's standard deviation, of pixels scaled to 0 to 1.
    pub(crate) fn deviation(self) -> f64 {
        let (n, sum, squares) = (u128::from(self.count), u128::from(self.sum), u128::from(self.squares));
        let scatter = n * squares - sum * sum;
        (scatter as f64).sqrt() / self.count as f64 / 255.0
    }
}

/// The sums of each image of a set, as far as they were asked for: the folds of a set share most of
/// their images, and no pixel is read twice for them.
#[derive(Debug, Default)]
pub(crate) struct KnownMoments {
    /// Those of every image, channel by channel; a count of 0 where they are not known yet.
    by_image: Mutex<Vec<Moments>>,
}

impl KnownMoments {
    /// The sums over some images of `data`, by channel. Images that are not known yet are read on all
    /// cores; the sums are exact, so in any order the same.
    ///
    /// # Panics
    /// If an index names no image.
    pub(crate) fn sum(&self, data: &Dataset, indices: &[u32]) -> Vec<Moments> {
        let channels = data.shape().channels;
        // A reader that panics leaves nothing half done: what it read is not taken over.
        let mut known = self.by_image.lock().unwrap_or_else(PoisonError::into_inner);
        known.resize(data.len() * channels, Moments::default());
        let is_unknown = |index: &u32| known[*index as usize * channels].count == 0;
        let unknown: Vec<u32> = indices.iter().copied().filter(is_unknown).collect();
        let read = read(data, &unknown);
        for (index, image) in unknown.iter().zip(read.chunks_exact(channels)) {
            known[*index as usize * channels..][..channels].copy_from_slice(image);
        }
        let mut sums = vec![Moments::default(); channels];
        for index in indices {
            let image = &known[*index as usize * channels..][..channels];
            for (sum, image) in sums.iter_mut().zip(image) {
                sum.merge(*image);
            }
        }
        sums
    }
}

/// The sums of some images, one after the other, channel by channel.
fn read(data: &Dataset, indices: &[u32]) -> Vec<Moments> {
    let channels = data.shape().channels;
    let mut moments = vec![Moments::default(); indices.len() * channels];
    let threads = thread_count(0);
    let share = indices.len().div_ceil(threads).max(1);
    let shares = Mutex::new(indices.chunks(share).zip(moments.chunks_mut(share * channels)));
    let next = || shares.lock().unwrap_or_else(PoisonError::into_inner).next();
    together(threads, || {
        while let Some((indices, moments)) = next() {
            for (index, image) in indices.iter().zip(moments.chunks_exact_mut(channels)) {
                Moments::add(image, data.pixels(*index));
            }
        }
    });
    moments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Generated, Normalisation};

    /// What a list of images gives does not depend on what was asked for before.
    #[test]
    fn what_is_known_already_changes_nothing() {
        let generated = Generated { train: 50, test: 0, channels: 3, ..Generated::default() };
        let data = generated.draw().unwrap();
        for fold in 0..5 {
            let indices: Vec<u32> = (0..50).filter(|index| index % 5 != fold).collect();
            let mut plain = vec![Moments::default(); 3];
            for index in &indices {
                Moments::add(&mut plain, data.pixels(*index));
            }
            assert_eq!(data.moments(&indices), plain);
            let fresh = Normalisation::of(&generated.draw().unwrap(), &indices).unwrap();
            assert_eq!(Normalisation::of(&data, &indices).unwrap(), fresh);
        }
        // Twice in the list counts twice.
        let twice = data.moments(&[7, 7]);
        assert_eq!(twice[0].count, 2 * 28 * 28);
    }
}
