//! Which images make a step, and how they get into an engine.

use std::sync::Arc;

use tunefork_data::{Dataset, Normalisation};
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
}

impl<'a> Batch<'a> {
    /// The images with these numbers, in this order, and their labels.
    ///
    /// # Panics
    /// If the lists differ in length.
    pub fn new(images: &'a Images, indices: &'a [u32], labels: &'a [u16]) -> Self {
        assert_eq!(indices.len(), labels.len(), "one label per image");
        Self {
            images,
            indices,
            labels,
        }
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

    /// Writes the normalised images, height by width by channels, one after the other.
    ///
    /// # Panics
    /// If `input` does not have room for exactly [`Batch::rows`] images.
    pub fn fill(&self, input: &mut [f32]) {
        self.images
            .data
            .gather(self.indices, &self.images.normalisation, input);
    }
}

/// Cuts a list of images into batches, with a buffer of labels that is made once.
#[derive(Debug)]
pub(crate) struct Batches {
    order: Vec<u32>,
    labels: Vec<u16>,
}

impl Batches {
    /// For lists of at most `images` images.
    pub(crate) fn new(images: usize) -> Self {
        Self {
            order: Vec::with_capacity(images),
            labels: Vec::with_capacity(images),
        }
    }

    /// Bytes of the buffers.
    pub(crate) fn bytes(images: usize) -> u64 {
        (images * (size_of::<u32>() + size_of::<u16>())) as u64
    }

    /// The images as they are listed.
    pub(crate) fn listed(&mut self, images: &Images, indices: &[u32]) {
        self.order.clear();
        self.order.extend_from_slice(indices);
        self.read_labels(images);
    }

    /// The images in the order of this epoch (from 0): a function of the key alone.
    pub(crate) fn shuffled(&mut self, images: &Images, indices: &[u32], key: Key, epoch: u32) {
        self.order.clear();
        self.order.extend_from_slice(indices);
        key.stream_at(Purpose::Shuffle, u64::from(epoch))
            .shuffle(&mut self.order);
        self.read_labels(images);
    }

    /// Batch number `index` of `size` images, or what is left for it.
    pub(crate) fn get<'a>(&'a self, images: &'a Images, size: usize, index: u64) -> Batch<'a> {
        let start = (index as usize * size).min(self.order.len());
        let end = (start + size).min(self.order.len());
        Batch::new(images, &self.order[start..end], &self.labels[start..end])
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
            (first..last)
                .map(|index| self.get(images, size, index))
                .collect()
        })
    }

    fn read_labels(&mut self, images: &Images) {
        self.labels.clear();
        self.labels
            .extend(self.order.iter().map(|index| images.data.label(*index)));
    }
}
