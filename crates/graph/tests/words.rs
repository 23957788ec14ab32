//! The words that engines share, and the batches that they are given.

use std::any::Any;
use std::sync::Arc;

use tunefork_graph::{
    Batch, Graph, Image, ImageSet, NoWorkspace, Plan, Pool, PoolKind, Precision, Shape, Step, Transform, Window,
};

/// Images of one value, their number in the set.
#[derive(Debug)]
struct Numbered;

impl ImageSet for Numbered {
    fn image(&self) -> Image {
        Image::vector(1)
    }

    fn pixels(&self) -> &[u8] {
        &[0, 1, 2, 3]
    }

    fn labels(&self) -> &[u16] {
        &[5, 6, 7, 8]
    }

    fn tables(&self) -> &[[f32; 256]] {
        &[]
    }

    fn owner(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::new(())
    }

    fn fill(&self, batch: &Batch<'_>, input: &mut [f32]) {
        input.iter_mut().zip(batch.indices()).for_each(|(value, index)| *value = *index as f32);
    }
}

#[test]
fn a_batch_is_what_it_was_made_of() {
    let (indices, labels) = ([3, 0, 2], [8, 5, 7]);
    let transforms = [Transform::NONE; 3];
    let plain = Batch::new(&Numbered, &indices, &labels);
    assert_eq!((plain.rows(), plain.indices(), plain.labels()), (3, &indices[..], &labels[..]));
    assert_eq!((plain.transforms(), plain.mixing(), plain.images().labels()), (&[][..], 0.0, Numbered.labels()));
    assert_eq!(plain.changed(&[]).transforms(), []);
    let batch = plain.changed(&transforms).mixed(0.25);
    assert_eq!((batch.rows(), batch.transforms(), batch.mixing()), (3, &transforms[..], 0.25));
    let mut input = [9.0; 3];
    batch.fill(&mut input);
    assert_eq!(input, [3.0, 0.0, 2.0]);
}

#[test]
#[should_panic(expected = "one transform per image")]
fn a_batch_has_a_transform_for_each_image_or_none() {
    let _ = Batch::new(&Numbered, &[1, 2], &[6, 7]).changed(&[Transform::NONE]);
}

#[test]
fn sizes_of_images_and_shapes() {
    let image = Image::new(4, 5, 6);
    assert_eq!((image.pixels(), image.elements(), image.to_string()), (20, 120, "4x5x6".into()));
    assert_eq!(Image::vector(7), Image::new(1, 1, 7));
    let shape = Shape::new(&[2, 4, 5, 6]);
    assert_eq!((shape.rank(), shape.elements(), shape.image()), (4, 240, Some(image)));
    assert_eq!(Shape::new(&[2, 7]).image(), Some(Image::vector(7)));
    assert_eq!((Shape::new(&[3]).image(), Shape::new(&[]).image(), Shape::new(&[]).elements()), (None, None, 1));
    assert_eq!(format!("{shape} {shape:?}"), "[2, 4, 5, 6] [2, 4, 5, 6]");
}

/// As many positions as there are when they are tried one after the other.
#[test]
fn windows_stand_wherever_they_fit() {
    for (kernel, stride, padding, size) in
        (1..6).flat_map(|k| (1..4).flat_map(move |s| (0..3).flat_map(move |p| (1..9).map(move |n| (k, s, p, n)))))
    {
        let window = Window { kernel, stride, padding };
        let count = (0..).step_by(stride).take_while(|start| start + kernel <= size + 2 * padding).count();
        assert_eq!(window.positions(size), (count > 0).then_some(count), "{window} on {size}");
    }
    assert_eq!(Window { kernel: 3, stride: 2, padding: 1 }.to_string(), "3x3 stride 2 padding 1");
    let tiles = Window { kernel: 2, stride: 2, padding: 0 };
    assert_eq!(Pool::max(2), Pool { kind: PoolKind::Max, window: tiles });
    assert_eq!(Pool::average(2), Pool { kind: PoolKind::Average, window: tiles });
}

/// Tensor cores of Volta and Turing (70 and 75) multiply f16 only, those from Ampere (80) on all of them.
#[test]
fn precisions_by_their_bytes_and_the_cards_that_have_them() {
    use Precision::{Bf16, F16, F32, Tf32};
    for (precision, bytes, picked) in [(F32, 4, "f32"), (Tf32, 4, "f32"), (F16, 2, "f16"), (Bf16, 2, "bf16")] {
        assert_eq!((precision.bytes(), precision.pick("f32", "f16", "bf16")), (bytes, picked), "{precision}");
    }
    assert!(Precision::of_architecture(75).eq([F32, F16]));
    assert!(Precision::of_architecture(80).eq([F32, Tf32, Bf16, F16]));
}

#[test]
fn groups_of_a_norm_share_the_channels() {
    let mut g = Graph::new(3, [4, 5, 6]).unwrap();
    let x = g.group_norm(g.input(), "n", 3).unwrap();
    let x = g.flatten(x).unwrap();
    let x = g.dense(x, "d", 2, true).unwrap();
    g.softmax_cross_entropy(x, 2).unwrap();
    let plan = Plan::new(&g, 2, &NoWorkspace).unwrap();
    let Step::GroupNormForward(step) = &plan.training.steps[0] else { panic!("the norm comes first") };
    assert_eq!((step.norm.channels(), step.norm.values()), (2, 40));
    assert_eq!(step.statistics.len, 2 * 3 * 3, "mean and deviation of three images' three groups");
    let slot = &plan.slab.parameters[2];
    assert_eq!((slot.offset, slot.range(), slot.name.as_str()), (32, 32..272, "d.weight"));
}
