//! Any bytes are a file of CIFAR or an error; every image of one can be looked at.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tunefork_data::cifar::{Batch, CifarKind};

fuzz_target!(|bytes: &[u8]| {
    for kind in [CifarKind::Ten, CifarKind::Hundred] {
        let Ok(batch) = Batch::parse(bytes.to_vec(), kind) else {
            continue;
        };
        assert_eq!(batch.len() * kind.record_bytes(), bytes.len());
        for index in 0..batch.len() {
            let _ = batch.label(index);
            assert_eq!(batch.picture(index).pixels.len(), 32 * 32 * 3);
        }
    }
});
