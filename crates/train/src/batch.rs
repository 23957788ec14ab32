//! Which images make a step, and how they get into an engine.

use std::any::Any;
use std::sync::Arc;

use tunefork_data::{Augmentation, Dataset, Normalisation};
use tunefork_graph::{Batch, Image, ImageSet, Transform};
use tunefork_rng::{Key, Purpose};

/// Images with the normalisation under which a network sees them.
#[derive(Clone, Debug)]
pub struct Images {
    /// Bytes, labels and class names of all images.
    pub data: Arc<Dataset>,
    /// Mean and deviation, as a rule of the training images.
    pub normalisation: Normalisation,
}

impl ImageSet for Images {
    fn image(&self) -> Image {
        self.data.shape()
    }

    fn pixels(&self) -> &[u8] {
        self.data.all_pixels()
    }

    fn labels(&self) -> &[u16] {
        self.data.labels()
    }

    fn tables(&self) -> &[[f32; 256]] {
        self.normalisation.tables()
    }

    fn owner(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::clone(&self.data) as _
    }

    fn fill(&self, batch: &Batch<'_>, input: &mut [f32]) {
        let Self { data, normalisation } = self;
        let shape = data.shape();
        if batch.transforms().is_empty() {
            data.gather(batch.indices(), normalisation, input);
        } else {
            let images = input.chunks_exact_mut(shape.elements());
            assert_eq!(images.len(), batch.rows(), "room for the images");
            for ((index, transform), image) in batch.indices().iter().zip(batch.transforms()).zip(images) {
                normalisation.apply_changed(transform, data.pixels(*index), shape, image);
            }
        }
        if batch.mixing() > 0.0 {
            mix(input, shape.elements(), batch.mixing());
        }
    }
}

/// Mixes into each image of `len` values a share of the next one, into the last one of the first.
fn mix(images: &mut [f32], len: usize, share: f32) {
    const PART: usize = 256;
    let rows = images.len() / len;
    // Values of the first image, which are still needed when it has been mixed.
    let mut first = [0.0; PART];
    for start in (0..len).step_by(PART) {
        let part = PART.min(len - start);
        first[..part].copy_from_slice(&images[start..start + part]);
        for row in 0..rows {
            let (head, tail) = images.split_at_mut((row + 1) * len);
            let own = &mut head[row * len + start..][..part];
            let next = match row + 1 < rows {
                true => &tail[start..start + part],
                false => &first[..part],
            };
            for (own, next) in own.iter_mut().zip(next) {
                *own = (1.0 - share) * *own + share * next;
            }
        }
    }
}

/// Cuts a list of images into batches, with a buffer of labels that is made once.
#[derive(Debug)]
pub(crate) struct Batches {
    order: Vec<u32>,
    labels: Vec<u16>,
    /// One for each image of the list, or none at all.
    transforms: Vec<Transform>,
}

impl Batches {
    /// For lists of at most `images` images, of which `changed` are changed.
    pub(crate) fn new(images: usize, changed: usize) -> Self {
        Self {
            order: Vec::with_capacity(images),
            labels: Vec::with_capacity(images),
            transforms: Vec::with_capacity(changed),
        }
    }

    /// Bytes of the buffers.
    pub(crate) fn bytes(images: usize, changed: usize) -> u64 {
        let listed = images * (size_of::<u32>() + size_of::<u16>());
        (listed + changed * size_of::<Transform>()) as u64
    }

    /// The images as they are listed.
    pub(crate) fn listed(&mut self, images: &Images, indices: &[u32]) {
        self.list(indices);
        self.read_labels(images);
    }

    /// The images in the order of this epoch (from 0), changed: a function of the key alone.
    pub(crate) fn shuffled(
        &mut self,
        images: &Images,
        indices: &[u32],
        augmentation: &Augmentation,
        key: Key,
        epoch: u32,
    ) {
        self.list(indices);
        key.stream_at(Purpose::Shuffle, u64::from(epoch)).shuffle(&mut self.order);
        self.read_labels(images);
        if !augmentation.is_none() {
            let (shape, key) = (images.data.shape(), key.counter_key(Purpose::Augment));
            let draw = |image: &u32| augmentation.draw(shape, key, epoch, *image);
            self.transforms.extend(self.order.iter().map(draw));
        }
    }

    fn list(&mut self, indices: &[u32]) {
        self.order.clear();
        self.order.extend_from_slice(indices);
        self.transforms.clear();
    }

    /// Batch number `index` of `size` images, or what is left for it.
    pub(crate) fn get<'a>(&'a self, images: &'a Images, size: usize, index: u64) -> Batch<'a> {
        let start = (index as usize * size).min(self.order.len());
        let end = (start + size).min(self.order.len());
        let batch = Batch::new(images, &self.order[start..end], &self.labels[start..end]);
        match self.transforms.is_empty() {
            true => batch,
            false => batch.changed(&self.transforms[start..end]),
        }
    }

    /// All batches in order, `chunk` of them at a time.
    pub(crate) fn chunks<'a>(
        &'a self,
        images: &'a Images,
        size: usize,
        chunk: usize,
    ) -> impl Iterator<Item = Vec<Batch<'a>>> + 'a {
        let count = self.order.len().div_ceil(size) as u64;
        let chunk = chunk.max(1);
        (0..count).step_by(chunk).map(move |first| {
            let last = count.min(first + chunk as u64);
            (first..last).map(|index| self.get(images, size, index)).collect()
        })
    }

    fn read_labels(&mut self, images: &Images) {
        self.labels.clear();
        self.labels.extend(self.order.iter().map(|index| images.data.label(*index)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images of 600 values go through three parts, of which the last is shorter.
    #[test]
    fn images_of_any_size_are_mixed_with_their_neighbours() {
        for len in [1, 256, 600] {
            let plain: Vec<f32> = (0..3 * len).map(|at| at as f32).collect();
            let mut mixed = plain.clone();
            mix(&mut mixed, len, 0.25);
            for (at, found) in mixed.iter().enumerate() {
                let expected = 0.75 * plain[at] + 0.25 * plain[(at + len) % plain.len()];
                assert_eq!(*found, expected, "value {at} of images of {len}");
            }
        }
    }

    #[test]
    fn tables_are_what_the_host_computes() {
        let shape = Image::new(1, 1, 3);
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let data = Dataset::from_memory(shape, classes, [2, 0, 0], vec![0, 1], vec![7; 6]).unwrap();
        let normalisation = Normalisation::new(&[0.1, 0.2, 0.3], &[0.5, 0.6, 0.7]).unwrap();
        let images = Images { data: Arc::new(data), normalisation };
        let mut pixel = [0.0; 3];
        for byte in [0, 7, 255] {
            images.normalisation.apply(&[byte; 3], 3, &mut pixel);
            for (table, value) in images.tables().iter().zip(pixel) {
                assert_eq!(table[usize::from(byte)], value);
            }
        }
    }
}
