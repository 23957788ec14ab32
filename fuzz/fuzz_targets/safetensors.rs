//! Any bytes are a model or an error; a model that was read is written and read again as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tunefork_export::Model;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(model) = Model::from_bytes(bytes) {
        let written = model.to_bytes().expect("what was read can be written");
        // Bits are compared, not values: a weight may be NaN.
        let again = Model::from_bytes(&written).expect("what was written can be read");
        assert_eq!(again.to_bytes().ok(), Some(written));
    }
});
