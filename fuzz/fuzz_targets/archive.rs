//! Any bytes are an archive or an error; no usable entry leads out of the archive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tunefork_data::archive::{self, Kind};

fuzz_target!(|bytes: &[u8]| {
    let Ok(entries) = archive::list(bytes) else {
        return;
    };
    for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
        assert!(!entry.name.starts_with('/'), "{}", entry.name);
        assert!(entry.name.split('/').all(|part| part != ".."), "{}", entry.name);
    }
});
