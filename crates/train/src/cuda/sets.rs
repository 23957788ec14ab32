//! Which images engines on a GPU learn from, and where they are.

use std::sync::{Arc, Weak};

use tunefork_cuda::{CudaError, Resident, Streamed};
use tunefork_data::{Dataset, Normalisation};
use tunefork_graph::Image;
use tunefork_kernels::Stream;

use crate::Images;

/// Where a set of images is.
#[derive(Clone)]
pub(super) enum Place {
    /// On the GPU.
    Resident(Arc<Resident>),
    /// With the host.
    Streamed(Arc<Streamed>),
}

impl Place {
    /// The images for an engine.
    pub(super) fn images<'a>(&'a self, data: &'a Dataset) -> tunefork_cuda::Images<'a> {
        match self {
            Self::Resident(set) => tunefork_cuda::Images::Resident(set),
            Self::Streamed(set) => {
                tunefork_cuda::Images::Streamed { set, pixels: data.all_pixels(), labels: data.labels() }
            }
        }
    }
}

/// Bytes of the GPU that these images take if they lie there as a whole.
pub(super) fn resident_bytes(images: &Images) -> u64 {
    Resident::planned_bytes(image(&images.data), images.data.len())
}

/// Whether these images are streamed where they may take so many bytes.
pub(super) fn are_streamed(images: &Images, budget: u64) -> bool {
    resident_bytes(images) > budget
}

/// The sets of images that engines on one GPU learn from. A set stays as long as somebody on the host
/// holds it: a study trains all its trials on one.
#[derive(Default)]
pub(super) struct Sets {
    held: Vec<Held>,
}

struct Held {
    data: Weak<Dataset>,
    normalisation: Normalisation,
    /// The bytes that a ring may take, if they are streamed.
    ring: Option<u64>,
    place: Place,
}

impl Sets {
    /// Bytes of the GPU that are still to be taken for these images, and all that they take.
    pub(super) fn planned_bytes(&self, images: &Images, budget: u64) -> (u64, u64) {
        let ring = are_streamed(images, budget).then_some(budget);
        let all = match ring {
            None => resident_bytes(images),
            Some(_) => Streamed::planned_bytes(image(&images.data)),
        };
        match self.held.iter().any(|held| held.is(&images.data, ring)) {
            true => (0, all),
            false => (all, all),
        }
    }

    /// Gives up the sets that nobody on the host holds any more.
    pub(super) fn drop_unused(&mut self) {
        self.held.retain(|held| held.data.strong_count() > 0);
    }

    /// Where these images are; they are copied to the GPU if they should lie there and do not.
    pub(super) fn get(&mut self, stream: &Arc<dyn Stream>, images: &Images, budget: u64) -> Result<Place, CudaError> {
        self.drop_unused();
        let ring = are_streamed(images, budget).then_some(budget);
        let mut others = self.held.iter().filter(|held| held.is(&images.data, ring));
        if let Some(held) = others.clone().find(|held| held.normalisation == images.normalisation) {
            return Ok(held.place.clone());
        }
        let place = place(stream, images, ring, others.next().map(|held| &held.place))?;
        self.held.push(Held {
            data: Arc::downgrade(&images.data),
            normalisation: images.normalisation.clone(),
            ring,
            place: place.clone(),
        });
        Ok(place)
    }
}

impl Held {
    fn is(&self, data: &Arc<Dataset>, ring: Option<u64>) -> bool {
        std::ptr::eq(self.data.as_ptr(), Arc::as_ptr(data)) && self.ring == ring
    }
}

/// A place for images that have none, or only under another normalisation.
fn place(
    stream: &Arc<dyn Stream>,
    images: &Images,
    ring: Option<u64>,
    other: Option<&Place>,
) -> Result<Place, CudaError> {
    let (image, tables) = (image(&images.data), tables(images));
    if let Some(budget) = ring {
        let set = Streamed::new(stream, image, &tables, budget)?;
        return Ok(Place::Streamed(Arc::new(set)));
    }
    let set = match other {
        Some(Place::Resident(other)) => other.normalised(stream, &tables)?,
        _ => Resident::new(stream, image, images.data.all_pixels(), images.data.labels(), &tables)?,
    };
    Ok(Place::Resident(Arc::new(set)))
}

fn image(data: &Dataset) -> Image {
    let shape = data.shape();
    Image { height: shape.height, width: shape.width, channels: shape.channels }
}

/// What byte `b` of channel `c` stands for, at `256 c + b`: exactly what the host would compute.
fn tables(images: &Images) -> Vec<f32> {
    let channels = images.data.shape().channels;
    let bytes: Vec<u8> = (0..=u8::MAX).flat_map(|byte| std::iter::repeat_n(byte, channels)).collect();
    let mut values = vec![0.0; bytes.len()];
    images.normalisation.apply(&bytes, channels, &mut values);
    (0..channels).flat_map(|channel| values.iter().skip(channel).step_by(channels).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_what_the_host_computes() {
        let shape = Image::new(1, 1, 3);
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let data = Dataset::from_memory(shape, classes, [2, 0, 0], vec![0, 1], vec![7; 6]).unwrap();
        let images = Images {
            data: Arc::new(data),
            normalisation: Normalisation::new(&[0.1, 0.2, 0.3], &[0.5, 0.6, 0.7]).unwrap(),
        };
        let tables = tables(&images);
        let mut pixel = [0.0; 3];
        for byte in [0, 7, 255] {
            images.normalisation.apply(&[byte; 3], 3, &mut pixel);
            for (channel, value) in pixel.iter().enumerate() {
                assert_eq!(tables[256 * channel + usize::from(byte)], *value);
            }
        }
    }
}
