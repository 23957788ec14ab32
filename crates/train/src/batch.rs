//! Which images make a step, and how they get into an engine.

use std::sync::Arc;

use tunefork_data::{Augmentation, Dataset, Normalisation, Transform};
use tunefork_rng::{Key, Purpose};

/// Images with the normalisation under which a network sees them.
#[derive(Clone, Debug)]
pub struct Images {
    /// The bytes.
    pub data: Arc<Dataset>,
    /// Mean and deviation, as a rule of the training images.
    pub normalisation: Normalisation,
}

/// Some images and their labels, in the order of the rows of a step.
///
/// An engine decides how the images come to it: the CPU has them written into its input buffer, a
/// device that holds the whole set needs the indices alone.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    images: &'a Images,
    indices: &'a [u32],
    labels: &'a [u16],
    transforms: &'a [Transform],
    mixing: f32,
}

impl<'a> Batch<'a> {
    /// The images with these numbers, in this order, and their labels.
    ///
    /// # Panics
    /// If the lists differ in length.
    pub fn new(images: &'a Images, indices: &'a [u32], labels: &'a [u16]) -> Self {
        assert_eq!(indices.len(), labels.len(), "one label per image");
        Self { images, indices, labels, transforms: &[], mixing: 0.0 }
    }

    /// The same images, each changed in its own way; no transforms: as they are.
    ///
    /// # Panics
    /// If there are some, but not one for each image.
    #[must_use]
    pub fn changed(self, transforms: &'a [Transform]) -> Self {
        let fits = transforms.is_empty() || transforms.len() == self.rows();
        assert!(fits, "one transform per image");
        Self { transforms, ..self }
    }

    /// The same batch with this share of the next image (after the last the first) in each image, as
    /// [`StepSettings::mixing`](crate::StepSettings::mixing) says of the labels.
    #[must_use]
    pub fn mixed(self, mixing: f32) -> Self {
        Self { mixing, ..self }
    }

    /// The share of the next image in each; 0: nothing is mixed.
    pub fn mixing(&self) -> f32 {
        self.mixing
    }

    /// What happens to the images on their way to the engine; empty: nothing.
    pub fn transforms(&self) -> &'a [Transform] {
        self.transforms
    }

    /// The number of real images: at most the plan's batch.
    pub fn rows(&self) -> usize {
        self.indices.len()
    }

    /// The images' numbers in the data set.
    pub fn indices(&self) -> &'a [u32] {
        self.indices
    }

    /// The images' classes.
    pub fn labels(&self) -> &'a [u16] {
        self.labels
    }

    /// The images that the indices point into.
    pub fn images(&self) -> &'a Images {
        self.images
    }

    /// Writes the changed, normalised and mixed images, height by width by channels, one after the other.
    ///
    /// # Panics
    /// If `input` does not have room for exactly [`Batch::rows`] images.
    pub fn fill(&self, input: &mut [f32]) {
        let Images { data, normalisation } = self.images;
        let shape = data.shape();
        if self.transforms.is_empty() {
            data.gather(self.indices, normalisation, input);
        } else {
            let images = input.chunks_exact_mut(shape.elements());
            assert_eq!(images.len(), self.rows(), "room for the images");
            for ((index, transform), image) in self.indices.iter().zip(self.transforms).zip(images) {
                transform.apply(data.pixels(*index), shape, normalisation, image);
            }
        }
        if self.mixing > 0.0 {
            mix(input, shape.elements(), self.mixing);
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
