//! What is done to the pixels that a file stores before they are what viewers show.

use serde::{Deserialize, Serialize};

/// What was done to one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Turned or mirrored, as its EXIF orientation says.
    pub turned: bool,
    /// Bits of its 16-bit values that were used, where these are fewer than 16.
    pub narrow: Option<u32>,
    /// Transparent parts were laid over white.
    pub flattened: bool,
    /// Bytes between its headers that belong to none were skipped.
    pub mended: bool,
}

impl Changes {
    /// What a user should look at, as a clause behind the file's name.
    pub(crate) fn remark(self) -> Option<String> {
        let bits = self.narrow?;
        let most = (1_u32 << bits) - 1;
        Some(format!("has values of 16 bits, none above {most}: {most} is taken for white"))
    }
}

/// How many images were changed before they were what viewers show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Images turned or mirrored as their EXIF orientation says.
    pub turned: usize,
    /// Images of 16-bit values of which only 8 or 12 bits are used, scaled by these.
    pub scaled: usize,
    /// Images whose transparent parts were laid over white.
    pub flattened: usize,
    /// JPEG files with bytes between their headers that belong to none.
    pub mended: usize,
}

impl Changed {
    pub(crate) fn add(&mut self, changes: Changes) {
        self.turned += usize::from(changes.turned);
        self.scaled += usize::from(changes.narrow.is_some());
        self.flattened += usize::from(changes.flattened);
        self.mended += usize::from(changes.mended);
    }
}
