//! What happens to an image on its way into a batch.

/// A change of one image, drawn on the host: positions are whole numbers of 1/65,536 pixel and the weights
/// between four pixels whole numbers of 1/65,536, so that every engine finds the same values to the bit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Transform {
    /// The value at column x and row y is taken from column `[0] x + [1] y + [2]`, in units of
    /// 1/[`Self::PIXEL`]; what lies outside of the image is black.
    pub column: [i32; 3],
    /// ... and from row `[0] x + [1] y + [2]`, likewise.
    pub row: [i32; 3],
    /// What the distance of a value to the training mean is multiplied by.
    pub gain: f32,
    /// What is then added, as a share of the way from black to white. The result stays between them.
    pub offset: f32,
    /// First row, row behind the last, first column, column behind the last of the part that is set to
    /// the training mean.
    pub erased: [u32; 4],
}

impl Transform {
    /// One pixel in the units of positions.
    pub const PIXEL: i32 = 1 << 16;

    /// The image as it is.
    pub const NONE: Self =
        Self { column: [Self::PIXEL, 0, 0], row: [0, Self::PIXEL, 0], gain: 1.0, offset: 0.0, erased: [0; 4] };
}
