//! Any bytes are an archive (tar, gzipped tar, zip) or an error; no usable entry leads out of it, and
//! data is never longer than the limit.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use tunefork_data::archive::{self, EntryKind};

const LIMIT: u64 = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let Ok(entries) = archive::list(Cursor::new(bytes)) else {
        return;
    };
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
    for entry in files.clone() {
        assert!(!entry.name.starts_with('/'), "{}", entry.name);
        assert!(entry.name.split('/').all(|part| part != ".."), "{}", entry.name);
    }
    let wanted: Vec<usize> = files.map(|entry| entry.index).collect();
    let _ = archive::read(Cursor::new(bytes), &wanted, LIMIT, &mut |place, data| {
        assert!(place < wanted.len());
        data.is_ok_and(|data| data.len() as u64 <= LIMIT)
    });
});
