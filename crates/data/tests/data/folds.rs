//! Folds, and equal images in splits and folds.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tunefork_data::{Dataset, Image, Order, Share, Split, SplitOptions};
use tunefork_rng::Key;

/// A set of images of one pixel, with labels.
fn data(counts: [usize; 3], labels: Vec<u16>, pixels: Vec<u8>) -> Dataset {
    let shape = Image::new(1, 1, 1);
    let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
    Dataset::from_memory(shape, classes, counts, labels, pixels).expect("a good set")
}

/// A set whose images all differ, the classes taking turns, all for training.
fn different(images: usize) -> Dataset {
    let labels = (0..images).map(|image| (image % 3) as u16).collect();
    data([images, 0, 0], labels, (0..images).map(|image| image as u8).collect())
}

fn pixels(data: &Dataset, list: &[u32]) -> BTreeSet<u8> {
    list.iter().map(|image| data.pixels(*image)[0]).collect()
}

fn of_class(data: &Dataset, list: &[u32], class: u16) -> usize {
    list.iter().filter(|image| data.label(**image) == class).count()
}

#[test]
fn folds_take_turns_at_being_validated_on() {
    let data = different(31);
    let folds = Split::folds(&data, &SplitOptions::default(), 3, Key::study(1)).expect("enough");
    let sizes: Vec<_> = folds.iter().map(|f| (f.train.len(), f.validation.len())).collect();
    assert_eq!(sizes, [(20, 11), (21, 10), (21, 10)]);
    let stored = SplitOptions { order: Order::Stored, ..SplitOptions::default() };
    let folds = Split::folds(&data, &stored, 2, Key::study(1)).expect("enough");
    assert_eq!(folds[0].validation, (0..16).collect::<Vec<u32>>());
    assert_eq!(folds[0].train, folds[1].validation);
}

#[test]
fn folds_hold_as_many_images_as_are_trained_on() {
    let data = different(60);
    let divided = |train, validation| {
        let options = SplitOptions { train, validation, ..SplitOptions::default() };
        let folds = Split::folds(&data, &options, 3, Key::study(1)).expect("three folds");
        folds.iter().map(|fold| (fold.train.len(), fold.validation.len())).collect::<Vec<_>>()
    };
    assert_eq!(divided(Share::Count(30), Share::Auto), [(20, 10); 3]);
    assert_eq!(divided(Share::Fraction(0.5), Share::Auto), [(20, 10); 3]);
    assert_eq!(divided(Share::Count(30), Share::Count(6)), [(24, 12); 3]);
}

#[test]
fn folds_differ_from_seed_to_seed_and_share_the_test_part() {
    let labels = (0..40).map(|image| (image % 3) as u16).collect();
    let data = data([25, 5, 10], labels, (0..40).collect());
    let of = |seed| Split::folds(&data, &SplitOptions::default(), 5, Key::study(seed)).expect("enough");
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    for fold in of(1) {
        // The source's own validation images are dealt with the others.
        assert_eq!((fold.train.len(), fold.validation.len()), (24, 6));
        assert_eq!(fold.test, (30..40).collect::<Vec<u32>>());
    }
}

#[test]
fn folds_that_a_class_cannot_fill_are_refused_with_its_name() {
    let error = |data: &Dataset, folds| {
        Split::folds(data, &SplitOptions::default(), folds, Key::study(1)).expect_err("too many folds").to_string()
    };
    let labels = vec![0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2];
    let unequal = data([12, 0, 0], labels.clone(), (0..12).collect());
    assert_eq!(error(&unequal, 4), "4 folds are asked for, but class `b` has 3 images; use at most 3 folds");
    let alike = data([12, 0, 0], labels, vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 9]);
    assert_eq!(
        error(&alike, 3),
        "3 folds are asked for, but class `c` has 4 images, only 2 of them different; \
         use at most 2 folds"
    );
    assert!(error(&unequal, 1).contains("`data.folds` is 1"));
}

#[test]
fn equal_images_are_not_divided() {
    // All of them equal: they can only be trained on.
    let alike = data([6, 0, 0], vec![0, 1, 2, 0, 1, 2], vec![7; 6]);
    let message =
        Split::new(&alike, &SplitOptions::default(), Key::study(1)).expect_err("nothing to validate on").to_string();
    assert!(message.contains("images with equal pixels stay together"), "{message}");
    // In stored order, images equal to one that is trained on are passed over.
    let some = data([6, 0, 0], vec![0, 1, 2, 0, 1, 2], vec![1, 2, 1, 1, 4, 5]);
    let options = SplitOptions {
        train: Share::Count(2),
        validation: Share::Count(2),
        order: Order::Stored,
        ..SplitOptions::default()
    };
    let split = Split::new(&some, &options, Key::study(1)).expect("enough");
    assert_eq!((split.train, split.validation), (vec![0, 1], vec![4, 5]));
}

#[test]
fn equal_images_of_the_sources_own_parts_are_kept_and_counted() {
    let labels = vec![0, 1, 2, 0, 1, 2, 0, 1];
    let data = data([4, 2, 2], labels, vec![1, 2, 3, 4, 1, 9, 2, 2]);
    let split = Split::new(&data, &SplitOptions::default(), Key::study(1)).expect("enough");
    assert_eq!((split.train.len(), &split.test), (4, &vec![6, 7]));
    assert_eq!(split.seen_in_training(&data), [1, 2]);
}

proptest! {
    /// No two equal images are on two sides, nothing is lost, and the key alone decides.
    #[test]
    fn equal_images_stay_on_one_side(
        images in prop::collection::vec((0..3_u16, 0..30_u8), 6..90),
        validation in 1..20_usize, test in 0..20_usize, stored in any::<bool>(), seed in any::<u64>(),
    ) {
        let (labels, bytes) = images.into_iter().unzip();
        let data = data_of(labels, bytes);
        let order = if stored { Order::Stored } else { Order::Stratified };
        let (validation, test) = (Share::Count(validation), Share::Count(test));
        let options = SplitOptions { validation, test, order, ..SplitOptions::default() };
        let Ok(split) = Split::new(&data, &options, Key::study(seed)) else { return Ok(()) };
        let parts = [&split.train, &split.validation, &split.test];
        let seen = parts.map(|part| pixels(&data, part));
        prop_assert!(seen[0].is_disjoint(&seen[1]) && seen[0].is_disjoint(&seen[2]));
        prop_assert!(seen[1].is_disjoint(&seen[2]));
        prop_assert_eq!(split.seen_in_training(&data), [0, 0]);
        for (part, share) in parts[1..].iter().zip([validation, test]) {
            prop_assert!(matches!(share, Share::Count(count) if part.len() <= count));
        }
        if !stored {
            let images: usize = parts.iter().map(|part| part.len()).sum();
            prop_assert_eq!(images, data.len());
        }
        prop_assert_eq!(&split, &Split::new(&data, &options, Key::study(seed)).expect("as before"));
    }

    /// Folds are disjoint, together the whole pool, and none divides equal images.
    #[test]
    fn folds_are_a_partition(
        images in prop::collection::vec((0..3_u16, 0..60_u8), 20..120),
        folds in 2..6_usize, stored in any::<bool>(), seed in any::<u64>(),
    ) {
        let (labels, bytes) = images.into_iter().unzip();
        let data = data_of(labels, bytes);
        let order = if stored { Order::Stored } else { Order::Stratified };
        let options = SplitOptions { order, ..SplitOptions::default() };
        let Ok(splits) = Split::folds(&data, &options, folds, Key::study(seed)) else { return Ok(()) };
        prop_assert_eq!(splits.len(), folds);
        let whole = Split::new(&data, &options, Key::study(seed)).expect("as for the folds");
        let mut pool = [whole.train, whole.validation].concat();
        pool.sort_unstable();
        let mut validated: Vec<u32> = Vec::new();
        for split in &splits {
            let mut both = [split.train.clone(), split.validation.clone()].concat();
            both.sort_unstable();
            prop_assert_eq!(&both, &pool);
            prop_assert!(split.train.is_sorted() && split.validation.is_sorted());
            prop_assert!(pixels(&data, &split.train).is_disjoint(&pixels(&data, &split.validation)));
            validated.extend(&split.validation);
        }
        validated.sort_unstable();
        prop_assert_eq!(validated, pool);
        prop_assert_eq!(splits, Split::folds(&data, &options, folds, Key::study(seed)).expect("as before"));
    }

    /// Without equal images, folds differ by at most one image, in all and of each class.
    #[test]
    fn folds_are_alike(labels in prop::collection::vec(0..3_u16, 20..200), folds in 2..6_usize, seed in any::<u64>()) {
        let bytes = (0..labels.len()).map(|image| image as u8).collect();
        let data = data_of(labels, bytes);
        let Ok(splits) = Split::folds(&data, &SplitOptions::default(), folds, Key::study(seed)) else {
            return Ok(());
        };
        let spread = |counts: Vec<usize>| counts.iter().max().unwrap() - counts.iter().min().unwrap();
        prop_assert!(spread(splits.iter().map(|s| s.validation.len()).collect()) <= 1);
        for class in 0..3 {
            let counts = splits.iter().map(|s| of_class(&data, &s.validation, class)).collect();
            prop_assert!(spread(counts) <= 1);
        }
    }
}

fn data_of(labels: Vec<u16>, pixels: Vec<u8>) -> Dataset {
    data([labels.len(), 0, 0], labels, pixels)
}
