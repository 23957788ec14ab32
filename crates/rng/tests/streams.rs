//! Streams are independent, their draws fair.

use proptest::prelude::*;
use tunefork_rng::{Key, Purpose};

const PURPOSES: [Purpose; 9] = [
    Purpose::Propose,
    Purpose::Initialise,
    Purpose::Shuffle,
    Purpose::Dropout,
    Purpose::Split,
    Purpose::Generate,
    Purpose::Augment,
    Purpose::Mix,
    Purpose::Resample,
];

/// No two of many neighbouring keys, purposes and indices share a stream or a counter key.
#[test]
fn every_place_has_its_own_stream() {
    let mut seen = Vec::new();
    let keys = [0, 1, u64::MAX].into_iter().flat_map(|seed| {
        let study = Key::study(seed);
        let trials = [study, study.trial(0), study.trial(1), study.trial(u32::MAX)];
        trials.into_iter().flat_map(|key| [key, key.replicate(1), key.fold(1), key.replicate(1).fold(1)])
    });
    for key in keys {
        for purpose in PURPOSES {
            for index in [0, 1, 1 << 40] {
                seen.push(key.stream_at(purpose, index).next_u64());
            }
            let [low, high] = key.counter_key(purpose);
            seen.push(u64::from(low) | u64::from(high) << 32);
        }
    }
    let places = seen.len();
    assert_eq!(places, 3 * 4 * 4 * 9 * 4);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), places);
}

#[test]
fn replicate_and_fold_zero_are_the_key_itself() {
    let key = Key::study(3).trial(4);
    assert_eq!(key, key.replicate(0).fold(0));
    assert_eq!(key.stream(Purpose::Split).next_u64(), key.stream_at(Purpose::Split, 0).next_u64());
}

#[test]
fn normal_draws_have_mean_0_and_variance_1() {
    let mut stream = Key::study(1).stream(Purpose::Initialise);
    let draws: Vec<f64> = (0..20_000).map(|_| stream.normal()).collect();
    let mean = draws.iter().sum::<f64>() / 20_000.0;
    let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
    let beyond_2 = draws.iter().filter(|x| x.abs() > 2.0).count() as f64 / 20_000.0;
    // Five standard errors each.
    assert!(mean.abs() < 0.035 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    assert!((beyond_2 - 0.0455).abs() < 0.0075, "{beyond_2}");
}

proptest! {
    #[test]
    fn draws_stay_in_their_ranges(seed: u64, n in 1u64..) {
        let mut stream = Key::study(seed).stream(Purpose::Propose);
        for _ in 0..20 {
            prop_assert!((0.0..1.0).contains(&stream.f64()));
            prop_assert!((0.0..1.0).contains(&stream.f32()));
            prop_assert!(stream.below(n) < n);
            prop_assert!(stream.normal().is_finite());
        }
        prop_assert_eq!(stream.below(0), 0);
        prop_assert_eq!(stream.below(1), 0);
    }

    #[test]
    fn a_shuffle_keeps_all_items(seed: u64, length in 0usize..50) {
        let mut items: Vec<usize> = (0..length).collect();
        Key::study(seed).stream(Purpose::Shuffle).shuffle(&mut items);
        items.sort_unstable();
        prop_assert_eq!(items, (0..length).collect::<Vec<_>>());
    }
}

/// Each of the six orders of three items comes up about equally often.
#[test]
fn shuffles_are_fair() {
    let mut counts = std::collections::BTreeMap::new();
    let mut stream = Key::study(5).stream(Purpose::Shuffle);
    for _ in 0..6_000 {
        let mut items = [1, 2, 3];
        stream.shuffle(&mut items);
        *counts.entry(items).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 6);
    // Five standard deviations around 1000.
    assert!(counts.values().all(|count| (855..1145).contains(count)), "{counts:?}");
}
