//! Which images lie on a GPU.

use std::sync::{Arc, Weak};

use tunefork_cuda::{CudaError, Resident};
use tunefork_data::{Dataset, Normalisation};
use tunefork_graph::Image;
use tunefork_kernels::Stream;

use crate::Images;

/// The sets of images that engines on one GPU learn from. A set stays as long as somebody on the host
/// holds it: a study trains all its trials on one.
#[derive(Default)]
pub(super) struct Residents {
    held: Vec<Held>,
}

struct Held {
    data: Weak<Dataset>,
    normalisation: Normalisation,
    resident: Arc<Resident>,
}

impl Residents {
    /// Whether these images lie on the GPU.
    pub(super) fn holds(&self, images: &Images) -> bool {
        self.held.iter().any(|held| held.has(&images.data))
    }

    /// Bytes that these images take there.
    pub(super) fn planned_bytes(&self, images: &Images) -> u64 {
        Resident::planned_bytes(image(&images.data), images.data.len())
    }

    /// Gives up the sets that nobody on the host holds any more.
    pub(super) fn drop_unused(&mut self) {
        self.held.retain(|held| held.data.strong_count() > 0);
    }

    /// These images on the GPU; they are copied there if they are not.
    pub(super) fn get(
        &mut self,
        stream: &Arc<dyn Stream>,
        images: &Images,
    ) -> Result<Arc<Resident>, CudaError> {
        self.drop_unused();
        let mut others = self.held.iter().filter(|held| held.has(&images.data));
        if let Some(held) = others
            .clone()
            .find(|held| held.normalisation == images.normalisation)
        {
            return Ok(Arc::clone(&held.resident));
        }
        let tables = tables(images);
        let resident = match others.next() {
            Some(other) => other.resident.normalised(stream, &tables)?,
            None => Resident::new(
                stream,
                image(&images.data),
                images.data.all_pixels(),
                images.data.labels(),
                &tables,
            )?,
        };
        let resident = Arc::new(resident);
        self.held.push(Held {
            data: Arc::downgrade(&images.data),
            normalisation: images.normalisation.clone(),
            resident: Arc::clone(&resident),
        });
        Ok(resident)
    }
}

impl Held {
    fn has(&self, data: &Arc<Dataset>) -> bool {
        std::ptr::eq(self.data.as_ptr(), Arc::as_ptr(data))
    }
}

fn image(data: &Dataset) -> Image {
    let shape = data.shape();
    Image {
        height: shape.height,
        width: shape.width,
        channels: shape.channels,
    }
}

/// What byte `b` of channel `c` stands for, at `256 c + b`: exactly what the host would compute.
fn tables(images: &Images) -> Vec<f32> {
    let channels = images.data.shape().channels;
    let bytes: Vec<u8> = (0..=u8::MAX)
        .flat_map(|byte| std::iter::repeat_n(byte, channels))
        .collect();
    let mut values = vec![0.0; bytes.len()];
    images.normalisation.apply(&bytes, channels, &mut values);
    (0..channels)
        .flat_map(|channel| values.iter().skip(channel).step_by(channels).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_what_the_host_computes() {
        let shape = tunefork_data::ImageShape::new(1, 1, 3).unwrap();
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
