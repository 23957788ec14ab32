//! Known answers. If one of these changes, every study ever stored stops being reproducible.

use tunefork_rng::{Key, Purpose, philox4x32_10};

/// `kat_vectors` of Random123, the lines `philox4x32 10`.
#[test]
fn philox_matches_random123() {
    let cases = [
        ([0; 2], [0; 4], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([u32::MAX; 2], [u32::MAX; 4], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0xa409_3822, 0x299f_31d0],
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];
    for (key, counter, expected) in cases {
        assert_eq!(philox4x32_10(key, counter), expected);
    }
}

/// How a place in a study becomes a ChaCha key: first draws written down when this was decided.
#[test]
fn streams_start_as_they_always_did() {
    let key = Key::study(42).trial(7).replicate(2).fold(3);
    let first = |purpose, index| key.stream_at(purpose, index).next_u64();
    let draws =
        [Key::study(0).stream(Purpose::Propose).next_u64(), first(Purpose::Initialise, 0), first(Purpose::Shuffle, 9)];
    assert_eq!(draws, [14557467404244061995, 5923683491778853493, 7021754825530080214]);
    assert_eq!(key.counter_key(Purpose::Dropout), [322645146, 3060167607]);

    let mut stream = key.stream(Purpose::Generate);
    assert_eq!(stream.f64(), 0.3027128695103676);
    assert_eq!(stream.f32(), 0.2918188);
    assert_eq!(stream.below(1_000_000), 479726);
    assert_eq!(stream.normal(), 0.8675664914865346);
}
