//! TIFF in a build that does not read it.

use super::{Changes, ImageError, Measures, Picture};

const NOT_BUILT: ImageError = ImageError::NotBuilt { kind: "TIFF", feature: "tiff" };

pub(super) fn measure(_: &[u8]) -> Result<Measures, ImageError> {
    Err(NOT_BUILT)
}

pub(super) fn decode(_: &[u8]) -> Result<(Picture, Changes), ImageError> {
    Err(NOT_BUILT)
}
