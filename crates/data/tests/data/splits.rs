//! Splits and normalisation.

use proptest::prelude::*;
use tunefork_data::{Dataset, Image, Normalisation, Order, Share, Split, SplitOptions};
use tunefork_rng::Key;

/// A set with the given labels; every image is one pixel, its number.
fn data(counts: [usize; 3], labels: Vec<u16>, classes: usize) -> Dataset {
    let shape = Image::new(1, 1, 1);
    let names = (0..classes).map(|class| class.to_string()).collect();
    let pixels = (0..labels.len()).map(|index| index as u8).collect();
    Dataset::from_memory(shape, names, counts, labels, pixels).expect("a good set")
}

fn split(data: &Dataset, options: &SplitOptions) -> Split {
    Split::new(data, options, Key::study(1)).expect("enough images")
}

#[test]
fn counts_in_stored_order_are_taken_from_the_start() {
    let data = data([10, 0, 5], vec![0, 1].into_iter().cycle().take(15).collect(), 2);
    let options = SplitOptions {
        train: Share::Count(4),
        validation: Share::Count(3),
        order: Order::Stored,
        ..SplitOptions::default()
    };
    let split = split(&data, &options);
    assert_eq!(
        (split.train, split.validation, split.test),
        (vec![0, 1, 2, 3], vec![4, 5, 6], vec![10, 11, 12, 13, 14])
    );
}

#[test]
fn by_default_a_tenth_is_validated_on_and_classes_keep_their_shares() {
    // 60 of class 0, 30 of class 1, 10 of class 2.
    let labels: Vec<u16> = (0..100).map(|index| if index < 60 { 0 } else { 1 + u16::from(index >= 90) }).collect();
    let data = data([100, 0, 0], labels, 3);
    let split = split(&data, &SplitOptions::default());
    let of_class = |list: &[u32], class| list.iter().filter(|index| data.label(**index) == class).count();
    assert_eq!([0, 1, 2].map(|class| of_class(&split.validation, class)), [6, 3, 1]);
    assert_eq!([0, 1, 2].map(|class| of_class(&split.train, class)), [54, 27, 9]);
    assert!(split.test.is_empty());
}

#[test]
fn own_parts_are_used_and_may_be_cut() {
    let data = data([6, 4, 4], vec![0, 1].into_iter().cycle().take(14).collect(), 2);
    let whole = split(&data, &SplitOptions::default());
    assert_eq!((whole.train.len(), whole.validation, whole.test), (6, vec![6, 7, 8, 9], vec![10, 11, 12, 13]));
    let options = SplitOptions {
        train: Share::Count(2),
        validation: Share::Count(2),
        test: Share::Fraction(0.5),
        order: Order::Stored,
    };
    let cut = split(&data, &options);
    assert_eq!((cut.train, cut.validation, cut.test), (vec![0, 1], vec![6, 7], vec![10, 11]));
}

/// Two classes that take turns, all for training and as many for validation.
#[test]
fn classes_and_parts_are_dealt_by_draws_of_their_own() {
    let data = data([80, 80, 0], (0..160).map(|index| index % 2).collect(), 2);
    let options = SplitOptions { train: Share::Count(20), validation: Share::Count(20), ..SplitOptions::default() };
    let split = split(&data, &options);
    let places = |list: &[u32], class: u32| -> Vec<u32> {
        list.iter().map(|image| image % 80).filter(|place| place % 2 == class).map(|place| place / 2).collect()
    };
    let lists = [(&split.train, 0), (&split.train, 1), (&split.validation, 0), (&split.validation, 1)];
    let lists = lists.map(|(list, class)| places(list, class));
    for (number, list) in lists.iter().enumerate() {
        assert_eq!(list.len(), 10);
        assert!(!lists[..number].contains(list), "{lists:?}");
    }
}

#[test]
fn asking_for_too_much_names_both_numbers() {
    let data = data([10, 0, 2], vec![0, 1].into_iter().cycle().take(12).collect(), 2);
    let message = |options: SplitOptions| Split::new(&data, &options, Key::study(1)).expect_err("too much").to_string();
    let default = SplitOptions::default();
    let cases = [
        (SplitOptions { train: Share::Count(11), ..default }, "11 training images are asked for, out of 10"),
        (SplitOptions { test: Share::Count(3), ..default }, "3 test images are asked for, out of 2"),
        (SplitOptions { validation: Share::Count(12), ..default }, "12 validation images are asked for, out of 10"),
        (
            SplitOptions { train: Share::Count(8), validation: Share::Count(3), ..default },
            "11 training, validation and test images are asked for, out of 10",
        ),
        (
            SplitOptions { validation: Share::Count(10), ..default },
            "of 10 images 10 are for validation and 0 for testing, which leaves none to train on",
        ),
        (SplitOptions { validation: Share::Count(0), ..default }, "`data.validation` is 0; at least 1 image is needed"),
        (SplitOptions { validation: Share::Fraction(1.5), ..default }, "`data.validation` is 1.5"),
        (SplitOptions { train: Share::Fraction(f64::NAN), ..default }, "`data.train` is NaN"),
    ];
    for (options, wanted) in cases {
        let found = message(options);
        assert!(found.contains(wanted), "{found}");
    }
}

fn share() -> impl Strategy<Value = Share> {
    prop_oneof![Just(Share::Auto), (0..40_usize).prop_map(Share::Count), (0.01..0.99_f64).prop_map(Share::Fraction),]
}

proptest! {
    /// No image is in two lists, lists ascend, sizes are as asked, and the key alone decides.
    #[test]
    fn splits_never_overlap(
        labels in prop::collection::vec(0..5_u16, 3..80),
        cuts in (0..3_usize, 0..3_usize),
        train in share(), validation in share(), test in share(),
        stored in any::<bool>(), seed in any::<u64>(),
    ) {
        let own = [0, labels.len() / 4, labels.len() / 3];
        let counts = [labels.len() - own[cuts.0] - own[cuts.1], own[cuts.0], own[cuts.1]];
        let data = data(counts, labels, 5);
        let order = if stored { Order::Stored } else { Order::Stratified };
        let options = SplitOptions { train, validation, test, order };
        let Ok(split) = Split::new(&data, &options, Key::study(seed)) else {
            return Ok(());
        };
        let lists = [&split.train, &split.validation, &split.test];
        let mut all: Vec<u32> = lists.into_iter().flatten().copied().collect();
        let images = all.len();
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all.len(), images, "an image is in two places");
        prop_assert!(all.iter().all(|index| (*index as usize) < data.len()));
        for (list, share) in lists.into_iter().zip([train, validation, test]) {
            prop_assert!(list.is_sorted());
            if let Share::Count(count) = share {
                prop_assert_eq!(list.len(), count);
            }
        }
        prop_assert_eq!(&split, &Split::new(&data, &options, Key::study(seed)).expect("as before"));
    }

    /// Each class gives its share, to within one image.
    #[test]
    fn strata_are_kept(labels in prop::collection::vec(0..4_u16, 20..200), seed in any::<u64>()) {
        let total = labels.len();
        let data = data([total, 0, 0], labels, 4);
        let options = SplitOptions { validation: Share::Fraction(0.3), ..SplitOptions::default() };
        let split = Split::new(&data, &options, Key::study(seed)).expect("enough images");
        for class in 0..4 {
            let all = data.labels().iter().filter(|label| **label == class).count();
            let taken = split.validation.iter().filter(|index| data.label(**index) == class).count();
            let exact = all as f64 * split.validation.len() as f64 / total as f64;
            prop_assert!((taken as f64 - exact).abs() < 1.0, "{taken} of {exact}");
        }
    }

    /// Mean and deviation are those of the plain formula, for one and for three channels.
    #[test]
    fn normalisation_is_the_plain_formula(pixels in prop::collection::vec(any::<u8>(), 24), three in any::<bool>()) {
        let channels = if three { 3 } else { 1 };
        let shape = Image::new(2, 2, channels);
        let images = pixels.len() / shape.elements();
        let names = vec!["a".to_owned(), "b".to_owned()];
        let data = Dataset::from_memory(shape, names, [images, 0, 0], vec![0; images], pixels.clone())
            .expect("a good set");
        let indices: Vec<u32> = (0..images as u32).collect();
        let normalisation = Normalisation::of(&data, &indices).expect("images");
        let mut batch = vec![0.0; pixels.len()];
        data.gather(&indices, &normalisation, &mut batch);
        for channel in 0..channels {
            let values: Vec<f64> = pixels.iter().skip(channel).step_by(channels).map(|p| f64::from(*p) / 255.0).collect();
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
            prop_assert!((f64::from(normalisation.mean()[channel]) - mean).abs() < 1e-6);
            if variance > 0.0 {
                prop_assert!((f64::from(normalisation.std()[channel]) - variance.sqrt()).abs() < 1e-6);
            }
            let gathered = batch.iter().skip(channel).step_by(channels);
            for (found, value) in gathered.zip(values) {
                let wanted = (value - mean) / f64::from(normalisation.std()[channel]);
                prop_assert!((f64::from(*found) - wanted).abs() < 1e-4, "{found} {wanted}");
            }
        }
    }
}

#[test]
fn normalisation_survives_being_written_down() {
    let normalisation = Normalisation::new(&[0.286], &[0.353]).expect("good values");
    let text = serde_json::to_string(&normalisation).expect("writing");
    assert_eq!(text, r#"{"mean":[0.286],"std":[0.353]}"#);
    assert_eq!(serde_json::from_str::<Normalisation>(&text).expect("reading"), normalisation);
    assert!(serde_json::from_str::<Normalisation>(r#"{"mean":[0.286],"std":[0.0]}"#).is_err());
}

#[test]
fn classes_that_are_missing_or_outnumbered_are_told() {
    // 200 of class 0, 2 of class 1, 1 each of classes 2 and 3; class 0 alone in the test part.
    let labels = [vec![0; 200], vec![1, 1, 2, 3], vec![0]].concat();
    let data = data([204, 0, 1], labels, 4);
    let told = |train: &[u32], validation: &[u32], test: &[u32]| {
        let [train, validation, test] = [train, validation, test].map(<[u32]>::to_vec);
        Split { train, validation, test }.imbalances(&data)
    };
    let train: Vec<u32> = (0..199).chain([200, 202]).collect();
    assert_eq!(
        told(&train, &[199, 201], &[204]),
        [
            "class `3` has no training image",
            "2 classes have one training image alone: `1`, `2`",
            "2 classes have no validation image: `2`, `3`",
            "3 classes have no test image: `1`, `2`, `3`",
            "class `0` has 199 training images and class `1` 1, 199 times fewer: accuracy hardly notices the second, f1 does",
        ]
    );
    let pair = [0, 1, 200, 201];
    assert_eq!(told(&pair, &[2, 200, 202, 203], &[]), ["2 classes have no training image: `2`, `3`"]);
    // One below what is told: 99 times as many.
    let train: Vec<u32> = (0..199).chain(200..204).collect();
    let one = ["2 classes have one training image alone: `2`, `3`", "199 times fewer"];
    let sentences = told(&train, &[0, 200, 202, 203], &[]);
    assert!(sentences.iter().zip(one).all(|(found, part)| found.contains(part)), "{sentences:?}");
    let train: Vec<u32> = (0..198).chain([200, 201]).collect();
    assert_eq!(told(&train, &[0, 200, 202, 203], &[]), ["2 classes have no training image: `2`, `3`"]);
}
