//! Drawn sets.

use sha2::{Digest, Sha256};
use tunefork_data::{CLASS_NAMES, Dataset, Generated, Inspection, Part};

fn small() -> Generated {
    Generated { train: 64, test: 16, ..Generated::default() }
}

fn draw(set: Generated) -> Dataset {
    set.draw().expect("a good description")
}

fn all_pixels(data: &Dataset) -> Vec<u8> {
    (0..data.len() as u32).flat_map(|index| data.pixels(index).to_vec()).collect()
}

#[test]
fn the_same_description_gives_the_same_pixels_everywhere() {
    let set = Generated { channels: 3, height: 16, width: 20, classes: 16, ..small() };
    let digest = Sha256::digest(all_pixels(&draw(set)));
    let text: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    // Changes only when the drawing itself is changed on purpose.
    assert_eq!(text, "f183d56980de908a");
}

#[test]
fn a_larger_set_begins_with_the_smaller_and_keeps_its_test_images() {
    let few = draw(small());
    let many = draw(Generated { train: 100, ..small() });
    assert_eq!(all_pixels(&few)[..64 * 784], all_pixels(&many)[..64 * 784]);
    let first_test = |data: &Dataset| data.pixels(data.part(Part::Test).start).to_vec();
    assert_eq!(first_test(&few), first_test(&many));
    assert_ne!(first_test(&few), few.pixels(0));
    assert_ne!(all_pixels(&few), all_pixels(&draw(Generated { seed: 1, ..small() })));
}

#[test]
fn classes_take_turns_and_no_image_occurs_twice() {
    let data = draw(Generated { classes: 16, ..small() });
    let inspection = Inspection::of(&data);
    assert_eq!(inspection.classes, CLASS_NAMES);
    assert_eq!(inspection.parts[0].per_class, [4; 16]);
    assert_eq!(inspection.parts[1].per_class, [1; 16]);
    assert_eq!(inspection.duplicates.groups, 0);
}

#[test]
fn every_shape_is_visible_and_every_difficulty_draws() {
    for difficulty in [0.0, 1.0] {
        let data = draw(Generated { difficulty, ..small() });
        for index in 0..data.len() as u32 {
            let pixels = data.pixels(index);
            let (low, high) = (pixels.iter().min(), pixels.iter().max());
            let contrast = high.zip(low).map(|(high, low)| high - low);
            assert!(contrast > Some(50), "image {index} has contrast {contrast:?}");
        }
    }
}

#[test]
fn values_outside_their_range_are_named() {
    let cases = [
        (Generated { classes: 17, ..small() }, "`classes` is 17; 2 to 16"),
        (Generated { classes: 1, ..small() }, "`classes` is 1; 2 to 16"),
        (Generated { difficulty: f64::NAN, ..small() }, "`difficulty` is NaN"),
        (Generated { channels: 2, ..small() }, "image shape 28x28x2"),
        (Generated { height: 8, ..small() }, "sides of at least 12 pixels"),
        (Generated { train: 5, ..small() }, "`images` is 5; at least one for each of the 10 classes"),
        (Generated { train: usize::MAX, ..small() }, "more than the 4 GiB of pixels"),
    ];
    for (set, wanted) in cases {
        let message = set.draw().expect_err("a bad description").to_string();
        assert!(message.contains(wanted), "{message}");
    }
}
