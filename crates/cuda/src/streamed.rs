//! Data that stays with the host, and the ring through which it comes to the device.

use std::ops::Range;
use std::sync::Arc;

use tunefork_graph::{Image, Plan};
use tunefork_kernels::{DeviceMemory, Feed, Span, Stream};

use crate::CudaError;
use crate::images::{Pictures, new_tables, table_bytes};

/// Bytes of a ring, if batches are not larger: a half is copied in a millisecond, so that the copies' fixed
/// cost does not count, and is still little beside a network.
const RING_BYTES: u64 = 16 << 20;
/// Parts of a ring start at multiples of so many bytes.
const ALIGNMENT: usize = 256;

/// A data set that does not lie on the device: what it has there are the tables that normalise it.
///
/// Each engine that learns from it has a ring of places for images. See [`Images::Streamed`](crate::Images::Streamed).
pub struct Streamed {
    image: Image,
    tables: DeviceMemory,
    budget: u64,
}

impl Streamed {
    /// A set of images of this size, for rings of at most `budget` bytes each where two batches fit into so
    /// many; byte `b` of channel `c` stands for `tables[256 c + b]`.
    ///
    /// # Errors
    /// [`CudaError::WrongData`] if there are not 256 values for each channel; a device that fails or is full.
    pub fn new(stream: &Arc<dyn Stream>, image: Image, tables: &[f32], budget: u64) -> Result<Self, CudaError> {
        Ok(Self { image, tables: new_tables(stream, image, tables)?, budget })
    }

    /// Bytes of the device that the set takes.
    pub fn planned_bytes(image: Image) -> u64 {
        table_bytes(image) as u64
    }

    /// Bytes of the device that the ring of an engine for this plan takes, and of the host that it keeps
    /// page-locked.
    pub fn ring_bytes(plan: &Plan, budget: u64) -> u64 {
        Places::new(plan, budget).bytes() as u64
    }

    /// Size of an image.
    pub fn image(&self) -> Image {
        self.image
    }
}

/// How many images a ring has places for, in two halves that take turns.
struct Places {
    image: usize,
    half: usize,
}

impl Places {
    /// As many whole batches as the budget has room for, and at least one in each half.
    fn new(plan: &Plan, budget: u64) -> Self {
        let image = plan.image.elements();
        let bytes = (budget.min(RING_BYTES) as usize).saturating_sub(ALIGNMENT);
        let half = bytes / 2 / (image + size_of::<u16>());
        let batches = [plan.training.batch, plan.evaluation.batch];
        let whole = batches.map(|batch| (half / batch).max(1) * batch);
        Self { image, half: whole[0].max(whole[1]) }
    }

    /// Pixels of all places, then their labels.
    fn pixel_bytes(&self) -> usize {
        (2 * self.half * self.image).next_multiple_of(ALIGNMENT)
    }

    fn bytes(&self) -> usize {
        self.pixel_bytes() + 2 * self.half * size_of::<u16>()
    }
}

/// Images on their way: places on the device, in two halves. While the steps whose images lie in one half
/// run, the other is filled.
pub(crate) struct Ring {
    memory: DeviceMemory,
    places: Places,
    feed: Box<dyn Feed>,
    /// The half that is filled next.
    next: usize,
}

impl Ring {
    pub(crate) fn new(stream: &Arc<dyn Stream>, plan: &Plan, set: &Streamed) -> Result<Self, CudaError> {
        let places = Places::new(plan, set.budget);
        Ok(Self {
            memory: DeviceMemory::new(stream, places.bytes())?,
            feed: stream.feed(places.half * (places.image + size_of::<u16>()))?,
            places,
            next: 0,
        })
    }

    /// Steps whose images are sent together.
    pub(crate) fn steps(&self, batch: usize) -> usize {
        self.places.half / batch
    }

    /// Where the images of a step will lie, counted from the next half that is filled.
    pub(crate) fn numbers(&self, step: usize, batch: usize, rows: usize) -> Range<u32> {
        let steps = self.steps(batch);
        let half = (self.next + step / steps) % 2;
        let first = half * self.places.half + step % steps * batch;
        first as u32..(first + rows) as u32
    }

    /// Sends the images of the steps that come next, at most [`steps`](Self::steps) of them.
    pub(crate) fn fill<'a>(
        &mut self,
        pixels: &[u8],
        labels: &[u16],
        batches: impl Iterator<Item = &'a [u32]>,
        batch: usize,
    ) -> Result<(), CudaError> {
        let Places { image, half } = self.places;
        let buffer = self.feed.buffer()?;
        let (to_pixels, to_labels) = buffer.split_at_mut(half * image);
        let mut end = 0;
        for (step, indices) in batches.enumerate() {
            for (place, &index) in (step * batch..).zip(indices) {
                let index = index as usize;
                to_pixels[place * image..][..image].copy_from_slice(&pixels[index * image..][..image]);
                to_labels[2 * place..][..2].copy_from_slice(&labels[index].to_ne_bytes());
                end = place + 1;
            }
        }
        let first = self.next * half;
        let all: Span<'_, u8> = self.memory.all();
        let to = |start: usize, size: usize| all.part(start + first * size..start + (first + end) * size);
        self.feed.send(&[
            (to(0, image), 0..end * image),
            (to(self.places.pixel_bytes(), 2), half * image..half * image + 2 * end),
        ])?;
        self.next = 1 - self.next;
        Ok(())
    }

    /// Where kernels find the images.
    pub(crate) fn pictures<'a>(&'a self, set: &'a Streamed) -> Pictures<'a> {
        let (all, pixels): (Span<'_, u8>, _) = (self.memory.all(), 2 * self.places.half * self.places.image);
        let labels = all.part(self.places.pixel_bytes()..self.places.bytes()).cast();
        Pictures { pixels: all.part(0..pixels), labels, tables: set.tables.all() }
    }
}
