//! Any bytes are a picture or an error; a picture can be fitted to any shape.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tunefork_data::{ImageShape, image};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(picture) = image::decode(bytes) {
        let shape = ImageShape { height: 7, width: 5, channels: 3 };
        assert_eq!(picture.fit(shape).len(), 7 * 5 * 3);
    }
});
