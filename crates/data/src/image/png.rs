//! PNG by the png crate.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Limits, Reader, Transformations};

use super::orientation::Orientation;
use super::{Changes, ImageError, MAX_FILE_BYTES, Measures, Picture, check_size, depth};

/// The most bytes that one byte of a deflate stream can stand for.
const DEFLATE_RATIO: usize = 1032;

type File<'a> = Reader<Cursor<&'a [u8]>>;

/// A reader that has read the header, and what it found, as it is stored.
fn begin(bytes: &[u8]) -> Result<(File<'_>, Measures), ImageError> {
    // For text and colour profiles; pixels have limits of their own.
    let limits = Limits { bytes: (MAX_FILE_BYTES as usize).min(64 * bytes.len() + (1 << 20)) };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::EXPAND);
    let reader = decoder.read_info().map_err(damaged)?;
    let info = reader.info();
    let (width, height) = (info.width as usize, info.height as usize);
    check_size(height, width, bytes.len(), DEFLATE_RATIO * 8 / info.bits_per_pixel())?;
    let channels = match reader.output_color_type().0 {
        ColorType::Grayscale | ColorType::GrayscaleAlpha => 1,
        _ => 3,
    };
    Ok((reader, Measures { height, width, channels }))
}

pub(super) fn measure(bytes: &[u8]) -> Result<Measures, ImageError> {
    begin(bytes).map(|(reader, measures)| orientation(&reader).measures(measures))
}

pub(super) fn decode(bytes: &[u8]) -> Result<(Picture, Changes), ImageError> {
    let (mut reader, Measures { height, width, .. }) = begin(bytes)?;
    let orientation = orientation(&reader);
    let too_large = ImageError::TooLarge { height, width, bytes: bytes.len() };
    let mut raw = vec![0; reader.output_buffer_size().ok_or(too_large)?];
    reader.next_frame(&mut raw).map_err(damaged)?;
    let (colour, depth) = reader.output_color_type();
    let (stored, alpha) = match colour {
        ColorType::Grayscale => (1, false),
        ColorType::GrayscaleAlpha => (2, true),
        ColorType::Rgb => (3, false),
        ColorType::Rgba => (4, true),
        ColorType::Indexed => return Err(damaged("its palette is missing")),
    };
    let (raw, bits) = match depth {
        BitDepth::Sixteen => depth::to_bytes(&raw, stored, alpha),
        BitDepth::One | BitDepth::Two | BitDepth::Four | BitDepth::Eight => (raw, 16),
    };
    let (channels, pixels) = match alpha {
        false => (stored, raw),
        true if stored == 2 => (1, over_white::<2>(&raw)),
        true => (3, over_white::<4>(&raw)),
    };
    let picture = orientation.apply(Picture { height, width, channels, pixels });
    let narrow = Some(bits).filter(|bits| *bits < 16);
    Ok((picture, Changes { turned: orientation.turns(), narrow, flattened: alpha, mended: false }))
}

fn orientation(reader: &File<'_>) -> Orientation {
    Orientation::of(reader.info().exif_metadata.as_deref())
}

/// Lays pixels of `N` channels, the last of them alpha, over white.
fn over_white<const N: usize>(raw: &[u8]) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(raw.len() / N * (N - 1));
    for pixel in raw.chunks_exact(N) {
        let alpha = u32::from(pixel[N - 1]);
        for colour in &pixel[..N - 1] {
            let laid = u32::from(*colour) * alpha + 255 * (255 - alpha);
            // Rounded division by 255; at most 255.
            pixels.push(((laid + 127) / 255) as u8);
        }
    }
    pixels
}

fn damaged(error: impl std::fmt::Display) -> ImageError {
    ImageError::Damaged(error.to_string())
}
