//! A graph with all that a training step depends on, for any engine.

use std::sync::Arc;

use tunefork_cuda::{CudaWorkspace, Engine, Resident};
use tunefork_graph::{Graph, Image, Plan, SlabLayout, UpdateRule};
use tunefork_kernels::{Precision, Stream};
use tunefork_reference::State;
use tunefork_rng::{Key, Purpose};

use crate::{Case, Failure};

/// A small data set of random bytes.
pub(super) struct Data {
    elements: usize,
    channels: usize,
    pixels: Vec<u8>,
    pub labels: Vec<u16>,
    tables: Vec<f32>,
}

impl Data {
    /// `count` images that fit a graph.
    pub(super) fn random(case: &mut Case, graph: &Graph, count: usize) -> Self {
        let classes = graph.classes().expect("a graph with a loss");
        let elements = graph.image().elements();
        let byte = |case: &mut Case| case.between(0, 255) as u8;
        let pixels = (0..count * elements).map(|_| byte(case)).collect();
        let label = |case: &mut Case| case.between(0, classes - 1) as u16;
        let labels = (0..count).map(|_| label(case)).collect();
        Self::of(graph.image(), pixels, labels)
    }

    /// `count` images of at most ten classes that a network can learn: each class has its pattern of 4 x 4
    /// bright and dark fields, and each image is its class's pattern under noise.
    pub(super) fn learnable(graph: &Graph, count: usize, seed: u64) -> Self {
        let image = graph.image();
        let classes = graph.classes().expect("a graph with a loss").min(10);
        let mut random = Key::study(seed).stream(Purpose::Generate);
        let fields = 16 * image.channels;
        let patterns: Vec<u8> = (0..classes * fields).map(|_| 32 * random.below(2) as u8).collect();
        let labels: Vec<u16> = (0..count).map(|n| (n % classes) as u16).collect();
        let mut pixels = Vec::with_capacity(count * image.elements());
        for &label in &labels {
            let pattern = &patterns[usize::from(label) * fields..][..fields];
            for e in 0..image.elements() {
                let (pixel, channel) = (e / image.channels, e % image.channels);
                let row = 4 * (pixel / image.width) / image.height;
                let column = 4 * (pixel % image.width) / image.width;
                let bright = pattern[(4 * row + column) * image.channels + channel];
                pixels.push(bright + random.below(224) as u8);
            }
        }
        Self::of(image, pixels, labels)
    }

    fn of(image: Image, pixels: Vec<u8>, labels: Vec<u16>) -> Self {
        let mut tables = Vec::new();
        for channel in 0..image.channels {
            let mean = 0.3 + 0.1 * (channel % 3) as f32;
            tables.extend((0..256).map(|byte| (byte as f32 / 255.0 - mean) / 0.3));
        }
        Self { elements: image.elements(), channels: image.channels, pixels, labels, tables }
    }

    /// Images as a network sees them.
    pub(super) fn values(&self, indices: &[u32]) -> Vec<f32> {
        let values = |&index: &u32| {
            let start = index as usize * self.elements;
            let bytes = &self.pixels[start..start + self.elements];
            let value = |(e, &byte): (usize, &u8)| self.tables[256 * (e % self.channels) + usize::from(byte)];
            bytes.iter().enumerate().map(value)
        };
        indices.iter().flat_map(values).collect()
    }

    /// Their labels.
    pub(super) fn labels(&self, indices: &[u32]) -> Vec<u16> {
        indices.iter().map(|&index| self.labels[index as usize]).collect()
    }

    /// The same on the device.
    pub(super) fn resident(&self, stream: &Arc<dyn Stream>, graph: &Graph) -> Result<Arc<Resident>, Failure> {
        Ok(Arc::new(Resident::new(stream, graph.image(), &self.pixels, &self.labels, &self.tables)?))
    }
}

/// Parameters and running statistics as a plan lays them out.
pub(super) fn slab(layout: &SlabLayout, state: &State) -> Vec<f32> {
    let mut slab = vec![0.0f32; layout.len];
    let mut put = |start: usize, values: &mut dyn Iterator<Item = &f64>| {
        values.zip(&mut slab[start..]).for_each(|(value, to)| *to = *value as f32);
    };
    for (slot, tensor) in layout.parameters.iter().zip(&state.parameters) {
        put(slot.offset, &mut tensor.iter());
    }
    for (slot, running) in layout.norms.iter().zip(&state.running) {
        put(slot.mean, &mut running.mean.iter());
        put(slot.variance, &mut running.variance.iter());
    }
    slab
}

/// An engine for a graph, with these parameters.
pub(super) fn engine(
    stream: &Arc<dyn Stream>,
    graph: &Graph,
    evaluation_batch: usize,
    precision: Precision,
    state: &State,
    rule: UpdateRule,
) -> Result<Engine, Failure> {
    let mut plan = Plan::new(graph, evaluation_batch, &CudaWorkspace { precision })?;
    plan.optimizer_states = rule.states();
    let mut engine = Engine::new(Arc::clone(stream), Arc::new(plan), precision)?;
    engine.write_slab(&slab(&engine.plan().slab, state))?;
    Ok(engine)
}

/// The gradients of an engine's last step without the loss scale, padding included.
pub(super) fn gradients(engine: &Engine, scale: f32) -> Result<Vec<f64>, Failure> {
    let mut gradients = vec![0.0f32; engine.plan().slab.trainable_len];
    engine.read_gradients(&mut gradients)?;
    Ok(gradients.iter().map(|&g| f64::from(g) / f64::from(scale)).collect())
}

/// All of an engine's slab.
pub(super) fn read_slab(engine: &Engine) -> Result<Vec<f32>, Failure> {
    let mut slab = vec![0.0f32; engine.plan().slab.len];
    engine.read_slab(&mut slab)?;
    Ok(slab)
}
