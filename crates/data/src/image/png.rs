//! PNG by the png crate.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Limits, Reader, Transformations};

use super::{Changes, DEFLATE_RATIO, ImageError, MAX_FILE_BYTES, Measures, Picture};
use super::{alpha, check_size, damaged, depth, png_metadata};

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
    begin(bytes).map(|(_, measures)| png_metadata::orientation(bytes).measures(measures))
}

pub(super) fn decode(bytes: &[u8]) -> Result<(Picture, Changes), ImageError> {
    let (mut reader, Measures { height, width, .. }) = begin(bytes)?;
    let orientation = png_metadata::orientation(bytes);
    let too_large = ImageError::TooLarge { height, width, bytes: bytes.len() };
    let mut raw = vec![0; reader.output_buffer_size().ok_or(too_large)?];
    read_pixels(&mut reader, &mut raw).map_err(damaged)?;
    let (colour, depth) = reader.output_color_type();
    let (stored, has_alpha) = match colour {
        ColorType::Grayscale => (1, false),
        ColorType::GrayscaleAlpha => (2, true),
        ColorType::Rgb => (3, false),
        ColorType::Rgba => (4, true),
        ColorType::Indexed => return Err(damaged("its palette is missing")),
    };
    let (raw, bits) = match depth {
        BitDepth::Sixteen => {
            let values = raw.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            depth::to_bytes(values, stored, has_alpha)
        }
        BitDepth::One | BitDepth::Two | BitDepth::Four | BitDepth::Eight => (raw, 16),
    };
    let (channels, pixels) = match has_alpha {
        false => (stored, raw),
        true => (stored - 1, alpha::over_white(stored, &raw)),
    };
    let picture = orientation.apply(Picture { height, width, channels, pixels });
    let narrow = Some(bits).filter(|bits| *bits < 16);
    Ok((picture, Changes { turned: orientation.turns(), narrow, flattened: has_alpha, mended: false }))
}

/// Reads all rows and, as Pillow does, not what stands behind them: a file may end there. Interlaced files are whole only with their end.
fn read_pixels(reader: &mut File<'_>, raw: &mut [u8]) -> Result<(), png::DecodingError> {
    if reader.info().interlaced {
        return reader.next_frame(raw).map(|_| ());
    }
    let row_bytes = reader.output_line_size(reader.info().width).unwrap_or(raw.len());
    raw.chunks_exact_mut(row_bytes).try_for_each(|row| reader.read_row(row).map(|_| ()))
}
