//! Any bytes are an IDX file or an error; reading from a stream says the same as reading from memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tunefork_data::idx;

fuzz_target!(|bytes: &[u8]| {
    let whole = idx::parse(bytes);
    let stream = idx::read(bytes);
    assert_eq!(whole.is_ok(), stream.is_ok());
    if let (Ok(whole), Ok(stream)) = (whole, stream) {
        assert_eq!(whole.images().ok(), stream.images().ok());
        assert_eq!(whole.labels().ok(), stream.labels().ok());
    }
});
