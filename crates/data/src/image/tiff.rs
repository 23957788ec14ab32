//! TIFF by the tiff crate: the first page.

use std::io::Cursor;

use ::tiff::decoder::{Decoder, DecodingResult, Limits};
use ::tiff::tags::Tag;
use ::tiff::{ColorType, TiffError, TiffUnsupportedError};

use super::orientation::Orientation;
use super::{Changes, FREE_PIXELS, ImageError, MAX_FILE_BYTES, Measures, Picture};
use super::{DEFLATE_RATIO, alpha, check_packed, damaged, depth};

/// Extra channels of these numbers are alpha; with the first, colours are multiplied by it.
const MULTIPLIED: u16 = 1;
const ALPHA: u16 = 2;

/// The tag of how values become colours has this number for a palette; that of their format for whole numbers.
const PALETTE: u16 = 3;
const UNSIGNED: u16 = 1;

type File<'a> = Decoder<Cursor<&'a [u8]>>;

/// How the colours of a page are stored.
#[derive(Clone, Copy)]
struct Layout {
    bits: u8,
    /// Channels of a pixel, with alpha.
    stored: usize,
    alpha: Option<u16>,
    is_cmyk: bool,
}

/// A decoder that has read the header, what it found, as it is stored, and how that is shown.
fn begin(bytes: &[u8]) -> Result<(File<'_>, Measures, Layout, Orientation), ImageError> {
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(told)?;
    let (width, height) = decoder.dimensions().map_err(told)?;
    let (height, width) = (height as usize, width as usize);
    check_packed(height, width, bytes.len(), DEFLATE_RATIO * 8, FREE_PIXELS)?;
    let layout = layout(&mut decoder)?;
    let mut limits = Limits::default();
    limits.decoding_buffer_size = height * width * layout.stored * usize::from(layout.bits).div_ceil(8);
    limits.intermediate_buffer_size = MAX_FILE_BYTES as usize;
    let orientation = decoder.find_tag_unsigned::<u16>(Tag::Orientation).map_err(told)?.unwrap_or(1);
    let channels = if layout.is_cmyk { 3 } else { layout.stored - usize::from(layout.alpha.is_some()) };
    let measures = Measures { height, width, channels };
    Ok((decoder.with_limits(limits), measures, layout, Orientation::numbered(orientation)))
}

/// How a page's colours are stored, if it is a way that is read.
fn layout(decoder: &mut File<'_>) -> Result<Layout, ImageError> {
    let photometric = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation).map_err(told)?;
    if photometric == Some(PALETTE) {
        return Err(unread("with a palette"));
    }
    let formats = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat).map_err(told)?.unwrap_or_default();
    if formats.iter().any(|format| *format != UNSIGNED) {
        return Err(unread("of numbers with signs or fractions"));
    }
    let colours = decoder.colortype().map_err(told)?;
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).map_err(told)?.unwrap_or_default();
    let extra = extra.first().copied();
    let alpha = extra.filter(|extra| [MULTIPLIED, ALPHA].contains(extra));
    let plain = |bits, stored| Ok(Layout { bits, stored, alpha: None, is_cmyk: false });
    match colours {
        ColorType::Gray(bits @ (1 | 2 | 4 | 8 | 16)) => plain(bits, 1),
        ColorType::RGB(bits @ (8 | 16)) => plain(bits, 3),
        // Without a word about the fourth channel it is alpha.
        ColorType::RGBA(bits @ (8 | 16)) => {
            Ok(Layout { bits, stored: 4, alpha: alpha.or(Some(ALPHA)), is_cmyk: false })
        }
        ColorType::Multiband { bit_depth: bits @ (8 | 16), num_samples: 2 } if alpha.is_some() => {
            Ok(Layout { bits, stored: 2, alpha, is_cmyk: false })
        }
        ColorType::CMYK(8) => Ok(Layout { bits: 8, stored: 4, alpha: None, is_cmyk: true }),
        other => Err(unread(&format!("of {} bits in colours that are not grey, RGB or CMYK", other.bit_depth()))),
    }
}

pub(super) fn measure(bytes: &[u8]) -> Result<Measures, ImageError> {
    begin(bytes).map(|(_, measures, _, orientation)| orientation.measures(measures))
}

pub(super) fn decode(bytes: &[u8]) -> Result<(Picture, Changes), ImageError> {
    let (mut decoder, Measures { height, width, channels }, layout, orientation) = begin(bytes)?;
    let mut result = DecodingResult::U8(Vec::new());
    let planes = decoder.read_image_to_buffer(&mut result).map_err(told)?.planes;
    let (raw, used) = match result {
        DecodingResult::U8(raw) if layout.bits < 8 => (spread(&raw, width, layout.bits), 16),
        DecodingResult::U8(raw) => (interleaved(raw, planes), 16),
        DecodingResult::U16(raw) => {
            depth::to_bytes(interleaved(raw, planes).into_iter(), layout.stored, layout.alpha.is_some())
        }
        _ => return Err(unread("of numbers with signs or fractions")),
    };
    let pixels = match layout.alpha {
        Some(MULTIPLIED) => alpha::multiplied_over_white(layout.stored, &raw),
        Some(_) => alpha::over_white(layout.stored, &raw),
        None if layout.is_cmyk => raw.as_chunks().0.iter().flat_map(printed).collect(),
        None => raw,
    };
    if pixels.len() != height * width * channels {
        return Err(damaged(format!("{} bytes were decoded", pixels.len())));
    }
    let narrow = Some(used).filter(|bits| *bits < 16);
    let changes = Changes { turned: orientation.turns(), narrow, flattened: layout.alpha.is_some(), mended: false };
    Ok((orientation.apply(Picture { height, width, channels, pixels }), changes))
}

/// Values of fewer than 8 bits, packed in rows of whole bytes, as bytes.
fn spread(raw: &[u8], width: usize, bits: u8) -> Vec<u8> {
    let bits = usize::from(bits);
    let largest = (1_u8 << bits) - 1;
    let row = (width * bits).div_ceil(8).max(1);
    let value = |line: &[u8], column: usize| {
        let at = column * bits;
        (line[at / 8] >> (8 - bits - at % 8) & largest) * (255 / largest)
    };
    raw.chunks_exact(row).flat_map(|line| (0..width).map(move |column| value(line, column))).collect()
}

/// Values of a file that stores one channel after the other, pixel by pixel.
fn interleaved<T: Copy>(raw: Vec<T>, planes: usize) -> Vec<T> {
    if planes < 2 {
        return raw;
    }
    let pixels = raw.len() / planes;
    (0..pixels).flat_map(|pixel| (0..planes).map(move |plane| plane * pixels + pixel)).map(|place| raw[place]).collect()
}

/// What ink of these shares leaves of white paper, as Pillow has it.
fn printed(ink: &[u8; 4]) -> [u8; 3] {
    let paper = 255 - u32::from(ink[3]);
    [0, 1, 2].map(|channel| {
        let covered = u32::from(ink[channel]) * paper;
        (paper - (covered + 127) / 255) as u8
    })
}

fn unread(what: &str) -> ImageError {
    ImageError::Unread(format!("a TIFF image {what}"))
}

fn told(error: TiffError) -> ImageError {
    match error {
        TiffError::UnsupportedError(TiffUnsupportedError::UnsupportedCompressionMethod(_)) => {
            unread("packed in another way than LZW, Deflate, PackBits or fax 4")
        }
        TiffError::UnsupportedError(_) => unread("of a rare variety"),
        TiffError::LimitsExceeded => damaged("it claims more than it can hold"),
        other => damaged(other),
    }
}
