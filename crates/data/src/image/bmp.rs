//! BMP, which needs no more than this; the library that we tried reads rows of 1 and 4 bits and pixels of 16 bits wrongly.

use super::{Changes, ImageError, Measures, Picture, alpha, check_size, damaged};

/// A run of up to 255 pixels takes two bytes.
const PIXELS_PER_BYTE: usize = 128;

/// The length of the oldest second header, which has sides of 16 bits and says nothing of packing.
const OLD_HEADER: usize = 12;

/// Where the second header begins, and where its masks stand: in it, or behind a short one.
const HEADER: usize = 14;
const MASKS: usize = 54;

/// How pixels are packed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    /// Runs of numbers of 8 or 4 bits.
    Runs,
}

/// What the headers say.
struct Header<'a> {
    height: usize,
    width: usize,
    /// The first row is the highest one; as a rule it is the lowest.
    from_top: bool,
    bits: usize,
    packing: Packing,
    /// Colours as red, green and blue, for pixels of up to 8 bits.
    palette: Vec<[u8; 3]>,
    /// Bits of red, green, blue and alpha in a pixel of 16 or 32.
    masks: [u32; 4],
    pixels: &'a [u8],
}

pub(super) fn measure(bytes: &[u8]) -> Result<Measures, ImageError> {
    let header = Header::read(bytes)?;
    Ok(Measures { height: header.height, width: header.width, channels: header.channels() })
}

pub(super) fn decode(bytes: &[u8]) -> Result<(Picture, Changes), ImageError> {
    let header = Header::read(bytes)?;
    let (height, width, channels) = (header.height, header.width, header.channels());
    let stored = header.stored();
    let mut raw = Vec::with_capacity(height * width * stored);
    let unpacked = if header.packing == Packing::Runs { header.runs()? } else { Vec::new() };
    let (rows, stride, bits) = match header.packing {
        Packing::Plain => (header.pixels, header.stride(), header.bits),
        Packing::Runs => (unpacked.as_slice(), width, 8),
    };
    for place in 0..height {
        let row = if header.from_top { place } else { height - 1 - place };
        header.add_row(&rows[row * stride..][..stride], bits, &mut raw);
    }
    let flattened = stored == 4;
    let pixels = if flattened { alpha::over_white(stored, &raw) } else { raw };
    Ok((Picture { height, width, channels, pixels }, Changes { flattened, ..Changes::default() }))
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let short = |at: usize| bytes.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
        let long = |at: usize| Some(u32::from(short(at)?) | u32::from(short(at + 2)?) << 16);
        let ends = || damaged("it ends within its header");
        let start = long(10).ok_or_else(ends)? as usize;
        let length = long(HEADER).ok_or_else(ends)? as usize;
        let is_old = length == OLD_HEADER;
        let [width, height, bits] = match is_old {
            true => [short(18), short(20), short(24)].map(|found| found.map(u32::from)),
            false => [long(18), long(22), short(28).map(u32::from)],
        };
        let (width, height) = (width.ok_or_else(ends)?, height.ok_or_else(ends)?);
        let (bits, from_top) = (bits.ok_or_else(ends)? as usize, height as i32 <= 0);
        let (width, height) = (width as usize, (height as i32).unsigned_abs() as usize);
        check_size(height, width, bytes.len(), PIXELS_PER_BYTE)?;
        let method = if length < 40 { 0 } else { long(30).ok_or_else(ends)? };
        let is_masked = matches!(method, 3 | 6) && matches!(bits, 16 | 32);
        let packing = match (method, bits) {
            (0, 1 | 2 | 4 | 8 | 16 | 24 | 32) => Packing::Plain,
            (1, 8) | (2, 4) => Packing::Runs,
            _ if is_masked => Packing::Plain,
            _ => return Err(ImageError::Unread(format!("a BMP image packed by method {method} at {bits} bits"))),
        };
        let mut masks = if bits == 16 { [0x7c00, 0x3e0, 0x1f, 0] } else { [0xff_0000, 0xff00, 0xff, 0] };
        if is_masked {
            let has_alpha = length >= 56 || method == 6;
            masks =
                std::array::from_fn(|place| long(MASKS + 4 * place).filter(|_| place < 3 || has_alpha).unwrap_or(0));
        }
        let palette = palette(bytes, HEADER + length, start, bits, if is_old { 3 } else { 4 });
        let pixels = bytes.get(start..).unwrap_or_default();
        let header = Self { height, width, from_top, bits, packing, palette, masks, pixels };
        let needed = header.stride().checked_mul(height).filter(|_| packing == Packing::Plain).unwrap_or(0);
        match needed <= pixels.len() {
            true => Ok(header),
            false => Err(damaged(format!("{} of {needed} bytes of its pixels are there", pixels.len()))),
        }
    }

    /// Bytes of a row, whole numbers of 32 bits.
    fn stride(&self) -> usize {
        (self.width * self.bits).div_ceil(32) * 4
    }

    /// Channels as they are shown: a palette of greys is how grey pictures are stored.
    fn channels(&self) -> usize {
        let is_grey = self.bits <= 8 && self.palette.iter().all(|[red, green, blue]| red == green && green == blue);
        if is_grey { 1 } else { 3 }
    }

    /// The same with alpha, if there is a mask for it. Without one the fourth byte of a pixel means nothing, and is zero as a rule.
    fn stored(&self) -> usize {
        self.channels() + usize::from(self.bits >= 16 && self.masks[3] != 0)
    }

    /// Adds the pixels of a row; numbers of a palette have `bits` each.
    fn add_row(&self, row: &[u8], bits: usize, out: &mut Vec<u8>) {
        match bits {
            24 => out
                .extend(row.as_chunks::<3>().0[..self.width].iter().flat_map(|[blue, green, red]| [red, green, blue])),
            16 => row.as_chunks::<2>().0[..self.width]
                .iter()
                .for_each(|two| self.add_masked(u16::from_le_bytes(*two).into(), out)),
            32 => row.as_chunks::<4>().0[..self.width]
                .iter()
                .for_each(|four| self.add_masked(u32::from_le_bytes(*four), out)),
            _ => {
                let channels = self.channels();
                for column in 0..self.width {
                    let at = column * bits;
                    let number = row[at / 8] >> (8 - bits - at % 8) & (0xff >> (8 - bits));
                    // What the palette does not have is black.
                    let colour = self.palette.get(usize::from(number)).copied().unwrap_or_default();
                    out.extend_from_slice(&colour[..channels]);
                }
            }
        }
    }

    /// Adds a pixel whose channels stand under masks.
    fn add_masked(&self, pixel: u32, out: &mut Vec<u8>) {
        out.extend(self.masks[..self.stored()].iter().map(|mask| {
            let shift = mask.trailing_zeros() % 32;
            let (value, largest) = (u64::from((pixel & mask) >> shift), u64::from(mask >> shift).max(1));
            (value * 255 / largest) as u8
        }));
    }

    /// The numbers that runs stand for, a byte each.
    fn runs(&self) -> Result<Vec<u8>, ImageError> {
        let ends = || damaged("its runs end before its last row");
        let (width, is_half) = (self.width, self.bits == 4);
        let all = width * self.height;
        let mut numbers = Vec::with_capacity(all);
        let mut rest = self.pixels;
        let mut next = || rest.split_off_first().copied().ok_or_else(ends);
        // What stands at a place of pairs of halves.
        let half = |byte: u8, place: usize| match is_half {
            false => byte,
            true if place.is_multiple_of(2) => byte >> 4,
            true => byte & 15,
        };
        while numbers.len() < all {
            let left = width - numbers.len() % width;
            match (next()?, next()?) {
                (0, 0) => {
                    // An end of a row that is full already ends nothing.
                    numbers.resize(numbers.len().next_multiple_of(width), 0);
                }
                (0, 1) => return Err(ends()),
                (0, 2) => {
                    let (right, up) = (usize::from(next()?), usize::from(next()?));
                    numbers.resize((numbers.len() + right + up * width).min(all), 0);
                }
                (0, count) => {
                    let count = usize::from(count);
                    let bytes = if is_half { count.div_ceil(2) } else { count };
                    let plain = (0..bytes + bytes % 2).map(|_| next()).collect::<Result<Vec<u8>, _>>()?;
                    numbers.extend(
                        (0..count.min(left)).map(|place| half(plain[if is_half { place / 2 } else { place }], place)),
                    );
                }
                (count, byte) => numbers.extend((0..usize::from(count).min(left)).map(|place| half(byte, place))),
            }
        }
        Ok(numbers)
    }
}

/// The colours between the header and the pixels, stored as blue, green, red.
fn palette(bytes: &[u8], from: usize, to: usize, bits: usize, entry: usize) -> Vec<[u8; 3]> {
    if bits > 8 {
        return Vec::new();
    }
    let colours = bytes.get(from..to.min(bytes.len())).unwrap_or_default().chunks_exact(entry);
    colours.take(1 << bits).map(|colour| [colour[2], colour[1], colour[0]]).collect()
}
