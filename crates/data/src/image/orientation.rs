//! How a camera was held: EXIF's orientation tag, applied as viewers show it.

use super::{Measures, Picture};

/// The tag of the orientation in EXIF's first directory.
const TAG: u16 = 0x0112;

/// The types of tags whose values have 32 bits.
const LONG: u16 = 4;
const SIGNED_LONG: u16 = 9;

/// Where the rows and columns of an image as it is stored lie in what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Orientation {
    /// Rows become columns, as the last step.
    swapped: bool,
    /// The stored rows run upwards.
    upwards: bool,
    /// The stored columns run to the left.
    leftwards: bool,
}

impl Orientation {
    /// What an EXIF block says or, where that says nothing, an XMP block; as stored where both say nothing, or nothing that there is.
    pub(super) fn of(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Self {
        Self::numbered(exif.and_then(tag).or_else(|| xmp.and_then(property)).unwrap_or(1))
    }

    /// What the tag's value says.
    pub(super) fn numbered(value: u16) -> Self {
        let [swapped, upwards, leftwards] = match value {
            2 => [false, false, true],
            3 => [false, true, true],
            4 => [false, true, false],
            5 => [true, false, false],
            6 => [true, true, false],
            7 => [true, true, true],
            8 => [true, false, true],
            _ => [false; 3],
        };
        Self { swapped, upwards, leftwards }
    }

    /// Whether what is shown is not as it is stored.
    pub(super) fn turns(self) -> bool {
        self != Self::default()
    }

    pub(super) fn measures(self, stored: Measures) -> Measures {
        let Measures { height, width, channels } = stored;
        if self.swapped { Measures { height: width, width: height, channels } } else { stored }
    }

    pub(super) fn apply(self, stored: Picture) -> Picture {
        if !self.turns() {
            return stored;
        }
        let Measures { height, width, channels } =
            self.measures(Measures { height: stored.height, width: stored.width, channels: stored.channels });
        let mut pixels = Vec::with_capacity(stored.pixels.len());
        for row in 0..height {
            for column in 0..width {
                let (row, column) = if self.swapped { (column, row) } else { (row, column) };
                let row = if self.upwards { stored.height - 1 - row } else { row };
                let column = if self.leftwards { stored.width - 1 - column } else { column };
                let place = (row * stored.width + column) * channels;
                pixels.extend_from_slice(&stored.pixels[place..place + channels]);
            }
        }
        Picture { height, width, channels, pixels }
    }
}

/// The orientation in an EXIF block: a TIFF header and a directory of tags, 12 bytes each.
fn tag(exif: &[u8]) -> Option<u16> {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let is_big = match tiff.first_chunk::<4>()? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = *tiff.get(at..)?.first_chunk::<2>()?;
        Some(if is_big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes = *tiff.get(at..)?.first_chunk::<4>()?;
        Some(if is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let start = long(4)? as usize;
    let count = usize::from(short(start)?);
    let mut entries = (0..count).map(|entry| start + 2 + 12 * entry);
    let entry = entries.find(|at| short(*at) == Some(TAG))?;
    match short(entry + 2)? {
        LONG | SIGNED_LONG => long(entry + 8)?.try_into().ok(),
        _ => short(entry + 8),
    }
}

/// The orientation in an XMP block: an attribute or an element, as Pillow looks for it.
fn property(xmp: &[u8]) -> Option<u16> {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut behind =
        xmp.windows(NAME.len()).enumerate().filter(|(_, text)| *text == NAME).map(|(at, _)| &xmp[at + NAME.len()..]);
    behind.find_map(|text| match text {
        [b'=', b'"' | b'\'', digit @ b'0'..=b'9', ..] | [b'>', digit @ b'0'..=b'9', ..] => {
            Some(u16::from(digit - b'0'))
        }
        _ => None,
    })
}
