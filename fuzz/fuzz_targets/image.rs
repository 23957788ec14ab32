//! Any bytes are a picture or an error; a picture can be fitted to any shape.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tunefork_data::{Fit, Image, image};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(picture) = image::decode(bytes) {
        let shape = Image { height: 7, width: 5, channels: 3 };
        for fit in [Fit::Crop, Fit::Stretch] {
            assert_eq!(picture.clone().fit(shape, fit).len(), 7 * 5 * 3);
        }
    }
});
