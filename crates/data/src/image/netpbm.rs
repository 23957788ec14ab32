//! PBM, PGM and PPM of the Netpbm programs, plain and binary, as Pillow reads them.

use super::{Changes, ImageError, Measures, Picture, check_size, damaged, depth};

/// A byte of a binary bitmap holds 8 pixels.
const PIXELS_PER_BYTE: usize = 8;

/// What stands before the values.
struct Header<'a> {
    /// The digit of the first two bytes: 1 to 3 for plain bits, grey and colour, 4 to 6 for binary ones.
    variety: u8,
    height: usize,
    width: usize,
    /// The value of white; 1 for bits.
    largest: u32,
    values: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let variety = bytes[1] - b'0';
        let mut values = bytes.get(3..).unwrap_or_default();
        let mut number = || number(&mut values);
        let (width, height) = (number()? as usize, number()? as usize);
        let largest = if matches!(variety, 1 | 4) { 1 } else { number()? };
        check_size(height, width, bytes.len(), PIXELS_PER_BYTE)?;
        match largest {
            1..=0xffff => Ok(Self { variety, height, width, largest, values }),
            _ => Err(damaged(format!("its largest value is {largest}; 1 to 65535 is possible"))),
        }
    }

    fn channels(&self) -> usize {
        if matches!(self.variety, 3 | 6) { 3 } else { 1 }
    }

    /// The values of all pixels.
    fn values(&self) -> Result<Vec<u16>, ImageError> {
        let count = self.height * self.width * self.channels();
        let binary = |bytes: usize| self.values.get(..bytes).ok_or_else(ends);
        match (self.variety, self.largest) {
            (1, _) => self.plain_bits(count),
            (2 | 3, _) => self.plain(count),
            (4, _) => {
                let stride = self.width.div_ceil(8);
                let row = |row: &'a [u8]| (0..self.width).map(move |at| u16::from(!row[at / 8] >> (7 - at % 8) & 1));
                Ok(binary(self.height * stride)?.chunks_exact(stride).flat_map(row).collect())
            }
            (_, ..=0xff) => Ok(binary(count)?.iter().map(|byte| u16::from(*byte)).collect()),
            (_, _) => Ok(binary(2 * count)?.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect()),
        }
    }

    fn plain(&self, count: usize) -> Result<Vec<u16>, ImageError> {
        let mut rest = self.values;
        let value = |_| match number(&mut rest)? {
            value if value <= self.largest => Ok(value as u16),
            value => Err(damaged(format!("it has the value {value}, and {} as its largest", self.largest))),
        };
        (0..count).map(value).collect()
    }

    /// Bits may stand without spaces between them; 1 is black.
    fn plain_bits(&self, count: usize) -> Result<Vec<u16>, ImageError> {
        let (mut rest, mut values) = (self.values, Vec::with_capacity(count));
        while values.len() < count {
            for bit in word(&mut rest).ok_or_else(ends)? {
                match bit {
                    b'0' | b'1' => values.push(u16::from(bit == b'0')),
                    _ => return Err(damaged("it has something else than 0 and 1")),
                }
            }
        }
        values.truncate(count);
        Ok(values)
    }
}

pub(super) fn measure(bytes: &[u8]) -> Result<Measures, ImageError> {
    let header = Header::read(bytes)?;
    Ok(Measures { height: header.height, width: header.width, channels: header.channels() })
}

pub(super) fn decode(bytes: &[u8]) -> Result<(Picture, Changes), ImageError> {
    let header = Header::read(bytes)?;
    let (height, width, channels, values) = (header.height, header.width, header.channels(), header.values()?);
    let (pixels, bits) = match header.largest {
        // As large as there is room for says nothing of the values.
        0xffff => depth::to_bytes(values.into_iter(), channels, false),
        largest => {
            let share = |value: u32| f64::from(value) / f64::from(largest);
            let bytes: Vec<u8> = (0..=largest).map(|value| (share(value) * 255.0).round_ties_even() as u8).collect();
            (values.into_iter().map(|value| bytes[usize::from(value).min(largest as usize)]).collect(), 16)
        }
    };
    let narrow = Some(bits).filter(|bits| *bits < 16);
    Ok((Picture { height, width, channels, pixels }, Changes { narrow, ..Changes::default() }))
}

/// The next number; behind it one byte of space is taken.
fn number(rest: &mut &[u8]) -> Result<u32, ImageError> {
    let word = word(rest).ok_or_else(ends)?;
    let number = std::str::from_utf8(&word).ok().and_then(|word| word.parse().ok());
    number.ok_or_else(|| damaged("it has something else where a number must stand"))
}

/// What stands before the next space. A comment from `#` to the end of its line is nothing, not even a space.
fn word(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (mut word, mut is_comment) = (Vec::new(), false);
    while let Some((byte, tail)) = rest.split_first() {
        *rest = tail;
        match byte {
            b'\r' | b'\n' if is_comment => is_comment = false,
            _ if is_comment => {}
            b'#' => is_comment = true,
            b' ' | 0x09..=0x0d if word.is_empty() => {}
            b' ' | 0x09..=0x0d => break,
            byte => word.push(*byte),
        }
    }
    (!word.is_empty()).then_some(word)
}

fn ends() -> ImageError {
    damaged("it ends early")
}
