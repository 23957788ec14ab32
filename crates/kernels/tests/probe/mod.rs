//! A stream that runs nothing and remembers what launches ask for.

use std::collections::BTreeMap;

/// The most shared memory that any launch asks for, by kernel.
pub fn shared_bytes() -> BTreeMap<&'static str, u32> {
    BTreeMap::new()
}
