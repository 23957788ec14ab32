//! Which images make a step.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use crate::{Image, Transform};

/// Images with the normalisation under which a network sees them, as engines read them.
pub trait ImageSet: Debug + Send + Sync {
    /// Size of an image.
    fn image(&self) -> Image;

    /// The bytes of all images, one after the other, each height by width by channels.
    fn pixels(&self) -> &[u8];

    /// The class of each image.
    fn labels(&self) -> &[u16];

    /// What byte `b` of channel `c` stands for, at `[c][b]`.
    fn tables(&self) -> &[[f32; 256]];

    /// Who holds the bytes: sets with one owner are the same images under several normalisations.
    fn owner(&self) -> Arc<dyn Any + Send + Sync>;

    /// Writes the changed, normalised and mixed images of a batch, height by width by channels, one after the
    /// other.
    ///
    /// # Panics
    /// If `input` does not have room for exactly the images of the batch.
    fn fill(&self, batch: &Batch<'_>, input: &mut [f32]);
}

/// Some images and their labels, in the order of the rows of a step.
///
/// An engine decides how the images come to it: the CPU has them written into its input buffer, a
/// device that holds the whole set needs the indices alone.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    images: &'a dyn ImageSet,
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
    pub fn new(images: &'a dyn ImageSet, indices: &'a [u32], labels: &'a [u16]) -> Self {
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

    /// The class of each image, in the order of [`Batch::indices`].
    pub fn labels(&self) -> &'a [u16] {
        self.labels
    }

    /// The images that the indices point into.
    pub fn images(&self) -> &'a dyn ImageSet {
        self.images
    }

    /// Writes the images as [`ImageSet::fill`] does.
    ///
    /// # Panics
    /// If `input` does not have room for exactly [`Batch::rows`] images.
    pub fn fill(&self, input: &mut [f32]) {
        self.images.fill(self, input);
    }
}
